"""Every sample that was bought, a row each: by whom, at which rank, with which scores, and what it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from acl.analysis.every_query import truth_of
from acl.events import Bought, Scored
from acl.names import printable
from acl.runs.folder import Run

COLUMNS = ("run", "task", "round", "id", "rank", "true", "given", "by", "by_hand")
OTHERS = ("id", "predicted", "rank", "picked", "label")
"""Columns of a run's table of scores that are none."""


def picks(runs: Sequence[Run]) -> pd.DataFrame:
    """COLUMNS, and a column for each score that a query kept.

    run, task, round; id of the sample; rank from 1 among the strategy's picks (none where it was not one of them); true
    and given label, as class numbers (true: none where neither the run nor this machine knows it); by: the strategy, or
    start, full, human; by_hand: the label is a human's.
    """
    rows = [row for run in runs for row in _rows(run)]
    table = pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(COLUMNS))
    whole = {name: "Int64" for name in ("rank", "true")}
    return table.astype({name: kind for name, kind in whole.items() if name in table})


def _rows(run: Run) -> Iterator[dict[str, Any]]:
    history = run.history()
    truth = truth_of(run, history)
    ranks = {(e.task, e.round): {id_: place for place, id_ in enumerate(e.ids, 1)} for e in history.of(Scored)}
    for event in history.of(Bought):
        at = event.task, event.round
        true, scores = truth(event.ids), _scores(run, *at)
        for place, (id_, given) in enumerate(zip(event.ids, event.labels, strict=True)):
            yield {
                "run": run.id, "task": event.task, "round": event.round, "id": id_,
                "rank": ranks.get(at, {}).get(id_), "true": None if true is None else int(true[place]), "given": given,
                "by": event.by, "by_hand": id_ in event.by_hand, **scores.get(id_, {}),
            }  # fmt: skip


def _scores(run: Run, task: int, round_: int) -> dict[int, dict[str, float]]:
    """By sample, as the query left them; none where the run kept none, or its table cannot be read."""
    try:
        table = pq.read_table(run.scores(task, round_)).to_pandas()
        names = [name for name in table.columns if name not in {*OTHERS, *COLUMNS} and printable(name) == name]
        return dict(zip(table["id"].tolist(), table[names].astype(float).to_dict("records"), strict=True))
    except (OSError, ValueError, KeyError, TypeError):
        return {}
