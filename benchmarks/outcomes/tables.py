"""What the records say: differences from random labels, what labels are worth, λ, horizons. A run is one draw: values
are means over a run's queries, and intervals those of runs (acl.results.significance)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from acl.analysis.outcomes.summary import PARTS
from acl.plugins.registry import in_order
from acl.results.significance import interval

BOOTSTRAPS = 2_000
QUERY = ["seed", "task", "round", "horizon"]


@dataclass(frozen=True)
class Mean:
    """value: mean over runs; low, high: its 95 % interval, NaN for one run; runs: how many."""

    value: float
    low: float
    high: float
    runs: int

    @staticmethod
    def of(values: Sequence[float] | np.ndarray) -> Mean:
        there = np.asarray(values, np.float64)
        there = there[~np.isnan(there)]
        if not len(there):
            return Mean(math.nan, math.nan, math.nan, 0)
        low, high, _ = interval(there)
        return Mean(float(there.mean()), low, high, len(there))

    @property
    def is_noise(self) -> bool:
        """Whether the interval holds 0, or there is none."""
        return not (self.low > 0 or self.high < 0)


def apart(rows: pd.DataFrame, ending: str = "") -> pd.DataFrame:
    """A row for each set of the queries that have a past, repeats averaged: new, past and net in points from the mean
    of random sets of the query's size, and beats, the share of these whose net is lower. ending: of the measure's
    columns (acl.analysis.outcomes.summary.table)."""
    parts = [f"{part}{ending}" for part in PARTS]
    found = []
    for where, query in rows[rows["task"] > 1].groupby(QUERY, sort=False):
        random = query[(query["kind"] == "random") & (query["n"] == query["asked"])]
        # Sets of a kind that are drawn have one order each, and stand for their kind together.
        named = query["name"].where(~query["kind"].isin(["random", "classes", "losses", "own"]), "")
        sets = query.assign(name=named).groupby(["kind", "name", "n"], sort=False)[parts].mean()
        net = np.sort(random[parts[2]].to_numpy())
        values = 100 * (sets - random[parts].mean())
        values.columns = list(PARTS)
        low, high = (np.searchsorted(net, sets[parts[2]], side) for side in ("left", "right"))
        beats = 50 * (low + high) / len(net)
        found.append(values.reset_index().assign(beats=beats, **dict(zip(QUERY, where, strict=True))))
    return pd.concat(found, ignore_index=True)


def over_runs(sets: pd.DataFrame, column: str) -> Mean:
    """sets: of `apart`, of one kind and name."""
    return Mean.of(sets.groupby("seed")[column].mean().to_numpy())


def names(sets: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """The sets that the table of strategies has, in its order, by kind and name."""
    wanted = [("strategy", name) for name in in_order("strategies")]
    wanted += [("distribution", ""), ("magnitude", ""), ("classes", ""), ("losses", "")]
    found = {(kind, name): sets[(sets["kind"] == kind) & (sets["name"] == name)] for kind, name in wanted}
    return {which: each for which, each in found.items() if len(each)}


def together(rows: pd.DataFrame) -> Mean:
    """Spearman's correlation of new with past, over random sets of the query's size, within a query."""
    random = rows[(rows["kind"] == "random") & (rows["n"] == rows["asked"]) & (rows["task"] > 1)]
    rho = random.groupby(QUERY)[["new", "past"]].apply(lambda sets: float(spearmanr(sets["new"], sets["past"])[0]))
    return Mean.of(rho.groupby("seed").mean().to_numpy())


# -- how many random labels ----------------------------------------------------------------------------


def curve(sets: pd.DataFrame) -> pd.DataFrame:
    """A row a run and size of random sets: seed, n, new, past and net in points from random sets of the query's size,
    of the same queries."""
    random = sets[sets["kind"].isin(["random", "own"])]
    return random.groupby(["seed", "n"])[list(PARTS)].mean().reset_index()


def worth(value: float, sizes: np.ndarray, heights: np.ndarray) -> float:
    """The size at which the curve of random sets is as high; beyond its ends −inf or inf; NaN where it does not rise
    from each size to the next."""
    if (np.diff(heights) <= 0).any():
        return math.nan
    if value < heights[0]:
        return -math.inf
    return math.inf if value > heights[-1] else float(np.interp(value, heights, sizes))


def worths(sets: pd.DataFrame, mine: pd.DataFrame, part: str) -> tuple[float, float, float]:
    """The worth of the sets `mine` and its 95 % interval, runs drawn again."""
    heights = curve(sets).pivot(index="seed", columns="n", values=part).sort_index(axis=1)
    values = mine.groupby("seed")[part].mean().reindex(heights.index)
    sizes, high, low = heights.columns.to_numpy(dtype=np.float64), heights.to_numpy(), values.to_numpy()
    drawn = np.random.default_rng(0).integers(len(values), size=(BOOTSTRAPS, len(values)))
    every = [worth(float(low[rows].mean()), sizes, high[rows].mean(0)) for rows in drawn]
    ends = np.quantile(every, [0.025, 0.975], method="nearest") if not np.isnan(every).any() else [math.nan, math.nan]
    return worth(float(low.mean()), sizes, high.mean(0)), float(ends[0]), float(ends[1])


# -- λ and horizons ------------------------------------------------------------------------------------


def path(sets: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """AccuACL's picks at each λ, smallest first."""
    lambdas = sets[sets["kind"] == "lambda"]
    return {name: lambdas[lambdas["name"] == name] for name in sorted(lambdas["name"].unique(), key=float)}


def moved(sets: pd.DataFrame, part: str) -> Mean:
    """What λ = 1 does more than λ = 0, paired by run."""
    found = path(sets)
    one, other = (found[name].groupby("seed")[part].mean() for name in ("1", "0"))
    return Mean.of((one - other).to_numpy())


@cache
def by_chance(strategies: int) -> float:
    """The rank correlation of two orders of so many that one in twenty exceeds, on either side, when they are drawn
    blindly: of all permutations."""
    places = np.arange(strategies)
    every = [np.corrcoef(places, order)[0, 1] for order in itertools.permutations(range(strategies))]
    return float(np.quantile(np.abs(every), 0.95, method="higher"))


def ranking(sets: pd.DataFrame, final: pd.DataFrame) -> tuple[float, float, float, int]:
    """Spearman's correlation over strategies of the net outcome with the final A of whole runs of the strategy (a
    column each, a row a seed), its 95 % interval, runs drawn again, and how many runs."""
    mine = sets[sets["kind"] == "strategy"].groupby(["seed", "name"])["net"].mean().unstack()
    mine, theirs = mine.align(final, join="inner")
    x, y = mine.to_numpy(), theirs.to_numpy()
    drawn = np.random.default_rng(0).integers(len(x), size=(BOOTSTRAPS, len(x)))
    every = [spearmanr(x[rows].mean(0), y[rows].mean(0))[0] for rows in drawn]
    low, high = np.nanquantile(every, [0.025, 0.975])
    return float(spearmanr(x.mean(0), y.mean(0))[0]), float(low), float(high), len(x)
