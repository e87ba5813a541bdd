"""acl verify"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from acl.cli.parser import Commands, runs_option
from acl.cli.said import prints_aside, progress


def add(commands: Commands) -> None:
    sub = commands.add(
        "verify", _verify, "work a run out again and compare; exit code 1 where it differs",
        "nothing of {run} was changed or found to differ so far, the same command begins anew",
    )  # fmt: skip
    sub.add_argument("run", metavar="RUN", help="an id or a folder")
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    runs_option(sub)


def _verify(arguments: argparse.Namespace) -> None:
    from acl.runs.folder import find_run
    from acl.runs.verdict import keep
    from acl.runs.verify import verify

    run = find_run(arguments.run, arguments.runs)
    with progress(run.id, arguments.quiet) as show, prints_aside():
        verdict = verify(run, show)
    print(json.dumps({"run": run.id, **asdict(verdict)}))
    print(f"acl: {verdict.sentence}", file=sys.stderr)
    keep(run, verdict)
    if verdict.difference:
        raise SystemExit(1)
