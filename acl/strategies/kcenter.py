"""The samples farthest from everything labelled, so that no sample is left far from a label.

Source: O. Sener and S. Savarese, Active Learning for Convolutional Neural Networks: A Core-Set Approach,
ICLR 2018, https://arxiv.org/abs/1708.00489, algorithm 1 (k-Center-Greedy) in the features h. The centres at
the start are the labelled samples of this task. Where none is labelled, the pool sample nearest the pool's
mean is the first centre, and as a centre must carry a label, the first pick.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float64
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


@dataclass(frozen=True)
class KCenter(Base):
    def select(self, context: QueryContext) -> Selection:
        h = context.pool.h.double()
        if len(context.labelled):
            start, picked = nearest(h, context.labelled.h.double()), []
        else:
            first = int(nearest(h, h.mean(0, keepdim=True)).argmin())
            start, picked = nearest(h, h[[first]]), [first]
        return Selection(context.pool.ids[greedy(h, start, picked, context.n)], {"distance": start})


def greedy(h: Float64[Tensor, "pool dim"], start: Float64[Tensor, " pool"], picked: list[int], n: int) -> list[int]:
    """`picked` and then, up to `n` in all, always the sample farthest from its nearest centre."""
    distance = start.clone()
    picked = list(picked)
    distance[picked] = PICKED
    while len(picked) < n:
        # The pool is in order of id and argmax names the first of equals: ties go to the lower id.
        farthest = int(distance.argmax())
        distance = torch.minimum(distance, nearest(h, h[[farthest]]))
        distance[farthest] = PICKED
        picked.append(farthest)
    return picked


def nearest(
    points: Float64[Tensor, "points dim"], centres: Float64[Tensor, "centres dim"]
) -> Float64[Tensor, " points"]:
    """Distance of each point to its nearest centre.

    Summed from the differences: the expanded form ‖x‖² + ‖y‖² − 2⟨x, y⟩ does not give exact duplicates the
    distance 0, nor equal distances.
    """
    size = max(1, CHUNK_ENTRIES // len(centres))
    # Written in its place: small results between large temporaries keep the allocator from giving these back.
    found = points.new_empty(len(points))
    for start in range(0, len(points), size):
        rows = slice(start, start + size)
        found[rows] = torch.cdist(points[rows], centres, compute_mode="donot_use_mm_for_euclid_dist").amin(1)
    return found
