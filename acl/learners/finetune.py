"""Plain fine-tuning: the new task only, no memory. The one that forgets."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from acl.learners.base import Base, Batch
from acl.network.models import Network

LABEL = "Fine-tuning"
ORDER = 0


@dataclass(frozen=True)
class Finetune(Base):
    """Fine-tuning: the mean cross-entropy of the new samples alone."""

    def loss(self, model: Network, current: Batch, replayed: Batch | None) -> Float[Tensor, ""]:
        _, logits = model(current.x)
        return cross_entropy(logits, current.y)
