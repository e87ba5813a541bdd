"""What a dataset is: a source of one labelled image set. No torch here: the app shows pictures too."""

from __future__ import annotations

from abc import ABC, abstractmethod
from hashlib import blake2b

import numpy as np
from jaxtyping import Bool, Int64
from numpy import ndarray

from acl.stream.types import UNREADABLE, ImageSet

__all__ = ["UNREADABLE", "Base", "ImageSet", "digests", "train_rows"]


class Base(ABC):
    """A dataset: where its images come from. A subclass is a frozen dataclass whose fields are names of
    RunConfig settings; how it is cut into tasks is shared (acl.stream.tasks)."""

    @abstractmethod
    def load(self) -> ImageSet:
        """Read the whole set. A missing or broken file is a UserError."""

    def mark(self) -> object:
        """A value that changes when the files do, so that a set already read need not be read again."""
        return None


def digests(names: list[str]) -> ndarray:
    """A fixed pseudo-random string for each name: the order in which a split takes the rows of a class."""
    return np.array([blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest() for name in names])


def train_rows(labels: Int64[ndarray, " n"], digest: ndarray, share: float) -> Bool[ndarray, " n"]:
    """A fixed stratified split: in each class the `share` of rows with the smallest digests are for training.

    A class of two or more keeps at least one row on either side.
    """
    is_train = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        n_train = max(1, min(round(share * len(rows)), len(rows) - 1))
        is_train[rows[np.argsort(digest[rows], kind="stable")][:n_train]] = True
    return is_train
