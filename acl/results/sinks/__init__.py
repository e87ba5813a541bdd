"""Runs for other tools: one file a tool, found by its name, each over the same points (acl.results.sinks.base)."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from acl.config import UserError
from acl.system.files import disk_trouble

if TYPE_CHECKING:
    from acl.results.sinks.base import Source


def names() -> list[str]:
    """The tools there are; none of them is imported."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in {"__init__", "base"})


def write(to: str, sources: Sequence[Source], folder: Path) -> None:
    """Write the runs for the tool `to` into `folder`; what it holds of these runs is replaced. UserError where the
    tool's library is not installed."""
    sink = importlib.import_module(f"acl.results.sinks.{to}")
    if any((folder / source.run.id / "config.json").exists() for source in sources):
        raise UserError(f"{folder} is a runs folder, which belongs to the runs: name another with -o.")
    with disk_trouble("The folder", folder):
        folder.mkdir(parents=True, exist_ok=True)
        sink.write(sources, folder.resolve())
