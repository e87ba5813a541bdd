"""Strategies compared paired by seed: how large is the difference, how sure is it, and what is missing to know.

The difference of two runs of one seed, which share first network, first labels and order of samples, varies less
than either run. Interval: bootstrap (BCa) from 10 pairs on, Student's t below, none for one pair. p: exact sign
permutation test of the mean from 6 pairs on (fewer cannot reach 0.05), drawn at random above 16; corrected by
Holm over all that is compared.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

LEAST_FOR_P = 6
LEAST_FOR_BOOTSTRAP = 10
RESAMPLES = 99_999
CONFIDENCE = 0.95
ALPHA = 0.05
METRICS = {"A": True, "LA": True, "F": False}
"""The columns of Frames.runs that are compared, and whether more is better."""
VERBS = {"A": ("keeps", "more", "less"), "LA": ("learns", "more", "less"), "F": ("forgets", "more", "less")}


@dataclass(frozen=True)
class Paired:
    """`one` minus `other`, in percentage points, seed by seed. low, high: the 95 % interval of the mean, NaN for one
    pair; interval: how it was made; p, p_holm: NaN below 6 pairs."""

    one: str
    other: str
    metric: str
    seeds: tuple[int, ...]
    mean: float
    low: float
    high: float
    interval: str
    p: float
    p_holm: float = math.nan

    @property
    def n(self) -> int:
        """How many seeds both were run with."""
        return len(self.seeds)

    @property
    def sure(self) -> bool:
        """Whether chance is ruled out at the usual level, all comparisons counted."""
        return self.p_holm < ALPHA


def paired(one: Mapping[int, float], other: Mapping[int, float], names: tuple[str, str], metric: str) -> Paired | None:
    """Compare the figures (fractions, by seed) of two strategies on the seeds both have; None if they share none."""
    seeds = tuple(sorted(one.keys() & other.keys()))
    if not seeds:
        return None
    differences = np.array([100 * (one[seed] - other[seed]) for seed in seeds])
    low, high, how = interval(differences)
    return Paired(*names, metric, seeds, float(differences.mean()), low, high, how, permutation_p(differences))


def interval(differences: np.ndarray) -> tuple[float, float, str]:
    """95 % confidence interval of the mean of `differences` [n], and its kind: "none", "t" or "bootstrap"."""
    n = len(differences)
    if n < 2:
        return math.nan, math.nan, "none"
    spread = float(differences.std(ddof=1))
    if n < LEAST_FOR_BOOTSTRAP or spread == 0:
        half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * spread / math.sqrt(n)
        return float(differences.mean()) - half, float(differences.mean()) + half, "t"
    # Seeded, so that the same runs give the same page.
    drawn = stats.bootstrap((differences,), np.mean, confidence_level=CONFIDENCE, rng=np.random.default_rng(0))
    return float(drawn.confidence_interval.low), float(drawn.confidence_interval.high), "bootstrap"


def permutation_p(differences: np.ndarray) -> float:
    """Two-sided p of "the sign of each difference is chance", for the mean; NaN below 6 pairs."""
    if len(differences) < LEAST_FOR_P:
        return math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        result = stats.permutation_test(
            (differences,), lambda x, axis: np.mean(x, axis=axis), permutation_type="samples", vectorized=True,
            n_resamples=RESAMPLES, rng=np.random.default_rng(0),
        )  # fmt: skip
    return min(float(result.pvalue), 1.0)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction; NaN where there is no p (S. Holm, 1979)."""
    known = sorted((value, place) for place, value in enumerate(p) if not math.isnan(value))
    corrected, worst = [math.nan] * len(p), 0.0
    for rank, (value, place) in enumerate(known):
        worst = max(worst, min(1.0, (len(known) - rank) * value))
        corrected[place] = worst
    return corrected


def against(runs: pd.DataFrame, baseline: str, metrics: Sequence[str] = tuple(METRICS)) -> list[Paired]:
    """Every other cohort of `runs` (acl.results.cohorts.with_cohorts) against the cohort `baseline`, metric by metric.

    The caller sees to it that the cohorts may be paired (acl.results.cohorts.not_paired).
    """
    figures = {
        (str(name), metric): {int(seed): float(value) for seed, value in zip(group["seed"], group[metric], strict=True)}
        for name, group in runs.groupby("cohort", sort=False)
        for metric in metrics
    }
    names = dict.fromkeys(name for name, _ in figures)
    found = [
        result
        for metric in metrics
        for name in names
        if name != baseline
        and (result := paired(figures[name, metric], figures[baseline, metric], (name, baseline), metric))
    ]
    corrected = holm([result.p for result in found])
    return [replace(result, p_holm=p) for result, p in zip(found, corrected, strict=True)]


def sentence(result: Paired) -> str:
    """The result in words a student understands, e.g. "AccuACL forgets 5.2 points less than Entropy, …"."""
    verb, more, less = VERBS[result.metric]
    size = f"{abs(result.mean):.1f}"
    if size == "0.0":
        said = f"{result.one} {verb} as much as {result.other}"
    else:
        said = f"{result.one} {verb} {size} points {more if result.mean > 0 else less} than {result.other}"
    pairs = f"{result.n} paired seed{'s' if result.n > 1 else ''}"
    if result.interval == "none":
        return f"{said} on one seed, which decides nothing: at least one more is needed for an interval."
    # The interval of what is said: "less by 3.1 to 7.4", not "more by −7.4 to −3.1".
    low, high = (-result.high, -result.low) if result.mean < 0 else (result.low, result.high)
    said += f", 95 % CI {span(low, high)}, {pairs}"
    if math.isnan(result.p):
        return f"{said}."
    shown = "p < 0.001" if result.p_holm < 0.001 else f"p = {result.p_holm:.3f}"
    return f"{said}, {shown}" + ("." if result.sure else ": this may be chance.")


def conclusion(results: Sequence[Paired]) -> str:
    """What all comparisons with one baseline say of what is kept, in one sentence; which seeds are missing, once."""
    kept = [result for result in results if result.metric == "A"]
    sure = sorted((result for result in kept if result.sure), key=lambda result: -abs(result.mean))
    fewest, other = min(result.n for result in kept), kept[0].other
    pairs = f"{fewest} paired seed{'s' if fewest > 1 else ''}"
    if not sure and fewest < LEAST_FOR_P:
        return (
            f"Whether any strategy keeps more or less than {other} cannot be said yet: a p-value needs at least "
            f"{LEAST_FOR_P} paired seeds, and there {'are' if fewest > 1 else 'is'} {fewest}, so add "
            f"{LEAST_FOR_P - fewest} or more."
        )
    if not sure:
        return f"No difference from {other} in what is kept is beyond chance ({pairs}, {len(results)} comparisons)."
    said = [f"{r.one} keeps {abs(r.mean):.1f} points {'more' if r.mean > 0 else 'less'}" for r in sure]
    rest = len(kept) - len(sure)
    others = "" if not rest else f"; the other {'difference' if rest == 1 else f'{rest} differences'} may be chance"
    return f"Against {other} and beyond chance ({pairs}): {', '.join(said)}{others}."


def span(low: float, high: float) -> str:
    """An interval with real minus signs; a dash between two positive numbers only."""
    ends = [f"{value:.1f}".replace("-0.0", "0.0").replace("-", "−") for value in (low, high)]
    return "–".join(ends) if low >= 0 else " to ".join(ends)
