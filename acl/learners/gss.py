"""GSS: keeps samples whose gradients differ from those of what the memory holds already.

Source: R. Aljundi et al., Gradient Based Sample Selection for Online Continual Learning, 2019, algorithm 2
(greedy), with the batchwise test of the authors' code. As in AccuACL's code it looks at the samples in the
last epoch of a task's last training, the network in evaluation mode, before the step that learns them.
Where that code departs from the algorithm we follow the algorithm: replayed samples are not offered again,
the scores' gradients do not leak into the training step, and victims are drawn by C = cosine + 1 (the code
stretches the scores to 0..1 first, which fails when they are all equal).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy

from acl.learners.base import Base, Batch, joined
from acl.memory import Labelled, Memory
from acl.network.images import Images
from acl.network.models import Network
from acl.seeds import key, shuffled, uniforms

LABEL = "GSS"
SETTINGS = ("memory", "replay", "memory_batch_size", "memory_batches")
ORDER = 2

PAPER_REPLAYED = 32
"""Old samples in a step of the authors' code: its data loader's own default beside 16 new ones."""
FIRST_SCORE = 0.1
"""Score of samples that enter an empty memory, as in the authors' code."""


@dataclass(frozen=True)
class GSS(Base):
    """GSS (Aljundi et al. 2019, algorithm 2, greedy): experience replay from a memory that prefers samples whose
    gradients differ."""

    memory_batches: int = 1
    memory_batch_size: int = 16
    seed: int = 0

    def loss(self, model: Network, current: Batch, replayed: Batch | None) -> Float[Tensor, ""]:
        both = joined(current, replayed)
        _, logits = model(both.x)
        return cross_entropy(logits, both.y)

    def replay_plan(self, replay: str, size: int) -> tuple[str, int]:
        return ("cycle", PAPER_REPLAYED) if replay == "paper" else (replay, size)

    def admit(
        self, model: Network, batch: Labelled, memory: Memory, images: Images, where: tuple[int, int, int, int]
    ) -> Memory:
        free = memory.size - len(memory)
        if not len(memory):
            return memory.added(batch.ids[:free], batch.labels[:free], np.full(len(batch.ids[:free]), FIRST_SCORE))
        past = self._memory_gradients(model, memory, images, where)
        if free:
            # As in the authors' code, what no longer fits of this batch is passed over.
            batch = Labelled(batch.ids[:free], batch.labels[:free])
            return memory.added(batch.ids, batch.labels, sample_scores(model, batch, images, past))
        if largest_cosine(gradient(model, batch, images), past) >= 0:
            return memory
        return self.replaced(memory, batch, sample_scores(model, batch, images, past), where)

    def _memory_gradients(
        self, model: Network, memory: Memory, images: Images, where: tuple[int, int, int, int]
    ) -> Float[Tensor, "batches parameters"]:
        """Gradients of up to `memory_batches` disjoint random batches of the memory, at least one."""
        order = memory.row_of(shuffled(key(self.seed, "gss memory", *where), memory.ids))
        size = min(self.memory_batch_size, len(order))
        chunks = [order[i * size : (i + 1) * size] for i in range(min(self.memory_batches, len(order) // size))]
        batches = [Labelled(memory.ids[rows], memory.labels[rows]) for rows in chunks]
        return torch.stack([gradient(model, batch, images) for batch in batches])

    def replaced(
        self, memory: Memory, batch: Labelled, scores: Float64[ndarray, " b"], where: tuple[int, int, int, int]
    ) -> Memory:
        """The full memory after each sample of `batch` met a victim of its own and won or lost against it."""
        n = min(len(batch.ids), len(memory))
        old, new = odds(memory.scores), odds(scores[:n])
        # The n smallest of exponential variables with rates C are n draws in proportion to C, none twice.
        race = -np.log(uniforms(key(self.seed, "gss victim", *where), memory.ids)) / old
        victims = np.argsort(race)[:n]
        draw = uniforms(key(self.seed, "gss swap", *where), batch.ids[:n])
        won = draw < old[victims] / (old[victims] + new)
        kept = memory.rows(np.setdiff1d(np.arange(len(memory)), victims[won]))
        return kept.added(batch.ids[:n][won], batch.labels[:n][won], scores[:n][won])

    def cut(self, memory: Memory) -> Memory:
        # The most alike go: the largest scores, the likeliest victims while it learns; of equals the larger key.
        return memory.rows(np.lexsort((memory.keys, memory.scores))[: memory.size])

    def remember(self, memory: Memory, labelled: Labelled) -> Memory:
        return memory  # chosen while training, by admit


def odds(scores: Float64[ndarray, " n"]) -> Float64[ndarray, " n"]:
    """C of algorithm 2: cosine + 1, kept above 0 where rounding takes a cosine to −1 or below."""
    return (scores + 1).clip(min=1e-9)


def gradient(model: Network, batch: Labelled, images: Images) -> Float[Tensor, " parameters"]:
    """Gradient of the batch's mean cross-entropy, images as they are, in all that is trained, as one vector."""
    device = images.device
    model.eval()
    _, logits = model(images.batch(torch.from_numpy(batch.ids).to(device)))
    model.train()
    loss = cross_entropy(logits, torch.from_numpy(batch.labels).to(device))
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, trained)])


def largest_cosine(one: Float[Tensor, " parameters"], past: Float[Tensor, "batches parameters"]) -> float:
    """The largest cosine, −1..1, between one gradient and those of the past batches."""
    return float(cosine_similarity(one[None], past).max())


def sample_scores(
    model: Network, batch: Labelled, images: Images, past: Float[Tensor, "batches parameters"]
) -> Float64[ndarray, " b"]:
    """Each sample's largest cosine to `past`; one backward pass a sample, so one gradient in memory at a time."""
    alone = [Labelled(batch.ids[i : i + 1], batch.labels[i : i + 1]) for i in range(len(batch.ids))]
    return np.array([largest_cosine(gradient(model, sample, images), past) for sample in alone])
