"""The exact Fisher information of the last layer, I(x) = (diag p − ppᵀ) ⊗ hhᵀ, without building I(x).

    I(x) = VᵀV with V_x = R_x ⊗ hᵀ and RᵀR = diag p − ppᵀ; the rows of R_x are √p_c (e_c − p)ᵀ

Where each sample has only r classes with a probability, R_x is r × r. A matrix over classes × dimensions has
the shape [C, d, C, d]. acl/fisher.py has the diagonal of the same matrix, which is all that AccuACL uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from acl.selection.query import Samples

CHUNK_ENTRIES = 4_000_000


def top_probabilities(samples: Samples, top_classes: int | None) -> Float64[Tensor, "n classes"]:
    """p with only its `top_classes` largest entries (ties to the lower class), scaled to sum to 1."""
    p = samples.p.double()
    if top_classes is not None:
        p = p.scatter(1, torch.argsort(p, dim=1, descending=True, stable=True)[:, top_classes:], 0)
    return p / p.sum(1, keepdim=True)


def mean_fisher(
    h: Float64[Tensor, "n dim"], p: Float64[Tensor, "n classes"]
) -> Float64[Tensor, "classes dim classes dim"]:
    """The mean of (diag p − ppᵀ) ⊗ hhᵀ, block by block; zero for no samples."""
    (n, d), n_classes = h.shape, p.shape[1]
    mean = h.new_zeros(n_classes, d, n_classes, d)
    for c, k, rows in _blocks(p):
        weight = p[rows, c] * (float(c == k) - p[rows, k])
        mean[c, :, k] = mean[k, :, c] = (h[rows] * weight[:, None]).T @ h[rows] / max(n, 1)
    return mean


def _blocks(p: Float64[Tensor, "n classes"]) -> Iterator[tuple[int, int, Int64[Tensor, " rows"]]]:
    """Every pair of classes c ≤ k, and the samples for which both have a probability."""
    for c, k in combinations_with_replacement(range(p.shape[1]), 2):
        yield c, k, (p[:, c] * p[:, k]).nonzero().flatten()


@dataclass(frozen=True)
class Roots:
    """V_x = R_x ⊗ hᵀ on the r classes of each sample that have a probability."""

    h: Float64[Tensor, "n dim"]
    p: Float64[Tensor, "n classes"]
    top: Int64[Tensor, "n r"]
    root: Float64[Tensor, "n r r"]

    def forms(self, matrix: Float64[Tensor, "classes dim classes dim"]) -> Float64[Tensor, "n r r"]:
        """V_x `matrix` V_xᵀ of every sample, from the C² forms hᵀ matrix_{ck} h."""
        place = torch.zeros_like(self.p, dtype=torch.int64)
        place.scatter_(1, self.top, torch.arange(self.top.shape[1], device=place.device).expand_as(self.top))
        raw = torch.zeros_like(self.root)
        for c, k, rows in _blocks(self.p):
            h, i, j = self.h[rows], place[rows, c], place[rows, k]
            raw[rows, i, j] = raw[rows, j, i] = ((h @ matrix[c, :, k]) * h).sum(1)
        return self.root @ raw @ self.root.mT

    def times(self, columns: Float64[Tensor, "classes dim j"]) -> Float64[Tensor, "n r j"]:
        """V_x `columns` of every sample, some samples at a time."""
        n_classes, d, j = columns.shape
        flat = columns.transpose(0, 1).reshape(d, n_classes * j)
        size = max(1, CHUNK_ENTRIES // (n_classes * j))
        parts = []
        for begin in range(0, len(self.h), size):
            rows = slice(begin, begin + size)
            products = (self.h[rows] @ flat).reshape(-1, n_classes, j)
            own = products.take_along_dim(self.top[rows, :, None], 1)
            parts.append(self.root[rows] @ own)
        return torch.cat(parts)

    def scaled(self, scale: float) -> Roots:
        """The same samples with V_x times `scale`."""
        return Roots(self.h, self.p, self.top, scale * self.root)

    def gram(self) -> Float64[Tensor, "rows rows"]:
        """V Vᵀ for the r rows of every sample one below the other: ⟨R_x, R_z⟩ ⟨h_x, h_z⟩."""
        n, r, _ = self.root.shape
        spread = self.root.new_zeros(n, r, self.p.shape[1])
        spread = spread.scatter(2, self.top[:, None, :].expand_as(self.root), self.root).flatten(0, 1)
        gram = spread @ spread.T
        gram.view(n, r, n, r).mul_((self.h @ self.h.T)[:, None, :, None])
        return gram

    def take(self, keep: list[int] | slice) -> Roots:
        """These samples alone."""
        return Roots(self.h[keep], self.p[keep], self.top[keep], self.root[keep])

    def columns(self, matrix: Float64[Tensor, "classes dim classes dim"], y: int) -> Float64[Tensor, "classes dim r"]:
        """`matrix` V_yᵀ of one sample, for a symmetric matrix."""
        rows = [torch.tensordot(self.h[y], matrix[c], 1) for c in self.top[y].tolist()]
        return torch.stack(rows, 2) @ self.root[y].T


def roots(h: Float64[Tensor, "n dim"], p: Float64[Tensor, "n classes"], r: int) -> Roots:
    """V_x of samples by their h and p, over the r most probable classes of each (ties to the lower class); exact where
    no other class has a probability."""
    # In order of class, so that r = C is bit for bit the exact method.
    top = torch.argsort(p, dim=1, descending=True, stable=True)[:, :r].sort(1).values
    own = p.gather(1, top)
    eye = torch.eye(top.shape[1], dtype=p.dtype, device=p.device)
    return Roots(h, p, top, own.sqrt()[:, :, None] * (eye - own[:, None, :]))
