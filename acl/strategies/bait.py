"""Samples that together shrink the expected loss on the whole task, by the exact last-layer Fisher matrix.

Source: J. T. Ash, S. Goel, A. Krishnamurthy and S. Kakade, Gone Fishing: Neural Active Learning with Fisher
Embeddings, NeurIPS 2021, https://arxiv.org/abs/2106.09675, algorithm 1, scaled as in the authors' code:

    I(x) = (diag p − ppᵀ) ⊗ hhᵀ = VᵀV with V_x = R_x ⊗ hᵀ; the rows of R_x are √p_c (e_c − p)ᵀ
    F    = mean of I over pool ∪ labelled; the memory takes no part
    A⁻¹  = 0.01·I + n_L/(n_L+n) · mean of I over labelled + n/(n_L+n) · Σ I over the picks

The sum over the picks is not divided by their number, as in the authors' code. Of the pool, 2n picks are made
greedily, each the one that lowers tr(A F) most, and then n taken back greedily, each the one that raises it
least. The authors' code takes p over all outputs; here it is over the classes of memory and task, scaled to sum
to 1 in float64, without which diag p − ppᵀ is not positive.

How: with K_x = V_x A V_xᵀ and Q_x = V_x A F A V_xᵀ the gain of x is tr((I + K_x)⁻¹ Q_x). All K and Q are computed
once, O(N d² C²), and after a pick y corrected by V_x A V_yᵀ and V_x A F A V_yᵀ (Woodbury), O(N d C²). Where
there are fewer rows V than classes times dimensions, A is held by what it makes of those rows (GramForm).

`top_classes` = r is an approximation: p is replaced, in every term above, by its r largest entries, scaled to
sum to 1. It makes V_x r rows instead of C, so that memory falls to (r N)², whatever C·d is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import psutil
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from acl.config import RunConfig, UserError
from acl.selection.bait_fisher import CHUNK_ENTRIES, roots, top_probabilities
from acl.selection.bait_inverse import ClassForm, GramForm, Space, identity, subtract, subtract_both
from acl.selection.query import QueryContext, Selection, first_equal
from acl.strategies.base import Base

LABEL = "BAIT"
SETTINGS = ("top_classes",)
COLOUR = "#CC79A7"
ORDER = 5
SCORES = {"gain": {"name": "gain in Fisher information", "log": True}}
AXES = ("entropy", "gain")
PICKS = "each next one depends on those before"

RIDGE = 0.01
"""Weight of the identity in A⁻¹ (the authors' lamb)."""
OVERSAMPLE = 2
"""Forward picks for each sample wanted, as in the authors' code."""
MEMORY_SHARE = 0.8
"""Part of the machine's free memory that one query may fill."""
CLASS_MATRICES = 4
"""Matrices of (C·d)² alive at once at the worst moment of ClassForm: F, A, A·F and their product."""
GRAM_MATRICES = 3
"""Matrices of (r·N)² alive at once at the worst moment of GramForm: the Gram matrix and what Woodbury needs."""
SAMPLE_MATRICES = 12
"""Matrices of r² for each pool sample: R, K, Q, the corrections and what the solver copies."""
LEAST_CLASSES = 2
"""Of one class alone p is 1 and its Fisher information 0."""
GB = 1e9
STRENGTH_LIMIT = 1e5
"""Largest trace of a sample's V Vᵀ against the ridge. Its pick shrinks Q from about strength² to about 1, and
float64 keeps what the subtraction leaves: at this limit later gains are right to about 10⁻⁴. Networks here
stay near 10³."""


@dataclass(frozen=True)
class Bait(Base):
    """top_classes: classes looked at for each sample; None is all, the exact method."""

    top_classes: int | None = None

    def select(self, context: QueryContext) -> Selection:
        refuse_if_too_large(context, self.top_classes)
        state = start(context, self.top_classes)
        # Exact duplicates must tie, whatever matrix products make of their last bits.
        same = first_equal(context.pool)
        scores = {"gain": state.gain()[same]}
        picked = forward(state, same, min(OVERSAMPLE * context.n, len(context.pool)))
        kept = backward(state, same, picked, context.n)
        return Selection(context.pool.ids[kept], scores)


def forward(state: State, same: Int64[Tensor, " pool"], n: int) -> list[int]:
    """`n` greedy picks, each the largest gain. The pool is in order of id: argmax gives ties to the lower id."""
    picked: list[int] = []
    while len(picked) < n:
        gain = state.gain()[same]
        gain[picked] = -torch.inf
        picked.append(int(gain.argmax()))
        state.change(picked[-1], 1)
    return picked


def backward(state: State, same: Int64[Tensor, " pool"], picked: list[int], n: int) -> list[int]:
    """`n` of `picked`, in their order: greedily without those whose removal costs least."""
    # From the highest id down: argmin names the first of equals, so that the lower id stays.
    left = sorted(picked, reverse=True)
    state = state.take(left)
    while len(left) > n:
        twins = same[left].tolist()
        last = {twin: place for place, twin in enumerate(twins)}
        worst = int(state.loss()[[last[twin] for twin in twins]].argmin())
        state.change(worst, -1)
        del left[worst]
        state = state.take([place for place in range(len(twins)) if place != worst])
    return [y for y in picked if y in left]


# -- what it costs ----------------------------------------------------------------------------------------


class Estimate(NamedTuple):
    """Bytes of memory that a query needs at its worst moment, and its floating-point operations."""

    bytes: int
    flops: float


def estimate(context: QueryContext, top_classes: int | None = None) -> Estimate:
    """The memory one query fills at its worst moment, and its floating-point operations."""
    n_pool, n_known = len(context.pool), len(context.pool) + len(context.labelled)
    n_classes = _h_and_p(context, top_classes)[1].shape[1]
    d, r = context.pool.h.shape[1], min(top_classes or n_classes, n_classes)
    n_forward = min(OVERSAMPLE * context.n, n_pool)
    changes = 2 * n_forward - context.n
    samples = SAMPLE_MATRICES * n_pool * r**2 + n_known * (2 * d + 4 * n_classes) + 2 * CHUNK_ENTRIES
    flops = SAMPLE_MATRICES * n_forward * n_pool * r**3
    # Multiply-adds count as two; the cubes are those of the inverse and of A F A.
    if n_known * r < n_classes * d:
        square = GRAM_MATRICES * (side := n_known * r) ** 2
        flops += 2 * side**2 * (d + n_classes + 2 * (side - n_pool * r) + r + 2 * r * changes)
    else:
        square = CLASS_MATRICES * (side := n_classes * d) ** 2
        flops += (n_known + 2 * n_pool) * (r * d) ** 2 + 5 * side**3
        flops += changes * 6 * side**2 * r + n_forward * 4 * n_pool * side * r
    bytes_per_float = torch.finfo(torch.float64).bits // 8
    return Estimate((square + samples) * bytes_per_float, flops)


def flops(context: QueryContext, config: RunConfig) -> float:
    """Floating-point operations of one query."""
    return float(estimate(context, config.top_classes).flops)


def refuse_if_too_large(context: QueryContext, top_classes: int | None) -> None:
    """UserError with the numbers, and a `top_classes` that does fit if there is one."""
    room = int(MEMORY_SHARE * psutil.virtual_memory().available)
    needed = estimate(context, top_classes).bytes
    if needed <= room:
        return
    fewer = (top_classes or context.pool.p.shape[1]) // 2
    while fewer >= LEAST_CLASSES and estimate(context, fewer).bytes > room:
        fewer //= 2
    advice = f"set top_classes to {fewer} (an approximation)" if fewer >= LEAST_CLASSES else "use fewer dimensions"
    n_classes, d = context.pool.p.shape[1], context.pool.h.shape[1]
    raise UserError(
        f"BAIT needs {needed / GB:.1f} GB for {len(context.pool)} samples, {n_classes} classes and {d} dimensions, "
        f"and may use {room / GB:.1f} GB: {advice}, or another strategy."
    )


def refuse_if_too_strong(h: Float64[Tensor, "n dim"], weight: Float64[Tensor, " n"]) -> None:
    """UserError where float64 cannot hold both the ridge and the largest sample."""
    strength = float((weight * h.square().sum(1)).max()) / RIDGE
    if strength > STRENGTH_LIMIT:
        raise UserError(
            f"BAIT cannot rank features this large (strength {strength:.0e} against its ridge, at most "
            f"{STRENGTH_LIMIT:.0e}): scale the features down."
        )


# -- the greedy search ------------------------------------------------------------------------------------


@dataclass
class State:
    """What the picks so far leave: A and AFA in one of two forms, and K_x and Q_x of every candidate."""

    space: Space
    k: Float64[Tensor, "n r r"]
    q: Float64[Tensor, "n r r"]

    def gain(self) -> Float64[Tensor, " n"]:
        """How much each sample would lower tr(A F) if it were added: tr((I + K)⁻¹ Q)."""
        factor = torch.linalg.cholesky(identity(self.k) + self.k)
        return _trace(torch.cholesky_solve(self.q, factor))

    def loss(self) -> Float64[Tensor, " n"]:
        """How much each sample would raise tr(A F) if it were taken back: tr((I − K)⁻¹ Q)."""
        return _trace(torch.linalg.solve(identity(self.k) - self.k, self.q))

    def change(self, y: int, sign: int) -> None:
        """Add (sign 1) or take back (−1) sample y: A ← A − A V_yᵀ S⁻¹ V_y A with S = K_y ± I; the rest follows."""
        s_inverse = torch.linalg.inv(sign * identity(self.k) + self.k[y])
        half_q = self.q[y] / 2
        uk, tk = self.space.change(y, s_inverse, half_q)
        ks = uk @ s_inverse
        subtract(self.k, ks, uk)
        subtract_both(self.q, ks, tk - ks @ half_q)

    def take(self, keep: list[int]) -> State:
        """The state with only the samples at these places."""
        return State(self.space.take(keep), self.k[keep], self.q[keep])


def start(context: QueryContext, top_classes: int | None) -> State:
    """Before the first pick: A₀ and A₀FA₀ in the smaller of the two forms, K and Q of every pool sample."""
    n_pool = len(context.pool)
    h, p = _h_and_p(context, top_classes)
    scale = sqrt(context.n / (len(context.labelled) + context.n))
    refuse_if_too_strong(h[:n_pool], scale**2 * (p * (1 - p)).sum(1)[:n_pool])
    every = roots(h, p, top_classes or p.shape[1])
    form = GramForm if every.root.shape[:2].numel() < h.shape[1] * p.shape[1] else ClassForm
    space = form.start(every, n_pool, scale, RIDGE)
    return State(space, *space.forms())


def _h_and_p(
    context: QueryContext, top_classes: int | None
) -> tuple[Float64[Tensor, "n dim"], Float64[Tensor, "n classes"]]:
    """Features and probabilities of pool, then labelled, without the classes that have no probability anywhere."""
    known = [samples for samples in (context.pool, context.labelled) if len(samples)]
    p = torch.cat([top_probabilities(samples, top_classes) for samples in known])
    return torch.cat([samples.h.double() for samples in known]), p[:, p.sum(0) > 0]


def _trace(matrices: Float64[Tensor, "n r r"]) -> Float64[Tensor, " n"]:
    return matrices.diagonal(dim1=1, dim2=2).sum(1)
