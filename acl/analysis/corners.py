"""Four samples that show what the two scores say: high and low magnitude × high and low distribution score."""

from __future__ import annotations

import torch
from jaxtyping import Float64
from torch import Tensor

CORNERS = ((True, False), (True, True), (False, False), (False, True))
"""(high M, high D) of each, in the order in which the plane of D across and M up shows them."""


def corners(
    magnitude: Float64[Tensor, " pool"], distribution: Float64[Tensor, " pool"]
) -> tuple[tuple[int, ...], float]:
    """For each of CORNERS the position of the sample that is farthest in it: the worse of its two places, by share of
    the pool that lies behind it, is the best; ties go to the lower position. And how far the worst of the four is in
    its corner, 0..1: below ½ it lies outside of it."""
    m, d = _share_below(magnitude), _share_below(distribution)
    found, far = [], []
    for high_m, high_d in CORNERS:
        inside = torch.minimum(m if high_m else 1 - m, d if high_d else 1 - d)
        found.append(int(inside.argmax()))
        far.append(float(inside.max()))
    return tuple(found), min(far)


def _share_below(score: Float64[Tensor, " pool"]) -> Float64[Tensor, " pool"]:
    """Of each sample its place from 0, the lowest, to 1; of equal ones the lower position is lower."""
    return score.argsort(stable=True).argsort().double() / max(len(score) - 1, 1)
