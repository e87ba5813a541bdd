"""The inverse A of an information matrix as samples are added and taken back, in two forms.

A⁻¹ = ridge·I + Σ weight · VᵀV starts from the labelled samples; A F A goes with it, F the mean of VᵀV over every
sample. A candidate's V_x is scaled by `scale`. ClassForm holds the matrices themselves, (C·d)². GramForm holds
V A Vᵀ over the rows of all samples, (r·N)², from which V A F A Vᵀ = (V A Vᵀ)²/N follows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from acl.selection.bait_fisher import Roots, mean_fisher

Forms = tuple[Float64[Tensor, "n r j"], Float64[Tensor, "n r j"]]


class Space(ABC):
    """A, the inverse of the information matrix, and the candidates it may be changed by. Indices are places among the
    candidates; all is float64."""

    @abstractmethod
    def forms(self) -> Forms:
        """K_x = V_x A V_xᵀ and Q_x = V_x A F A V_xᵀ of every candidate."""

    @abstractmethod
    def change(self, y: int, s_inverse: Float64[Tensor, "r r"], half_q: Float64[Tensor, "r r"]) -> Forms:
        """A ← A − A V_yᵀ S⁻¹ V_y A. Returns V_x A V_yᵀ and V_x A F A V_yᵀ of every candidate, as before the change."""

    @abstractmethod
    def take(self, keep: list[int]) -> Space:
        """The same A with only these candidates."""


@dataclass(frozen=True)
class ClassForm(Space):
    """A and AFA themselves; candidates are samples' scaled V."""

    candidates: Roots
    a: Float64[Tensor, "classes dim classes dim"]
    afa: Float64[Tensor, "classes dim classes dim"]

    @staticmethod
    def start(every: Roots, n_pool: int, scale: float, ridge: float) -> ClassForm:
        """A = (ridge·I + (1 − scale²) · mean of VᵀV over the labelled)⁻¹. every: the n_pool pool samples, which become
        the candidates, then the labelled ones."""
        target = mean_fisher(every.h, every.p)
        side = target.shape[0] * target.shape[1]
        information = mean_fisher(every.h[n_pool:], every.p[n_pool:]).reshape(side, side).mul_(1 - scale**2)
        information.diagonal().add_(ridge)
        a = torch.cholesky_inverse(torch.linalg.cholesky(information))
        afa = a @ target.reshape(side, side) @ a
        candidates = every.take(slice(n_pool)).scaled(scale)
        return ClassForm(candidates, a.reshape(target.shape), afa.reshape(target.shape))

    def forms(self) -> Forms:
        return self.candidates.forms(self.a), self.candidates.forms(self.afa)

    def change(self, y: int, s_inverse: Float64[Tensor, "r r"], half_q: Float64[Tensor, "r r"]) -> Forms:
        u, t = self.candidates.columns(self.a, y), self.candidates.columns(self.afa, y)
        us = u @ s_inverse
        subtract(_square(self.a), us.flatten(0, 1), u.flatten(0, 1))
        subtract_both(_square(self.afa), us.flatten(0, 1), (t - us @ half_q).flatten(0, 1))
        return self.candidates.times(u), self.candidates.times(t)

    def take(self, keep: list[int]) -> ClassForm:
        return ClassForm(self.candidates.take(keep), self.a, self.afa)


@dataclass(frozen=True)
class GramForm(Space):
    """V A Vᵀ over the rows of all samples, unscaled; candidates are places among the samples."""

    candidates: Int64[Tensor, " n"]
    r: int
    scale: float
    gram: Float64[Tensor, "rows rows"]

    @staticmethod
    def start(every: Roots, n_pool: int, scale: float, ridge: float) -> GramForm:
        """As ClassForm.start, with the matrix inversion lemma (Woodbury), so that no matrix over classes × dimensions
        is built."""
        n, r, _ = every.root.shape
        gram = every.gram()
        if n > n_pool:
            # Woodbury over the rows of the labelled, each of which weighs (1 − scale²) / their number.
            bought = gram[:, n_pool * r :]
            inner = bought[n_pool * r :].clone()
            inner.diagonal().add_(ridge * (n - n_pool) / (1 - scale**2))
            half = torch.linalg.solve_triangular(torch.linalg.cholesky(inner), bought.T, upper=False)
            subtract(gram, half.T, half.T)
        return GramForm(torch.arange(n_pool, device=gram.device), r, scale, gram.div_(ridge))

    def forms(self) -> Forms:
        blocks = self._blocks(self.gram)[self.candidates]
        own = self.candidates[:, None] * self.r + torch.arange(self.r, device=self.gram.device)
        k = blocks.gather(2, own[:, None, :].expand(-1, self.r, -1))
        return self.scale**2 * k, self.scale**2 / len(self._blocks(self.gram)) * (blocks @ blocks.mT)

    def change(self, y: int, s_inverse: Float64[Tensor, "r r"], half_q: Float64[Tensor, "r r"]) -> Forms:
        begin = int(self.candidates[y]) * self.r
        u = self.scale * self.gram[:, begin : begin + self.r]
        t = self.gram @ u / len(self._blocks(self.gram))
        subtract(self.gram, u @ s_inverse, u)
        uk, tk = (self.scale * self._blocks(rows)[self.candidates] for rows in (u, t))
        return uk, tk

    def take(self, keep: list[int]) -> GramForm:
        return GramForm(self.candidates[keep], self.r, self.scale, self.gram)

    def _blocks(self, rows: Tensor) -> Tensor:
        """Rows of all samples, cut into the r rows of each."""
        return rows.view(-1, self.r, rows.shape[1])


def identity(like: Tensor) -> Tensor:
    """The identity matrix [r, r] for matrices [.., r, r], of their dtype and device."""
    return torch.eye(like.shape[-1], dtype=like.dtype, device=like.device)


def subtract(matrix: Tensor, x: Tensor, y: Tensor) -> None:
    """matrix ← matrix − x yᵀ, in place; of one matrix or of a batch."""
    (matrix.addmm_ if matrix.ndim == 2 else matrix.baddbmm_)(x, y.mT, alpha=-1)


def subtract_both(matrix: Tensor, x: Tensor, y: Tensor) -> None:
    """matrix ← matrix − x yᵀ − y xᵀ, in place."""
    subtract(matrix, x, y)
    subtract(matrix, y, x)


def _square(matrix: Float64[Tensor, "classes dim classes dim"]) -> Float64[Tensor, "rows rows"]:
    side = matrix.shape[0] * matrix.shape[1]
    return matrix.view(side, side)
