"""Which runs of the paper's table are made, in which order, and how many steps each has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from acl.config import FULL, RunConfig, UserError
from acl.presets import preset_config

PRESET = "cifar10-paper-m100"
SEEDS = (0, 1, 2)
LEARNERS = ("er", "gss", "derpp", "er_ace")
STRATEGIES = ("uniform", "entropy", "badge", "accuacl")
CHOSEN_BY_THE_GRID = ("preset", "learner", "strategy", "seed", "dataset", "data", "device", "snapshots")
SMALL: dict[str, Any] = {
    "dataset": "digits", "classes_per_task": 5, "model": "cnn", "width": 16, "n_start": 20, "n_query": 20, "n_end": 40,
    "memory": 20, "epochs": 2,
}  # fmt: skip
"""A rehearsal, in place of the paper's settings."""


def settings_of(pairs: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE of the command line. UserError for what the grid itself decides."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"--set needs NAME=VALUE, got '{pair}'.")
        if name in CHOSEN_BY_THE_GRID:
            raise UserError(f"--set {name} is not possible: the grid decides it.")
        found[name] = value
    return found


def configs(device: str, data: str, small: bool, more: Mapping[str, Any]) -> list[RunConfig]:
    """Every run, in the order of work: whole seeds first, and in each ER first, the fastest."""
    given: dict[str, Any] = {"device": device, "snapshots": "off"}
    if small:
        given |= SMALL
    elif data:
        given |= {"dataset": "parquet", "data": data}
    every = product(SEEDS, LEARNERS, STRATEGIES)
    rehearsed = [(0, "er", "uniform"), (0, "gss", "accuacl")]
    return [
        preset_config(PRESET, **{**given, **more}, learner=learner, strategy=strategy, seed=seed)
        for seed, learner, strategy in (rehearsed if small else every)
    ]


def labels_of_rounds(config: RunConfig) -> list[int]:
    """How many labels of a task each of its trainings sees."""
    assert config.strategy != FULL
    return [min(config.n_start + i * config.n_query, config.n_end) for i in range(config.rounds + 1)]


def epoch_steps(config: RunConfig, labels: int) -> int:
    return math.ceil(labels / config.batch_size)


def task_steps(config: RunConfig) -> int:
    """Training steps of one task."""
    return sum(config.epochs * epoch_steps(config, labels) for labels in labels_of_rounds(config))
