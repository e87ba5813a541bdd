"""One training: from the task's base, with a fresh optimiser, on everything labelled so far, with replay."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Int64, UInt64
from numpy import ndarray
from torch import Tensor

from acl.batches import Batches
from acl.config import RunConfig, UserError
from acl.memory import Labelled, Memory
from acl.plugins.contradictions import least_batch
from acl.seeds import key, shuffled
from acl.steps import Steps


class Training:
    """`step()` is one minibatch of `config.batch_size` new and `config.memory_batch_size` old samples.

    An epoch is one pass over `labelled`; every order is drawn anew each epoch, keyed by sample id. `memory`
    is the one from before the task. `final`: no label of this task is bought any more; only then `kept`, the
    memory that the next task will find, may change while the training goes on.
    """

    def __init__(
        self,
        config: RunConfig,
        steps: Steps,
        labelled: Labelled,
        memory: Memory,
        where: tuple[int, int],
        final: bool,
    ) -> None:
        self.config, self.steps, self.learner = config, steps, steps.learner
        self.labelled, self.where, self.final = labelled, where, final
        self.kept, self.memory = memory, self.learner.replay_memory(memory, labelled)
        steps.begin(self.memory.logits)
        self._least = least_batch(config, *steps.images.shape[1:])
        self.steps_per_epoch = len(split(labelled.ids, config.batch_size, self._least))
        self.n_steps = config.epochs * self.steps_per_epoch
        self.n_done = 0
        self.n_images = 0
        self._label_of = {
            **dict(zip(labelled.ids.tolist(), labelled.labels.tolist(), strict=True)),
            **dict(zip(self.memory.ids.tolist(), self.memory.labels.tolist(), strict=True)),
        }
        self._losses: list[Tensor] = []

    @property
    def done(self) -> bool:
        """Whether every step has been made."""
        return self.n_done == self.n_steps

    @property
    def epoch(self) -> int:
        """Epochs finished."""
        return self.n_done // self.steps_per_epoch

    def step(self) -> float | None:
        """Train on one minibatch. At the end of an epoch the mean loss of its steps, else None."""
        epoch, step = divmod(self.n_done, self.steps_per_epoch)
        if step == 0:
            self._begin_epoch(epoch)
        if self.final and epoch + 1 == self.config.epochs:
            batch = self._labels(self._new.ids[step])
            where = (*self.where, epoch, step)
            self.kept = self.learner.admit(self.steps.model, batch, self.kept, self.steps.images, where)
        new, old = self._new.of_step(step), self._old.of_step(step)
        assert new is not None
        self._losses.append(self.steps.step(new, old))
        self.n_images += new.shape[1] + (0 if old is None else old.shape[1])
        self.n_done += 1
        return self._mean_loss() if step + 1 == self.steps_per_epoch else None

    def _begin_epoch(self, epoch: int) -> None:
        config = self.config
        self._epoch, self._losses = epoch, []
        order = shuffled(self._key("order"), self.labelled.ids)
        self._new = self._batches(split(order, config.batch_size, self._least), self._key("augment"))
        old = self._replay_order()
        # Each step has views of its own: an old sample may come more than once in an epoch.
        keys = np.array([self._key("replay augment", step) for step in range(len(old))], np.uint64)
        self._old = self._batches(old, keys.repeat(np.array([len(ids) for ids in old], np.int64)))
        self.steps.rate(step_size(config, epoch))

    def _batches(self, ids: list[Int64[ndarray, " _"]], keys: UInt64[ndarray, " n"] | int) -> Batches:
        images, every = self.steps.images, np.concatenate([np.zeros(0, np.int64), *ids])
        labels, rows = self._labels(every).labels, self.memory.row_of(every)
        return Batches.of(ids, labels, images.views(keys, every), rows, images.device)

    def _replay_order(self) -> list[Int64[ndarray, " _"]]:
        """The memory batches of this epoch: as many as steps (cycle), or one pass over the memory (once)."""
        replay, size = self.learner.replay_plan(self.config.replay, self.config.memory_batch_size)
        size = min(size, len(self.memory))
        if size == 0:
            return []
        needed = self.steps_per_epoch * size
        if replay == "once":
            needed = min(len(self.memory), needed)
        passes = range(math.ceil(needed / len(self.memory)))
        order = np.concatenate([shuffled(self._key("replay", turn), self.memory.ids) for turn in passes])
        return split(order[:needed], size, self._least)

    def _labels(self, ids: Int64[ndarray, " b"]) -> Labelled:
        return Labelled(ids, np.array([self._label_of[i] for i in ids.tolist()], dtype=np.int64))

    def _key(self, purpose: str, *more: int) -> int:
        return key(self.config.seed, purpose, *self.where, self._epoch, *more)

    def _mean_loss(self) -> float:
        # What is measured is kept as float32: in float64, processors differ in the last digits.
        loss = float(torch.stack(self._losses).mean().float())
        if not math.isfinite(loss):
            task, round_ = self.where
            if self._epoch == 0:
                self.learner.check_first(float(self._losses[0]), task, round_)
            raise UserError(
                f"The loss became {loss} in task {task}, round {round_}, epoch {self._epoch + 1}: "
                f"lower the learning rate (lr is {self.config.lr}){self.learner.or_mend_it}."
            )
        return loss


def step_size(config: RunConfig, epoch: int) -> float:
    """Of all steps in `epoch`, counted from 0: a half cosine from lr to lr_end."""
    return config.lr_end + (config.lr - config.lr_end) * (1 + math.cos(math.pi * epoch / config.epochs)) / 2


def split(ids: Int64[ndarray, "*stack n"], size: int, least: int) -> list[Int64[ndarray, "*stack _"]]:
    """Batches of `size`; what is left over is the last one, or joins the last one where it is fewer than `least`."""
    return np.split(ids, range(size, ids.shape[-1] - least + 1, size), -1)
