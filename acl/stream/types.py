"""A labelled image set, and the stream of tasks that is cut from it. No torch here: the app shows pictures too."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Int64, UInt8
from numpy import ndarray

from acl.config import FULL, RunConfig, UserError

UNREADABLE = -1


@dataclass(frozen=True)
class Task:
    """One task of a stream, counted from 1. `train_ids` is its pool U_t before anything is labelled."""

    index: int
    classes: tuple[int, ...]
    train_ids: Int64[ndarray, " train"]
    test_ids: Int64[ndarray, " test"]


@dataclass(frozen=True)
class TaskStream:
    """Images and labels of a set and its tasks. A sample's id is its row, for ever and everywhere.

    `images` may be a read-only memmap. `notes`: what the user should know, such as files left out.
    """

    name: str
    images: UInt8[ndarray, "n height width channel"]
    labels: Int64[ndarray, " n"]
    class_names: tuple[str, ...]
    tasks: tuple[Task, ...]
    notes: tuple[str, ...] = ()

    @property
    def n_classes(self) -> int:
        """All outputs of the network: a stream that leaves classes out keeps their numbers."""
        return len(self.class_names)

    def classes_seen(self, task: int) -> tuple[int, ...]:
        """Classes of the tasks 1..task, in order of class number: the columns of every p."""
        return tuple(sorted({c for t in self.tasks[:task] for c in t.classes}))

    def check(self, config: RunConfig) -> None:
        """Does the run's budget fit this stream? If not, UserError."""
        smallest = min(self.tasks, key=lambda task: len(task.train_ids))
        if config.strategy != FULL and config.n_end > len(smallest.train_ids):
            raise UserError(
                f"n_end must be at most {len(smallest.train_ids)}, the samples of {self.name}'s task "
                f"{smallest.index}, got {config.n_end}."
            )

    def small_memory(self, size: int) -> str:
        """What to know of a memory of `size` samples that is smaller than one a class; else empty."""
        n_used = len(self.classes_seen(len(self.tasks)))
        if not 0 < size < n_used:
            return ""
        return f"A memory of {size} is less than one sample for each of the {n_used} classes: some will be lost."


@dataclass(frozen=True)
class ImageSet:
    """What a dataset holds before it is cut into tasks; a row is a sample.

    A label of UNREADABLE marks a row without an image; each class has a training and a test image. `domains`:
    for each row the number of its domain (from 0), for sets that come in several looks. `notes`: what the user
    should know. acl.plugins.reading checks all of it.
    """

    name: str
    images: UInt8[ndarray, "n height width channel"]
    labels: Int64[ndarray, " n"]
    class_names: tuple[str, ...]
    is_train: Bool[ndarray, " n"]
    domains: Int64[ndarray, " n"] | None = None
    notes: tuple[str, ...] = ()
