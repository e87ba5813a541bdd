"""Training steps without work on the host: a step is a function of two small tables and the network.

So on a GPU a whole step can be captured as a CUDA graph, once for each size of its two batches, and replayed by a
single launch: a step of a few hundred small kernels is bound by launching them. What a graph reads and writes lies at
the same place every time: its tables are copied into buffers, the weights and the momentum are changed in place.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int64
from numpy import ndarray
from torch import Tensor

from acl.config import RunConfig
from acl.learners.base import Batch
from acl.network.images import Images
from acl.network.models import Network
from acl.plugins.learning import Learner

WARM_UPS = 3
"""Eager steps before a capture, in which libraries choose their kernels and take their memory."""
LEAD_S = 0.05
"""How far the host may run ahead of a GPU: a pause must answer, and a heartbeat be true."""


@dataclass
class Place:
    """The buffers of one pair of batch sizes, and the graph that was captured on them."""

    new: Int64[Tensor, "6 b"]
    old: Int64[Tensor, "6 m"] | None
    graph: torch.cuda.CUDAGraph | None = None
    loss: Float[Tensor, ""] | None = None


class Steps:
    """The steps of one network, from training to training. Whoever changes a setting or the learner makes another."""

    def __init__(self, config: RunConfig, model: Network, learner: Learner, images: Images) -> None:
        self.model, self.learner, self.images = model, learner, images
        on_gpu = images.device.type == "cuda"
        # A float32 network on a GPU has its step size there, where a graph finds each new one; float64 it would round.
        self._lr = torch.tensor(config.lr, device=images.device) if on_gpu and config.numbers == "float32" else None
        self.optimizer = torch.optim.SGD(
            model.parameters(),
            lr=config.lr if self._lr is None else self._lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            fused=True if on_gpu else None,
        )
        # What a plug-in does in its loss may wait for the GPU, which no graph can.
        self.captures = config.cuda_graphs and self._lr is not None and learner.plugin.ours and images.resident
        self._places: dict[tuple[int, int], Place] = {}
        n_logits = model.head.out_features if learner.stores_logits else 0
        numbers = getattr(torch, config.numbers)
        self._logits = torch.zeros(config.memory, n_logits, dtype=numbers, device=images.device)
        self._mark: torch.cuda.Event | None = None
        self._marked_at = time.monotonic()

    def begin(self, logits: Float[ndarray, "kept n_logits"]) -> None:
        """A new training: nothing is left of the last one's momentum; `logits`: those stored in the memory."""
        if self.captures:
            # Graphs write to these very tensors. Momentum 0 and none give the same first step.
            for value in self._momentum():
                value.zero_()
        else:
            self.optimizer.state.clear()
        if self.learner.stores_logits:
            self._logits[: len(logits)] = torch.from_numpy(logits).to(self._logits.device)

    def rate(self, lr: float) -> None:
        """The step size from here on."""
        if self._lr is not None:
            self._lr.fill_(lr)
            return
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def step(self, new: Int64[Tensor, "6 b"], old: Int64[Tensor, "6 m"] | None) -> Float[Tensor, ""]:
        """One step on these two tables of acl.batches; its loss, on the device."""
        loss = self._replay(new, old) if self.captures else self._work(new, old)
        self._keep_near()
        return loss

    def _work(self, new: Int64[Tensor, "6 b"], old: Int64[Tensor, "6 m"] | None) -> Float[Tensor, ""]:
        """What one step does: a function of the tables and of the network alone."""
        self.optimizer.zero_grad()
        loss = self.learner.loss(self.model, self._batch(new), None if old is None else self._replayed(old))
        self.learner.backward(loss, self.model)
        self.optimizer.step()
        return loss.detach()

    def _batch(self, table: Int64[Tensor, "6 b"]) -> Batch:
        return Batch(self.images.augmented(table[0], table[2:5]), table[1])

    def _replayed(self, table: Int64[Tensor, "6 m"]) -> Batch:
        batch = self._batch(table)
        return replace(batch, logits=self._logits[table[5]]) if self.learner.stores_logits else batch

    # -- captured --------------------------------------------------------------------------------------

    def _replay(self, new: Int64[Tensor, "6 b"], old: Int64[Tensor, "6 m"] | None) -> Float[Tensor, ""]:
        """The step on the buffers of these sizes, captured at the first time."""
        sizes = (new.shape[1], 0 if old is None else old.shape[1])
        if sizes not in self._places:
            self._places[sizes] = Place(new.clone(), None if old is None else old.clone())
        place = self._places[sizes]
        place.new.copy_(new)
        if place.old is not None and old is not None:
            place.old.copy_(old)
        if place.graph is None:
            self._capture(place)
        assert place.graph is not None and place.loss is not None
        place.graph.replay()
        return place.loss.clone()

    def _capture(self, place: Place) -> None:
        """Record the step on `place` without taking it."""
        with self._kept():
            side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(WARM_UPS):
                    self._work(place.new, place.old)
            torch.cuda.current_stream().wait_stream(side)
            # Gradients made while capturing belong to the graph, and none may be there before.
            self.optimizer.zero_grad()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                place.loss = self._work(place.new, place.old)
            place.graph = graph

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Weights, batch statistics and momentum are after it what they were before, at the same addresses."""
        state = self.model.state_dict()
        weights = {name: value.clone() for name, value in state.items()}
        momentum = [value.clone() for value in self._momentum()]
        yield
        with torch.no_grad():
            for name, value in state.items():
                value.copy_(weights[name])
            for value in self._momentum():
                value.zero_()  # as before the first step of all, which makes it
            for value, before in zip(self._momentum(), momentum, strict=False):
                value.copy_(before)

    def _momentum(self) -> list[Tensor]:
        every = [self.optimizer.state[weight].get("momentum_buffer") for weight in self.model.parameters()]
        return [value for value in every if value is not None]

    def _keep_near(self) -> None:
        """Wait for where the GPU was to be LEAD_S ago, so that its queue never empties and never grows."""
        now = time.monotonic()
        if self.images.device.type != "cuda" or now < self._marked_at + LEAD_S:
            return
        if self._mark is not None:
            self._mark.synchronize()
        self._mark, self._marked_at = torch.cuda.Event(), time.monotonic()  # type: ignore[no-untyped-call]
        self._mark.record()
