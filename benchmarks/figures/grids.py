"""Which runs each grid is made of. Seeds come outermost: a computation that is cut short has whole seeds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from acl.config import FULL, RunConfig
from acl.presets import preset_config
from acl.runs.sameness import key

LEARNERS = ("er", "gss", "derpp", "er_ace")
ASKED = ("uniform", "entropy", "least_confidence", "kcenter", "badge", "bait", "accuacl")
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Grid:
    """`members` are run for each of the seeds 0 … seeds − 1; each names the settings that differ from `preset` and
    `common`. layout: which tables show it (benchmarks/figures/tables.py)."""

    name: str
    title: str
    layout: Literal["methods", "budgets", "half"]
    preset: str
    seeds: int
    members: Sequence[Settings]
    common: Settings = field(default_factory=dict)

    @property
    def takes_data(self) -> bool:
        return self.common.get("dataset") == "parquet"

    def configs(self, data: str = "") -> list[RunConfig]:
        """Every run, in the order of work; `data`: where the images lie, if the grid takes own images."""
        each = itertools.product(range(self.seeds), self.members)
        common = {**self.common, "data": data, "snapshots": "off"}
        return [preset_config(self.preset, **common, **member, seed=seed) for seed, member in each]


def identity(config: RunConfig) -> str:
    """The run's key (acl.runs.sameness), wherever its images lie."""
    return key(config.changed(data=""))


def crossed(**axes: Sequence[Any]) -> list[Settings]:
    """Every combination of the values of these settings; the last changes fastest."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


METHODS = crossed(learner=LEARNERS, strategy=(*ASKED, FULL))
# With 10 labels a task nothing is asked, with all nothing is left to choose: one run stands for every strategy.
BUDGETS = [
    {"strategy": "uniform", "n_end": 10},
    *crossed(n_end=(20, 40, 80), strategy=ASKED),
    {"strategy": FULL},
]
GRIDS = {
    grid.name: grid
    for grid in (
        Grid("digits", "Digits: every strategy with every CL method", "methods", "digits-demo", 10, METHODS),
        Grid(
            "cifar10-quick", "Real CIFAR-10, small network: every strategy with every CL method", "methods",
            "cifar10-quick", 5, METHODS, {"dataset": "parquet"},
        ),
        Grid("budgets", "Digits: what labels and seconds buy", "budgets", "digits-demo", 10, BUDGETS),
        Grid(
            "half", "Digits: AccuACL against more or fewer labels bought blindly", "half", "digits-demo", 10,
            crossed(memory=(10, 20, 50), strategy=("uniform", "accuacl"), n_end=(20, 40)),
        ),
    )
}  # fmt: skip
