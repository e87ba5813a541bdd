"""The table of stages: what is done in each, which fact ends it, and which stage follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from acl.config import RunConfig
from acl.events import (
    Bought,
    Epoch,
    Evaluated,
    Event,
    Finished,
    Phase,
    Remembered,
    Resumed,
    Scored,
    Started,
    Steered,
    TaskStarted,
    Trained,
)
from acl.loop import budget
from acl.loop.annotator import buy
from acl.loop.evaluation import evaluate, finish
from acl.loop.learning import train
from acl.loop.remembering import cut, remember
from acl.loop.scoring import score
from acl.loop.state import Stage, State
from acl.plugins.learning import Learner
from acl.steering import steered
from acl.steps import Steps
from acl.system.machine import described


@dataclass(frozen=True)
class Row:
    """work: the next small piece of the stage: the fact that came of it, or None; ends_with: the fact that ends the
    stage; then: the next one, or how it is found; phase: what a run in this stage is said to do."""

    work: Callable[[State], Event | None]
    ends_with: type[Event]
    then: Stage | Callable[[State], Stage]
    phase: Phase


def start(state: State) -> Started:
    """What the run is made of: its tasks, classes and device."""
    stream, device = state.stream, state.config.device
    tasks = [{"classes": list(t.classes), "pool": len(t.train_ids), "test": len(t.test_ids)} for t in stream.tasks]
    return Started(stream.name, list(stream.class_names), tasks, device, described(device))


def begin_task(state: State) -> TaskStarted:
    """Keep the weights and the memory that every training of the task begins with."""
    state.base, state.base_memory = state.weights(), state.memory
    return TaskStarted(state.task, list(state.current.classes), len(state.current.train_ids), len(state.memory))


def _after_training(state: State) -> Stage:
    return "remember" if state.final else "evaluate"


def _after_evaluation(state: State) -> Stage:
    """On to the next query, where the budget is spent to the next task, and after the last one to the end."""
    if not state.evaluated[-1].final:
        state.round += 1
        return "score"
    if state.task == len(state.stream.tasks):
        return "finish"
    state.task, state.round = state.task + 1, 0
    return "task"


STAGES: dict[Stage, Row] = {
    "start": Row(start, Started, "task", "score"),
    "task": Row(begin_task, TaskStarted, "buy", "score"),
    "score": Row(score, Scored, "buy", "score"),
    "buy": Row(buy, Bought, "train", "buy"),
    "train": Row(train, Trained, _after_training, "train"),
    "remember": Row(remember, Remembered, "evaluate", "evaluate"),
    "evaluate": Row(evaluate, Evaluated, _after_evaluation, "evaluate"),
    "finish": Row(finish, Finished, "done", "evaluate"),
    # Only where a run was steered to a smaller memory, before the first labels of a task.
    "cut": Row(cut, Remembered, "buy", "score"),
}


def advance(state: State, event: Event) -> None:
    """What follows from a fact, worked out now or read again: only here do stage, task and round change."""
    _keep(state, event)
    # A query of a budget that was cut ends at once with the fact that ends "buy".
    ended = {stage: row for stage, row in STAGES.items() if row.ends_with is type(event)}
    if ended:
        then = ended.get(state.stage, next(iter(ended.values()))).then
        state.stage = then if isinstance(then, str) else then(state)


def _keep(state: State, event: Event) -> None:
    """What of a fact the stages after it need."""
    match event:
        case TaskStarted():
            state.bought = []
        case Steered():
            _steer(state, steered(state.config, event.changes, state.stage == "buy"))
        case Scored():
            state.picks = event.ids
        case Bought():
            state.bought.append(event)
            state.counts.setdefault(event.task, []).append(event.n_labelled)
            state.final = event.n_labelled >= budget.total(state)
        case Evaluated():
            state.evaluated.append(event)
        case Started() | Trained() | Remembered() | Finished() | Epoch() | Resumed():
            pass
        case _:
            assert_never(event)


def _steer(state: State, config: RunConfig) -> None:
    """`config` holds from here on. A smaller memory is cut by the next step, which says who is left."""
    if config.memory < state.config.memory and state.task > 1:
        state.stage = "cut"
    state.config, state.learner = config, Learner(config)
    state.steps = Steps(config, state.model, state.learner, state.images)
    state.base_memory = state.memory = replace(state.memory, size=config.memory, policy=state.learner.policy)
