"""acl export and acl import"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from acl.cli import typed
from acl.cli.parser import Commands, runs_option
from acl.config import UserError
from acl.names import printable


def add(commands: Commands) -> None:
    sub = commands.add("export", _export, "write a run as one zip that travels, or as a page that plays it")
    sub.add_argument("run", metavar="RUN", help="an id or a folder")
    written = sub.add_mutually_exclusive_group()
    written.add_argument(
        "-o", "--output", type=typed.output(".zip"), metavar="FILE.zip", help="default: the run's id, here"
    )
    written.add_argument(
        "--html", type=typed.output(".html", ".htm"), metavar="FILE.html",
        help="one page that plays the run, without a network",
    )  # fmt: skip
    runs_option(sub)

    sub = commands.add("import", _import, "take a run out of a zip; prints JSON: run")
    sub.add_argument("archive", type=typed.file, metavar="FILE.zip")
    runs_option(sub)


def _export(arguments: argparse.Namespace) -> None:
    from acl.runs.archive import export
    from acl.runs.folder import find_run
    from acl.system.files import disk_trouble, replace_file

    run = find_run(arguments.run, arguments.runs)
    output = arguments.html or arguments.output or Path(f"{run.id}.zip")
    option = "--html" if arguments.html else "-o"
    if output.exists():
        raise UserError(f"{output} exists already: name another file with {option}.")
    if arguments.html:
        from acl.results.replay import replay

        page = replay(run)
        with disk_trouble("The page", output):
            replace_file(output, lambda temporary: temporary.write_text(page, "utf-8"))
    else:
        with disk_trouble("The archive", output):
            replace_file(output, lambda temporary: export(run, temporary))
    print(printable(str(output)))


def _import(arguments: argparse.Namespace) -> None:
    from acl.runs.archive import import_run

    if not arguments.archive.is_file():
        raise UserError(f"{arguments.archive} does not exist, or is no file.")
    print(json.dumps({"run": import_run(arguments.archive, arguments.runs).id}))
