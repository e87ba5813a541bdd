"""A labelled image set, and the task stream that is cut from it. No torch here: the app shows pictures too."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int64, UInt8
from numpy import ndarray

from acl.config import FULL, RunConfig, UserError


@dataclass(frozen=True)
class Task:
    """One task of a stream, counted from 1. `train_ids` is its pool U_t before anything is labelled."""

    index: int
    classes: tuple[int, ...]
    train_ids: Int64[ndarray, " train"]
    test_ids: Int64[ndarray, " test"]


@dataclass(frozen=True)
class TaskStream:
    """Images and labels of a set and its tasks. A sample's id is its row, for ever and everywhere."""

    name: str
    images: UInt8[ndarray, "n height width channel"]
    labels: Int64[ndarray, " n"]
    class_names: tuple[str, ...]
    tasks: tuple[Task, ...]

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    @cached_property
    def task_of_class(self) -> dict[int, int]:
        return {c: task.index for task in self.tasks for c in task.classes}

    def classes_seen(self, task: int) -> tuple[int, ...]:
        """Classes of the tasks 1..task, in order of class number: the columns of every p."""
        return tuple(sorted(c for t in self.tasks[:task] for c in t.classes))

    def check(self, config: RunConfig, uses_memory: bool) -> None:
        """Does the run's budget fit this stream? If not, UserError."""
        smallest = min(self.tasks, key=lambda task: len(task.train_ids))
        if config.strategy != FULL and config.n_end > len(smallest.train_ids):
            raise UserError(
                f"n_end must be at most {len(smallest.train_ids)}, the samples of {self.name}'s task "
                f"{smallest.index}, got {config.n_end}."
            )
        if uses_memory and config.memory < self.n_classes:
            raise UserError(
                f"memory must be at least {self.n_classes}, one sample for each class of {self.name}, "
                f"got {config.memory}."
            )


@dataclass(frozen=True)
class ImageSet:
    """What a dataset holds before it is cut into tasks; a row is a sample."""

    name: str
    images: UInt8[ndarray, "n height width channel"]
    labels: Int64[ndarray, " n"]
    class_names: tuple[str, ...]
    is_train: Bool[ndarray, " n"]


class Base(ABC):
    """A dataset: where its images come from. Everything else is shared."""

    @abstractmethod
    def load(self) -> ImageSet:
        """Read the whole set. A missing or broken file is a UserError."""

    def stream(self, classes_per_task: int) -> TaskStream:
        """The classes in their order, `classes_per_task` new ones a task. UserError if that leaves a rest."""
        data = self.load()
        n_classes = len(data.class_names)
        if n_classes % classes_per_task:
            raise UserError(
                f"classes_per_task must divide the {n_classes} classes of {data.name}, got {classes_per_task}."
            )
        groups = np.arange(n_classes).reshape(-1, classes_per_task)
        tasks = []
        for index, group in enumerate(groups, start=1):
            member = np.isin(data.labels, group)
            tasks.append(
                Task(
                    index,
                    tuple(int(c) for c in group),
                    np.flatnonzero(member & data.is_train),
                    np.flatnonzero(member & ~data.is_train),
                )
            )
        return TaskStream(data.name, data.images, data.labels, data.class_names, tuple(tasks))
