"""DER++: replay that also holds the network to the logits it once gave each remembered sample.

Source: P. Buzzega et al., Dark Experience for General Continual Learning: a Strong, Simple Baseline, 2020,
equation 6; as in AccuACL's code: a joint forward of both batches, and one replayed batch for both memory
terms where the paper draws two. The logits are those of the image as it is (not augmented) at the end of
the task that brought it, and stay as they are from then on; the paper stores them while it trains.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from acl.learners.base import Base, Batch, joined
from acl.network.models import Network

LABEL = "DER++"
SETTINGS = ("memory", "refill", "replay", "memory_batch_size")
ORDER = 3

ALPHA = 0.1
"""Weight of the distance to the stored logits (mean square over samples and outputs), as in AccuACL's code."""
BETA = 0.5
"""Weight of the remembered labels, as there."""


@dataclass(frozen=True)
class DERpp(Base):
    """DER++ (Buzzega et al. 2020, equation 6): cross-entropy of the new samples, plus ALPHA times the mean squared
    difference from the stored logits and BETA times the cross-entropy of the replayed samples."""

    refill: str = "full"
    memory_policy = "balanced"
    stores_logits = True

    def loss(self, model: Network, current: Batch, replayed: Batch | None) -> Float[Tensor, ""]:
        _, logits = model(joined(current, replayed).x)
        n = len(current.y)
        loss = cross_entropy(logits[:n], current.y)
        if replayed is None:
            return loss
        assert replayed.logits is not None
        old = logits[n:]
        return loss + ALPHA * mse_loss(old, replayed.logits) + BETA * cross_entropy(old, replayed.y)
