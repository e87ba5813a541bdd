"""Experience replay: new and remembered samples learned together, as if they were one batch.

Source: A. Chaudhry et al., On Tiny Episodic Memories in Continual Learning, 2019, algorithm 1; one mean
cross-entropy over a joint forward of both batches, as in AccuACL's code.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from acl.learners.base import Base, Batch, joined
from acl.network.models import Network

LABEL = "ER"
SETTINGS = ("memory", "memory_policy", "refill", "replay", "memory_batch_size")
ORDER = 1


@dataclass(frozen=True)
class ER(Base):
    """Experience replay (Chaudhry et al. 2019, algorithm 1): one mean cross-entropy over new and replayed samples."""

    memory_policy: str = "reservoir"
    refill: str = "full"

    def loss(self, model: Network, current: Batch, replayed: Batch | None) -> Float[Tensor, ""]:
        both = joined(current, replayed)
        _, logits = model(both.x)
        return cross_entropy(logits, both.y)

    def replay_plan(self, replay: str, size: int) -> tuple[str, int]:
        # Their data loader gives out the memory once an epoch, then new samples alone.
        return ("once" if replay == "paper" else replay), size
