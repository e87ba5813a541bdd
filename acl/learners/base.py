"""What a continual learner is: the loss of one training step on new and replayed samples, and its memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from acl.memory import Labelled, Memory, Policy
from acl.network.images import Images
from acl.network.models import Network


@dataclass(frozen=True)
class Batch:
    """Images and the labels they were given; logits: those stored in the memory, where the learner stores any."""

    x: Float[Tensor, "b channel height width"]
    y: Int64[Tensor, " b"]
    logits: Float[Tensor, "b n_classes"] | None = None


def joined(current: Batch, replayed: Batch | None) -> Batch:
    """Both batches as one, the new samples first."""
    if replayed is None:
        return current
    return Batch(torch.cat([current.x, replayed.x]), torch.cat([current.y, replayed.y]))


class Base(ABC):
    """A learner. A subclass is a frozen dataclass whose fields are names of RunConfig settings.

    A learner that replays names "memory" in its module's SETTINGS; without it the memory stays empty. Only
    `loss` must be written; the rest says how a memory differs from the plain one. Every method is a function
    of its arguments alone, so that a run taken up again comes to the same bits.
    """

    memory_policy: str = "reservoir"
    """Whom the memory keeps: "reservoir" or "balanced" (acl.memory)."""
    refill: str = "full"
    """Whether others get what a class cannot fill of a balanced memory ("full") or nobody ("paper")."""
    stores_logits: bool = False
    """Whether the memory keeps each sample's logits as they are at the end of the task that brought it."""

    @property
    def policy(self) -> Policy:
        """The memory's policy, by these two."""
        if self.memory_policy == "reservoir":
            return "reservoir"
        return "shares" if self.refill == "paper" else "balanced"

    @abstractmethod
    def loss(self, model: Network, current: Batch, replayed: Batch | None) -> Float[Tensor, ""]:
        """Loss of one step, finite and with a gradient in the weights of `model`; `replayed` is None where the memory
        has nothing (left) to give."""

    def replay_plan(self, replay: str, size: int) -> tuple[str, int]:
        """How a memory is replayed, "cycle" or "once", and how many old samples a step, for the settings `replay` and
        memory_batch_size; `paper` is what AccuACL's code does with this learner."""
        return ("cycle" if replay == "paper" else replay), size

    def replay_memory(self, memory: Memory, labelled: Labelled) -> Memory:
        """What a training on `labelled` replays from, given the memory from before the task."""
        return memory

    def admit(
        self, model: Network, batch: Labelled, memory: Memory, images: Images, where: tuple[int, int, int, int]
    ) -> Memory:
        """The memory after `batch` went by in the last epoch of a task's last training.

        Asked before the step that learns the batch; `where` is task, round, epoch and step, for acl.seeds.key.
        """
        return memory

    def cut(self, memory: Memory) -> Memory:
        """The memory after it was made smaller than what it holds: those stay whom its policy would have kept, had it
        always been of this size and seen these samples alone."""
        nobody = np.zeros(0, np.int64)
        return memory.updated(nobody, nobody)

    def remember(self, memory: Memory, labelled: Labelled) -> Memory:
        """The memory at the end of a task: `memory` is what `admit` left, `labelled` all that was bought."""
        return memory.updated(labelled.ids, labelled.labels)
