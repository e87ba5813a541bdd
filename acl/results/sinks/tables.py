"""The tidy tables of acl.results.frames as CSV: runs, tasks, matrix, queries, labels, outcomes, with a column `run`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

from acl.results.frames import digest, frames, outcomes_of
from acl.results.sinks.base import Source
from acl.system.files import ordinary, replace_file


def write(sources: Sequence[Source], folder: Path) -> None:
    known = frames([digest(source.run, source.config, source.history) for source in sources])
    found = replace(known, outcomes=outcomes_of([source.run for source in sources]))
    for each in fields(found):
        table = getattr(found, each.name)
        replace_file(ordinary(folder / f"{each.name}.csv"), partial(table.to_csv, index=False, lineterminator="\n"))
