"""The samples farthest from everything labelled, so that no sample is left far from a label.

Source: O. Sener and S. Savarese, Active Learning for Convolutional Neural Networks: A Core-Set Approach,
ICLR 2018, https://arxiv.org/abs/1708.00489, algorithm 1 (k-Center-Greedy) in the features h. The centres at
the start are the labelled samples of this task. Where none is labelled, the pool sample nearest the pool's
mean is the first centre, and as a centre must carry a label, the first pick.

Distances are those summed from differences in float64, so that exact duplicates have the distance 0 and tie. Most are
never worked out: matrix products in float32 tell which centres may be the nearest, up to a proven error, and as a new
centre only ever lowers distances, only samples whose last known one is the largest are compared with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from acl.selection.query import QueryContext, Selection
from acl.strategies.base import Base

LABEL = "kCenter"
COLOUR = "#009E73"
ORDER = 3
SCORES = {"distance": {"name": "distance to the nearest label"}}
AXES = ("distance", "entropy")
PICKS = "each next one is the farthest from those before"

CHUNK_ENTRIES = 4_000_000
PICKED = -1.0
"""Below every distance, so that a picked sample is never picked again, not even among duplicates."""
STALE_TRIES = 32
"""Samples brought up to date one at a time for a pick, before all are at once."""
WORTH_PRODUCTS = 8
"""Centres from which on products save more than they cost, and what share of pairs they must rule out at least."""


@dataclass(frozen=True)
class KCenter(Base):
    """k-Center-Greedy (Sener and Savarese 2018, algorithm 1), Euclidean in the features h."""

    def select(self, context: QueryContext) -> Selection:
        h = context.pool.h
        if len(context.labelled):
            start, picked = nearest(h, context.labelled.h), []
        else:
            first = int(nearest(h, h.double().mean(0, keepdim=True)).argmin())
            start, picked = nearest(h, h[[first]]), [first]
        return Selection(context.pool.ids[greedy(h, start, picked, context.n)], {"distance": start})


def greedy(h: Float[Tensor, "pool dim"], start: Float64[Tensor, " pool"], picked: list[int], n: int) -> list[int]:
    """`picked` and then, up to `n` in all, always the sample farthest from its nearest centre.

    start: each sample's distance to the nearest of the centres before, those of `picked` among them.
    """
    picked = list(picked)
    distance = start.clone()
    distance[picked] = PICKED
    # distance[x] is known up to the first seen[x] of picked; with more centres it is that or less.
    seen = torch.full((len(h),), len(picked), device=h.device)
    compared, tries = len(picked), 0
    while len(picked) < n:
        # The pool is in order of id and argmax names the first of equals: ties go to the lower id.
        farthest = int(distance.argmax())
        if seen[farthest] == len(picked):
            distance[farthest] = PICKED
            picked.append(farthest)
            tries = 0
        elif tries < STALE_TRIES:
            distance[farthest] = distance[farthest].minimum(nearest(h[[farthest]], h[picked[int(seen[farthest]) :]])[0])
            seen[farthest] = len(picked)
            tries += 1
        else:
            distance = distance.minimum(nearest(h, h[picked[compared:]]))
            compared = len(picked)
            seen.fill_(compared)
    return picked


def nearest(points: Float[Tensor, "points dim"], centres: Float[Tensor, "centres dim"]) -> Float64[Tensor, " points"]:
    """Distance of each point to its nearest centre.

    Summed from the differences: the expanded form ‖x‖² + ‖y‖² − 2⟨x, y⟩ does not give exact duplicates the
    distance 0, nor equal distances. It only rules out centres that are not the nearest.
    """
    size = max(1, CHUNK_ENTRIES // max(centres.shape))
    # Written in its place: small results between large temporaries keep the allocator from giving these back.
    found = points.new_full((len(points),), torch.inf, dtype=torch.float64)
    for start in range(0, len(points), size):
        x, row = points[start : start + size], found[start : start + size]
        near = may_be_nearest(x, centres) if min(len(x), len(centres)) >= WORTH_PRODUCTS else None
        if near is None or int(near.count_nonzero()) * WORTH_PRODUCTS > near.numel():
            row.copy_(distances(x, centres).amin(1))
            continue
        for pairs in torch.split(near.nonzero(), size):
            of, to = pairs.T
            row.scatter_reduce_(0, of, distances(x[of, None], centres[to, None])[:, 0, 0], "amin")
    return found


def distances(points: Float[Tensor, "*n points dim"], centres: Float[Tensor, "*n centres dim"]) -> Tensor:
    """From each point to each centre, of a pair always the same bits, whatever else is asked beside it."""
    return torch.cdist(points.double(), centres.double(), compute_mode="donot_use_mm_for_euclid_dist")


def may_be_nearest(
    points: Float[Tensor, "points dim"], centres: Float[Tensor, "centres dim"]
) -> Bool[Tensor, "points centres"]:
    """Which centres may be a point's nearest by `distances`; at least one for each point, all where float32 overflows.

    s = ‖y‖² − 2⟨x, y⟩ orders the centres as ‖x − y‖² does. With u = 2⁻²⁴ and R = ‖x‖ + max ‖y‖, its error in float32 is
    at most e = u (d + 16) R²: that of 2 ⟨x, y⟩, rounded to float32 and summed in any order, is 2 u (d + 4) ‖x‖‖y‖, at
    most u (d + 4) R² / 2; ‖y‖² and the subtraction round by less than 3 u R². Nearly half of e is left, for the errors
    of `distances` in float64 and of the bound itself. Products too small for float32 add up to less than
    2⁻¹²⁵ (d + 16). So a centre more than 2 e above the smallest is not the nearest.
    """
    dim = points.shape[1]
    reach = torch.linalg.vector_norm(centres, dim=1, dtype=torch.float64)
    # float32 is that of the bound only where products are not set to round to a shorter format; float64 always is.
    formats = {torch.backends.fp32_precision, torch.backends.mkldnn.matmul.fp32_precision}  # type: ignore[attr-defined]
    plain = points.device.type == "cpu" and formats <= {"none", "ieee"}
    x, y = (points.float(), centres.float()) if plain else (points.double(), centres.double())
    s = reach.square().to(x.dtype) - 2 * (x @ y.T)
    radius = torch.linalg.vector_norm(points, dim=1, dtype=torch.float64) + reach.max()
    error = (dim + 16) * (2.0**-24 * radius.square() + 2.0**-125)
    bound = (s.amin(1) + 2 * error).to(s.dtype)
    return ~(s > bound[:, None]) if bool(s.sum().isfinite()) else torch.ones_like(s, dtype=torch.bool)
