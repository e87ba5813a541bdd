"""acl convert"""

from __future__ import annotations

import argparse
import json
import sys

from acl.cli import typed
from acl.cli.parser import Commands, runs_option
from acl.results import sinks


def add(commands: Commands) -> None:
    sub = commands.add(
        "convert", _convert, "write runs for other tools; the last line of stdout is JSON: to, runs, folder",
        "{output} may lack runs, the same command writes them all anew; the runs themselves were only read",
    )  # fmt: skip
    sub.add_argument("names", nargs="*", metavar="RUN", help="ids, runs or folders of runs (default: the runs folder)")
    sub.add_argument("--to", required=True, choices=sinks.names(), help="which tool")
    sub.add_argument(
        "-o", "--output", type=typed.new_folder, required=True, metavar="DIR",
        help="what it has of a run is replaced",
    )  # fmt: skip
    runs_option(sub)


def _convert(arguments: argparse.Namespace) -> None:
    from acl.results.sinks.base import sources

    found, remarks = sources(arguments.names, arguments.runs)
    for line in remarks:
        print(f"acl: {line}", file=sys.stderr)
    sinks.write(arguments.to, found, arguments.output)
    runs = [source.run.id for source in found]
    print(json.dumps({"to": arguments.to, "runs": runs, "folder": str(arguments.output)}))
