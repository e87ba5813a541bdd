"""What a continual learner is: the loss of one training step on new and replayed samples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor

from acl.models import Network


@dataclass(frozen=True)
class Batch:
    """Images and the labels they were given."""

    x: Float[Tensor, "b channel height width"]
    y: Int64[Tensor, " b"]


class Base(ABC):
    """A learner. A subclass is a frozen dataclass whose fields are names of RunConfig settings.

    A learner that replays names "memory" in its module's SETTINGS; without it the memory stays empty.
    """

    @abstractmethod
    def loss(self, model: Network, current: Batch, replayed: Batch | None) -> Float[Tensor, ""]:
        """Loss of one step; `replayed` is None where the memory has nothing (left) to give."""
