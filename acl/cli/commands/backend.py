"""acl backend, and the engines that runs are worked on by."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from acl.cli.parser import Commands, gpu_share_option, runs_option
from acl.config import UserError

if TYPE_CHECKING:
    from acl.service.engines import Engine


def add(commands: Commands) -> None:
    sub = commands.add(
        "backend", _backend, "watch a runs folder and play what the app asks for",
        "the runs of {runs} are kept, the same command goes on with them",
    )  # fmt: skip
    sub.add_argument("--slots", type=int, help="runs that may play at once (default: one per core, at least 4)")
    sub.add_argument("--engine", choices=("local", "ray"), default="local", help="where the runs are worked on")
    sub.add_argument("--address", help="of the Ray cluster (with --engine ray)")
    gpu_share_option(sub)
    sub.add_argument("--stop", action="store_true", help="end the backend of this folder")
    runs_option(sub)


def _backend(arguments: argparse.Namespace) -> None:
    from acl.service import backend

    if arguments.stop:
        print(backend.stop(arguments.runs))
        return
    backend.main(arguments.runs, engine(arguments))


def engine(arguments: argparse.Namespace) -> Engine:
    """The engine that the options name, with its slots and its share of a GPU. UserError for impossible values, and
    where Ray is not installed or its cluster cannot be reached."""
    check_room(arguments)
    share = {} if arguments.gpu_share is None else {"gpu_share": arguments.gpu_share}
    if arguments.engine == "local":
        from acl.service.engines.local import LocalEngine, default_slots

        return LocalEngine(arguments.slots or default_slots(), **share)
    from acl.service.engines.ray import RayEngine

    return RayEngine(arguments.address, slots=arguments.slots, **share)


def check_room(arguments: argparse.Namespace) -> None:
    """UserError for an impossible number of runs at once, or part of a GPU for each."""
    from acl.service.engines import places

    if arguments.slots is not None and arguments.slots < 1:
        raise UserError(f"--slots must be at least 1, got {arguments.slots}.")
    if arguments.gpu_share is not None:
        places(arguments.gpu_share)
