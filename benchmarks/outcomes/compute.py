"""What the records lack, measured: runs made where they are missing, and every piece kept as soon as it is known."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from acl.analysis.outcomes.asked import queries
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.work import Work
from acl.plugins.registry import prepare
from acl.runs.folder import Run, create, resolved
from acl.runs.sameness import key
from acl.service.worker import execute
from benchmarks.outcomes.cells import Cell, Step, work
from benchmarks.outcomes.rows import rows_of

Say = Callable[[str], None]


def compute(records: Path, data: str, say: Say) -> None:
    """All the work, in its order; what `records` holds already is not done again."""
    todo = work(bool(data))
    began = time.monotonic()
    for done, (cell, step) in enumerate(todo, start=1):
        fresh = measured(cell, step, records, data)
        say(f"[{done}/{len(todo)}] {cell.name} {step}: {fresh} trainings, {(time.monotonic() - began) / 60:.1f} min")


def measured(cell: Cell, step: Step, records: Path, data: str) -> int:
    """How many trainings were not there yet."""
    run = finished(cell, records, data)
    fresh = 0
    for at in cell.places(step, queries(run.history())):
        query = Query.of(run, at)
        for plan in cell.plans(step, query):
            wanted = Work(query, plan, run.path.parent)
            for piece in wanted.missing():
                wanted.step(piece)
                fresh += len(piece)
    return fresh


def kept(cell: Cell, records: Path, data: str) -> Run | None:
    """The cell's run of this version's settings, as far as it has come."""
    wanted = key(resolved(cell.config(data), prepare(cell.config(data))))
    found = [Run(path.parent) for path in sorted((records / cell.name).glob("*/config.json"))]
    return next((run for run in found if key(run.config) == wanted), None)


def complete(cell: Cell, records: Path, data: str) -> pd.DataFrame | None:
    """The rows of the cell's run, once every query is measured near; None before."""
    run = kept(cell, records, data)
    if run is None or not (asked := cell.places("near", queries(run.history()))):
        return None
    rows = rows_of(cell, run)
    if rows.empty:
        return None
    random = rows[(rows["kind"] == "random") & (rows["n"] == rows["asked"]) & (rows["horizon"] == "round")]
    whole = random.groupby(["task", "round"]).size() >= cell.sets
    return rows if set(asked) <= set(whole[whole].index) else None


def finished(cell: Cell, records: Path, data: str) -> Run:
    run = kept(cell, records, data)
    if run is None:
        config = cell.config(data)
        folder = records / cell.name
        folder.mkdir(parents=True, exist_ok=True)
        run = create(resolved(config, prepare(config)), folder)
    execute(run)
    return run
