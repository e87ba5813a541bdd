"""QueryContext: all a query strategy may see. Selection: what it chose, and why.

A QueryContext on disk is a snapshot (acl.snapshots): it can be asked again later, elsewhere, or with other settings.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int64
from safetensors.torch import save_file
from torch import Tensor

from acl.config import FORMAT, UserError

SUM_TOLERANCE = 0.01
"""How far from 1 a row of p may sum: a softmax in half precision is not exact."""


@dataclass(frozen=True)
class Samples:
    """A set of samples as the network sees them.

    ids: int64 [N], the samples' names; h: float32 [N, d], penultimate features; p: float32 [N, C],
    probabilities over the query's classes.
    """

    ids: Int64[Tensor, " n"]
    h: Float[Tensor, "n dim"]
    p: Float[Tensor, "n classes"]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, keep: Tensor | slice) -> Samples:
        """The samples at these rows, in the order given."""
        return Samples(self.ids[keep], self.h[keep], self.p[keep])

    def on(self, device: torch.device | str) -> Samples:
        """The same samples with their tensors on `device`."""
        return Samples(self.ids.to(device), self.h.to(device), self.p.to(device))

    def sorted(self) -> Samples:
        """The same samples in order of id; no copy where they already are."""
        return self if bool((self.ids.diff() >= 0).all()) else self.take(torch.argsort(self.ids, stable=True))


@dataclass(frozen=True)
class QueryContext:
    """One query: choose `n` samples of `pool`.

    pool: the unlabelled samples of the current task, U_t; labelled: those of this task already bought, S_t;
    memory: the samples kept from past tasks, M_t (both may be empty); classes: the columns of every p, those that have
    a label in the memory and the current task's, in order of appearance; lambda_: weight of the past in AccuACL's
    target, 0..1; n_classes: all outputs of the network; seed, task and round name the random draws.

    Each role is kept in order of id, so that no result depends on the order its rows came in.
    """

    pool: Samples
    labelled: Samples
    memory: Samples
    classes: tuple[int, ...]
    n: int
    lambda_: float
    task: int
    round: int
    seed: int
    n_classes: int

    def __post_init__(self) -> None:
        _check_classes(self.classes, self.n_classes)
        for role, samples in self.roles().items():
            _check_samples(role, samples, len(self.classes))
        dims = {samples.h.shape[1] for samples in self.roles().values() if len(samples)}
        if len(dims) > 1:
            raise UserError(f"Pool, labelled and memory have different feature sizes {sorted(dims)}.")
        _check_ids(self.roles())
        if not len(self.pool):
            raise UserError("The pool holds no samples: there is nothing to choose from.")
        if not 1 <= self.n <= len(self.pool):
            raise UserError(f"n must be 1..{len(self.pool)} (samples in the pool), got {self.n}.")
        if not 0 <= self.lambda_ <= 1:
            raise UserError(f"lambda must be between 0 and 1, got {self.lambda_}.")
        for role, samples in self.roles().items():
            # Sums round differently in another order: by their last bits near ties would be decided otherwise.
            object.__setattr__(self, role, samples.sorted())

    @property
    def n_labels(self) -> int:
        """Labels that a sample may have are 0..n_labels − 1."""
        return max(self.n_classes, 1 + max(self.classes))

    def roles(self) -> dict[str, Samples]:
        """pool, labelled and memory by name, in this order."""
        return {"pool": self.pool, "labelled": self.labelled, "memory": self.memory}

    def on(self, device: torch.device | str) -> QueryContext:
        """The same context with its tensors there; itself where they are."""
        if self.pool.ids.device == torch.device(device):
            return self
        pool, labelled, memory = (samples.on(device) for samples in self.roles().values())
        return replace(self, pool=pool, labelled=labelled, memory=memory)

    def save(self, path: Path) -> None:
        """Write the snapshot; acl.snapshots.snapshot says what it holds."""
        tensors = {
            f"{role}.{name}": getattr(samples, name).contiguous().cpu()
            for role, samples in self.roles().items()
            for name in ("ids", "h", "p")
        }
        metadata = {
            "format": FORMAT,
            "classes": json.dumps(self.classes),
            "lambda": repr(self.lambda_),
            **{name: str(getattr(self, name)) for name in ("n", "task", "round", "seed", "n_classes")},
        }
        save_file(tensors, path, metadata)


COLUMNS = frozenset({"id", "role", "predicted", "p", "rank", "picked", "label", "change", "colour"})
"""What stands beside the scores in tables of a query, and so is no name for a score."""


def sums_to_one(p: Float[Tensor, "n classes"]) -> Bool[Tensor, " n"]:
    """Which rows of p do, to SUM_TOLERANCE; a row that holds NaN does not."""
    return (p.sum(1, dtype=torch.float64) - 1).abs() <= SUM_TOLERANCE


def _check_classes(classes: Sequence[int], n_classes: int) -> None:
    twice = [c for c, times in Counter(classes).items() if times > 1]
    if twice:
        raise UserError(f"The classes name {twice[0]} twice: each column of p stands for a class of its own.")
    if not classes:
        raise UserError("There are no classes: p needs a column for each class, and classes a number for each column.")
    if min(classes) < 0:
        raise UserError(f"The classes hold {min(classes)}: class numbers are 0 or more.")
    if n_classes < len(classes):
        raise UserError(
            f"n_classes, the number of all outputs of the network, is {n_classes} for {len(classes)} classes."
        )
    if n_classes >= 2**63:
        raise UserError(f"n_classes is {n_classes}: no network has so many outputs.")


def _check_samples(role: str, samples: Samples, n_classes: int) -> None:
    if not len(samples):
        return
    if samples.p.shape[1] != n_classes:
        raise UserError(f"The probabilities p of the {role} have {samples.p.shape[1]} columns for {n_classes} classes.")
    if samples.h.shape[1] == 0:
        raise UserError(f"The features h of the {role} have no columns: no ranking.")
    for name, values in (("features h", samples.h), ("probabilities p", samples.p)):
        if not bool(torch.isfinite(values).all()):
            raise UserError(f"The {name} of the {role} hold NaN or infinite values: no ranking.")
    if bool((samples.p < 0).any()) or not bool(samples.p.any(1).all()):
        raise UserError(f"The probabilities p of the {role} hold negative values or a row of zeros.")
    whole = sums_to_one(samples.p)
    if not bool(whole.all()):
        row = int((~whole).nonzero()[0, 0])
        id_, total = int(samples.ids[row]), float(samples.p[row].sum())
        raise UserError(f"The probabilities p of the {role} have a row whose sum is {total:.4g}, not 1: sample {id_}.")


def _check_ids(roles: Mapping[str, Samples]) -> None:
    """An id stands for one sample, whatever its role."""
    ids = torch.cat([samples.ids for samples in roles.values()])
    if len(torch.unique(ids)) == len(ids):
        return
    id_, times = max(Counter(ids.tolist()).items(), key=lambda pair: pair[1])
    holders = [role for role, samples in roles.items() if bool((samples.ids == id_).any())]
    if len(holders) == 1:
        raise UserError(f"The {holders[0]} names sample {id_} {times} times: ids must be unique.")
    raise UserError(
        f"{holders[0].capitalize()} and {holders[1]} both have a sample {id_}: give each sample an id of its own, for "
        "example by numbering all roles together."
    )


@dataclass(frozen=True)
class Selection:
    """Picks in the order of their rank, and for every pool sample the named scores that decided.

    partial: the names of scores that some samples do not have; theirs is NaN.
    """

    ids: Int64[Tensor, " n"]
    scores: Mapping[str, Float[Tensor, " pool"]] = field(default_factory=dict)
    partial: Collection[str] = frozenset()


def best(score: Float[Tensor, " pool"], ids: Int64[Tensor, " pool"], n: int) -> Int64[Tensor, " n"]:
    """Positions of the `n` highest scores, best first; ties go to the lower sample id."""
    # Only what reaches the n-th score is worth sorting; NaN counts as the highest, as it does for topk and argsort.
    reach = (~(score < score.topk(min(n, len(score))).values[-1])).nonzero()[:, 0]
    by_id = reach[torch.argsort(ids[reach])]
    return by_id[torch.argsort(score[by_id], descending=True, stable=True)][:n]


def first_equal(samples: Samples) -> Int64[Tensor, " n"]:
    """For each sample the position of the first one with exactly its features and probabilities.

    Matrix products round the same row differently at different places, so exact duplicates need this to tie.
    """
    group = torch.unique(torch.cat([samples.h, samples.p], 1), dim=0, return_inverse=True)[1]
    places = torch.arange(len(samples), device=group.device)
    first = torch.full_like(places, len(samples)).scatter_reduce(0, group, places, "amin")
    return first[group]
