"""ER-ACE: new samples compete only among the classes of their own batch, so they do not push old ones away.

Source: L. Caccia et al., New Insights on Reducing Abrupt Representation Change in Online Continual Learning,
2022, equation 2; as in AccuACL's code: the mean of the two terms, two forwards, and the task's labelled
samples are in the buffer that is replayed from before the training begins.

With memory 0 that buffer is empty too. The masked term relies on the other one, which alone sets the classes against
each other: by itself it would be another method, one that only leaves old outputs alone (the labels trick: C. Zeno et
al., Task Agnostic Continual Learning Using Online Variational Bayes, 2018). Experience replay without a memory is
plain fine-tuning, and so is this: cross-entropy over all classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from acl.learners.base import Base, Batch
from acl.memory import Labelled, Memory
from acl.network.models import Network

LABEL = "ER-ACE"
SETTINGS = ("memory", "refill", "replay", "memory_batch_size")
ORDER = 4


@dataclass(frozen=True)
class ERACE(Base):
    """ER-ACE (Caccia et al. 2022, equation 2): the mean of a cross-entropy of the new samples among the classes of
    their batch and one of the replayed samples among all."""

    refill: str = "full"
    memory: int = 10
    memory_policy = "balanced"

    def loss(self, model: Network, current: Batch, replayed: Batch | None) -> Float[Tensor, ""]:
        _, logits = model(current.x)
        if not self.memory:
            return cross_entropy(logits, current.y)
        # A mask, not a smaller matrix: its size is known beforehand, which a GPU need not be waited for.
        absent = torch.ones(logits.shape[1], dtype=torch.bool, device=logits.device).index_fill(0, current.y, False)
        new = cross_entropy(logits.masked_fill(absent, -torch.inf), current.y)
        if replayed is None:
            # A mean of the terms there are, so that a step without replay is as long as one with it.
            return new
        _, logits = model(replayed.x)
        return (new + cross_entropy(logits, replayed.y)) / 2

    def replay_memory(self, memory: Memory, labelled: Labelled) -> Memory:
        return memory.updated(labelled.ids, labelled.labels)
