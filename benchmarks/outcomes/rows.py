"""The records as tables: a row a set and order for each finished run, random ones with their scores."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from acl.analysis.every_query import settings_at
from acl.analysis.outcomes import record
from acl.analysis.outcomes.asked import About
from acl.analysis.outcomes.scores import Scorer, scored
from acl.analysis.outcomes.summary import apart_from_the_run, table
from acl.events import Scored
from acl.plugins.registry import prepare
from acl.runs.folder import Run
from acl.snapshots.snapshot import load_snapshot
from benchmarks.outcomes.cells import Cell

DROPPED = ["ids", "likelihood", "accuracy", "accuracy_aware"]
"""Columns that no table needs."""


def rows_of(cell: Cell, run: Run) -> pd.DataFrame:
    """Of every query of the run that was measured, with the columns of acl.analysis.outcomes.scores.scored (NaN but for
    random sets, right after the round), learner, memory, seed and apart (whether the run's own picks came out otherwise
    here). Made anew only when more was measured."""
    kept = run.path.parent / "rows.parquet"
    measured = list((run.path / "queries").glob(f"*.{record.ENDING}"))
    if not measured:
        return pd.DataFrame()
    if not kept.exists() or kept.stat().st_mtime < max(path.stat().st_mtime for path in measured):
        pd.concat(_queries(run), ignore_index=True).to_parquet(kept, index=False)
    return pd.read_parquet(kept).assign(learner=cell.learner, memory=cell.memory, seed=cell.seed, preset=cell.preset)


def _queries(run: Run) -> Iterator[pd.DataFrame]:
    history, labels = run.history(), prepare(run.config).labels
    asked = {(query.task, query.round): query for query in history.of(Scored)}
    for at, outcomes in record.all_of(run, run.path.parent).items():
        about = About.of(run.id, run.config, history, at)
        context = load_snapshot(run.snapshot(*at)).context
        ids = [*context.pool.ids.tolist(), *context.memory.ids.tolist()]
        config = settings_at(run.config, history, asked[at])
        scorer = Scorer(context, {i: int(labels[i]) for i in ids}, config.dims_per_class)
        rows = table(about, outcomes)
        apart = bool(apart_from_the_run(about, rows))
        judged = (rows["kind"] == "random") & (rows["n"] == about.n) & (rows["horizon"] == "round")
        every = pd.concat([scored(rows[judged], scorer), rows[~judged]])
        yield every.drop(columns=DROPPED).assign(asked=about.n, apart=apart)
