"""What a run will do, known before it begins: the labels, training steps and forward passes of each round; and how
long that takes, once a step has been measured (acl.service.estimate)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from acl.config import FULL, RunConfig
from acl.plugins.unused import own
from acl.stream.types import Task, TaskStream

LONG_STEPS = 20_000
"""A run of more training steps is measured before it begins: at a millisecond each that is 20 seconds, and only the
smallest networks take so little."""


def budget(config: RunConfig, task: Task) -> int:
    """Labels of the task in all."""
    pool = len(task.train_ids)
    return pool if config.strategy == FULL else min(config.n_end, pool)


def labels(config: RunConfig, task: Task, bought: Sequence[int] = ()) -> list[int]:
    """Labels of the task after each round from 0 on: as bought so far, then as the budget will buy."""
    end = budget(config, task)
    counts = list(bought) or [end if config.strategy == FULL else min(config.n_start, end)]
    while counts[-1] < end:
        counts.append(min(counts[-1] + config.n_query, end))
    return counts


def steps_an_epoch(config: RunConfig, n_labels: int) -> int:
    """Steps of one epoch on so many labels: ⌈n_labels / batch_size⌉."""
    return -(-n_labels // config.batch_size)


def training_steps(config: RunConfig, n_labels: int) -> int:
    """Of one training on so many labels."""
    return config.epochs * steps_an_epoch(config, n_labels)


def all_steps(config: RunConfig, stream: TaskStream) -> int:
    """Training steps of a whole run."""
    return sum(training_steps(config, n) for task in stream.tasks for n in labels(config, task))


def remembered(config: RunConfig, stream: TaskStream) -> list[int]:
    """Most samples that the memory can hold in each task, from those before it."""
    places = config.memory if "memory" in own("learners", config.learner) else 0
    before = accumulate((budget(config, task) for task in stream.tasks[:-1]), initial=0)
    return [min(places, n) for n in before]


def images_looked_at(config: RunConfig, stream: TaskStream) -> int:
    """Images of all forward passes outside training: of each query its pool, labelled samples and memory, after each
    round the test images of every task so far."""
    total = tested = 0
    for task, memory in zip(stream.tasks, remembered(config, stream), strict=True):
        rounds = len(labels(config, task))
        tested += len(task.test_ids)
        total += rounds * tested + (rounds - 1) * (len(task.train_ids) + memory)
    return total


def is_long(config: RunConfig, stream: TaskStream) -> bool:
    """Whether the user should be told beforehand how long this takes: ResNet-18, or more than LONG_STEPS steps."""
    return config.model == "resnet18" or all_steps(config, stream) > LONG_STEPS


@dataclass(frozen=True)
class Estimate:
    """Of a whole run on `device` of this machine; seconds_per_step is the mean over all `steps` of training."""

    steps: int
    seconds_per_step: float
    seconds: float
    device: str

    @property
    def measured(self) -> str:
        """What was measured, e.g. "1.3 s a step, 174,000 steps"."""
        s = self.seconds_per_step
        step = f"{two_digits(s)} s" if s >= 0.1 else f"{two_digits(1000 * s)} ms"
        return f"{step} a step, {self.steps:,} steps"

    @property
    def sentence(self) -> str:
        """How long the run takes here, and what was measured to say so, in a sentence."""
        return f"About {in_words(self.seconds)} here (measured just now: {self.measured})."


def in_words(seconds: float) -> str:
    """E.g. "40 seconds", "1.5 hours", "12 days"."""
    units = (("second", 1, 90), ("minute", 60, 5400), ("hour", 3600, 3 * 86400), ("day", 86400, float("inf")))
    name, size, _ = next(unit for unit in units if seconds < unit[2])
    n = two_digits(max(seconds, 1) / size)
    return f"{n} {name}{'s' * (n != '1')}"


def two_digits(value: float) -> str:
    """Two digits that count, and all of those before the point."""
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.2g}"
