"""How commands are declared, and the options that several share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from acl.cli import typed
from acl.config import UserError

ANEW = "nothing was written, the same command begins anew"
"""Where Ctrl-C leaves nothing."""
Command = Callable[[argparse.Namespace], None]


class Parser(argparse.ArgumentParser):
    """A parser whose errors are a UserError."""

    def error(self, message: str) -> NoReturn:
        """UserError, with a hint at --help, where argparse would print its usage and exit."""
        raise UserError(f"{message[0].upper()}{message[1:]} (see {self.prog} --help).")


class Commands:
    """What can be asked of `parser`, one command after another."""

    def __init__(self, parser: Parser) -> None:
        self._parsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(self, name: str, command: Command, help_: str, interrupted: str = ANEW) -> Parser:
        """interrupted: what Ctrl-C leaves, and how to go on; what is given in braces is what was typed."""
        sub: Parser = self._parsers.add_parser(name, help=help_, description=help_)
        sub.set_defaults(command=command, interrupted=interrupted)
        return sub


def runs_option(sub: Parser) -> None:
    """Add --runs, the runs folder: $ACL_RUNS, else `runs`, where it is not given."""
    sub.add_argument(
        "--runs", type=typed.folder, default=os.environ.get("ACL_RUNS") or "runs", metavar="DIR",
        help="the runs folder (default: runs)",
    )  # fmt: skip


def settings_options(sub: Parser) -> None:
    """What names the settings of one run."""
    sub.add_argument("--preset", default="digits-demo", help="where the settings start from (see: acl presets)")
    for name in ("dataset", "learner", "strategy"):
        sub.add_argument(f"--{name}", help=f"see: acl {plural(name)}")
    sub.add_argument("--seed", help="default 0")
    sub.add_argument(
        "--data", type=typed.place, metavar="PATH", help="your own images, for the datasets folder and parquet"
    )
    data_dir_option(sub)
    set_option(sub)


def plural(name: str) -> str:
    """The plural of `strategy`, `learner` or `dataset`, as their commands are called."""
    return {"strategy": "strategies"}.get(name, name + "s")


def gpu_share_option(sub: Parser) -> None:
    """Add --gpu-share, the part of a GPU, a fraction above 0 and at most 1, that each run on CUDA takes."""
    sub.add_argument(
        "--gpu-share", type=float, metavar="0.5",
        help="the part of a GPU each run on CUDA takes (default: 0.25, four runs on each GPU; with Ray 1)",
    )  # fmt: skip


def set_option(sub: Parser) -> None:
    """Add --set NAME=VALUE, which may be repeated; the pairs are kept as `changes` (see `changes_of`)."""
    sub.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="changes",
        help="any other setting, e.g. --set memory=50 (may be repeated)",
    )  # fmt: skip


def data_dir_option(sub: argparse.ArgumentParser) -> None:
    """Add --data-dir, the folder for fetched data sets."""
    sub.add_argument(
        "--data-dir",
        type=typed.folder,
        metavar="DIR",
        help="where fetched sets lie (default: $ACL_DATA, else ~/.cache/acl-explorer)",
    )


def changes_of(pairs: Sequence[str], option: str = "--set") -> dict[str, Any]:
    """Settings by name with their values as text, the last of a name counting. UserError for a pair without =, and for
    the name preset."""
    changes: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"{option} needs NAME=VALUE, got '{pair}'.")
        if name.strip() == "preset":
            raise UserError(f"The preset is chosen by --preset {value.strip()}, not by {option}.")
        changes[name.strip()] = value.strip()
    return changes
