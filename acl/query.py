"""QueryContext: all a query strategy may see. Selection: what it chose, and why.

A QueryContext on disk is a snapshot: one safetensors file that holds the same facts, so that a query can be
asked again later, elsewhere, or with other settings, and that other people's pipelines can write.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float, Int64
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from acl.config import FORMAT, UserError

MOST_SUM = 1.01
"""A softmax in half precision sums up to a little more than 1."""


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

    def take(self, keep: Tensor) -> Samples:
        return Samples(self.ids[keep], self.h[keep], self.p[keep])

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
        if not 1 <= self.n <= len(self.pool):
            raise UserError(f"n must be 1..{len(self.pool)} (samples in the pool), got {self.n}.")
        if not 0 <= self.lambda_ <= 1:
            raise UserError(f"lambda must be between 0 and 1, got {self.lambda_}.")
        if len(torch.unique(self.pool.ids)) != len(self.pool):
            raise UserError("The pool names a sample twice: ids must be unique.")
        for role, samples in self.roles().items():
            for name, values in (("features h", samples.h), ("probabilities p", samples.p)):
                if not bool(torch.isfinite(values).all()):
                    raise UserError(f"The {name} of the {role} hold NaN or infinite values: no ranking.")
            if bool((samples.p < 0).any()) or not bool(samples.p.any(1).all()):
                raise UserError(f"The probabilities p of the {role} hold negative values or a row of zeros.")
            if bool((samples.p.sum(1) > MOST_SUM).any()):
                raise UserError(f"The probabilities p of the {role} have a row whose sum is above 1.")
            if len(samples) and samples.h.shape[1] == 0:
                raise UserError(f"The features h of the {role} have no columns: no ranking.")
            # Sums round differently in another order: by their last bits near ties would be decided otherwise.
            object.__setattr__(self, role, samples.sorted())

    def roles(self) -> dict[str, Samples]:
        return {"pool": self.pool, "labelled": self.labelled, "memory": self.memory}

    def save(self, path: Path) -> None:
        """Write the snapshot (see the class and DESIGN's run folder for its layout)."""
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
    by_id = torch.argsort(ids)
    return by_id[torch.argsort(score[by_id], descending=True, stable=True)][:n]


def first_equal(samples: Samples) -> Int64[Tensor, " n"]:
    """For each sample the position of the first one with exactly its features and probabilities.

    Matrix products round the same row differently at different places, so exact duplicates need this to tie.
    """
    group = torch.unique(torch.cat([samples.h, samples.p], 1), dim=0, return_inverse=True)[1]
    places = torch.arange(len(samples), device=group.device)
    first = torch.full_like(places, len(samples)).scatter_reduce(0, group, places, "amin")
    return first[group]


def load_snapshot(path: Path) -> QueryContext:
    """Read and check a snapshot. Anything missing, misshapen or newer is a UserError that names it."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} is not a readable safetensors file ({error}).") from None
    if metadata.get("format") != FORMAT:
        raise UserError(f"{path} has snapshot format {metadata.get('format')!r}, this version reads {FORMAT!r}.")
    try:
        classes = tuple(int(c) for c in json.loads(metadata["classes"]))
        n, task, round_, seed = (int(metadata[name]) for name in ("n", "task", "round", "seed"))
        lambda_ = float(metadata["lambda"])
        n_classes = int(metadata.get("n_classes", len(classes)))
    except KeyError as error:
        raise UserError(f"{path} lacks the metadata entry {error}.") from None
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UserError(f"{path} has metadata that cannot be read ({error}).") from None
    pool, labelled, memory = (_samples(path, tensors, role, len(classes)) for role in ("pool", "labelled", "memory"))
    dims = {samples.h.shape[1] for samples in (pool, labelled, memory) if len(samples)}
    if len(dims) > 1:
        raise UserError(f"{path}: pool, labelled and memory have different feature sizes {sorted(dims)}.")
    return QueryContext(pool, labelled, memory, classes, n, lambda_, task, round_, seed, n_classes)


def _samples(path: Path, tensors: Mapping[str, Tensor], role: str, n_classes: int) -> Samples:
    try:
        ids, h, p = (tensors[f"{role}.{name}"] for name in ("ids", "h", "p"))
    except KeyError as error:
        raise UserError(f"{path} lacks the tensor {error}.") from None
    if ids.ndim != 1 or h.ndim != 2 or p.ndim != 2 or not len(ids) == len(h) == len(p):
        shapes = f"ids {list(ids.shape)}, h {list(h.shape)}, p {list(p.shape)}"
        raise UserError(f"{path}: {role} needs ids [N], h [N, d] and p [N, C] with one N, got {shapes}.")
    if len(ids) and p.shape[1] != n_classes:
        raise UserError(f"{path}: {role}.p has {p.shape[1]} columns for {n_classes} classes.")
    return Samples(ids.to(torch.int64), h.float(), p.float())
