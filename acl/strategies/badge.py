"""Uncertain samples that differ from each other: k-means++ over the gradients their own guess would give.

Source: J. T. Ash et al., Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds, ICLR 2020,
https://arxiv.org/abs/1906.03671, algorithm 1. The gradient embedding is g = r ⊗ h with r = p − onehot(argmax
p), never built: ‖g_x − g_y‖² = ‖r_x‖²‖h_x‖² + ‖r_y‖²‖h_y‖² − 2⟨r_x, r_y⟩⟨h_x, h_y⟩. As in the authors' code the
first pick has the largest norm; each next one is drawn with odds in proportion to the squared distance to
the nearest pick. Their p is over all outputs; here it is over the classes of the memory and the task.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from acl.seeds import key, uniforms
from acl.selection.query import QueryContext, Samples, Selection, first_equal
from acl.strategies.base import Base

LABEL = "BADGE"
COLOUR = "#A64FD6"
ORDER = 4
SCORES = {"gradient_norm": {"name": "gradient norm", "short": "gradient", "log": True}}
AXES = ("distance", "gradient_norm")
PICKS = "each next one was drawn by its distance to those before"

PICKED = -1.0
"""Below every squared distance, so that a picked sample never wins the draw again."""


@dataclass(frozen=True)
class Badge(Base):
    """BADGE (Ash et al. 2020, algorithm 1): k-means++ seeding over gradient embeddings."""

    def select(self, context: QueryContext) -> Selection:
        gradients = embed(context.pool)
        ids = context.pool.ids.cpu().numpy()
        # The pool is in order of id and argmax names the first of equals: ties go to the lower id.
        picked = [int(gradients.norm2.argmax())]
        distance2 = gradients.distance2(picked[0])
        while len(picked) < context.n:
            distance2[picked] = PICKED
            draw = key(context.seed, "badge", context.task, context.round, len(picked))
            picked.append(race(distance2, uniforms(draw, ids)))
            distance2 = torch.minimum(distance2, gradients.distance2(picked[-1]))
        return Selection(context.pool.ids[picked], {"gradient_norm": gradients.norm2.sqrt()})


@dataclass(frozen=True)
class Gradients:
    """The factors of g = r ⊗ h of every sample, ‖g‖², and the first sample with the same g."""

    r: Float64[Tensor, "n classes"]
    h: Float64[Tensor, "n dim"]
    norm2: Float64[Tensor, " n"]
    same: Int64[Tensor, " n"]

    def distance2(self, y: int) -> Float64[Tensor, " n"]:
        """‖g_x − g_y‖² for every sample x."""
        product = (self.r @ self.r[y]) * (self.h @ self.h[y])
        distance2 = (self.norm2 + self.norm2[y] - 2 * product).clamp_min(0)
        # The three terms cancel only up to rounding; k-means++ must never draw a copy of what it has.
        return distance2.masked_fill(self.same == self.same[y], 0)


def embed(pool: Samples) -> Gradients:
    """The gradient embeddings of the pool, factored, float64."""
    p, h = pool.p.double(), pool.h.double()
    # argmax names the lower class of two equally probable ones.
    r = p.scatter_add(1, p.argmax(1, keepdim=True), p.new_full((len(p), 1), -1))
    return Gradients(r, h, r.square().sum(1) * h.square().sum(1), first_equal(pool))


def race(weights: Float64[Tensor, " n"], u: Float64[np.ndarray, " n"]) -> int:
    """A position drawn with odds in proportion to `weights`: the smallest of the exponentials −log(u) / weight.

    Each sample runs with its own random number, so that the draw is keyed by id. Where no weight is
    positive, the first of the largest wins: of the samples not picked yet, the lowest id.
    """
    return int((weights / torch.from_numpy(-np.log(u)).to(weights.device)).argmax())
