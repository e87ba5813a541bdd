"""Which entries decided: AccuACL's two scores of one sample, taken apart into what each kept Fisher entry adds.

M(x) = ‖f(x)‖₂, so that f_j² / M(x) of every entry j sum to M(x)
JS(p_x, q)² is half the sum of one term for each entry (acl.selection.fisher.js_terms), none below zero: each
entry's share of that sum is its share of what parts x from the target, 1 − D(x)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from acl.analysis.what_if import Ranking
from acl.selection.fisher import Information, embeddings, js_terms


@dataclass(frozen=True)
class Parts:
    """Of one sample, over the kept entries. magnitude sums to M(x), distribution to 1 − D(x); all are 0 or more. more:
    where the sample has a larger share of its Fisher information than the target has."""

    magnitude: Float64[Tensor, " kept"]
    distribution: Float64[Tensor, " kept"]
    more: Tensor


def parts(information: Information, ranking: Ranking, position: int) -> Parts:
    """Of the sample at this position of the pool, as `ranking` scored it."""
    kept = ranking.kept
    (f,) = embeddings(information.pool.take(slice(position, position + 1)), kept)
    squares = f[0].square()
    own, target = information.spread(kept, position)
    # A term of equal shares may round to -1e-17.
    terms = js_terms(own, target).clamp_min(0)
    lost = 1 - ranking.distribution[position]
    return Parts(_shared(ranking.magnitude[position], squares), _shared(lost, terms), own > target)


def _shared(whole: Float64[Tensor, ""], weights: Float64[Tensor, " kept"]) -> Float64[Tensor, " kept"]:
    """`whole` in proportion to `weights`; nothing where all of them are 0."""
    total = weights.sum()
    return whole * weights / total if total > 0 else torch.zeros_like(weights)


def largest(values: Float64[Tensor, " kept"], n: int) -> Int64[Tensor, " n"]:
    """Places of the `n` largest that are above 0, largest first; ties to the earlier entry."""
    order = torch.argsort(values, descending=True, stable=True)[:n]
    return order[values[order] > 0]
