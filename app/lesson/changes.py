"""What moves in the picture of fine-tuning, in words: an old task's steepest fall, and its largest rise."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import NamedTuple

from acl.events import Bought, Evaluated, History
from app.charts.written import whole_percent
from app.store.runs import accuracies

LEAST = 10.0
"""Percentage points: what moves less is not spoken of."""


class Change(NamedTuple):
    """The accuracy on an old task (counted from 1) at two evaluations, in percent."""

    task: int
    start: Evaluated
    end: Evaluated
    before: float
    after: float

    @property
    def points(self) -> float:
        return self.after - self.before


def changes(history: History, own: bool) -> list[str]:
    """The sentences for what has happened so far in a run that never sees old samples again: none, one or two. own:
    each task is asked for among its own classes alone."""
    falls, rises = [], []
    for task, events in _old(history).items():
        falls += [_change(task, *two, own) for two in pairwise(events)]
        rises += [_change(task, *two, own) for two in combinations(events, 2)]
    said = []
    # Of equal falls the newest, which is the one that is looked at.
    if falls and (fall := min(reversed(falls), key=lambda each: each.points)).points <= -LEAST:
        said.append(_fall(fall, history, own))
    if rises and (rise := max(rises, key=lambda each: each.points)).points >= LEAST:
        said.append(_rise(rise, history, own))
    return said


def _old(history: History) -> dict[int, list[Evaluated]]:
    """Of each task the evaluations since it has ended."""
    events = history.of(Evaluated)
    return {event.task: events[place:] for place, event in enumerate(events) if event.final}


def _change(task: int, start: Evaluated, end: Evaluated, own: bool) -> Change:
    before, after = (100 * accuracies(event, own)[task - 1] for event in (start, end))
    return Change(task, start, end, before, after)


def _fall(fall: Change, history: History, own: bool) -> str:
    to = f"**Task {fall.task} falls** from {whole_percent(fall.before)} to {whole_percent(fall.after)}"
    new = fall.end.task
    labels = sum(len(e.ids) for e in history.of(Bought) if (e.task, e.round) == (new, fall.end.round))
    when = f" at once, with the first {labels} labels of task {new}" if not fall.end.round else f" later in task {new}"
    why = (
        "what the network sees in a picture now serves the new classes"
        if own
        else "labels teach the new names alone, and the old pictures get these too"
    )
    return f"{to}{when}: {why}."


def _rise(rise: Change, history: History, own: bool) -> str:
    """From the first evaluation after its lowest to its highest: which tasks were learned meanwhile, and where it is
    now."""
    events = history.of(Evaluated)
    first, last = events[events.index(rise.start) + 1].task, rise.end.task
    during = f"task {last}" if first == last else f"tasks {first} to {last}"
    now = 100 * accuracies(events[-1], own)[rise.task - 1]
    text = (
        f"**Task {rise.task} rises** from {whole_percent(rise.before)} to {whole_percent(rise.after)} in {during}, "
        "though none of its pictures is shown: learning the new moves what is said of the old, too, at times for the "
        "better"
    )
    return f"{text}. Now it is {whole_percent(now)}." if whole_percent(now) != whole_percent(rise.after) else f"{text}."
