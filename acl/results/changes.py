"""What a query changed, from the events of a run alone: every task's test figures before it and after it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from acl.analysis.outcomes.summary import MEASURES, PARTS, parts
from acl.events import Evaluated, History

COLUMNS = ["run", "task", "round", "measure", *PARTS]


@dataclass(frozen=True)
class Change:
    """Two evaluations of one task, the earlier just before the labels of query `round` were bought."""

    before: Evaluated
    after: Evaluated

    @property
    def task(self) -> int:
        """The task, from 1, that was learned between the two."""
        return self.after.task

    @property
    def round(self) -> int:
        """The query's round, from 1."""
        return self.after.round


def changes(history: History) -> list[Change]:
    """Of every query that has been learned and tested, in order."""
    found, last = [], None
    for event in history.of(Evaluated):
        if last is not None and last.task == event.task and last.round < event.round:
            found.append(Change(last, event))
        last = event
    return found


def table(run: str, history: History) -> pd.DataFrame:
    """A row for each query and measure, with COLUMNS; new, past and net: after − before, as fractions (see
    acl.analysis.outcomes.summary.parts)."""
    rows = []
    for change in changes(history):
        for measure in MEASURES:
            ends = [parts(tuple(getattr(each, measure)), change.task) for each in (change.after, change.before)]
            row = {part: ends[0][part] - ends[1][part] for part in PARTS}
            rows.append({"run": run, "task": change.task, "round": change.round, "measure": measure} | row)
    return pd.DataFrame(rows, columns=COLUMNS)
