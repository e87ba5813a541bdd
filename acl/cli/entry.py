"""`acl`, `python -m acl`: the engine without the browser.

Progress goes to stderr, results to stdout. Exit code 0 on success, 2 and one sentence on bad input, 3 and one
where memory ran out. What is heavy is imported by the command that needs it, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from acl.cli import app
from acl.cli.commands import (
    archive,
    backend,
    convert,
    data,
    estimate,
    fork,
    inspect,
    lists,
    outcomes,
    resume,
    run,
    select,
    sweep,
    table,
    verify,
)
from acl.cli.parser import Commands, Parser
from acl.config import UserError
from acl.names import printable
from acl.plugins.blame import is_out_of_memory, with_line
from acl.system import version
from acl.system.files import REASONS
from acl.system.processes import NO_THREADS, OUT_OF_MEMORY, check_threads, out_of_memory

MOST_NAMED = 200
COMMANDS = (
    run, estimate, sweep, resume, fork, verify, outcomes, archive, table, convert, select, inspect, app, lists, data,
    backend,
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 2 on bad input, 3 where memory ran out, 130 after Ctrl-C. argv: None
    for what was typed."""
    arguments = argparse.Namespace(interrupted="nothing was begun")
    try:
        parser().parse_args(argv, arguments)
        check_threads()
        if getattr(arguments, "data_dir", None):
            os.environ["ACL_DATA"] = str(arguments.data_dir)
        arguments.command(arguments)
    except UserError as error:
        print(f"acl: {printable(with_line(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        if is_out_of_memory(error):
            print(f"acl: {out_of_memory(error)}", file=sys.stderr)
            return OUT_OF_MEMORY
        # Those of a process are counted together with all others of this user.
        if isinstance(error, BlockingIOError):
            print(f"acl: {NO_THREADS}", file=sys.stderr)
            return 2
        # Paths are looked at in many places: what a disk says of one is no fault of ours in any of them.
        if not isinstance(error, OSError) or error.errno not in REASONS:
            raise
        print(f"acl: {_named(error)} cannot be used: {REASONS[error.errno]}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        said = str(interrupt) or arguments.interrupted.format(**vars(arguments))
        print(f"acl: interrupted; {printable(said)}.", file=sys.stderr)
        return 130
    return 0


def _named(error: OSError) -> str:
    name = "A file" if error.filename is None else str(error.filename)
    return name if len(name) <= MOST_NAMED else f"{name[:MOST_NAMED]}…"


def parser() -> Parser:
    """The parser of all commands."""
    made = Parser(prog="acl", description="Active continual learning, without the browser.")
    made.add_argument("--version", action="version", version=f"acl {version.here()}")
    commands = Commands(made)
    for each in COMMANDS:
        each.add(commands)
    return made
