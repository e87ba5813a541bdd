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
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Literal, assert_never

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy import ndarray
from torch import Tensor

from acl import plan
from acl.config import FULL, RunConfig, UserError, check_method
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
    Steered,
    TaskStarted,
    Trained,
)
from acl.memory import Labelled, Memory
from acl.metrics import summarise
from acl.network.backbone import FrozenImages
from acl.network.images import Images
from acl.network.inference import Inference, Seen, probabilities
from acl.network.models import build_model
from acl.network.predictions import Predictions
from acl.plugins.asking import ask
from acl.plugins.contradictions import refuse_contradictions
from acl.plugins.learning import Learner
from acl.plugins.registry import build, plugin, prepare
from acl.seeds import key, shuffled, uniforms
from acl.selection.query import QueryContext, Samples, Selection
from acl.steering import Choice, steered
from acl.steps import Steps
from acl.stream.types import Task, TaskStream
from acl.system.cost import measured
from acl.system.device import no_gpu
from acl.system.machine import described
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


class Loop:
    """One run. `stage` is the next kind of work, `task` and `round` where; `query` is the newest query, `predictions`
    those of the newest evaluation.

    `config` is what holds now: a run that is steered changes it. Iterated, it runs to its end and yields its events:
    `for event in Loop(config): ...`.
    """

    def __init__(self, config: RunConfig, stream: TaskStream | None = None) -> None:
        """stream: the tasks; where none is given those of `config`, and torch is settled for it as by a worker, so that
        it is the same run. UserError for settings that cannot be run."""
        check_method(config)
        if config.device == "auto":
            config = config.changed(device="cpu" if no_gpu() else "cuda")
        if stream is None:
            settle(config)
            stream = prepare(config)
        if config.device == "cuda" and not torch.cuda.is_available():
            raise UserError("device is cuda, but this torch cannot use a GPU: install one that can, or set device=cpu.")
        self.config, self.stream = config, stream
        self.device = torch.device(config.device)
        train_ids = np.concatenate([task.train_ids for task in stream.tasks])
        if config.backbone == "none":
            numbers = getattr(torch, config.numbers)
            self.images = Images(stream.images, train_ids, config.augment, self.device, numbers)
        else:
            used = np.unique(np.concatenate([train_ids, *(task.test_ids for task in stream.tasks)]))
            self.images = FrozenImages(config, stream.images, train_ids, used)
        self.model = build_model(config, self.images.shape, stream.n_classes).to(self.device)
        if self.device.type == "cuda":
            # The order in memory that its convolutions like, and the images have.
            self.model = self.model.to(memory_format=torch.channels_last)
        self.learner = Learner(config)
        self.uses_memory = "memory" in plugin("learners", config.learner).settings
        if config.strategy != FULL:
            build("strategies", config.strategy, config)  # one that cannot be made is said before anything is trained
        self.choice: Choice | None = None
        n_logits = stream.n_classes if self.learner.stores_logits else 0
        self.memory = Memory.empty(config.memory, self.learner.policy, config.seed, n_logits, config.numbers)
        self.base = self._weights()
        self.stage: Stage = "start"
        self.task, self.round = 1, 0
        self.query: Query | None = None
        self.training: Training | None = None
        self.steps = Steps(config, self.model, self.learner, self.images)
        self.base_memory = self._kept = self.memory
        self.predictions: Predictions | None = None
        self._inference: Inference | None = None
        self._bought: list[Bought] = []
        self._picks: list[int] = []
        self._counts: dict[int, list[int]] = {}
        self._final = False
        self._evaluated: list[Evaluated] = []
        self._again: list[Callable[[], bool]] = []
        self._train_seconds = 0.0
        self._loss = 0.0
        self._repeat = 0

    # -- what a caller may ask -------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        return self.stage == "done"

    @property
    def current(self) -> Task:
        return self.stream.tasks[self.task - 1]

    @property
    def rounds(self) -> int:
        """Query rounds the current task will have, as things stand."""
        return len(self._planned(self.current)) - 1

    @property
    def last_round(self) -> bool:
        """Whether the current round spends the task's budget."""
        return self.labelled_so_far + self.n_wanted >= self._budget(self.current)

    @property
    def before_query(self) -> bool:
        """Whether the next step begins a query (or a task): here a run may be steered."""
        fresh = self.query is None or self.query.selection is not None
        return not self._again and ((self.stage == "score" and fresh) or (self.stage == "buy" and self.round == 0))

    @property
    def next_phase(self) -> Position:
        """The phase the next step belongs to (the memory update counts as evaluation)."""
        phase = "score" if self.stage in {"start", "task", "cut", "score"} else self.stage
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
        """Labels the current round buys; 0 where the budget was cut to less than is labelled."""
        if self.round == 0:
            budget = self._budget(self.current)
            return budget if self.config.strategy == FULL else min(self.config.n_start, budget)
        return min(self.config.n_query, self.rest)

    @property
    def rest(self) -> int:
        """Labels that the current task may still buy."""
        return max(self._budget(self.current) - self.labelled_so_far, 0)

    @property
    def labelled_so_far(self) -> int:
        """Labels of the current task."""
        return self._bought[-1].n_labelled if self._bought else 0

    def _budget(self, task: Task) -> int:
        return plan.budget(self.config, task)

    @property
    def images_per_s(self) -> float | None:
        """Throughput of the training under way; None outside one."""
        return self.training.n_images / self._train_seconds if self.training and self._train_seconds else None

    @property
    def progress(self) -> float:
        """Share of all training steps of the run that are done, 0..1."""
        if self.done:
            return 1.0
        tasks = self.stream.tasks
        plans = {task.index: self._planned(task) for task in tasks}
        before = sum(self._steps(plans[task.index]) for task in tasks[: self.task - 1])
        trained = self.stage in {"remember", "evaluate", "finish"}
        here = self._steps(plans[self.current.index][: self.round + trained])
        running = self.training.n_done if self.training and not self._again else 0
        return (before + here + running) / sum(map(self._steps, plans.values()))

    def _steps(self, counts: list[int]) -> int:
        """Training steps of rounds that hold so many labels."""
        return sum(plan.training_steps(self.config, n) for n in counts)

    def _planned(self, task: Task) -> list[int]:
        """Labels of this task after each round from 0 on: as bought so far, then as the budget will buy."""
        bought = self._counts.get(task.index, [])
        # What is past is past, also if the budget has changed since.
        return list(bought) if bought and task.index < self.task else plan.labels(self.config, task, bought)

    def steer(self, changes: Mapping[str, Any]) -> Steered:
        """Change settings from here on; only `before_query`. UserError for what cannot be changed here."""
        if not self.before_query:
            raise UserError("Settings can be changed only between two queries.")
        changed = steered(self.config, changes, self.stage == "buy")
        refuse_contradictions(changed, self.stream)
        if changed.strategy != FULL:
            build("strategies", changed.strategy, changed)
        event = Steered(self.task, self.round, dict(changes))
        self._advance(event)
        return event

    def branch(self, bought: Bought, repeat: int = 0) -> Loop:
        """A loop that goes on from this query as if `bought` had been bought in it; this one stays where it is.

        repeat: which of the orders that the seed gives every training from here on has; 0 are the run's own. Both loops
        work with one network, which every training starts anew from the task's base: let one of them finish a training
        before the other goes on.
        """
        other = copy(self)
        other._bought, other._evaluated, other._again = list(self._bought), list(self._evaluated), []
        other._counts = {task: list(counts) for task, counts in self._counts.items()}
        other.query = other.training = other.choice = other._inference = None
        other._repeat = repeat
        other._advance(bought)
        return other

    def __iter__(self) -> Iterator[Event]:
        while not self.done:
            if (event := self.step()) is not None:
                yield event

    def step(self) -> Event | None:
        """The next piece of work: a minibatch, a chunk of a forward pass, or a whole short stage."""
        if self._again:
            if self._again[0]():
                del self._again[0]
            return None
        work: dict[Stage, Callable[[], Event | None]] = {
            "start": self._start,
            "task": self._begin_task,
            "cut": self._cut,
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
            case Steered():
                self._steered(steered(self.config, event.changes, self.stage == "buy"))
            case Scored():
                self._picks, self.stage = event.ids, "buy"
            case Bought():
                self._bought.append(event)
                self._counts.setdefault(event.task, []).append(event.n_labelled)
                self._final = event.n_labelled >= self._budget(self.current)
                self.stage = "train"
            case Trained():
                self.stage = "remember" if self._final else "evaluate"
            case Remembered():
                self.stage = "buy" if self.stage == "cut" else "evaluate"
            case Evaluated():
                self._evaluated.append(event)
                self._after_evaluation(event)
            case Finished():
                self.stage = "done"
            case Epoch() | Resumed():
                pass  # they change nothing of what is next
            case _:
                assert_never(event)

    def _steered(self, config: RunConfig) -> None:
        """`config` holds from here on. A smaller memory is cut by the next step, which says who is left."""
        if config.memory < self.config.memory and self.task > 1:
            self.stage = "cut"
        self.config, self.learner = config, Learner(config)
        self.steps = Steps(config, self.model, self.learner, self.images)
        self.base_memory = self.memory = replace(self.memory, size=config.memory, policy=self.learner.policy)

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
            **{f"model.{name}": value.cpu().contiguous() for name, value in self.base.items()},
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
                # Steering, and cutting the memory for it, change nothing of what was trained before it.
                last = last if isinstance(row.event, Steered) or self.stage == "cut" else row.event
                self._advance(row.event)
        if base:
            weights = {name[6:]: value for name, value in base.items() if name.startswith("model.")}
            table = {name[7:]: column for name, column in base.items() if name.startswith("memory.")}
            try:
                self._check_precision(weights)
                self.model.load_state_dict(weights)
                self.base_memory = self.memory = self.memory.filled(table)
                if self.stage != "cut":
                    self._cut()  # as it was already, where the run was steered since the base was kept
            except (RuntimeError, KeyError, ValueError) as error:
                raise UserError(
                    "The network or memory that was kept for the task is not one of these settings: it cannot be gone "
                    f"on from ({str(error).splitlines()[0]})."
                ) from None
            self.base = self._weights()
        if isinstance(last, Trained | Remembered | Evaluated) and self.stage != "finish":
            remembered = isinstance(last, Remembered) or (isinstance(last, Evaluated) and last.final)
            self._again = [self._train_again, self._update_memory] if remembered else [self._train_again]

    def _check_precision(self, weights: Mapping[str, Tensor]) -> None:
        """ValueError for weights of another precision, which torch would take and round."""
        for name, value in self.model.state_dict().items():
            if name in weights and weights[name].dtype != value.dtype:
                raise ValueError(f"{name} is {weights[name].dtype}, not {value.dtype}")

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
        where = described(self.config.device)
        return Started(self.stream.name, list(self.stream.class_names), tasks, self.config.device, where)

    def _cut(self) -> Remembered:
        """The memory with as many samples as it may still hold. It is the one from the end of the last task."""
        self.base_memory = self.memory = self.learner.cut(self.memory)
        return Remembered(self.task - 1, self.memory.ids.tolist(), self.memory.labels.tolist())

    def _begin_task(self) -> Event:
        self.base, self.base_memory = self._weights(), self.memory
        return TaskStarted(self.task, list(self.current.classes), len(self.current.train_ids), len(self.memory))

    def _score(self) -> Event | None:
        if self.n_wanted == 0:
            return Bought(self.task, self.round, [], [], "nobody", self.labelled_so_far)
        roles = [self.pool, self.labelled.ids, self.memory.ids]
        if self.query is None or self.query.selection is not None:
            everything = np.concatenate(roles)
            self.query = Query(Inference(self.model, self.images, everything, self.config.eval_batch))
        query = self.query
        if not query.inference.done:
            with measured(self.device, query.cost, "forward"):
                query.inference.step()
            return None
        seen = self._context(query.inference, roles)
        query.context = seen.on("cpu")
        query.selection = self._ask(query, seen)
        return Scored(
            self.task,
            self.round,
            self.config.strategy,
            query.selection.ids.tolist(),
            len(query.context.pool),
            query.context.lambda_,
            query.cost,
        )

    def _ask(self, query: Query, seen: QueryContext) -> Selection:
        """What the strategy chooses: on the GPU with the network, or on the CPU where that has too little memory."""
        try:
            return ask(self.config.strategy, self.config, seen, measured(self.device, query.cost, "score"))
        except torch.OutOfMemoryError:
            during = measured(torch.device("cpu"), query.cost, "score")
            return ask(self.config.strategy, self.config, seen.on("cpu"), during)

    def _context(self, inference: Inference, roles: list[Int64[ndarray, " _"]]) -> QueryContext:
        seen = self._finite(inference)
        classes = self._classes_of_query()
        p = probabilities(seen.logits, classes)
        sizes = [len(ids) for ids in roles]
        pool, labelled, memory = (
            Samples(torch.from_numpy(ids).to(self.device), h, q)
            for ids, h, q in zip(roles, seen.h.float().split(sizes), p.split(sizes), strict=True)  # type: ignore[no-untyped-call]
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

    def _classes_of_query(self) -> tuple[int, ...]:
        """The classes of a query's p: those with a label in the memory from before the task and the task's own, in
        order of appearance. A class that the memory has lost is not among them (as in AccuACL's code)."""
        there = {*self.memory.labels.tolist(), *self.current.classes}
        appeared = dict.fromkeys(c for task in self.stream.tasks[: self.task] for c in task.classes)
        return tuple(c for c in appeared if c in there)

    def _buy(self) -> Event:
        human = self._human_choice() if self.round > 0 else None
        if human is not None:
            return human
        if self.round > 0:
            ids, by = self._picks, self.config.strategy
        elif self.config.strategy == FULL:
            ids, by = self.current.train_ids.tolist(), FULL
        else:
            order = shuffled(key(self.config.seed, "start", self.task), self.current.train_ids)
            ids, by = order[: self.n_wanted].tolist(), "start"
        return Bought(self.task, self.round, ids, self.labels_of(ids), by, self.labelled_so_far + len(ids))

    def check(self, choice: Choice) -> None:
        """UserError where a human's choice cannot be bought in the current query."""
        pool, classes = set(self.pool.tolist()), set(self.stream.classes_seen(self.task))
        if (choice.task, choice.round) != (self.task, self.round) or len(choice.ids) != len(choice.labels):
            raise UserError(f"The choice is not one of task {self.task}, round {self.round}, or lacks labels.")
        if not 1 <= len(choice.ids) <= self.n_wanted or len(set(choice.ids)) < len(choice.ids):
            raise UserError(f"Choose 1 to {self.n_wanted} different samples, got {len(choice.ids)}.")
        strangers = [i for i in choice.ids if i not in pool]
        if strangers:
            raise UserError(f"Sample {strangers[0]} is not in the pool of this query: choose another.")
        wrong = [label for label in choice.labels if label is not None and label not in classes]
        if wrong:
            raise UserError(f"Label {wrong[0]} is no class seen so far: {', '.join(map(str, sorted(classes)))}.")

    def _human_choice(self) -> Bought | None:
        """What a human chose in this query instead; None if nobody did."""
        choice, self.choice = self.choice, None
        if choice is None or (choice.task, choice.round) != (self.task, self.round):
            return None
        self.check(choice)
        asked = self.labels_of(choice.ids)
        labels = [true if label is None else label for label, true in zip(choice.labels, asked, strict=True)]
        by_hand = [i for i, label in zip(choice.ids, choice.labels, strict=True) if label is not None]
        replaced = [i for i in self._picks if i not in choice.ids]
        n_labelled = self.labelled_so_far + len(choice.ids)
        return Bought(self.task, self.round, choice.ids, labels, "human", n_labelled, replaced, by_hand)

    def labels_of(self, ids: list[int]) -> list[int]:
        """What the annotator says: the true classes, but for a share that label_noise makes wrong, the same samples
        whoever chose them."""
        labels = self.stream.labels[ids].copy()
        if self.config.label_noise and ids:
            which = np.array(ids, dtype=np.int64)
            wrong = uniforms(key(self.config.seed, "noise", self.task), which) < self.config.label_noise
            u = uniforms(key(self.config.seed, "noise class", self.task), which)
            for row in np.nonzero(wrong)[0]:
                others = [c for c in self.current.classes if c != labels[row]]
                if others:
                    labels[row] = others[int(u[row] * len(others))]
        return [int(label) for label in labels]

    def _begin_training(self) -> Training:
        self.model.load_state_dict(self.base)
        self._train_seconds = 0.0
        return Training(self.ordered, self.steps, self.labelled, self.base_memory, self._where, self._final)

    @property
    def _where(self) -> tuple[int, int]:
        """Task and round of the newest labels."""
        return self._bought[-1].task, self._bought[-1].round

    @property
    def ordered(self) -> RunConfig:
        """The settings of a training on the newest labels: a repeat has another seed, which decides its orders."""
        if not self._repeat:
            return self.config
        return self.config.changed(seed=key(self.config.seed, "repeat", *self._where, self._repeat) >> 33)

    def _end_training(self) -> None:
        assert self.training is not None
        self.learner.check_network(self.model, self.base)
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
        logits, self._inference = self._finite(self._inference).cpu().logits, None
        self.memory = self.memory.with_logits(new, logits)
        return True

    def _evaluate(self) -> Event | None:
        if self._inference is None:
            self._inference = Inference(self.model, self.images, self.test_ids, self.config.eval_batch)
        if not self._inference.done:
            self._inference.step()
            return None
        logits, self._inference = self._finite(self._inference).cpu().logits, None
        self.predictions = self.predicted(logits)
        return self.evaluation(logits)

    @property
    def test_ids(self) -> Int64[ndarray, " test"]:
        """The test samples of every task seen, in turn."""
        return np.concatenate([task.test_ids for task in self.stream.tasks[: self.task]])

    def predicted(self, logits: Float[Tensor, "test n_classes"]) -> Predictions:
        """What a network that gives the `test_ids` these logits calls them."""
        own, start = [], 0
        for task in self.stream.tasks[: self.task]:
            rows = slice(start, start := start + len(task.test_ids))
            classes = torch.tensor(task.classes)
            own.append(classes[logits[rows][:, classes].argmax(1)])
        return Predictions(self.test_ids, logits.argmax(1).numpy(), torch.cat(own).numpy())

    def evaluation(self, logits: Float[Tensor, "test n_classes"]) -> Evaluated:
        """The fact that a network which gives the `test_ids` these logits comes to."""
        tasks = self.stream.tasks[: self.task]
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
            # What is measured is kept as float32: in float64, processors differ in the last digits.
            likelihood.append(float(p[rows].double().gather(1, true[:, None]).mean().float()))
        return Evaluated(self.task, self.round, accuracy, aware, likelihood, self._final)

    def _finish(self) -> Event:
        finals = [event for event in self._evaluated if event.final]
        return Finished(
            summarise([e.accuracy for e in finals], [e.accuracy_aware for e in finals], [e.likelihood for e in finals])
        )

    def _finite(self, inference: Inference) -> Seen:
        """What the network said, unless its training has diverged (UserError)."""
        seen = inference.result()
        # As float32, which snapshots hold.
        if not bool(torch.isfinite(seen.logits.float()).all() and torch.isfinite(seen.h.float()).all()):
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
