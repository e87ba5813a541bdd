"""acl fork"""

from __future__ import annotations

import argparse

from acl.cli.parser import Commands, changes_of, runs_option, set_option
from acl.cli.said import work


def add(commands: Commands) -> None:
    sub = commands.add("fork", _fork, "go on from a query of a run with other settings; prints what run prints")
    sub.add_argument("run", metavar="RUN", help="an id or a folder")
    sub.add_argument(
        "--at", required=True, metavar="TASK.ROUND", help="just before this query; round 0: a task's start"
    )
    set_option(sub)
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    runs_option(sub)


def _fork(arguments: argparse.Namespace) -> None:
    from acl.runs.folder import find_run
    from acl.runs.fork import fork, parse_place

    run = find_run(arguments.run, arguments.runs)
    child = fork(run, parse_place(arguments.at), changes_of(arguments.changes), arguments.runs)
    work(child, arguments.quiet)
