"""The tidy tables of acl.results.frames as CSV: runs, tasks, matrix, queries, labels, outcomes, with a column `run`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

from acl.results.frames import as_csv, digest, frames, outcomes_of
from acl.results.sinks.base import Source
from acl.system.files import ordinary, replace_file


def write(sources: Sequence[Source], folder: Path) -> None:
    """Write runs.csv, tasks.csv and the other tables into `folder`. UserError where something that is no file has such
    a name; OSError where the disk does not take them."""
    known = frames([digest(source.run, source.config, source.history) for source in sources])
    found = replace(known, outcomes=outcomes_of([source.run for source in sources]))
    for each in fields(found):
        text = as_csv(getattr(found, each.name))
        replace_file(ordinary(folder / f"{each.name}.csv"), partial(_write_text, text))


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, "utf-8")
