"""The paper's own figures (assets/published.csv), for the cells of a table whose settings are the paper's."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pandas as pd

from acl.config import RunConfig, UserError
from acl.presets import PRESETS, preset_config
from acl.runs.sameness import telling
from app.store.session import ROOT

PAPER = "-paper-"
MACHINE = {"device", "cuda_graphs", "threads", "eval_batch", "seed"}
"""Settings in which a run may differ from the preset and still be the paper's."""


@cache
def figures() -> dict[tuple[str, str, str, int, str], tuple[float, float]]:
    """(CL method, strategy, data, memory, "A" or "F") → mean and std over three seeds, in percent; std may be NaN."""
    table = pd.read_csv(ROOT / "assets" / "published.csv").to_dict("records")
    return {
        (row["learner"], row["strategy"], row["dataset"], int(row["memory"]), metric): (
            float(row[f"{metric}_mean"]), float(row[f"{metric}_std"])
        )
        for row in table
        for metric in ("A", "F")
        if row[f"{metric}_mean"] == row[f"{metric}_mean"]
    }  # fmt: skip


def as_in_the_paper(configs: Iterable[RunConfig]) -> bool:
    """Whether all of these are runs of a paper preset, unchanged but for learner, strategy, seed and machine."""
    return all(_unchanged(config) for config in configs)


def _unchanged(config: RunConfig) -> bool:
    if PAPER not in config.preset or config.preset not in PRESETS:
        return False
    try:
        preset = preset_config(config.preset, learner=config.learner, strategy=config.strategy)
    except UserError:
        return False
    mine, theirs = telling(config), telling(preset)
    return all(mine.get(name) == theirs.get(name) for name in (mine.keys() | theirs.keys()) - MACHINE)
