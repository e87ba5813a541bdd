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
misranks the pool. Large pools are scored by a cheaper form of JS with a proven error (js_squared), and by
js_distance where that error could decide who is a candidate: the candidates are those of js_distance exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from acl.selection.query import QueryContext, Samples

CHUNK_ENTRIES = 200_000
BLOCK = 2048
"""Samples whose embeddings are summed by one matrix product, so that memory stays flat; and the largest pool whose
every score is worth its exact form."""
ACCURACY = 1e-7
"""Of JS in larger pools, relative and at worst: half of it is the largest error that js_squared may leave there."""


def factors(samples: Samples) -> tuple[Float64[Tensor, "n classes"], Float64[Tensor, "n dim"]]:
    """a = p (1 − p) and b = h²; f(x) = a(x) ⊗ b(x)."""
    p = samples.p.double()
    return p * (1 - p), samples.h.double().square()


def mean_embedding(samples: Samples) -> Float64[Tensor, "classes dim"]:
    """F(S) = (1/|S|) Aᵀ B; zero for an empty set."""
    total = samples.h.new_zeros(samples.p.shape[1], samples.h.shape[1], dtype=torch.float64)
    for start in range(0, len(samples), BLOCK):
        a, b = factors(samples.take(slice(start, start + BLOCK)))
        total += a.T @ b
    return total / max(len(samples), 1)


@dataclass(frozen=True)
class Target:
    """F* and its two parts, each [C, d], already weighted: total = past + new."""

    past: Float64[Tensor, "classes dim"]
    new: Float64[Tensor, "classes dim"]

    @property
    def total(self) -> Float64[Tensor, "classes dim"]:
        """F* [C, d] = past + new."""
        return self.past + self.new


@dataclass(frozen=True)
class Kept:
    """The entries of F* that scores look at, equally many of each class and class by class: class column and feature
    dimension of each, and F* there."""

    rows: Int64[Tensor, " kept"]
    dims: Int64[Tensor, " kept"]
    values: Float64[Tensor, " kept"]


@dataclass(frozen=True)
class Information:
    """What a context says of the Fisher information before any setting is chosen: worked out once, asked often.

    past, new: F(M) and F(U), past None where the memory is empty.
    """

    pool: Samples
    past: Float64[Tensor, "classes dim"] | None
    new: Float64[Tensor, "classes dim"]

    @staticmethod
    def of(context: QueryContext) -> Information:
        """The mean embeddings of pool and memory of a query."""
        past = mean_embedding(context.memory) if len(context.memory) else None
        return Information(context.pool, past, mean_embedding(context.pool))

    def target(self, lambda_: float) -> Target:
        """F* = λ F(M) + (1 − λ) F(U). An empty memory counts as λ = 0."""
        if self.past is None:
            return Target(torch.zeros_like(self.new), self.new)
        return Target(lambda_ * self.past, (1 - lambda_) * self.new)

    def spread(self, kept: Kept, position: int) -> tuple[Float64[Tensor, " kept"], Float64[Tensor, " kept"]]:
        """p_x of one pool sample and q, whose distance D(x) is made of: how its and the target's information are
        spread over the kept entries."""
        mu = kept.values.mean().clamp_min(torch.finfo(torch.float64).tiny)
        (f,) = embeddings(self.pool.take(slice(position, position + 1)), kept)
        return torch.softmax(f[0] / mu, 0), torch.softmax(kept.values / mu, 0)

    def scores(
        self, kept: Kept, candidates: int | None = None
    ) -> tuple[Float64[Tensor, " pool"], Float64[Tensor, " pool"]]:
        """M(x) and D(x) of every pool sample. If F* or every JS is zero on the kept entries, all D are 1.

        Which samples have the `candidates` largest D (ties to the lower id) is as if each JS were js_distance's; None
        where that does not matter. In a pool of more than one BLOCK, D itself differs from that by rounding.
        """
        size = len(self.pool)
        scored = _fast_scores(self.pool, kept, candidates or size) if size > BLOCK else None
        magnitude, js = scored or _scores(self.pool, kept)
        mean = js.mean()
        return magnitude, torch.ones_like(js) if mean == 0 else torch.exp(-js / mean)


def embeddings(samples: Samples, kept: Kept) -> Iterator[Float64[Tensor, "chunk kept"]]:
    """f(x) over the kept entries, as many rows at a time as a processor's cache holds."""
    size = max(1, CHUNK_ENTRIES // len(kept.rows))
    for start in range(0, len(samples), size):
        chunk = samples.take(slice(start, start + size))
        p = chunk.p.double()
        f = chunk.h.index_select(1, kept.dims).double().square_()
        f.view(*p.shape, -1).mul_((p * (1 - p))[:, :, None])
        yield f


def target(context: QueryContext) -> Target:
    """F* of a query, in its two parts, at its λ."""
    return Information.of(context).target(context.lambda_)


def keep_largest(total: Float64[Tensor, "classes dim"], n_kept: int) -> Kept:
    """The k = min(d, ⌊n_kept / C⌋) largest entries of each class, at least one; ties to the lower dimension."""
    n_classes, dim = total.shape
    k = max(1, min(dim, n_kept // n_classes))
    values, dims = total.topk(min(k + 1, dim), dim=1)
    if bool((values.diff(dim=1) == 0).any()):  # topk leaves open which of equals it names first
        dims = torch.argsort(total, dim=1, descending=True, stable=True)
    dims = dims[:, :k].reshape(-1)
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


def js_squared(
    z: Float64[Tensor, "n kept"], p: Float64[Tensor, "n kept"], q: Float64[Tensor, " kept"]
) -> Float64[Tensor, " n"]:
    """js_distance(p, q)² for p = softmax(z), with one logarithm an entry instead of two; p is overwritten.

    As ln p = z − ln Σ exp z, and with m = p + q, JS² = ½ (Σ p z − ln Σ exp z + Σ q ln q − Σ m ln m) + ln 2.
    """
    log_sum = z.amax(1) - p.amax(1).log()
    cross = (p * z).sum(1)
    mixed = p.add_(q)
    return (cross - log_sum + torch.xlogy(q, q).sum() - mixed.log().mul_(mixed).sum(1)) / 2 + math.log(2)


def js_squared_error(z: Float64[Tensor, " n"], n_kept: int) -> Float64[Tensor, " n"]:
    """How far js_squared can be from the square of js_distance, both as computed; z: no smaller than any |z_j|.

    To first order in u = 2⁻⁵³, with K entries, sums in any order (relative error K u of the sum of the absolute
    values), and exp and log right to 4 units in the last place (8 u; their libraries promise 1 or 2):

    - p_j = softmax(z)_j (1 + δ_j) with |δ_j| ≤ δ = u (2 z + K + 16): rounding of z_j − max z, exp, sum, division.
    - Σ p z has the error (K + 1) u z; ln Σ exp z, at most z + ln K, the error δ + u (z + 9 ln K).
    - Σ p ln p = Σ p z − ln Σ exp z holds up to δ (z + ln K + 1), as Σ p = 1 up to δ.
    - Σ |m ln m| ≤ 2 ln K + 2, so Σ m ln m has the error u (K + 12) (2 ln K + 2); Σ q ln q half of that.
    - ln 2 · Σ m is 2 ln 2 up to δ + u (3 K + 16), as z for q is at most K.

    Together, halved: u (z + K + 16) (z + 3 ln K + 6). js_distance adds up terms of which Σ |p ln (2p/m)| ≤ ln 2 + ½, so
    its own error is at most 2 u (K + 16). The sum is below u (z + K + 16) (z + 3 ln K + 8). Twice that leaves room for
    terms of second order, and for 32 u: samples whose JS² differs by less may tie in D = exp(−JS / mean JS).
    """
    u = torch.finfo(torch.float64).eps / 2
    return 2 * u * (z + n_kept + 16) * (z + 3 * math.log(n_kept) + 8)


def _each(
    samples: Samples, kept: Kept, apart: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> tuple[Float64[Tensor, " n"], Float64[Tensor, " n"]]:
    """M(x), and how far p_x = softmax(z) and q are `apart`, told z = f(x) / μ, p_x and q; 0 where F* is."""
    mu = kept.values.mean()
    q = torch.softmax(kept.values / mu, 0)
    magnitude = samples.h.new_empty(len(samples), dtype=torch.float64)
    found = torch.zeros_like(magnitude)
    start = 0
    for f in embeddings(samples, kept):
        rows = slice(start, start := start + len(f))
        magnitude[rows] = f.square().sum(1).sqrt()
        if mu > 0:
            z = f.div_(mu)
            found[rows] = apart(z, torch.softmax(z, 1), q)
    return magnitude, found


def _scores(samples: Samples, kept: Kept) -> tuple[Float64[Tensor, " n"], Float64[Tensor, " n"]]:
    """M(x) and JS(p_x, q) by js_distance."""
    return _each(samples, kept, lambda z, p, q: js_distance(p, q))


def _fast_scores(
    pool: Samples, kept: Kept, candidates: int
) -> tuple[Float64[Tensor, " pool"], Float64[Tensor, " pool"]] | None:
    """M(x), and JS(p_x, q) by js_squared; by js_distance for those that may or may not be among the `candidates`
    smallest. None where it cannot be told for certain who is."""
    magnitude, squared = _each(pool, kept, js_squared)
    # |z_j| = |f_j| / μ is at most M / μ.
    error = js_squared_error(magnitude / kept.values.mean(), len(kept.values))
    if not bool((squared.isfinite() & error.isfinite()).all()):
        return None
    js = squared.clamp_min(0).sqrt()
    # The JS² of the last candidate lies between those of its rank among the lower and among the upper bounds.
    low, high = ((squared + side * error).kthvalue(candidates).values for side in (-1, 1))
    undecided = (squared + error >= low) & (squared - error <= high)
    # A root magnifies the error of what is next to nothing.
    again = (undecided | (squared < error / ACCURACY)).nonzero()[:, 0]
    js[again] = _scores(pool.take(again), kept)[1]
    last = js.kthvalue(candidates).values
    gap = (js - last).abs()[undecided]
    # A D made with another mean may tie what is this close and not equal.
    close = 16 * torch.finfo(torch.float64).eps * (last + js.mean())
    return None if bool(((gap > 0) & (gap <= close)).any()) else (magnitude, js)


def magnitude_and_distribution(
    context: QueryContext, dims_per_class: int, candidates: int | None = None
) -> tuple[Float64[Tensor, " pool"], Float64[Tensor, " pool"]]:
    """M(x) and D(x) of every pool sample, as AccuACL scores them in this context; see Information.scores."""
    information = Information.of(context)
    kept = keep_largest(information.target(context.lambda_).total, dims_per_class * context.n_classes)
    return information.scores(kept, candidates)


@dataclass(frozen=True)
class TraceObjective:
    """J(S) and its parts: how well the picks cover what the target asks for; lower is better."""

    past: float
    new: float

    @property
    def total(self) -> float:
        """J = past + new."""
        return self.past + self.new


@dataclass(frozen=True)
class Objective:
    """What J asks of a set of picks: the parts of F* at the kept entries, and ε = 10⁻³ · mean F* there."""

    past: Float64[Tensor, " kept"]
    new: Float64[Tensor, " kept"]
    epsilon: float

    @staticmethod
    def of(parts: Target, kept: Kept) -> Objective:
        """The objective of a target at the kept entries."""
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
