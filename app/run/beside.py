"""The other run that is drawn dashed beside the shown one: the same without its last change, or what it is a fork of.

Dashed is one run at a time, and its caption says which, and how much more or less it kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from acl.events import History, Steered
from acl.runs.folder import Parent, Run, list_runs
from acl.runs.fork import Place
from app.store import runs as data
from app.store.session import RECORDED, RUNS

EQUAL_POINTS = 0.05


@dataclass(frozen=True)
class Beside:
    """said: what the dashed run is; there: the same within a sentence; since: where it goes another way."""

    run: Run
    said: str
    there: str
    since: Place


def beside(run: Run, history: History) -> Beside | None:
    changes, parent = history.of(Steered), data.parent_of(run)
    last = (changes[-1].task, changes[-1].round) if changes else None
    for ghost in data.ghosts_of(run, RUNS):
        if (left := data.parent_of(ghost)) and (left.task, left.round) == last:
            return Beside(ghost, "without this change", "without the change", last)
    return _parent(parent) if parent else None


def _parent(parent: Parent) -> Beside | None:
    """The run this one is a fork of, if it is still there."""
    found = next((run for run in list_runs(RUNS, RECORDED) if run.id == parent.run), None)
    if found is None:
        return None
    since = (parent.task, parent.round)
    if parent.ghost:
        return Beside(found, "with the change", "with the change", since)
    return Beside(found, "the run this one is a fork of", "there", since)


def caption(other: Beside, ours: pd.DataFrame, theirs: pd.DataFrame, since: float) -> str:
    """E.g. "Dashed: without this change. After task 4: 1.5 points more kept without the change".

    ours, theirs: app.store.runs.balance_table; since: the place `other.since` on their axis."""
    both = ours.merge(theirs, on="when", suffixes=("", "_there"))
    both = both[both["x"] > since + 1e-9]
    if both.empty:
        return f"Dashed: {other.said}."
    last = both.iloc[-1]
    more = round(last["kept_there"], 1) - round(last["kept"], 1)
    amount = "as much" if abs(more) < EQUAL_POINTS else f"{abs(more):.1f} points {'more' if more > 0 else 'less'}"
    when = f"{last['when'][0].upper()}{last['when'][1:]}"
    return f"Dashed: {other.said}. {when}: {amount} kept {other.there}."
