"""Where a run stands: its stream and network, and what every stage reads and leaves to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int64
from numpy import ndarray
from torch import Tensor

from acl.config import FULL, RunConfig, UserError, check_method
from acl.events import Bought, Evaluated
from acl.memory import Labelled, Memory
from acl.network.backbone import FrozenImages
from acl.network.images import Images
from acl.network.inference import Inference, Seen
from acl.network.models import Network, build_model
from acl.network.predictions import Predictions
from acl.plugins.learning import Learner
from acl.plugins.registry import build, plugin, prepare
from acl.seeds import key
from acl.selection.query import QueryContext, Selection
from acl.steering import Choice
from acl.steps import Steps
from acl.stream.types import Task, TaskStream
from acl.system.device import no_gpu
from acl.system.numerics import settle
from acl.training import Training

Stage = Literal["start", "task", "cut", "score", "buy", "train", "remember", "evaluate", "finish", "done"]


@dataclass
class Query:
    """A query under way: the forward passes, then what the strategy saw and chose."""

    inference: Inference
    cost: dict[str, float] = field(default_factory=dict)
    context: QueryContext | None = None
    selection: Selection | None = None


class State:
    """`stage` is the next kind of work, `task` and `round` where; `config` is what holds now: a run that is steered
    changes it.

    base, base_memory: network and memory at the start of the task; bought: labels of this task, counts: how many each
    task had after each of its rounds; final: whether those spend the budget; choice: a human's, for this query; picks:
    the strategy's; query, predictions: the newest; evaluated: every evaluation; kept: the memory as the newest training
    left it; loss, train_seconds: of that training; repeat: which of the orders that the seed gives (`Loop.branch`);
    again: work that was done before the run was taken up again and has to be repeated, in turn.
    """

    def __init__(self, config: RunConfig, stream: TaskStream | None = None) -> None:
        """stream: the tasks; where none is given those of `config`, and torch is settled for it as by a worker, so that
        it is the same run. UserError for settings that cannot be run."""
        self.config, self.stream = config, stream = _checked(config, stream)
        self.device = torch.device(config.device)
        self.images = _images(config, stream, self.device)
        self.model = _network(config, self.images, stream.n_classes, self.device)
        self.learner = Learner(config)
        self.uses_memory = "memory" in plugin("learners", config.learner).settings
        if config.strategy != FULL:
            build("strategies", config.strategy, config)  # one that cannot be made is said before anything is trained
        n_logits = stream.n_classes if self.learner.stores_logits else 0
        self.memory = Memory.empty(config.memory, self.learner.policy, config.seed, n_logits, config.numbers)
        self.base = self.weights()
        self.base_memory = self.kept = self.memory
        self.steps = Steps(config, self.model, self.learner, self.images)
        self.stage: Stage = "start"
        self.task, self.round = 1, 0
        self.bought: list[Bought] = []
        self.counts: dict[int, list[int]] = {}
        self.final = False
        self.choice: Choice | None = None
        self.picks: list[int] = []
        self.query: Query | None = None
        self.training: Training | None = None
        self.inference: Inference | None = None
        self.predictions: Predictions | None = None
        self.evaluated: list[Evaluated] = []
        self.loss = self.train_seconds = 0.0
        self.repeat = 0
        self.again: list[Callable[[State], bool]] = []

    @property
    def current(self) -> Task:
        """The task that the run is in."""
        return self.stream.tasks[self.task - 1]

    @property
    def labelled(self) -> Labelled:
        """Everything bought in this task so far."""
        ids = np.array([i for event in self.bought for i in event.ids], dtype=np.int64)
        labels = np.array([y for event in self.bought for y in event.labels], dtype=np.int64)
        order = np.argsort(ids)
        return Labelled(ids[order], labels[order])

    @property
    def labelled_so_far(self) -> int:
        """Labels of the current task."""
        return self.bought[-1].n_labelled if self.bought else 0

    @property
    def where(self) -> tuple[int, int]:
        """Task and round of the newest labels."""
        return self.bought[-1].task, self.bought[-1].round

    @property
    def pool(self) -> Int64[ndarray, " pool"]:
        """Ids of the unlabelled samples U_t, ascending."""
        return np.setdiff1d(self.current.train_ids, self.labelled.ids)

    @property
    def test_ids(self) -> Int64[ndarray, " test"]:
        """The test samples of every task seen, in turn."""
        return np.concatenate([task.test_ids for task in self.stream.tasks[: self.task]])

    @property
    def lambda_(self) -> float:
        """Weight of the past in this task: as set, else |U_1..t−1| / |U_1..t|; 0 with an empty memory."""
        if not len(self.memory):
            return 0.0
        if self.config.lambda_ is not None:
            return self.config.lambda_
        sizes = [len(task.train_ids) for task in self.stream.tasks[: self.task]]
        return sum(sizes[:-1]) / sum(sizes)

    @property
    def ordered(self) -> RunConfig:
        """The settings of a training on the newest labels: a repeat has another seed, which decides its orders."""
        if not self.repeat:
            return self.config
        return self.config.changed(seed=key(self.config.seed, "repeat", *self.where, self.repeat) >> 33)

    def weights(self) -> dict[str, Tensor]:
        """A copy of all that the network has learned."""
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}

    def seen(self, inference: Inference) -> Seen:
        """What the network said, unless its training has diverged (UserError)."""
        seen = inference.result()
        # As float32, which snapshots hold.
        if not bool(torch.isfinite(seen.logits.float()).all() and torch.isfinite(seen.h.float()).all()):
            raise UserError(
                f"The training diverged in task {self.task}, round {self.round}: the network's outputs are no longer "
                f"finite; lower the learning rate (lr is {self.config.lr})."
            )
        return seen


def _checked(config: RunConfig, stream: TaskStream | None) -> tuple[RunConfig, TaskStream]:
    """The settings with their device decided, and the tasks; UserError for what cannot be run here."""
    check_method(config)
    if config.device == "auto":
        config = config.changed(device="cpu" if no_gpu() else "cuda")
    if stream is None:
        settle(config)
        stream = prepare(config)
    if config.device == "cuda" and not torch.cuda.is_available():
        raise UserError("device is cuda, but this torch cannot use a GPU: install one that can, or set device=cpu.")
    return config, stream


def _images(config: RunConfig, stream: TaskStream, device: torch.device) -> Images:
    train_ids = np.concatenate([task.train_ids for task in stream.tasks])
    if config.backbone == "none":
        numbers = getattr(torch, config.numbers)
        return Images(stream.images, train_ids, config.augment, device, numbers)
    used = np.unique(np.concatenate([train_ids, *(task.test_ids for task in stream.tasks)]))
    return FrozenImages(config, stream.images, train_ids, used)


def _network(config: RunConfig, images: Images, n_classes: int, device: torch.device) -> Network:
    model = build_model(config, images.shape, n_classes).to(device)
    # The order in memory that its convolutions like, and the images have.
    return model.to(memory_format=torch.channels_last) if device.type == "cuda" else model
