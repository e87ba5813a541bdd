"""Fisher information embeddings in factored form, AccuACL's target, its scores, and the trace objective.

Notation (AccuACL, ICLR 2025, and DESIGN section 3)
    x        a sample; h(x) ∈ R^d its features; p(x) ∈ R^C its probabilities over the query's classes
    f(x)     its Fisher information embedding, f[k, i] = p_k (1 − p_k) h_i²: the diagonal of the Fisher
             information of the last layer, E_y [ (∂ log p_y / ∂ W_ki)² ]
    a, b     its factors: f = a ⊗ b with a = p (1 − p), b = h²; N×C×d is never built
    F(S)     the mean of f over a set S
    F*       the target, λ F(M) + (1 − λ) F(U): the past (memory M) and the new (pool U); λ weighs the past
    kept     the entries (k, i) of F* that scores look at, the largest of each class
    M(x)     magnitude, ‖f(x)‖₂ over the kept entries
    D(x)     distribution score, exp(− JS(p_x, q) / mean JS), how alike x and the target are spread

Everything is float64: once the network is confident, p (1 − p) spans many orders of magnitude and float32
misranks the pool.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from acl.selection.query import QueryContext, Samples

CHUNK_ENTRIES = 200_000


def factors(samples: Samples) -> tuple[Float64[Tensor, "n classes"], Float64[Tensor, "n dim"]]:
    """a = p (1 − p) and b = h²; f(x) = a(x) ⊗ b(x)."""
    p = samples.p.double()
    return p * (1 - p), samples.h.double().square()


def mean_embedding(samples: Samples) -> Float64[Tensor, "classes dim"]:
    """F(S) = (1/|S|) Aᵀ B; zero for an empty set."""
    a, b = factors(samples)
    return a.T @ b / max(len(samples), 1)


@dataclass(frozen=True)
class Target:
    """F* and its two parts, each [C, d], already weighted: total = past + new."""

    past: Float64[Tensor, "classes dim"]
    new: Float64[Tensor, "classes dim"]

    @property
    def total(self) -> Float64[Tensor, "classes dim"]:
        return self.past + self.new


@dataclass(frozen=True)
class Kept:
    """The entries of F* that scores look at: class column and feature dimension of each, and F* there."""

    rows: Int64[Tensor, " kept"]
    dims: Int64[Tensor, " kept"]
    values: Float64[Tensor, " kept"]


@dataclass(frozen=True)
class Information:
    """What a context says of the Fisher information before any setting is chosen: worked out once, asked often.

    a, b: the factors of the pool's embeddings; past, new: F(M) and F(U), past None where the memory is empty.
    """

    a: Float64[Tensor, "pool classes"]
    b: Float64[Tensor, "pool dim"]
    past: Float64[Tensor, "classes dim"] | None
    new: Float64[Tensor, "classes dim"]

    @staticmethod
    def of(context: QueryContext) -> Information:
        a, b = factors(context.pool)
        past = mean_embedding(context.memory) if len(context.memory) else None
        return Information(a, b, past, a.T @ b / len(a))

    def target(self, lambda_: float) -> Target:
        """F* = λ F(M) + (1 − λ) F(U). An empty memory counts as λ = 0."""
        if self.past is None:
            return Target(torch.zeros_like(self.new), self.new)
        return Target(lambda_ * self.past, (1 - lambda_) * self.new)

    def embeddings(self, kept: Kept) -> Iterator[Float64[Tensor, "chunk kept"]]:
        """f(x) of the pool over the kept entries, as many rows at a time as a processor's cache holds."""
        size = max(1, CHUNK_ENTRIES // len(kept.rows))
        for start in range(0, len(self.a), size):
            rows = slice(start, start + size)
            yield self.a[rows][:, kept.rows] * self.b[rows][:, kept.dims]

    def spread(self, kept: Kept, position: int) -> tuple[Float64[Tensor, " kept"], Float64[Tensor, " kept"]]:
        """p_x of one pool sample and q, whose distance D(x) is made of: how its and the target's information are
        spread over the kept entries."""
        mu = kept.values.mean().clamp_min(torch.finfo(torch.float64).tiny)
        f = self.a[position, kept.rows] * self.b[position, kept.dims]
        return torch.softmax(f / mu, 0), torch.softmax(kept.values / mu, 0)

    def scores(self, kept: Kept) -> tuple[Float64[Tensor, " pool"], Float64[Tensor, " pool"]]:
        """M(x) and D(x) of every pool sample. If F* or every JS is zero on the kept entries, all D are 1."""
        mu = kept.values.mean()
        q = torch.softmax(kept.values / mu, 0)
        magnitudes, distances = [], []
        for f in self.embeddings(kept):
            magnitudes.append(f.square().sum(1).sqrt())
            if mu > 0:
                distances.append(js_distance(torch.softmax(f / mu, 1), q))
        magnitude = torch.cat(magnitudes)
        if mu == 0:
            return magnitude, torch.ones_like(magnitude)
        js = torch.cat(distances)
        mean = js.mean()
        return magnitude, torch.ones_like(js) if mean == 0 else torch.exp(-js / mean)


def target(context: QueryContext) -> Target:
    return Information.of(context).target(context.lambda_)


def keep_largest(total: Float64[Tensor, "classes dim"], n_kept: int) -> Kept:
    """The k = min(d, ⌊n_kept / C⌋) largest entries of each class, at least one; ties to the lower dimension."""
    n_classes, dim = total.shape
    k = max(1, min(dim, n_kept // n_classes))
    dims = torch.argsort(total, dim=1, descending=True, stable=True)[:, :k].reshape(-1)
    rows = torch.arange(n_classes, device=total.device).repeat_interleave(k)
    return Kept(rows, dims, total[rows, dims])


def js_distance(p: Float[Tensor, "n kept"], q: Float[Tensor, " kept"]) -> Float[Tensor, " n"]:
    """Jensen–Shannon distance (square root of the divergence, natural logarithm) of each row of p to q."""
    # Equal distributions may sum to -1e-17.
    return (js_terms(p, q).sum(1) / 2).clamp_min(0).sqrt()


def js_terms(p: Float[Tensor, "*n kept"], q: Float[Tensor, " kept"]) -> Float[Tensor, "*n kept"]:
    """What each entry adds to twice the Jensen–Shannon divergence: p ln(2p / (p+q)) + q ln(2q / (p+q))."""
    mixed = p + q
    terms = torch.xlogy(p, 2 * p / mixed) + torch.xlogy(q, 2 * q / mixed)
    # An entry that is zero on both sides adds nothing; 0/0 above would say NaN.
    return torch.where(mixed > 0, terms, torch.zeros_like(terms))


def magnitude_and_distribution(
    context: QueryContext, dims_per_class: int
) -> tuple[Float64[Tensor, " pool"], Float64[Tensor, " pool"]]:
    """M(x) and D(x) of every pool sample, as AccuACL scores them in this context."""
    information = Information.of(context)
    total = information.target(context.lambda_).total
    return information.scores(keep_largest(total, dims_per_class * context.n_classes))


@dataclass(frozen=True)
class TraceObjective:
    """J(S) and its parts: how well the picks cover what the target asks for; lower is better."""

    past: float
    new: float

    @property
    def total(self) -> float:
        return self.past + self.new


@dataclass(frozen=True)
class Objective:
    """What J asks of a set of picks: the parts of F* at the kept entries, and ε = 10⁻³ · mean F* there."""

    past: Float64[Tensor, " kept"]
    new: Float64[Tensor, " kept"]
    epsilon: float

    @staticmethod
    def of(parts: Target, kept: Kept) -> Objective:
        past, new = (part[kept.rows, kept.dims] for part in (parts.past, parts.new))
        return Objective(past, new, 1e-3 * float(kept.values.mean()))

    def of_cover(self, cover: Float64[Tensor, " kept"]) -> TraceObjective:
        """J of a set whose F(S) at the kept entries is `cover`."""
        return TraceObjective(*(float((part / (cover + self.epsilon)).sum()) for part in (self.past, self.new)))


def trace_objective(context: QueryContext, picks: Samples, dims_per_class: int) -> TraceObjective:
    """J(S) = Σ_j F*_j / (F(S)_j + ε) over AccuACL's kept entries, split by F*'s parts."""
    parts = target(context)
    kept = keep_largest(parts.total, dims_per_class * context.n_classes)
    return Objective.of(parts, kept).of_cover(mean_embedding(picks)[kept.rows, kept.dims])
