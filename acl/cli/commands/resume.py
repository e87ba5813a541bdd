"""acl resume"""

from __future__ import annotations

import argparse

from acl.cli import typed
from acl.cli.parser import Commands, data_dir_option, runs_option
from acl.cli.said import print_summary, work
from acl.config import UserError


def add(commands: Commands) -> None:
    sub = commands.add(
        "resume", _resume, "take up a run that did not end; prints what run prints",
        "every finished round of {run} is kept, the same command goes on from there",
    )  # fmt: skip
    sub.add_argument("run", metavar="RUN", help="an id or a folder")
    sub.add_argument(
        "--data", type=typed.place, metavar="PATH", help="where the run's own images lie now, if they or the run moved"
    )
    data_dir_option(sub)
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    runs_option(sub)


def _resume(arguments: argparse.Namespace) -> None:
    from acl.config import check_method
    from acl.plugins.unused import refuse
    from acl.runs.control import request
    from acl.runs.folder import find_run, moved_data
    from acl.system.files import disk_trouble, write_json

    run = find_run(arguments.run, arguments.runs)
    if run.recorded:
        raise UserError(f"{run.id} is a recording: it can be looked at, not taken up.")
    if arguments.data:
        refuse([run.config], ["data"], {"data": "--data"})
        run = moved_data(run, str(arguments.data))
    config = run.config  # an unreadable one is said before anything is touched
    if finished := run.history().finished:
        if run.summary is None:
            with disk_trouble("The run", run.path):
                write_json(run.path / "summary.json", finished.summary)
        print_summary(run)
        return
    check_method(config)
    if (run.path / "control.json").exists():
        request(run.path, mode="play", until=None)
    work(run, arguments.quiet)
