"""The memory: which labelled samples of past tasks are kept for replay.

It holds a table, not images: sample ids, the labels they were given, the random key of each, which never
changes, and what a learner stores beside them: logits (DER++) and scores (GSS). Reservoir (J. S. Vitter,
1985, in its key form): the M smallest keys of everything ever labelled are a uniform sample of it.
Balanced: in turns, one sample of each class a turn, smallest keys first; what a class cannot fill goes to the others.
In the last turn, where there are fewer places than classes, the smallest keys win: a memory of fewer samples than
classes keeps one of each class whose own smallest key is among the M smallest of these. So each class is as likely
to stay as any other with as many labels, one with more labels is likelier, and a class once lost stays lost.
Shares: each class of which a label was ever bought has its fixed share, and what it cannot fill stays empty
(Avalanche's ClassBalancedBuffer, as in AccuACL's code); with fewer places than classes, the M lowest class numbers
have one each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64, UInt64
from numpy import ndarray
from torch import Tensor

from acl.seeds import key, mix

STORED = ("ids", "labels", "logits", "scores")
Policy = Literal["reservoir", "balanced", "shares"]


@dataclass(frozen=True)
class Labelled:
    """Samples and the labels they were given."""

    ids: Int64[ndarray, " n"]
    labels: Int64[ndarray, " n"]


@dataclass(frozen=True)
class Memory:
    """ids, labels, keys, logits, scores: one row for each sample kept, at most `size`, in order of id.

    n_logits is 0 where the learner stores none; what was never set is NaN. classes: those of which a label was ever
    bought, ascending; a class stays there when the memory has lost it.
    """

    size: int
    policy: Policy
    seed: int
    ids: Int64[ndarray, " kept"]
    labels: Int64[ndarray, " kept"]
    logits: Float[ndarray, "kept n_logits"]
    scores: Float64[ndarray, " kept"]
    classes: Int64[ndarray, " classes"]

    @staticmethod
    def empty(size: int, policy: Policy, seed: int, n_logits: int = 0, numbers: str = "float32") -> Memory:
        """A memory of at most `size` samples that holds none yet. n_logits: logits stored of each sample; numbers:
        their dtype."""
        nothing = np.zeros(0, dtype=np.int64)
        return Memory(size, policy, seed, nothing, nothing, np.zeros((0, n_logits), numbers), np.zeros(0), nothing)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def keys(self) -> UInt64[ndarray, " kept"]:
        """The random key of each sample kept, uint64; a function of `seed` and its id."""
        return mix(key(self.seed, "memory"), self.ids)

    @property
    def table(self) -> dict[str, Tensor]:
        """Every column, and the classes, by name."""
        return {name: torch.from_numpy(getattr(self, name)) for name in ("keys", "classes", *STORED)}

    def filled(self, table: Mapping[str, Tensor]) -> Memory:
        """This memory with the rows of a saved `table` (keys follow from the ids). ValueError if its logits have
        another precision."""
        columns: dict[str, Any] = {name: table[name].numpy() for name in ("classes", *STORED)}
        if columns["logits"].dtype != self.logits.dtype:
            raise ValueError(f"its logits are {columns['logits'].dtype}, not {self.logits.dtype}")
        return replace(self, **columns)

    def updated(self, ids: Int64[ndarray, " new"], labels: Int64[ndarray, " new"]) -> Memory:
        """The memory after the samples `ids`, never seen before, have been labelled `labels`."""
        grown = self.added(ids, labels)
        keys = grown.keys
        if self.policy == "shares":
            within = _rank_within(grown.labels, keys) < grown.shares[np.searchsorted(grown.classes, grown.labels)]
            return grown.rows(np.flatnonzero(within))
        turn = _rank_within(grown.labels, keys) if self.policy == "balanced" else np.zeros(len(keys), np.int64)
        return grown.rows(np.lexsort((grown.ids, keys, turn))[: self.size])

    @property
    def shares(self) -> Int64[ndarray, " classes"]:
        """Places of each of `classes` under the policy shares: ⌊M/C⌋, the first M mod C classes one more."""
        n = max(len(self.classes), 1)
        return self.size // n + (np.arange(len(self.classes)) < self.size % n).astype(np.int64)

    def added(
        self,
        ids: Int64[ndarray, " new"],
        labels: Int64[ndarray, " new"],
        scores: Float64[ndarray, " new"] | None = None,
    ) -> Memory:
        """The memory with these samples too, even beyond its size."""
        unset = np.full((len(ids), self.logits.shape[1]), np.nan, self.logits.dtype)
        scores = np.full(len(ids), np.nan) if scores is None else scores
        new = replace(self, ids=ids, labels=labels, logits=unset, scores=scores)
        both: dict[str, Any] = {name: np.concatenate([getattr(self, name), getattr(new, name)]) for name in STORED}
        classes = np.union1d(self.classes, labels)
        return replace(self, **both, classes=classes).rows(np.arange(len(self) + len(ids)))

    def rows(self, index: Int64[ndarray, " some"]) -> Memory:
        """The rows `index`, in order of id."""
        index = index[np.argsort(self.ids[index])]
        columns = {name: getattr(self, name)[index] for name in STORED}
        return replace(self, **columns)

    def row_of(self, ids: Int64[ndarray, " some"]) -> Int64[ndarray, " some"]:
        """Where the samples `ids`, all of them kept here, stand in the table."""
        return np.searchsorted(self.ids, ids)

    def with_logits(self, ids: Int64[ndarray, " some"], logits: Float[Tensor, "some n_logits"]) -> Memory:
        """The memory with the logits of the samples `ids` set."""
        filled = self.logits.copy()
        filled[self.row_of(ids)] = logits.numpy()
        return replace(self, logits=filled)


def _rank_within(labels: Int64[ndarray, " n"], keys: UInt64[ndarray, " n"]) -> Int64[ndarray, " n"]:
    """Place of each sample among those of its own label, by key: all firsts go before any second."""
    rank = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rank[rows[np.argsort(keys[rows], kind="stable")]] = np.arange(len(rows))
    return rank
