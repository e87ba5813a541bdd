"""acl table"""

from __future__ import annotations

import argparse
import sys

from acl.cli import typed
from acl.cli.parser import Commands, runs_option
from acl.cli.said import give
from acl.cli.typed import ENDINGS


def add(commands: Commands) -> None:
    sub = commands.add(
        "table", _table, "the paper's table out of finished runs: accuracy and forgetting, mean ± std over seeds"
    )
    sub.add_argument("names", nargs="*", metavar="RUN", help="ids, runs or folders of runs (default: the runs folder)")
    sub.add_argument("--format", choices=("md", "csv", "latex"), default="md")
    sub.add_argument("-o", "--output", type=typed.output(), metavar="FILE", help="write it here instead of on stdout")
    runs_option(sub)


def _table(arguments: argparse.Namespace) -> None:
    from acl.results import table

    if arguments.output:
        typed.ends_with(arguments.output, ENDINGS[arguments.format])
    runs, remarks = table.finished_runs(arguments.names, arguments.runs)
    for line in [*remarks, *table.kept_apart(runs), *table.noisy(runs)]:
        print(f"acl: {line}", file=sys.stderr)
    give(table.FORMATS[arguments.format](table.results(runs)), arguments.output)
