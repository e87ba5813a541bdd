"""The network looked at from outside: features and probabilities of samples, a chunk at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from numpy import ndarray
from torch import Tensor

from acl.network.images import Images
from acl.network.models import Network


@dataclass(frozen=True)
class Seen:
    """h [N, d] and logits [N, n_classes] of samples, in the network's precision, on its device."""

    h: Float[Tensor, "n dim"]
    logits: Float[Tensor, "n n_classes"]

    def cpu(self) -> Seen:
        """The same on the CPU."""
        return Seen(self.h.cpu(), self.logits.cpu())


class Inference:
    """`step()` is one forward pass of `chunk` samples; `result()` is all of them, once `done`."""

    def __init__(self, model: Network, images: Images, ids: Int64[ndarray, " n"], chunk: int) -> None:
        self.model, self.images = model, images
        self._todo = list(np.split(ids, range(chunk, len(ids), chunk)))
        self._parts: list[Seen] = []

    @property
    def done(self) -> bool:
        """Whether every sample has been looked at."""
        return len(self._parts) == len(self._todo)

    @torch.no_grad()
    def step(self) -> None:
        """One forward pass over the next chunk, in evaluation mode and without gradients; the network is in training
        mode afterwards."""
        ids = torch.from_numpy(self._todo[len(self._parts)]).to(self.images.device)
        self.model.eval()
        h, logits = self.model(self.images.batch(ids))
        self.model.train()
        self._parts.append(Seen(h, logits))

    def result(self) -> Seen:
        """h [N, d] and logits [N, n_classes] of all samples so far, in the order of `ids`."""
        return Seen(torch.cat([p.h for p in self._parts]), torch.cat([p.logits for p in self._parts]))


def probabilities(logits: Float[Tensor, "n n_classes"], classes: tuple[int, ...]) -> Float32[Tensor, "n c"]:
    """Softmax over `classes` only, worked out in float64."""
    return torch.softmax(logits[:, list(classes)].double(), 1).float()
