"""What was measured for the lesson beforehand, ten seeds a group of settings: its figures, and differences in words.

Of assets/lesson/runs.jsonl, which assets/measure.py writes. All sentences of the lesson with figures get them here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from acl.metrics import Matrix, average_accuracy, forgetting, learning_accuracy
from acl.presets import preset_config
from acl.results.significance import ALPHA, CONFIDENCE, paired
from app.store.session import ROOT

FILE = ROOT / "assets" / "lesson" / "runs.jsonl"
FIGURES = ("LA", "forgotten", "A", "F")
"""Learned, LA − A, kept, and forgetting as the mean fall of the old tasks from their best (acl.metrics)."""
BY_SEED = Mapping[int, float]


def runs(own: bool = False, **settings: Any) -> dict[int, Matrix]:
    """The accuracy matrices R by seed of the group with these settings, the others being those of digits-demo with ER
    and Uniform; `own`: among each task's own classes. KeyError for settings that were not measured."""
    column = "R_aware" if own else "R"
    return {seed: run[column] for seed, run in _groups()[_name(settings)].items()}


def figures(own: bool = False, **settings: Any) -> pd.DataFrame:
    """A row a seed (the index), the columns FIGURES, in percent; settings as in `runs`."""
    rows = {seed: _figures(r) for seed, r in runs(own, **settings).items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(FIGURES))


def _figures(r: Matrix) -> list[float]:
    t = len(r)
    learned, kept = 100 * learning_accuracy(r, t), 100 * average_accuracy(r, t)
    return [learned, learned - kept, kept, 100 * forgetting(r, t)]


def accuracy(task: int, after: int, own: bool = False, **settings: Any) -> pd.Series:
    """By seed, the accuracy on a task after another one, both counted from 1, in percent; settings as in `runs`."""
    return pd.Series({seed: 100 * r[after - 1][task - 1] for seed, r in runs(own, **settings).items()})


def _name(settings: Mapping[str, Any]) -> str:
    """One name for a group, whether or not what it shares with all others is said."""
    return json.dumps({k: v for k, v in sorted(settings.items()) if _usual()[k] != v})


@cache
def _usual() -> dict[str, Any]:
    return preset_config("digits-demo", learner="er", strategy="uniform").model_dump(by_alias=True)


@cache
def _groups() -> dict[str, dict[int, dict[str, Matrix]]]:
    """Of each group the runs by seed, with R and R_aware."""
    found: dict[str, dict[int, dict[str, Matrix]]] = {}
    for line in map(json.loads, FILE.read_text("utf-8").splitlines()):
        found.setdefault(_name(line["settings"]), {})[line["seed"]] = line
    return found


# -- differences ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """The mean of one minus other over `n` seeds, its standard error and 95 % interval (Student's t: bootstrapped ones
    of ten seeds are too narrow), in percentage points; p as in acl.results.significance, NaN below 6 seeds."""

    mean: float
    error: float
    low: float
    high: float
    n: int
    p: float

    @property
    def within_noise(self) -> bool:
        """Whether it may be none at all: by the exact test, or where seeds are too few for it by the interval."""
        return not (self.low > 0 or self.high < 0) if math.isnan(self.p) else self.p >= ALPHA

    @property
    def sign(self) -> int:
        """1 for more, −1 for less, 0 within noise."""
        return 0 if self.within_noise else 1 if self.mean > 0 else -1


def difference(one: BY_SEED | pd.Series, other: BY_SEED | pd.Series) -> Difference:
    """Of two groups' figures in percent, by seed, paired: only seeds that both have count. ValueError below two."""
    a, b = ({int(seed): value / 100 for seed, value in dict(each).items()} for each in (one, other))
    found = paired(a, b, ("", ""), "")
    if found is None or found.n < 2:
        raise ValueError("The two groups share fewer than two seeds: there is no error of their difference.")
    each = [100 * (a[seed] - b[seed]) for seed in found.seeds]
    error = float(np.std(each, ddof=1)) / math.sqrt(found.n)
    half = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, found.n - 1))
    return Difference(found.mean, error, found.mean - half, found.mean + half, found.n, found.p)


def written(one: BY_SEED | pd.Series, other: BY_SEED | pd.Series) -> float:
    """The difference of two groups' means as these are written beside it, with one decimal: with it, too, one minus
    other is what is written for their difference."""
    a, b = (round(float(np.mean(list(dict(each).values()))), 1) for each in (one, other))
    return round(a - b, 1)


def worded(found: Difference, mean: float | None = None) -> str:
    """E.g. "2.6 ± 0.6 points more", or "within noise (−0.5 ± 1.2 points, 10 seeds)"; ± is the standard error. mean: as
    it is to be written beside numbers with which it must agree (`written`)."""
    said = found.mean if mean is None else mean
    if found.within_noise:
        return f"within noise ({_number(said)} ± {_number(found.error)} points, {found.n} seeds)"
    return f"{_number(abs(said))} ± {_number(found.error)} points {'more' if found.mean > 0 else 'less'}"


def _number(value: float) -> str:
    return f"{value:.1f}".replace("-0.0", "0.0").replace("-", "−")
