"""Accumulated informativeness: samples whose Fisher information covers the new task and the past.

Source: AccuACL, ICLR 2025. The paper asks for the subset that minimises the trace of F(S)⁻¹ F*; its cheap
form, followed here as in the authors' code, scores each sample alone: of the oversample·n samples spread
most like the target (distribution score D), the n of largest magnitude M. Their code stores 1 − λ under the
name lam; here λ is the weight of the past. p is over the classes of the memory and the current task, as there.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float64, Int64
from torch import Tensor

from acl.selection.fisher import magnitude_and_distribution
from acl.selection.query import QueryContext, Selection, best
from acl.strategies.base import Base

LABEL = "AccuACL"
SETTINGS = ("lambda", "dims_per_class", "oversample")
COLOUR = "#0072B2"
ORDER = 6
SCORES = {"magnitude": {"name": "magnitude M", "log": True}, "distribution": {"name": "distribution score D"}}
AXES = ("distribution", "magnitude")


@dataclass(frozen=True)
class AccuACL(Base):
    """dims_per_class and oversample are 5 and 2 in the authors' code."""

    dims_per_class: int = 5
    oversample: float = 2.0

    def select(self, context: QueryContext) -> Selection:
        candidates = n_candidates(context.n, self.oversample, len(context.pool))
        magnitude, distribution = magnitude_and_distribution(context, self.dims_per_class, candidates)
        ids = context.pool.ids
        _, picked = choose(magnitude, distribution, ids, context.n, self.oversample)
        return Selection(ids[picked], {"magnitude": magnitude, "distribution": distribution})


def n_candidates(n: int, oversample: float, pool: int) -> int:
    """More candidates than the pool has are all of it."""
    return round(min(oversample * n, pool))


def choose(
    magnitude: Float64[Tensor, " pool"],
    distribution: Float64[Tensor, " pool"],
    ids: Int64[Tensor, " pool"],
    n: int,
    oversample: float,
) -> tuple[Int64[Tensor, " candidates"], Int64[Tensor, " n"]]:
    """Positions of the candidates, best D first, and of the picks among them, best M first."""
    candidates = best(distribution, ids, n_candidates(n, oversample, len(ids)))
    return candidates, candidates[best(magnitude[candidates], ids[candidates], n)]
