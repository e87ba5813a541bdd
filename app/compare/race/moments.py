"""The runs of a race, and the moment that all of them have reached."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from acl.config import RunConfig
from acl.events import Bought, Evaluated, History, Remembered
from acl.results import sweep
from acl.results.cohorts import with_cohorts
from acl.results.frames import digest, frames
from acl.runs.folder import Run
from acl.runs.fork import led_by_hand
from app.charts.palette import Look
from app.store import runs as data

Moment = tuple[int, int]
"""Task and round; the round that ends a task is LAST."""
LAST = 10**6


@dataclass(frozen=True)
class Lane:
    """One run of the race: its strategy's cohort, its seed, and what has happened in it."""

    cohort: str
    config: RunConfig
    run: Run
    history: History


@dataclass(frozen=True)
class Shown:
    """What is drawn: the runs, a look for each strategy, the moment that each seed has reached, and until when;
    own: accuracies are those among each task's own classes."""

    lanes: list[Lane]
    looks: list[Look]
    reached: Mapping[int, Moment | None]
    n_tasks: int
    until: Moment | None
    own: bool


def lanes_of(chosen: sweep.Sweep, runs: Path) -> list[Lane]:
    """The runs that are still there; cohorts in the order of the literature."""
    members = [(m.config, Run(runs / m.run)) for m in chosen.members if (runs / m.run).is_dir()]
    if not members:
        return []
    rows = frames([digest(run, config, History()) for config, run in members]).runs
    named = with_cohorts(rows)
    name = dict(zip(named["run"], named["cohort"], strict=True))
    order = {cohort: place for place, cohort in enumerate(dict.fromkeys(named["cohort"]))}
    found = [Lane(name[run.id], config, run, data.live_run(run.path).history()) for config, run in members]
    return sorted(found, key=lambda lane: (order[lane.cohort], lane.config.seed))


# -- the same moment -----------------------------------------------------------------------------------


def moments(history: History) -> list[Moment]:
    """Task and round of every evaluation, the round that ends a task as LAST."""
    return [(event.task, LAST if event.final else event.round) for event in history.of(Evaluated)]


def moment_of(history: History) -> Moment | None:
    """The last evaluation; None before the first."""
    return next(reversed(moments(history)), None)


def common(moments: list[Moment | None]) -> Moment | None:
    """What all have reached; None while one of them has not begun."""
    return None if None in moments else min(moment for moment in moments if moment is not None)


def within(event: Evaluated | Bought | Remembered, moment: Moment) -> bool:
    """Whether this had happened by then."""
    if isinstance(event, Remembered):
        return event.task < moment[0] or moment[1] == LAST and event.task == moment[0]
    last = isinstance(event, Evaluated) and event.final
    return (event.task, LAST if last else event.round) <= moment


def curve(history: History, config: RunConfig, moment: Moment, own: bool = False) -> pd.DataFrame:
    """x and the mean accuracy (own: among each task's own classes) over the tasks seen, in percent, at every evaluation
    until then."""
    rounds = data.rounds_of_tasks(history, config)
    seen = [event for event in history.of(Evaluated) if within(event, moment)]
    found = [data.accuracies(event, own) for event in seen]
    return pd.DataFrame(
        {
            "x": [round(data.place(event.task, event.round, rounds), 6) for event in seen],
            "A": [100 * sum(accuracy) / len(accuracy) for accuracy in found],
        }
    )


def set_apart(lanes: Sequence[Lane], shown: Sequence[Look]) -> dict[int, str]:
    """Seeds that enter no mean, because not all of the strategies ran them by themselves, and why."""
    found = {}
    for seed in sorted({lane.config.seed for lane in lanes}):
        here = {lane.cohort: led_by_hand(lane.history) for lane in lanes if lane.config.seed == seed}
        why = [f"{look.name} was {here.get(look.name, 'deleted')}" for look in shown if here.get(look.name, "deleted")]
        if why:
            found[seed] = ", ".join(why)
    return found


def table_of(
    lanes: list[Lane], shown: list[Look], reached: Mapping[int, Moment | None], apart: Collection[int] = (),
    own: bool = False,
) -> tuple[pd.DataFrame, dict[str, list[int]]]:  # fmt: skip
    """What arena_charts.race draws, and the seeds each cohort has by now. Seeds `apart` are drawn, but enter no mean
    while there are others."""
    parts: list[pd.Series] = []
    seeds: dict[str, list[int]] = {look.name: [] for look in shown}
    for k, look in enumerate(shown):
        mine: list[pd.Series] = []
        for lane in lanes:
            moment = reached[lane.config.seed]
            if lane.cohort == look.name and moment is not None:
                line = curve(lane.history, lane.config, moment, own).set_index("x")["A"]
                mine.append(line.rename(f"s{k}_{lane.config.seed}"))
                seeds[look.name].append(lane.config.seed)
        if mine:
            meant = [line for line, seed in zip(mine, seeds[look.name], strict=True) if seed not in apart] or mine
            # A mean of fewer seeds than have begun would jump where one of them ends.
            parts += [*mine, pd.concat(meant, axis=1).dropna().mean(axis=1).rename(f"m{k}")]
    table = pd.concat(parts, axis=1).sort_index() if parts else pd.DataFrame()
    return table.rename_axis("x").reset_index(), seeds
