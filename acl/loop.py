"""The active continual learning loop: the one place where stream, model, strategy, learner and memory meet.

For each task: keep the model as the task's base; label n_start samples at random; train; then, until n_end
labels are spent: score the pool, choose, label, go back to the base and train on everything labelled in
this task, with replay; update the memory; evaluate on every task seen (AccuACL, algorithm 1, as in the
authors' code).

`Loop.step()` does the next small piece of work and says so if a fact came of it; running is a loop around
it. The state is plain: where it stands, the model, the memory, the labels of this task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int64
from numpy import ndarray
from torch import Tensor

from acl.backbone import FrozenImages
from acl.blame import blamed
from acl.config import FULL, RunConfig, UserError
from acl.cost import measured
from acl.datasets.base import Task, TaskStream
from acl.events import (
    PHASES,
    Bought,
    Epoch,
    Evaluated,
    Event,
    Finished,
    History,
    Position,
    Remembered,
    Resumed,
    Scored,
    Started,
    TaskStarted,
    Trained,
)
from acl.images import Images
from acl.inference import Inference, Seen, probabilities
from acl.memory import Labelled, Memory
from acl.metrics import summarise
from acl.models import build_model
from acl.query import QueryContext, Samples, Selection
from acl.registry import build, plugin
from acl.seeds import key, shuffled
from acl.training import Training

Stage = Literal["start", "task", "score", "buy", "train", "remember", "evaluate", "finish", "done"]


@dataclass
class Query:
    """A query under way: the forward passes, then what the strategy saw and chose."""

    inference: Inference
    cost: dict[str, float] = field(default_factory=dict)
    context: QueryContext | None = None
    selection: Selection | None = None


class Loop:
    """One run. `stage` is the next kind of work, `task` and `round` where; `query` is the newest query."""

    def __init__(self, config: RunConfig, stream: TaskStream) -> None:
        if config.device == "cuda" and not torch.cuda.is_available():
            raise UserError("device is cuda, but this torch cannot use a GPU: install one that can, or set device=cpu.")
        self.config, self.stream = config, stream
        self.device = torch.device(config.device)
        train_ids = np.concatenate([task.train_ids for task in stream.tasks])
        if config.backbone == "none":
            self.images = Images(stream.images, train_ids, config.augment, self.device)
        else:
            used = np.unique(np.concatenate([train_ids, *(task.test_ids for task in stream.tasks)]))
            self.images = FrozenImages(config, stream.images, train_ids, used)
        self.model = build_model(config, self.images.shape, stream.n_classes).to(self.device)
        self.learner = build("learners", config.learner, config)
        self.uses_memory = "memory" in plugin("learners", config.learner).settings
        self.strategy = None if config.strategy == FULL else build("strategies", config.strategy, config)
        n_logits = stream.n_classes if self.learner.stores_logits else 0
        self.memory = Memory.empty(config.memory, self.learner.memory_policy, config.seed, n_logits)
        self.base = self._weights()
        self.stage: Stage = "start"
        self.task, self.round = 1, 0
        self.query: Query | None = None
        self.training: Training | None = None
        self.base_memory = self._kept = self.memory
        self._inference: Inference | None = None
        self._bought: list[Bought] = []
        self._picks: list[int] = []
        self._evaluated: list[Evaluated] = []
        self._again: list[Callable[[], bool]] = []
        self._train_seconds = 0.0
        self._loss = 0.0

    # -- what a caller may ask -------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        return self.stage == "done"

    @property
    def current(self) -> Task:
        return self.stream.tasks[self.task - 1]

    @property
    def rounds(self) -> int:
        return self.config.rounds

    @property
    def next_phase(self) -> Position:
        """The phase the next step belongs to (the memory update counts as evaluation)."""
        phase = "score" if self.stage in {"start", "task", "score"} else self.stage
        if phase == "score" and self.round == 0:
            phase = "buy"
        return Position.at(self.task, self.round, phase if phase in PHASES else "evaluate")

    @property
    def labelled(self) -> Labelled:
        """Everything bought in this task so far."""
        ids = np.array([i for event in self._bought for i in event.ids], dtype=np.int64)
        labels = np.array([y for event in self._bought for y in event.labels], dtype=np.int64)
        order = np.argsort(ids)
        return Labelled(ids[order], labels[order])

    @property
    def pool(self) -> Int64[ndarray, " pool"]:
        """Ids of the unlabelled samples U_t, ascending."""
        return np.setdiff1d(self.current.train_ids, self.labelled.ids)

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
    def n_wanted(self) -> int:
        """Labels the current round buys."""
        pool = len(self.current.train_ids)
        before = self.config.labels_at(self.round - 1, pool) if self.round else 0
        return self.config.labels_at(self.round, pool) - before

    @property
    def images_per_s(self) -> float | None:
        """Throughput of the training under way; None outside one."""
        return self.training.n_images / self._train_seconds if self.training and self._train_seconds else None

    @property
    def progress(self) -> float:
        """Share of all training steps of the run that are done, 0..1."""
        if self.done:
            return 1.0
        before = sum(self._steps(task, self.rounds) for task in self.stream.tasks[: self.task - 1])
        here = self._steps(self.current, self.round - 1)
        running = self.training.n_done if self.training and not self._again else 0
        trained = self.stage in {"remember", "evaluate", "finish"}
        if trained:
            here = self._steps(self.current, self.round)
        total = sum(self._steps(task, self.rounds) for task in self.stream.tasks)
        return (before + here + running) / total

    def _steps(self, task: Task, last_round: int) -> int:
        labels = [self.config.labels_at(r, len(task.train_ids)) for r in range(last_round + 1)]
        return sum(self.config.epochs * -(-n // self.config.batch_size) for n in labels)

    def step(self) -> Event | None:
        """The next piece of work: a minibatch, a chunk of a forward pass, or a whole short stage."""
        if self._again:
            if self._again[0]():
                del self._again[0]
            return None
        work: dict[Stage, Callable[[], Event | None]] = {
            "start": self._start,
            "task": self._begin_task,
            "score": self._score,
            "buy": self._buy,
            "train": self._train,
            "remember": self._remember,
            "evaluate": self._evaluate,
            "finish": self._finish,
        }
        event = work[self.stage]()
        if event is not None:
            self._advance(event)
        return event

    def _advance(self, event: Event) -> None:
        """What follows from a fact: the only place where stage, task and round change."""
        match event:
            case Started():
                self.stage = "task"
            case TaskStarted():
                self._bought, self.stage = [], "buy"
            case Scored():
                self._picks, self.stage = event.ids, "buy"
            case Bought():
                self._bought.append(event)
                self.stage = "train"
            case Trained():
                self.stage = "remember" if self.round == self.rounds else "evaluate"
            case Remembered():
                self.stage = "evaluate"
            case Evaluated():
                self._evaluated.append(event)
                self._after_evaluation(event)
            case Finished():
                self.stage = "done"

    def _after_evaluation(self, event: Evaluated) -> None:
        if not event.final:
            self.round, self.stage = self.round + 1, "score"
        elif self.task == len(self.stream.tasks):
            self.stage = "finish"
        else:
            self.task, self.round, self.stage = self.task + 1, 0, "task"

    # -- saving and taking up again --------------------------------------------------------------------

    def base_state(self) -> dict[str, Tensor]:
        """The model and the memory table at the start of the current task, as named tensors."""
        return {
            **{f"model.{name}": value.cpu() for name, value in self.base.items()},
            **{f"memory.{name}": column for name, column in self.base_memory.table.items()},
        }

    def restore(self, history: History, base: Mapping[str, Tensor]) -> None:
        """Take a new loop to where `history` ends; `base` is the base_state of the task it ends in.

        If the work ahead needs the model of the last finished training, the next steps train it again,
        from the base and therefore to the same bits, without reporting it twice. If the memory was already
        updated, that is done again too: no event holds all of its table.
        """
        began = history.started
        if began is not None and began.tasks != self._start().tasks:
            raise UserError(
                "The images are not those this run began with (other classes or numbers of samples): "
                "bring back the old ones, or begin a new run."
            )
        last = None
        for row in history.rows:
            if not isinstance(row.event, Epoch | Resumed):
                self._advance(row.event)
                last = row.event
        if base:
            weights = {name[6:]: value for name, value in base.items() if name.startswith("model.")}
            self.model.load_state_dict(weights)
            self.base = self._weights()
            table = {name[7:]: column for name, column in base.items() if name.startswith("memory.")}
            self.base_memory = self.memory = self.memory.filled(table)
        if isinstance(last, Trained | Remembered | Evaluated) and self.stage != "finish":
            remembered = isinstance(last, Remembered) or (isinstance(last, Evaluated) and last.final)
            self._again = [self._train_again, self._update_memory] if remembered else [self._train_again]

    def _train_again(self) -> bool:
        """The next piece of the training that was finished; True when it is done."""
        self.training = self.training or self._begin_training()
        if self.training.done:
            self._end_training()
            return True
        start = time.perf_counter()
        self.training.step()
        self._train_seconds += time.perf_counter() - start
        return False

    # -- the stages ------------------------------------------------------------------------------------

    def _start(self) -> Started:
        tasks = [
            {"classes": list(t.classes), "pool": len(t.train_ids), "test": len(t.test_ids)} for t in self.stream.tasks
        ]
        return Started(self.stream.name, list(self.stream.class_names), tasks, self.config.device)

    def _begin_task(self) -> Event:
        self.base, self.base_memory = self._weights(), self.memory
        return TaskStarted(self.task, list(self.current.classes), len(self.current.train_ids), len(self.memory))

    def _score(self) -> Event | None:
        assert self.strategy is not None
        roles = [self.pool, self.labelled.ids, self.memory.ids]
        if self.query is None or self.query.selection is not None:
            everything = np.concatenate(roles)
            self.query = Query(Inference(self.model, self.images, everything, self.config.eval_batch))
        query = self.query
        if not query.inference.done:
            with measured(self.device, query.cost, "forward"):
                query.inference.step()
            return None
        query.context = self._context(query.inference, roles)
        with measured(self.device, query.cost, "score"), blamed("strategy", self.config.strategy):
            query.selection = self.strategy.select(query.context)
        return Scored(
            self.task,
            self.round,
            self.config.strategy,
            query.selection.ids.tolist(),
            len(query.context.pool),
            query.context.lambda_,
            query.cost,
        )

    def _context(self, inference: Inference, roles: list[Int64[ndarray, " _"]]) -> QueryContext:
        seen = self._finite(inference)
        classes = self.stream.classes_seen(self.task)
        p = probabilities(seen.logits, classes)
        sizes = [len(ids) for ids in roles]
        pool, labelled, memory = (
            Samples(torch.from_numpy(ids), h, q)
            for ids, h, q in zip(roles, seen.h.split(sizes), p.split(sizes), strict=True)  # type: ignore[no-untyped-call]
        )
        return QueryContext(
            pool,
            labelled,
            memory,
            classes,
            self.n_wanted,
            self.lambda_,
            self.task,
            self.round,
            self.config.seed,
            self.stream.n_classes,
        )

    def _buy(self) -> Event:
        if self.round > 0:
            ids, by = self._picks, self.config.strategy
        elif self.config.strategy == FULL:
            ids, by = self.current.train_ids.tolist(), FULL
        else:
            order = shuffled(key(self.config.seed, "start", self.task), self.current.train_ids)
            ids, by = order[: self.config.n_start].tolist(), "start"
        labels = self.stream.labels[ids].tolist()
        return Bought(self.task, self.round, ids, labels, by, len(ids) + len(self.labelled.ids))

    def _begin_training(self) -> Training:
        self.model.load_state_dict(self.base)
        self._train_seconds = 0.0
        where = (self._bought[-1].task, self._bought[-1].round)
        final = where[1] == self.rounds
        return Training(
            self.config, self.model, self.learner, self.images, self.labelled, self.base_memory, where, final
        )

    def _end_training(self) -> None:
        assert self.training is not None
        self._kept, self.training = self.training.kept, None

    def _train(self) -> Event | None:
        self.training = self.training or self._begin_training()
        if self.training.done:
            images = self.training.n_images
            self._end_training()
            return Trained(self.task, self.round, self._loss, images, self._train_seconds)
        start = time.perf_counter()
        loss = self.training.step()
        self._train_seconds += time.perf_counter() - start
        if loss is None:
            return None
        self._loss = loss
        return Epoch(self.task, self.round, self.training.epoch, loss)

    def _remember(self) -> Event | None:
        if not self._update_memory():
            return None
        return Remembered(self.task, self.memory.ids.tolist(), self.memory.labels.tolist())

    def _update_memory(self) -> bool:
        """The next piece of the memory update: who is kept, then their logits; True when it is done."""
        if self._inference is None:
            if self.uses_memory:
                self.memory = self.learner.remember(self._kept, self.labelled)
            if not self.learner.stores_logits:
                return True
            new = np.setdiff1d(self.memory.ids, self.base_memory.ids)
            self._inference = Inference(self.model, self.images, new, self.config.eval_batch)
        if not self._inference.done:
            self._inference.step()
            return False
        new = np.setdiff1d(self.memory.ids, self.base_memory.ids)
        logits, self._inference = self._finite(self._inference).logits, None
        self.memory = self.memory.with_logits(new, logits)
        return True

    def _evaluate(self) -> Event | None:
        tasks = self.stream.tasks[: self.task]
        if self._inference is None:
            test_ids = np.concatenate([task.test_ids for task in tasks])
            self._inference = Inference(self.model, self.images, test_ids, self.config.eval_batch)
        if not self._inference.done:
            self._inference.step()
            return None
        logits, self._inference = self._inference.result().logits, None
        return self._evaluation(logits, tasks)

    def _evaluation(self, logits: Tensor, tasks: tuple[Task, ...]) -> Evaluated:
        p = probabilities(logits, self.stream.classes_seen(self.task))
        column = {c: i for i, c in enumerate(self.stream.classes_seen(self.task))}
        accuracy, aware, likelihood = [], [], []
        start = 0
        for task in tasks:
            rows = slice(start, start := start + len(task.test_ids))
            y = torch.from_numpy(self.stream.labels[task.test_ids])
            classes = torch.tensor(task.classes)
            accuracy.append(_share(logits[rows].argmax(1) == y))
            aware.append(_share(classes[logits[rows][:, classes].argmax(1)] == y))
            true = torch.tensor([column[c] for c in y.tolist()])
            likelihood.append(float(p[rows].double().gather(1, true[:, None]).mean()))
        return Evaluated(self.task, self.round, accuracy, aware, likelihood, self.round == self.rounds)

    def _finish(self) -> Event:
        finals = [event for event in self._evaluated if event.final]
        return Finished(
            summarise([e.accuracy for e in finals], [e.accuracy_aware for e in finals], [e.likelihood for e in finals])
        )

    def _finite(self, inference: Inference) -> Seen:
        """What the network said, unless its training has diverged (UserError)."""
        seen = inference.result()
        if not bool(torch.isfinite(seen.logits).all() and torch.isfinite(seen.h).all()):
            raise UserError(
                f"The training diverged in task {self.task}, round {self.round}: the network's outputs are no longer "
                f"finite; lower the learning rate (lr is {self.config.lr})."
            )
        return seen

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}


def _share(hits: Tensor) -> float:
    """The fraction of true entries, exact."""
    return int(hits.sum()) / len(hits)
