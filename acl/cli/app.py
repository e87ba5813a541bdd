"""acl app: the app, wherever it was installed."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from acl.cli import typed
from acl.cli.parser import Commands, runs_option
from acl.config import UserError

HERE = Path(__file__).resolve().parents[2]
PLACES = (HERE, HERE / "acl_explorer")
"""The folder that holds app/, pages/ and assets/: beside acl/ in a checkout, in one of their own in a wheel."""


def add(commands: Commands) -> None:
    """Declare `acl app`."""
    sub = commands.add(
        "app",
        _app,
        "open the app in the browser: the address is said, Ctrl-C ends it",
        "the runs of {runs} are kept, the same command opens it again",
    )
    sub.add_argument("--port", type=typed.whole(1, 65535), default=8501, help="default: 8501")
    runs_option(sub)


def _app(arguments: argparse.Namespace) -> None:
    serve(arguments.port, arguments.runs)


def serve(port: int, runs: Path, page: str = "") -> NoReturn:
    """In the place of this process, so that Ctrl-C ends the app as it does after make app. UserError where only the
    engine is installed."""
    root = next((place for place in PLACES if (place / "app" / "main.py").is_file()), None)
    if root is None:
        raise UserError("The app is not installed here, only the engine: pip install acl-explorer brings both.")
    command = [sys.executable, "-m", "app.launch", "--port", str(port), *(["--page", page] if page else [])]
    runs = runs.resolve()
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(root)
    os.execve(sys.executable, command, {**os.environ, "ACL_RUNS": str(runs)})
