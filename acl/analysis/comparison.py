"""Every strategy on one pool: what each would pick, and how well its picks cover what the target asks for.

All are judged by the trace objective J over the entries AccuACL keeps (acl.selection.fisher), beside two yardsticks:
random subsets of the same size, and the subset that a greedy search finds for J itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from acl.config import RunConfig, UserError
from acl.plugins.asking import ask
from acl.plugins.blame import with_line
from acl.plugins.registry import plugin
from acl.seeds import key, uniforms
from acl.selection.fisher import Information, Kept, Objective, TraceObjective, embeddings, keep_largest
from acl.selection.query import QueryContext

RANDOM_SUBSETS = 200
MOST_ENTRIES = 200_000_000
"""Fisher entries (pool × kept) that may be held at once: 1.6 GB."""
SLOW_S = 5.0
FLOPS = 4e10
"""Floating-point operations a second: two cores in float64."""


@dataclass(frozen=True)
class Judged:
    """A strategy's picks (positions in the pool, best first) and what they are worth.

    nearest_pick: mean distance in h from each pick to its nearest other pick (small: redundant), None for one
    pick; nearest_memory: to the nearest memory sample, None where the memory is empty.
    """

    picks: Int64[Tensor, " n"]
    objective: TraceObjective
    nearest_pick: float | None
    nearest_memory: float | None


class Judge:
    """The target of one context and the pool's Fisher information at the kept entries, worked out once."""

    def __init__(self, context: QueryContext, dims_per_class: int) -> None:
        information = Information.of(context)
        parts = information.target(context.lambda_)
        kept: Kept = keep_largest(parts.total, dims_per_class * context.n_classes)
        entries = len(context.pool) * len(kept.rows)
        if entries > MOST_ENTRIES:
            raise UserError(
                f"Judging this pool needs {entries:,} Fisher entries at once, {MOST_ENTRIES:,} are allowed."
            )
        self.context = context
        self.objective = Objective.of(parts, kept)
        self.f = torch.cat(list(embeddings(context.pool, kept)))

    def score(self, picks: Int64[Tensor, " n"]) -> TraceObjective:
        """J of these picks (positions in the pool), from the mean of their Fisher embeddings at the kept entries."""
        return self.objective.of_cover(self.f[picks].mean(0))

    def judge(self, picks: Int64[Tensor, " n"]) -> Judged:
        """J of these picks (positions in the pool), and their mean distances, Euclidean in float64, to the nearest
        other pick and to the nearest memory sample."""
        h, memory = self.context.pool.h[picks].double(), self.context.memory.h.double()
        apart = torch.cdist(h, h).fill_diagonal_(torch.inf)
        nearest_pick = float(apart.amin(1).mean()) if len(picks) > 1 else None
        nearest_memory = float(torch.cdist(h, memory).amin(1).mean()) if len(memory) else None
        return Judged(picks, self.score(picks), nearest_pick, nearest_memory)

    def random_band(self) -> Float64[np.ndarray, " subsets"]:
        """J of random subsets of n, the same ones for the same query."""
        context, n = self.context, self.context.n
        ids = context.pool.ids.cpu().numpy()
        totals = []
        for subset in range(RANDOM_SUBSETS):
            u = uniforms(key(context.seed, "band", context.task, context.round, subset), ids)
            totals.append(self.score(torch.from_numpy(np.argsort(u)[:n])).total)
        return np.array(totals)

    def greedy(self) -> Int64[Tensor, " n"]:
        """Always the sample with which J of the picks so far is least; ties go to the lower id."""
        asked, covered = self.objective.past + self.objective.new, torch.zeros_like(self.objective.past)
        picked: list[int] = []
        for size in range(1, self.context.n + 1):
            j = ((covered + self.f).div_(size).add_(self.objective.epsilon).reciprocal_()) @ asked
            j[picked] = torch.inf
            picked.append(int(j.argmin()))
            covered += self.f[picked[-1]]
        return torch.tensor(picked)


def strategies_here(context: QueryContext, config: RunConfig, names: Iterable[str]) -> dict[str, Judged | str]:
    """What each strategy would pick, judged; or one sentence why it could not."""
    judge = Judge(context, config.dims_per_class)
    found: dict[str, Judged | str] = {}
    for name in names:
        try:
            found[name] = judge.judge(torch.searchsorted(context.pool.ids, ask(name, config, context).ids))
        except (UserError, MemoryError) as error:
            found[name] = with_line(error)
    return found


def yardsticks(context: QueryContext, dims_per_class: int) -> tuple[Float64[np.ndarray, " subsets"], float]:
    """J of the random subsets, and J of the greedy picks."""
    judge = Judge(context, dims_per_class)
    return judge.random_band(), judge.score(judge.greedy()).total


def jaccard(a: Int64[Tensor, " n"], b: Int64[Tensor, " m"]) -> float:
    """Shared picks as a share of all picks of either, 0..1."""
    first, second = set(a.tolist()), set(b.tolist())
    return len(first & second) / len(first | second)


def seconds(name: str, context: QueryContext, config: RunConfig) -> float:
    """About how long a strategy takes here; one that says nothing of it takes so little that it counts as 0."""
    flops = plugin("strategies", name).its("flops")
    return float(flops(context, config)) / FLOPS if flops else 0.0


def is_slow(name: str, context: QueryContext, config: RunConfig) -> bool:
    """Whether somebody should be asked before it begins."""
    return seconds(name, context, config) > SLOW_S
