"""One recorded query of AccuACL, asked again: four of its samples, and its picks by D alone, by M alone, by both.

It brings torch: chapter 5 imports it where it draws these, not when the page opens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
import pandas as pd

from acl.analysis.corners import corners
from acl.analysis.what_if import Microscope, Ranking, Settings, why
from acl.events import Scored, Started
from acl.runs.folder import Run
from acl.snapshots.snapshot import load_snapshot
from app.store import runs as data

BY = ("D alone", "both", "M alone")
"""How the picks are made: by the distribution score, by AccuACL's two cuts, by magnitude."""


@dataclass(frozen=True)
class Place:
    """Where a sample of the pool stands: ranks count from 1, the highest score. passed: the cut by D; picked: also the
    one by M."""

    id: int
    magnitude: float
    distribution: float
    rank_m: int
    rank_d: int
    passed: bool
    picked: bool


class FrozenQuery:
    """A query of a recording, with the settings it was asked with."""

    def __init__(self, run: Run, task: int, round_: int) -> None:
        self.run, self.task, self.round = run, task, round_
        self.scope = Microscope(load_snapshot(run.snapshot(task, round_)).context)
        self.settings = Settings.recorded(self.scope.context, run.config)
        self.ids = self.scope.context.pool.ids.tolist()

    @cached_property
    def ranking(self) -> Ranking:
        return self.ranked("both")

    def ranked(self, by: str) -> Ranking:
        """by: of BY. With as many candidates as picks D alone decides, with the whole pool M alone."""
        times = {"D alone": 1.0, "both": self.settings.oversample, "M alone": len(self.ids) / self.settings.n}
        return self.scope.rank(replace(self.settings, oversample=times[by]))

    @cached_property
    def corners(self) -> tuple[tuple[int, ...], float]:
        """The four samples' positions, as in acl.analysis.corners."""
        return corners(self.ranking.magnitude, self.ranking.distribution)

    def place(self, position: int) -> Place:
        ranking = self.ranking
        found = why(position, ranking)
        return Place(
            self.ids[position], float(ranking.magnitude[position]), float(ranking.distribution[position]),
            1 + int((ranking.magnitude > ranking.magnitude[position]).sum()), found.by_distribution,
            found.by_magnitude is not None, bool((ranking.picked == position).any()),
        )  # fmt: skip

    def spreads(self) -> tuple[list[np.ndarray], np.ndarray, list[str]]:
        """p_x of the four and q over the kept entries, and the class of each entry."""
        kept = self.ranking.kept
        both = [self.scope.information.spread(kept, position) for position in self.corners[0]]
        named = data.live_run(self.run.path).history().of(Started)[0].class_names
        classes = [named[self.scope.context.classes[k]] for k in kept.rows.tolist()]
        return [own.numpy() for own, _ in both], both[0][1].numpy(), classes

    def scores(self, ranking: Ranking) -> pd.DataFrame:
        """A row for each sample of the pool: id, magnitude, distribution, picked."""
        picked = np.zeros(len(self.ids), bool)
        picked[ranking.picked.numpy()] = True
        return pd.DataFrame(
            {"id": self.ids, "magnitude": ranking.magnitude.numpy(), "distribution": ranking.distribution.numpy(),
             "picked": picked}
        )  # fmt: skip


@cache
def farthest_apart(run: Run) -> FrozenQuery:
    """Of the run's queries that have a past the one whose four samples lie farthest in their corners."""
    queries = [q for q in data.live_run(run.path).history().of(Scored) if q.task > 1]
    return max((FrozenQuery(run, q.task, q.round) for q in queries), key=lambda query: query.corners[1])
