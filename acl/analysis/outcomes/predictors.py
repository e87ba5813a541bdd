"""Which score of a set predicts what its labels do: rank correlations within a query, and what chance alone gives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float64
from numpy import ndarray
from scipy.stats import rankdata, t

from acl.analysis.outcomes.scores import SCORES, Score
from acl.analysis.outcomes.summary import PARTS, QUERY
from acl.seeds import key

PARTIAL = {"D|M": ("D", "M"), "M|D": ("M", "D")}
"""Partial rank correlations: of the first score, the second held fixed."""
PREDICTORS = {name: score for name, score in SCORES.items() if name != "n"} | {
    "D|M": Score("D at equal M", "Rank correlation of mean D with what is left when mean M is held fixed."),
    "M|D": Score("M at equal D", "Rank correlation of mean M with what is left when mean D is held fixed."),
    "n": SCORES["n"],
}
BOOTSTRAPS, SHUFFLES, SURE = 10_000, 1_000, 0.95
COLUMNS = ["score", "part", "rho", "low", "high", "chance", "named", "queries", "runs", "sets"]
LEAST_FOR_BOOTSTRAP = 10
"""Runs; of fewer a bootstrap is too narrow."""
LEAST_SETS = 10
"""Random sets of a query's own size, before their order is looked at."""


@dataclass(frozen=True)
class _Query:
    """Ranks of a query's sets: centred columns of length 1, NaN where all sets are equal or one has no value. x: of the
    scores, in the order of `names`; y: of new, past and net."""

    run: str
    names: list[str]
    x: Float64[ndarray, "sets scores"]
    y: Float64[ndarray, "sets parts"]

    def correlations(self, y: Float64[ndarray, "sets columns"]) -> Float64[ndarray, "predictors columns"]:
        """In the order of PREDICTORS, NaN for what these sets do not tell."""
        rho = self.x.T @ y
        found = {name: rho[row] for row, name in enumerate(self.names)}
        for name, (first, second) in PARTIAL.items():
            if first in found and second in found:
                between = float(self.x[:, self.names.index(first)] @ self.x[:, self.names.index(second)])
                found[name] = _partial(found[first], found[second], between)
        nothing = np.full(y.shape[1], math.nan)
        return np.stack([found.get(name, nothing) for name in PREDICTORS])


def predictors(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each predictor and part of the outcome, with COLUMNS.

    rows: of `acl.analysis.outcomes.scores.scored`, of one query or of many, of one horizon; only random sets are looked
    at, of the query's own size, for the score n of all sizes. score, part: which with which; rho: Spearman's rank
    correlation within a query, mean over the queries; low, high: its 95 % interval over runs, percentile bootstrap from
    10 runs on, Student's t below, NaN for one; chance: when the outcomes of each query are shuffled among its sets, the
    largest |rho| of all predictors and parts is below this in 95 % of the shuffles; named: |rho| is above it, and the
    interval, where there is one, leaves out 0. queries, runs, sets: that rho is of.

    C. Spearman, The Proof and Measurement of Association, 1904; partial: M. Kendall, 1942; B. Efron, 1979; P. Westfall
    and S. Young, Resampling-Based Multiple Testing, 1993.
    """
    queries = list(_queries(rows))
    if not queries:
        return pd.DataFrame(columns=COLUMNS)
    per_query = np.stack([query.correlations(query.y) for query in queries])
    runs = np.array([query.run for query in queries])
    sets = np.array([len(query.x) for query in queries])
    chance = _chance(queries)
    found = []
    for row, name in enumerate(PREDICTORS):
        for column, part in enumerate(PARTS):
            values = per_query[:, row, column]
            there = ~np.isnan(values)
            if not there.any():
                continue
            rho = float(values[there].mean())
            low, high = _interval(values[there], runs[there])
            named = abs(rho) > chance and not low <= 0 <= high
            counts = int(there.sum()), len(set(runs[there])), int(sets[there].sum())
            found.append([name, part, rho, low, high, chance, named, *counts])
    return pd.DataFrame(found, columns=COLUMNS)


def _queries(rows: pd.DataFrame) -> Iterator[_Query]:
    random = rows[rows["kind"] == "random"]
    for (run, *_), sets in random.groupby(list(QUERY), sort=False):
        # A quarter as many is drawn of every other size.
        own = sets[sets["n"] == sets["n"].mode().max()]
        names = [name for name in SCORES if name != "n"]
        if len(own) < LEAST_SETS:
            continue
        for each, scores in ((own, names), (sets, ["n"])):
            yield _Query(str(run), scores, _ranks(each[scores]), _ranks(each[list(PARTS)]))


def _ranks(values: pd.DataFrame) -> Float64[ndarray, "sets columns"]:
    """Ranks of each column, ties shared, centred and of length 1."""
    ranks = rankdata(values.to_numpy(dtype=np.float64), axis=0, nan_policy="propagate")
    ranks = ranks - ranks.mean(0)
    length = np.sqrt(np.square(ranks).sum(0))
    found: Float64[ndarray, "sets columns"] = ranks / np.where(length > 0, length, math.nan)
    return found


def _partial(
    xy: Float64[ndarray, " columns"], zy: Float64[ndarray, " columns"], xz: float
) -> Float64[ndarray, " columns"]:
    """Of x with y, z held fixed; NaN where z leaves nothing of one of them."""
    left = (1 - xz**2) * (1 - np.square(zy))
    found: Float64[ndarray, " columns"] = (xy - xz * zy) / np.sqrt(np.where(left > 1e-12, left, math.nan))
    return found


def _interval(values: Float64[ndarray, " queries"], runs: ndarray) -> tuple[float, float]:
    """Of the mean over queries. A run with all of its queries is one draw."""
    names = sorted(set(runs))
    if len(names) < 2:
        return math.nan, math.nan
    sums, counts = (np.array([f(values[runs == name]) for name in names], dtype=np.float64) for f in (np.sum, len))
    if len(names) < LEAST_FOR_BOOTSTRAP:
        means = sums / counts
        half = t.ppf((1 + SURE) / 2, len(names) - 1) * means.std(ddof=1) / math.sqrt(len(names))
        return float(values.mean() - half), float(values.mean() + half)
    drawn = _random("bootstrap").integers(len(names), size=(BOOTSTRAPS, len(names)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.quantile(means, [(1 - SURE) / 2, (1 + SURE) / 2])
    return float(low), float(high)


def _chance(queries: list[_Query]) -> float:
    """The largest |rho| that outcomes shuffled within each query have, in all but 5 % of the shuffles."""
    random = _random("shuffles")
    total = np.zeros((len(PREDICTORS), len(PARTS), SHUFFLES))
    count = np.zeros((len(PREDICTORS), len(PARTS), 1))
    for query in queries:
        sets = len(query.x)
        order = np.argsort(random.random((SHUFFLES, sets)), axis=1)
        # [sets, parts, shuffles]: new, past and net of a set stay together.
        shuffled = query.y[order].transpose(1, 2, 0)
        rho = query.correlations(shuffled.reshape(sets, -1)).reshape(total.shape)
        total += np.nan_to_num(rho)
        count += ~np.isnan(rho[:, :, :1])
    means = np.abs(total / np.where(count, count, math.nan)).reshape(-1, SHUFFLES)
    return float(np.quantile(np.nanmax(means, axis=0), SURE))


def _random(purpose: str) -> np.random.Generator:
    return np.random.default_rng(key(0, f"predictors {purpose}"))
