"""acl run"""

from __future__ import annotations

import argparse
import sys

from acl.cli.commands.estimate import asked, measured
from acl.cli.parser import Commands, runs_option, settings_options
from acl.cli.said import work


def add(commands: Commands) -> None:
    sub = commands.add("run", _run, "run to the end; the last line of stdout is JSON: run, A, F, F_diag, R, ...")
    settings_options(sub)
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    runs_option(sub)


def _run(arguments: argparse.Namespace) -> None:
    from acl.plan import is_long
    from acl.runs.folder import create

    config, stream = asked(arguments)
    if is_long(config, stream):
        print(f"acl: {measured(config, stream).sentence}", file=sys.stderr)
    work(create(config, arguments.runs), arguments.quiet)
