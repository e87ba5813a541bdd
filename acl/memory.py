"""The memory: which labelled samples of past tasks are kept for replay.

It holds a table, not images: sample ids, the labels they were given, and the random key of each, which
never changes. Reservoir (J. S. Vitter, 1985, in its key form): the M smallest keys of everything ever
labelled are a uniform sample of it. Balanced: as many of each class as there are, smallest keys first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt64
from numpy import ndarray

from acl.seeds import key, mix


@dataclass(frozen=True)
class Memory:
    """ids, labels, keys: one row for each sample kept, at most `size`, in order of id."""

    size: int
    policy: str
    seed: int
    ids: Int64[ndarray, " kept"]
    labels: Int64[ndarray, " kept"]

    @staticmethod
    def empty(size: int, policy: str, seed: int) -> Memory:
        nothing = np.zeros(0, dtype=np.int64)
        return Memory(size, policy, seed, nothing, nothing)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def keys(self) -> UInt64[ndarray, " kept"]:
        return mix(key(self.seed, "memory"), self.ids)

    def updated(self, ids: Int64[ndarray, " new"], labels: Int64[ndarray, " new"]) -> Memory:
        """The memory after the samples `ids`, never seen before, have been labelled `labels`."""
        ids = np.concatenate([self.ids, ids])
        labels = np.concatenate([self.labels, labels])
        keys = mix(key(self.seed, "memory"), ids)
        turn = _rank_within(labels, keys) if self.policy == "balanced" else np.zeros(len(ids), np.int64)
        kept = np.sort(np.lexsort((ids, keys, turn))[: self.size])
        kept = kept[np.argsort(ids[kept])]
        return Memory(self.size, self.policy, self.seed, ids[kept], labels[kept])


def _rank_within(labels: Int64[ndarray, " n"], keys: UInt64[ndarray, " n"]) -> Int64[ndarray, " n"]:
    """Place of each sample among those of its own label, by key: all firsts go before any second."""
    rank = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rank[rows[np.argsort(keys[rows], kind="stable")]] = np.arange(len(rows))
    return rank
