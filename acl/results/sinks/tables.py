"""The tidy tables of acl.results.frames as CSV: runs, tasks, matrix, queries and labels, joined by the column `run`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path

from acl.results.frames import as_csv, digest, frames
from acl.results.sinks.base import Source
from acl.system.files import ordinary, replace_file


def write(sources: Sequence[Source], folder: Path) -> None:
    found = frames([digest(source.run, source.config, source.history) for source in sources])
    for each in fields(found):
        text = as_csv(getattr(found, each.name))
        replace_file(ordinary(folder / f"{each.name}.csv"), partial(_write_text, text))


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, "utf-8")
