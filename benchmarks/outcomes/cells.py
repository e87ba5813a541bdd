"""Which runs the study is made of, and what is measured of each of their queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from acl.analysis.outcomes.asked import CONTROLS, Plan
from acl.analysis.outcomes.query import Query
from acl.config import RunConfig
from acl.presets import preset_config
from acl.runs.fork import Place
from acl.seeds import key, shuffled

Step = Literal["near", "far"]
"""near: all that is measured right after the round; far: after the task's budget and after the next task."""
SETS, FAR_SETS, SLOW_SETS, PHOTO_SETS, LARGER_SETS = 200, 20, 40, 40, 25
FAR_AT: Place = (3, 1)
"""The one query of a run that is measured far: a training of it costs that of all that follows."""
LAMBDAS = tuple(step / 10 for step in range(11))
LARGER = (1.5, 2.0)
"""Random sets of these many times the query's labels, where the budget has room: what more blind labels do."""
NEAR = Plan(subsets=SETS, lambdas=LAMBDAS, controls=CONTROLS)
FAR = Plan(subsets=FAR_SETS, sizes=(1.0,), repeats=2)
REST = (("er", 50), ("derpp", 10), ("er_ace", 10), ("er", 20), ("finetune", 10))
"""CL methods and memories beside ER with 10, a seed of each after another."""
ONE_BY_ONE = {"gss"}
"""Learners whose networks are not trained many at once: fewer sets of them."""


@dataclass(frozen=True)
class Cell:
    """A run, by the CL method, the size of the memory and the seed; preset: digits-demo or cifar10-quick."""

    preset: str
    learner: str
    memory: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.preset}-{self.learner}-m{self.memory}-s{self.seed}"

    def config(self, data: str = "") -> RunConfig:
        more = {"dataset": "parquet", "data": data} if self.is_photos else {}
        return preset_config(
            self.preset, learner=self.learner, strategy="accuacl", memory=self.memory, seed=self.seed, **more
        )

    @property
    def is_photos(self) -> bool:
        return self.preset == "cifar10-quick"

    @property
    def sets(self) -> int:
        """Random sets of each query's own size, right after the round."""
        return PHOTO_SETS if self.is_photos else SLOW_SETS if self.learner in ONE_BY_ONE else SETS

    def places(self, step: Step, asked: list[Place]) -> list[Place]:
        """The queries out of those `asked` that are measured."""
        if self.is_photos:
            return [at for at in asked if at[1] == 1]
        return asked if step == "near" else [FAR_AT]

    def plans(self, step: Step, query: Query) -> Iterator[Plan]:
        if step == "far":
            yield replace(FAR, horizon="budget")
            yield replace(FAR, horizon="next")
        elif self.is_photos:
            yield Plan(subsets=self.sets, sizes=(0.0, 0.5, 1.0), repeats=1)
        elif self.learner in ONE_BY_ONE:
            yield Plan(subsets=self.sets, repeats=1)
        else:
            # Without a memory there is no past to weigh.
            yield NEAR if query.loop.task > 1 else replace(NEAR, lambdas=())
            yield larger(query)


def larger(query: Query) -> Plan:
    """Random sets of more labels than the query buys, as far as the task's budget has room for them."""
    sizes = [size for share in LARGER if (size := round(share * query.n)) <= query.room]
    own = tuple(
        (f"{size} blind, {number}", _drawn(query, number, size)) for size in sizes for number in range(LARGER_SETS)
    )
    return Plan(subsets=0, sizes=(), strategies=(), recorded=False, own=own, repeats=1)


def _drawn(query: Query, number: int, size: int) -> tuple[int, ...]:
    order = shuffled(key(query.loop.config.seed, "larger", *query.place, number), query.pool)
    return tuple(np.sort(order[:size]).tolist())


def work(photos: bool) -> list[tuple[Cell, Step]]:
    """In the order in which it is done, what the study needs most first."""
    if photos:
        return [(Cell("cifar10-quick", "er", 200, seed), "near") for seed in range(2)]
    er = [Cell("digits-demo", "er", 10, seed) for seed in range(10)]
    rest = [
        Cell("digits-demo", learner, memory, seed)
        for seed in range(10) for learner, memory in REST if seed < 5 or learner == "er"
    ]  # fmt: skip
    slow = [Cell("digits-demo", learner, 10, seed) for learner in sorted(ONE_BY_ONE) for seed in range(5)]
    steps: tuple[Step, ...] = ("near", "far")
    halves = [(cell, step) for half in (er[:5], er[5:]) for step in steps for cell in half]
    return [*halves, *((cell, "near") for cell in [*rest, *slow])]
