"""Many small networks trained at once: the mlp, or a head on a frozen backbone, as batched matrix products.

What one network does in acl.training, K do here side by side: same base, step sizes and number of steps; labels, orders
and views are a member's own. The members do not touch each other, so the gradient of the sum of their losses is the
gradient of each. In another order of summation than one network alone: weights agree to 1e-9 in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt64
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import cross_entropy

from acl.analysis.outcomes.asked import Outcome, Trial
from acl.analysis.outcomes.measure import equal_epochs
from acl.analysis.outcomes.query import Query
from acl.config import RunConfig, UserError
from acl.learners.derpp import ALPHA, BETA
from acl.loop import Loop
from acl.memory import Labelled, Memory
from acl.plugins.contradictions import least_batch
from acl.seeds import key, mix
from acl.training import split, step_size

LAYERS = ("body.1.weight", "body.1.bias", "head.weight", "head.bias")
"""All there is of acl.network.models' mlp: Flatten, Linear, ReLU, and the head."""
Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Step:
    """What the K members learn in one step: x [K, b + m, inputs], new samples first; y, their labels; n_new: b; logits:
    those stored of the old samples."""

    x: Float[Tensor, "k bm inputs"]
    y: Int64[Tensor, "k bm"]
    n_new: int
    logits: Float[Tensor, "k m n_classes"] | None


Loss = Callable[[Float[Tensor, "k bm n_classes"], Step], Float[Tensor, " k"]]


def can_stack(query: Query) -> bool:
    """Whether networks and learner of this run are among those that are trained at once."""
    config, learner = query.loop.config, query.loop.learner
    ours = config.learner in LOSSES and learner.plugin.ours
    return ours and tuple(query.loop.base) == LAYERS and not query.loop.model.in_bfloat16


def measure(query: Query, trials: Sequence[Trial]) -> list[Outcome]:
    """Outcomes of sets of one size after this round, in the order of `trials`. UserError where one diverges."""
    found: dict[int, Outcome] = {}
    for rows in _alike(query, trials):
        weights = train(query, [trials[row] for row in rows])
        logits = look(query.loop, weights, query.loop.test_ids)
        if not bool(torch.isfinite(logits.float()).all()):
            raise UserError(
                f"A training diverged in task {query.loop.task}, round {query.loop.round}: the network's outputs are "
                f"no longer finite; lower the learning rate (lr is {query.loop.config.lr})."
            )
        for row, each in zip(rows, logits.cpu(), strict=True):
            found[row] = Outcome.of(trials[row], "round", query.loop.evaluation(each))
    return [found[row] for row in range(len(trials))]


def _alike(query: Query, trials: Sequence[Trial]) -> list[list[int]]:
    """Rows of those that replay as many samples: a full class-balanced memory may have places that nobody fills."""
    groups: dict[int, list[int]] = {}
    for row, trial in enumerate(trials):
        loop = query.loop.branch(query.purchase(trial.subset), trial.repeat)
        groups.setdefault(len(loop.learner.replay_memory(loop.base_memory, loop.labelled)), []).append(row)
    return list(groups.values())


@torch.no_grad()
def look(loop: Loop, weights: Weights, ids: Int64[ndarray, " n"]) -> Float[Tensor, "k n n_classes"]:
    """The logits that each member gives the samples `ids`."""
    chunks = np.split(ids, range(loop.config.eval_batch, len(ids), loop.config.eval_batch))
    parts = []
    for chunk in chunks:
        x = loop.images.batch(torch.from_numpy(chunk).to(loop.device)).flatten(1)
        parts.append(_forward(weights, x.expand(len(weights["head.bias"]), *x.shape)))
    return torch.cat(parts, 1)


def _forward(weights: Weights, x: Float[Tensor, "k b inputs"]) -> Float[Tensor, "k b n_classes"]:
    h = torch.baddbmm(weights["body.1.bias"][:, None], x, weights["body.1.weight"].mT).relu()
    return torch.baddbmm(weights["head.bias"][:, None], h, weights["head.weight"].mT)


def train(query: Query, trials: Sequence[Trial]) -> Weights:
    """The weights [K, …] after the trainings on these sets, all of one size, that replay as many samples."""
    members = Members(query, trials)
    config = members.config
    k = len(trials)
    weights = {name: value.expand(k, *value.shape).clone().requires_grad_() for name, value in query.loop.base.items()}
    # Without a memory all of these are plain fine-tuning.
    loss, momentum = LOSSES[config.learner if config.memory else "finetune"], dict[str, Tensor]()
    for epoch in range(config.epochs):
        lr = step_size(config, epoch)
        for step in members.epoch(epoch):
            losses = loss(_forward(weights, step.x), step)
            gradients = torch.autograd.grad(losses.sum(), list(weights.values()))
            with torch.no_grad():
                _descend(weights, gradients, momentum, config, lr)
    return {name: value.detach() for name, value in weights.items()}


def _descend(weights: Weights, gradients: Sequence[Tensor], momentum: Weights, config: RunConfig, lr: float) -> None:
    """One step of torch.optim.SGD, in place."""
    for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
        if config.weight_decay:
            gradient = gradient.add(weight, alpha=config.weight_decay)
        if config.momentum:
            kept = momentum.setdefault(name, torch.zeros_like(gradient))
            # One pass over the memory instead of two.
            gradient = torch.add(gradient, kept, alpha=config.momentum, out=kept)
        weight.sub_(gradient, alpha=lr)


# -- whose turn it is ----------------------------------------------------------------------------------


class Members:
    """Labelled samples and memories of K trainings, and their batches; what acl.training.Training is for one."""

    def __init__(self, query: Query, trials: Sequence[Trial]) -> None:
        loops = [query.loop.branch(query.purchase(trial.subset), trial.repeat) for trial in trials]
        loop = self.loop = query.loop
        self.config = loop.config
        if trials[0].subset.kind == "equal_steps":
            self.config = loop.config.changed(epochs=equal_epochs(query, len(trials[0].subset.ids)))
        self.seeds = [each.ordered.seed for each in loops]
        labelled = [each.labelled for each in loops]
        memories = [loop.learner.replay_memory(loop.base_memory, each) for each in labelled]
        self.new = _Side(labelled)
        self.old = _Side(memories) if len(memories[0]) else None
        self.logits = _stored(memories) if loop.learner.stores_logits else None
        self.least = least_batch(self.config, *loop.images.shape[1:])

    def epoch(self, epoch: int) -> list[Step]:
        """The steps of one epoch (from 0): orders, views and replayed samples of each member are those of
        acl.training.Training."""
        new = self._split(self.new.shuffled(self._keys("order", epoch)), self.config.batch_size)
        old = self._replay(epoch, len(new))
        return [self._step(epoch, step, rows, old[step] if step < len(old) else None) for step, rows in enumerate(new)]

    def _split(self, rows: Int64[ndarray, "k n"], size: int) -> list[Int64[ndarray, "k _"]]:
        return split(rows, size, self.least)

    def _replay(self, epoch: int, n_steps: int) -> list[Int64[ndarray, "k m"]]:
        """Rows of the old samples of each step, as acl.training.Training replays them."""
        if self.old is None:
            return []
        replay, size = self.loop.learner.replay_plan(self.config.replay, self.config.memory_batch_size)
        kept = self.old.ids.shape[1]
        size = min(size, kept)
        needed = n_steps * size
        if replay == "once":
            needed = min(kept, needed)
        passes = range(-(-needed // kept))
        order = np.concatenate([self.old.shuffled(self._keys("replay", epoch, turn)) for turn in passes], 1)
        return self._split(order[:, :needed], size)

    def _step(self, epoch: int, step: int, new: Int64[ndarray, "k b"], old: Int64[ndarray, "k m"] | None) -> Step:
        x, y = self._shown(self.new, new, self._keys("augment", epoch))
        if old is None or self.old is None:
            return Step(x, y, new.shape[1], None)
        past_x, past_y = self._shown(self.old, old, self._keys("replay augment", epoch, step))
        logits = None
        if self.logits is not None:
            rows = torch.from_numpy(old).to(self.loop.device)
            logits = self.logits.gather(1, rows[:, :, None].expand(-1, -1, self.logits.shape[2]))
        return Step(torch.cat([x, past_x], 1), torch.cat([y, past_y], 1), new.shape[1], logits)

    def _shown(
        self, side: _Side, rows: Int64[ndarray, "k b"], keys: UInt64[ndarray, " k"]
    ) -> tuple[Float[Tensor, "k b inputs"], Int64[Tensor, "k b"]]:
        """Images, as this epoch's views show them, and labels."""
        images, device = self.loop.images, self.loop.device
        ids = np.take_along_axis(side.ids, rows, 1)
        views = images.views(keys.repeat(rows.shape[1]), ids.ravel())
        x = images.augmented(torch.from_numpy(ids.ravel()).to(device), torch.from_numpy(views).to(device))
        labels = torch.from_numpy(np.take_along_axis(side.labels, rows, 1))
        return x.reshape(*rows.shape, -1), labels.to(device)

    def _keys(self, purpose: str, epoch: int, *more: int) -> UInt64[ndarray, " k"]:
        where = self.loop.task, self.loop.round, epoch, *more
        known = {seed: key(seed, purpose, *where) for seed in set(self.seeds)}
        return np.array([known[seed] for seed in self.seeds], np.uint64)


class _Side:
    """ids and labels [K, n] of each member's samples, in order of id."""

    def __init__(self, members: Sequence[Labelled | Memory]) -> None:
        self.ids = np.stack([each.ids for each in members])
        self.labels = np.stack([each.labels for each in members])

    def shuffled(self, keys: UInt64[ndarray, " k"]) -> Int64[ndarray, "k n"]:
        """Rows in the order that acl.seeds.shuffled gives each member's ids."""
        return np.argsort(mix(keys[:, None], self.ids), axis=1, kind="stable")


def _stored(memories: Sequence[Memory]) -> Float[Tensor, "k m n_classes"]:
    return torch.from_numpy(np.stack([memory.logits for memory in memories]))


# -- losses of each member -----------------------------------------------------------------------------


def _mean(logits: Float[Tensor, "k b n_classes"], y: Int64[Tensor, "k b"]) -> Float[Tensor, " k"]:
    """Mean cross-entropy of each member."""
    return cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(y.shape).mean(1)


def _joint(logits: Float[Tensor, "k bm n_classes"], step: Step) -> Float[Tensor, " k"]:
    """acl.learners.er."""
    return _mean(logits, step.y)


def _new(logits: Float[Tensor, "k bm n_classes"], step: Step) -> Float[Tensor, " k"]:
    """acl.learners.finetune."""
    return _mean(logits[:, : step.n_new], step.y[:, : step.n_new])


def _derpp(logits: Float[Tensor, "k bm n_classes"], step: Step) -> Float[Tensor, " k"]:
    loss, old = _new(logits, step), logits[:, step.n_new :]
    if step.logits is None:
        return loss
    distance = (old - step.logits).square().flatten(1).mean(1)
    return loss + ALPHA * distance + BETA * _mean(old, step.y[:, step.n_new :])


def _er_ace(logits: Float[Tensor, "k bm n_classes"], step: Step) -> Float[Tensor, " k"]:
    n, y = step.n_new, step.y
    absent = torch.ones(len(y), logits.shape[2], dtype=torch.bool, device=y.device).scatter_(1, y[:, :n], False)
    new = _mean(logits[:, :n].masked_fill(absent[:, None], -torch.inf), y[:, :n])
    return new if y.shape[1] == n else (new + _mean(logits[:, n:], y[:, n:])) / 2


LOSSES: dict[str, Loss] = {"er": _joint, "finetune": _new, "derpp": _derpp, "er_ace": _er_ace}
