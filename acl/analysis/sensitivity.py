"""How much a query's picks hang on its settings, and on chance: the run's own strategy asked again with other values,
and what runs with other seeds picked in the same place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import exp, lgamma, nan

import numpy as np

from acl.analysis.outcomes.asked import Setting
from acl.config import RunConfig
from acl.events import Bought, History, Scored, Steered
from acl.plugins.asking import ask
from acl.runs.folder import Run
from acl.runs.fork import Place
from acl.runs.sameness import telling
from acl.selection.query import QueryContext

# -- settings ------------------------------------------------------------------------------------------


def asked(
    config: RunConfig, context: QueryContext, setting: Setting, value: float, most: int
) -> tuple[str, tuple[int, ...]] | None:
    """What the strategy of `config` picks in `context` with this value of a setting, and what the value is called. n is
    a share of the context's; None where that is more than `most` samples or the pool."""
    match setting:
        case "n":
            size = max(1, round(value * context.n))
            if size > min(most, len(context.pool)):
                return None
            name, context = str(size), replace(context, n=size)
        case "seed":
            name, context = f"{value:.0f}", replace(context, seed=int(value))
        case "dims_per_class":
            name, config = f"{value:.0f}", config.changed(dims_per_class=int(value))
        case "oversample":
            name, config = f"{value:g}", config.changed(oversample=value)
    return name, tuple(ask(config.strategy, config, context).ids.tolist())


def all_equal(picks: Sequence[Collection[int]]) -> bool:
    """Whether all of them hold the same samples, in any order."""
    return all(set(each) == set(picks[0]) for each in picks)


# -- seeds ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Overlap:
    """Jaccard overlap of every pair of `sets` sets of picks, 0..1: mean, and standard deviation over the pairs (NaN
    for one pair)."""

    mean: float
    spread: float
    sets: int


def overlap(picks: Sequence[Collection[int]]) -> Overlap | None:
    """None for fewer than two sets."""
    pairs = [len(set(a) & set(b)) / len(set(a) | set(b)) for a, b in combinations(picks, 2)]
    if not pairs:
        return None
    return Overlap(float(np.mean(pairs)), float(np.std(pairs, ddof=1)) if len(pairs) > 1 else nan, len(picks))


def by_chance(n: int, pool: int) -> float:
    """Expected Jaccard overlap of two blind draws of `n` out of `pool`: the mean over the hypergeometric law of how
    many they share."""
    ways = _log_comb(pool, n)
    least = max(0, 2 * n - pool)
    return sum(k / (2 * n - k) * exp(_log_comb(n, k) + _log_comb(pool - n, n - k) - ways) for k in range(least, n + 1))


def _log_comb(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def sisters(run: Run, others: Iterable[Run]) -> list[Run]:
    """Those of `others` with the same settings as `run` but for another seed."""
    mine = _but_seed(run.config)
    return [other for other in others if other.config.seed != run.config.seed and _but_seed(other.config) == mine]


def _but_seed(config: RunConfig) -> dict[str, object]:
    return {name: value for name, value in telling(config).items() if name != "seed"}


def picked_at(history: History, at: Place, classes: Collection[int]) -> tuple[int, ...] | None:
    """What a run picked in this query; None where it has not come so far, its task has other classes, or somebody
    steered it or chose by hand: then it differs in more than its seed."""
    if history.of(Steered) or any(bought.by == "human" for bought in history.of(Bought)):
        return None
    if history.started is None or at[0] > len(history.started.tasks):
        return None
    if set(history.started.tasks[at[0] - 1]["classes"]) != set(classes):
        return None
    return next((tuple(query.ids) for query in history.of(Scored) if (query.task, query.round) == at), None)
