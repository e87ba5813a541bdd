"""What is known of a set of pool samples before its labels are learned: one number a score, from the query's snapshot.

All are of the network as it was when the query was asked, in float64. Gradients are those of the last layer (weights
and bias), of the cross-entropy of the true label over the query's classes: (p − one-hot label) ⊗ (h, 1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from acl.analysis.every_query import evenness
from acl.analysis.outcomes.query import Query
from acl.selection.bait_fisher import mean_fisher, top_probabilities
from acl.selection.fisher import Information, Kept, Objective, keep_largest, mean_embedding
from acl.selection.query import QueryContext, Samples

MOST_ROWS, MOST_PRODUCTS = 2_000, 10**11
"""Of the exact Fisher matrix, classes × features; and of making it, samples × rows²: above that it takes seconds."""


@dataclass(frozen=True)
class Score:
    """label: as it stands in tables and pictures; meaning: one sentence."""

    label: str
    meaning: str


SCORES = {
    "J": Score("J", "The trace objective over the Fisher entries that AccuACL keeps; lower is meant to be better."),
    "J_past": Score("J, past term", "What J asks of the set for the memory; lower is meant to be better."),
    "J_new": Score("J, new term", "What J asks of the set for the pool; lower is meant to be better."),
    "J_all": Score("J, all entries", "The same sum over every entry of the diagonal, not only those that are kept."),
    "exact": Score(
        "exact Fisher trace",
        "tr[I(S)⁻¹ (λ I(M) + (1 − λ) I(U))] by the whole matrix of the last layer; lower is meant to be better.",
    ),
    "M": Score("mean M", "Magnitude ‖f(x)‖ over the kept entries, mean over the set."),
    "D": Score("mean D", "Distribution score: how alike a sample's information and the target's are spread, mean."),
    "entropy": Score("entropy", "Of the predicted distribution, mean over the set."),
    "loss": Score("loss of the true label", "Cross-entropy before it is learned, mean over the set."),
    "gradient": Score("gradient norm", "Of the loss of the true label, in the last layer, mean over the set."),
    "interference": Score(
        "gradient with the memory's",
        "⟨g(S), g(M)⟩, inner product of the mean gradients of set and memory in the last layer: positive where a step "
        "on the set lowers the memory's loss too.",
    ),
    "nearest_pick": Score("distance to the next pick", "In the features, mean: small where the set is redundant."),
    "nearest_memory": Score("distance to memory", "To the nearest memory sample in the features, mean over the set."),
    "balance": Score("class balance", "Evenness of the true classes: 1 where the set has as many of each class."),
    "n": Score("n", "Size of the set: judged over random sets of all sizes."),
}  # fmt: skip
TRUE_LABELS = "The true labels of the {} are not known here."
NO_MEMORY = "The memory of this query is empty."


class Scorer:
    """Scores of sets of the pool of `context`.

    labels: true labels of pool and memory, as far as they are known; dims_per_class: of AccuACL. left_out: by the name
    of each score that no set can have here, why, in one sentence.
    """

    def __init__(self, context: QueryContext, labels: Mapping[int, int], dims_per_class: int) -> None:
        self.context, self.left_out = context, dict[str, str]()
        self._place = {id_: place for place, id_ in enumerate(context.pool.ids.tolist())}
        information = Information.of(context)
        parts = information.target(context.lambda_)
        self._kept = keep_largest(parts.total, dims_per_class * context.n_classes)
        self._objective = Objective.of(parts, self._kept)
        self._every = _every_entry(parts.total)
        self._objective_all = Objective.of(parts, self._every)
        self._exact = self._exact_target()
        magnitude, distribution = information.scores(self._kept)
        p = context.pool.p.double()
        self.of_samples: dict[str, Float64[Tensor, " pool"]] = {
            "M": magnitude, "D": distribution, "entropy": -torch.xlogy(p, p).sum(1),
        }  # fmt: skip
        self._classes = columns(context.pool, labels, context.classes)
        self._by_memory(columns(context.memory, labels, context.classes))
        self._by_labels()

    @staticmethod
    def of(query: Query) -> Scorer:
        """The scores of a query, with the true labels of its run's stream."""
        labels = query.loop.stream.labels
        ids = [*query.context.pool.ids.tolist(), *query.context.memory.ids.tolist()]
        return Scorer(query.context, {i: int(labels[i]) for i in ids}, query.loop.config.dims_per_class)

    def scores(self, ids: Sequence[int]) -> dict[str, float]:
        """By name, of a set of at least one sample of the pool; NaN for a score that it does not have."""
        places = torch.tensor([self._place[i] for i in ids])
        picks = self.context.pool.take(places)
        cover = mean_embedding(picks)
        j = self._objective.of_cover(cover[self._kept.rows, self._kept.dims])
        found = {name: math.nan for name in SCORES} | {
            name: float(values[places].mean()) for name, values in self.of_samples.items()
        }
        found |= {"J": j.total, "J_past": j.past, "J_new": j.new, "n": float(len(ids))}
        found["J_all"] = self._objective_all.of_cover(cover[self._every.rows, self._every.dims]).total
        if self._exact is not None:
            found["exact"] = exact_trace(picks, self._exact)
        if len(ids) > 1:
            h = picks.h.double()
            found["nearest_pick"] = float(torch.cdist(h, h).fill_diagonal_(torch.inf).amin(1).mean())
        if self._classes is not None:
            counts = torch.bincount(self._classes[places], minlength=len(self.context.classes)).tolist()
            even = evenness([count for count in counts if count], len(set(self._classes.tolist())))
            found["balance"] = math.nan if even is None else even
        return found | {name: math.nan for name in self.left_out}

    def _by_memory(self, classes: Int64[Tensor, " m"] | None) -> None:
        """What needs the memory, and with its labels the gradient of its loss."""
        self._memory_gradient: Float64[Tensor, "classes features"] | None = None
        memory = self.context.memory
        if not len(memory):
            self.left_out |= dict.fromkeys(("J_past", "nearest_memory", "interference"), NO_MEMORY)
            return
        distances = torch.cdist(self.context.pool.h.double(), memory.h.double())
        self.of_samples["nearest_memory"] = distances.amin(1)
        if classes is None:
            self.left_out["interference"] = TRUE_LABELS.format("memory")
            return
        errors, features = gradients(memory, classes)
        self._memory_gradient = errors.T @ features / len(memory)

    def _by_labels(self) -> None:
        """What needs the labels of the pool."""
        if self._classes is None:
            why = TRUE_LABELS.format("pool")
            self.left_out |= dict.fromkeys(("loss", "gradient", "interference", "balance"), why)
            return
        self.of_samples["loss"] = losses(self.context.pool, self._classes)
        errors, features = gradients(self.context.pool, self._classes)
        self.of_samples["gradient"] = errors.norm(dim=1) * features.norm(dim=1)
        if self._memory_gradient is not None:
            self.of_samples["interference"] = ((errors @ self._memory_gradient) * features).sum(1)

    def _exact_target(self) -> Float64[Tensor, "rows rows"] | None:
        context = self.context
        n_classes, dim = context.pool.p.shape[1], context.pool.h.shape[1]
        rows = n_classes * dim
        if rows > MOST_ROWS or (len(context.pool) + len(context.memory)) * rows**2 > MOST_PRODUCTS:
            self.left_out["exact"] = (
                f"The exact Fisher matrix of {n_classes} classes × {dim} features over {len(context.pool):,} samples "
                "is too large to be worked with here."
            )
            return None
        return exact_target(context)


def columns(samples: Samples, labels: Mapping[int, int], classes: Sequence[int]) -> Int64[Tensor, " n"] | None:
    """Which of the query's classes each sample is of; None where one of them is not known."""
    column = {c: place for place, c in enumerate(classes)}
    found = [column.get(labels.get(i, -1), -1) for i in samples.ids.tolist()]
    return None if -1 in found else torch.tensor(found, dtype=torch.int64)


def losses(samples: Samples, classes: Int64[Tensor, " n"]) -> Float64[Tensor, " n"]:
    """Cross-entropy of each sample's true label."""
    p = samples.p.double().gather(1, classes[:, None]).squeeze(1)
    # A probability that float32 calls 0 has a finite loss all the same.
    return -p.clamp_min(torch.finfo(torch.float32).tiny).log()


def gradients(
    samples: Samples, classes: Int64[Tensor, " n"]
) -> tuple[Float64[Tensor, "n classes"], Float64[Tensor, "n features"]]:
    """The two factors of each sample's gradient: p − one-hot label, and (h, 1)."""
    errors = samples.p.double().clone()
    errors[torch.arange(len(classes)), classes] -= 1
    h = samples.h.double()
    return errors, torch.cat([h, h.new_ones(len(h), 1)], 1)


def _every_entry(total: Float64[Tensor, "classes dim"]) -> Kept:
    return keep_largest(total, total.numel())


def exact_target(context: QueryContext) -> Float64[Tensor, "rows rows"]:
    """λ I(M) + (1 − λ) I(U) with I(x) = (diag p − ppᵀ) ⊗ hhᵀ (acl.selection.bait_fisher); λ = 0 without a memory."""
    lambda_ = context.lambda_ if len(context.memory) else 0.0
    parts = [(lambda_, context.memory), (1 - lambda_, context.pool)]
    total = sum(weight * mean_fisher(s.h.double(), top_probabilities(s, None)) for weight, s in parts if weight)
    assert isinstance(total, Tensor)
    rows = context.pool.p.shape[1] * context.pool.h.shape[1]
    return total.reshape(rows, rows)


def exact_trace(picks: Samples, target: Float64[Tensor, "rows rows"]) -> float:
    """tr[(I(S) + ε)⁻¹ target], ε = 10⁻³ · the mean of the target's diagonal, as J has it.

    I(S) = VᵀV / n with a row √p_c (e_c − p) ⊗ h for each sample and class, so that with K = (nε + VVᵀ)⁻¹ the inverse is
    (1 − VᵀKV) / ε (M. Woodbury, Inverting Modified Matrices, 1950): the rows of a few samples instead of the matrix.
    NaN where the target is zero.
    """
    epsilon = 1e-3 * float(target.diagonal().mean())
    if not epsilon:
        return math.nan
    p, h = top_probabilities(picks, None), picks.h.double()
    roots = p.sqrt()[:, :, None] * (torch.eye(p.shape[1], dtype=p.dtype) - p[:, None])
    v = (roots[..., None] * h[:, None, None]).reshape(p.numel(), -1)
    gram = v @ v.T
    gram.diagonal().add_(len(picks) * epsilon)
    inner = torch.linalg.solve(gram, v @ target @ v.T)
    return float(target.trace() - inner.trace()) / epsilon


def scored(rows: pd.DataFrame, scorer: Scorer) -> pd.DataFrame:
    """`rows` of acl.analysis.outcomes.summary.table, of one query, with a column for each of SCORES that is not there;
    NaN for the empty set."""
    names = [name for name in SCORES if name not in rows]
    found = {ids: scorer.scores(ids) for ids in rows["ids"].unique() if ids}
    empty = dict.fromkeys(names, math.nan)
    values = pd.DataFrame([found.get(ids, empty) for ids in rows["ids"]], index=rows.index, columns=names)
    return pd.concat([rows, values], axis=1)
