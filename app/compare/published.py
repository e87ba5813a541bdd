"""The paper's own figures (assets/published.csv), for the cells of a table whose settings are the paper's, and beside
them what this project measured in the same settings (benchmarks/results/paper/runs.jsonl, by make gpu-paper)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from acl.config import RunConfig, UserError
from acl.presets import PRESETS, preset_config
from acl.results.cohorts import plugin_label
from acl.runs.sameness import telling
from app.store.session import ROOT

PAPER = "-paper-"
MACHINE = {"device", "cuda_graphs", "threads", "eval_batch", "seed"}
"""Settings in which a run may differ from the preset and still be the paper's."""
MEASURED = ROOT / "benchmarks" / "results" / "paper" / "runs.jsonl"
TOLD = MACHINE | {"precision"}
"""Settings in which a measured run may differ from the preset: its precision is told beside it."""
RULE = (
    "“measured” is what this project got in the paper's settings (benchmarks/results/paper). “inside”: its mean lies "
    "within the paper's mean ± std; “± overlap”: it does not, but its mean ± std (two seeds or more) and theirs "
    "overlap; “apart”: neither."
)
Place = tuple[str, str, str, int, str]


@cache
def figures() -> dict[Place, tuple[float, float]]:
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


# -- what was measured -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """mean and sample std (NaN of one seed) over n seeds, in percent."""

    mean: float
    std: float
    n: int
    precision: str

    def text(self) -> str:
        spread = f" ± {self.std:.1f}" if self.n > 1 else ""
        return f"measured {self.mean:.1f}{spread} (n={self.n}, {self.precision})"

    def beside(self, mean: float, std: float) -> str:
        """How it stands to a published mean ± std, by RULE; empty where no std is published."""
        apart = abs(self.mean - mean)
        if math.isnan(std):
            return ""
        if apart <= std:
            return "inside"
        return "± overlap" if self.n > 1 and apart <= std + self.std else "apart"


def measured() -> dict[Place, list[Measured]]:
    """What the runs in the paper's settings gave, for each precision; F is F_diag, as the paper has it. Empty without
    such runs. UserError where their file is damaged."""
    return _measured(MEASURED, MEASURED.stat().st_mtime_ns) if MEASURED.is_file() else {}


@lru_cache(maxsize=4)
def _measured(path: Path, changed_ns: int) -> dict[Place, list[Measured]]:
    found: dict[tuple[Place, str], list[float]] = {}
    for number, text in enumerate(path.read_text("utf-8").splitlines(), start=1):
        try:
            line = json.loads(text)
            if _in_the_papers_settings(line):
                for metric, name in (("A", "A"), ("F", "F_diag")):
                    found.setdefault((_place(line, metric), line["precision"]), []).append(100 * line[name])
        except (ValueError, KeyError, TypeError):
            raise UserError(f"Line {number} of {path.name} is no run of the paper's table: delete that line.") from None
    beside: dict[Place, list[Measured]] = {}
    for (place, precision), values in sorted(found.items()):
        each = pd.Series(values)
        beside.setdefault(place, []).append(Measured(each.mean(), each.std(ddof=1), len(each), precision))
    return beside


def _in_the_papers_settings(line: dict[str, Any]) -> bool:
    """Own Parquet files stand for the preset's set; a rehearsal has another one."""
    return (
        PAPER in line["preset"] and line["preset"] in PRESETS and set(line["set"]) <= TOLD
        and line["dataset"] in ("parquet", PRESETS[line["preset"]].values["dataset"])
    )  # fmt: skip


def _place(line: dict[str, Any], metric: str) -> Place:
    dataset = PRESETS[line["preset"]].values["dataset"]
    return (
        plugin_label("learners", line["learner"]), plugin_label("strategies", line["strategy"]),
        plugin_label("datasets", dataset), int(line["memory"]), metric,
    )  # fmt: skip
