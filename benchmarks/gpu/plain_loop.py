"""The plain loop that training steps are held against: all of a step's host work is done in the step.

So were the steps of this engine before its batches became tables on the device: orders drawn by numpy, labels looked up
one by one, four small uploads a batch, an optimiser that reads its step size on the host.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from acl.config import RunConfig
from acl.network.models import build_model
from acl.seeds import key, mix, shuffled
from acl.stream.types import TaskStream

PAD = 4


class PlainLoop:
    """Experience replay: `step()` trains on a batch of `labelled` and one of `memory`, both cropped and mirrored."""

    def __init__(
        self, config: RunConfig, stream: TaskStream, labelled: Int64[ndarray, " n"], memory: Int64[ndarray, " m"]
    ) -> None:
        self.config, self.labelled, self.memory = config, labelled, memory
        self.device = torch.device(config.device)
        height, width, channels = stream.images.shape[1:]
        self.model = build_model(config, (channels, height, width), stream.n_classes).to(self.device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=config.lr, momentum=config.momentum)
        self._pixels = torch.from_numpy(stream.images).to(self.device)
        self._label_of = dict(enumerate(stream.labels.tolist()))
        self._losses: list[Tensor] = []
        self.n_done = 0
        self.loss = 0.0

    def step(self) -> None:
        size = self.config.batch_size
        epoch, step = divmod(self.n_done, len(self.labelled) // size)
        if step == 0:
            self._losses = []
            self._new = self._order("order", epoch, self.labelled)
            self._old = self._order("replay", epoch, np.resize(self.memory, len(self.labelled)))
        rows = slice(step * size, (step + 1) * size)
        self.optimizer.zero_grad()
        batches = [self._batch(self._new[rows], epoch), self._batch(self._old[rows], epoch, step)]
        _, logits = self.model(torch.cat([x for x, _ in batches]))
        loss = cross_entropy(logits, torch.cat([y for _, y in batches]))
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self._losses.append(loss.detach())
        self.n_done += 1
        if self.n_done % (len(self.labelled) // size) == 0:
            self.loss = float(torch.stack(self._losses).mean())

    def _order(self, purpose: str, epoch: int, ids: Int64[ndarray, " n"]) -> Int64[ndarray, " n"]:
        return shuffled(key(self.config.seed, purpose, epoch), ids)

    def _batch(self, ids: Int64[ndarray, " b"], *where: int) -> tuple[Float[Tensor, "b c h w"], Int64[Tensor, " b"]]:
        x = self._augmented(torch.from_numpy(ids).to(self.device), ids, key(self.config.seed, "augment", *where))
        y = np.array([self._label_of[i] for i in ids.tolist()])
        return x, torch.from_numpy(y).to(self.device)

    def _augmented(
        self, there: Int64[Tensor, " b"], ids: Int64[ndarray, " b"], key: int
    ) -> Float[Tensor, "b channel height width"]:
        x = (self._pixels[there].permute(0, 3, 1, 2).float() - 128) / 64
        draw = mix(key, ids)
        flip = torch.from_numpy((draw & np.uint64(1)).astype(bool)).to(self.device)
        x = torch.where(flip.view(-1, 1, 1, 1), x.flip(3), x)
        offsets = np.stack([draw >> np.uint64(8), draw >> np.uint64(24)]) % np.uint64(2 * PAD + 1)
        top, left = torch.from_numpy(offsets.astype(np.int64)).to(self.device)
        height, width = x.shape[2:]
        rows = top[:, None] + torch.arange(height, device=self.device)
        columns = left[:, None] + torch.arange(width, device=self.device)
        sample = torch.arange(len(x), device=self.device)[:, None, None]
        padded = pad(x, (PAD,) * 4).permute(0, 2, 3, 1)
        return padded[sample, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
