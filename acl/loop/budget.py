"""Budget arithmetic: what the current round may buy, and how much of the whole run is done."""

from __future__ import annotations

from acl import plan
from acl.config import FULL
from acl.loop.state import State
from acl.stream.types import Task


def total(state: State) -> int:
    """Labels of the current task in all."""
    return plan.budget(state.config, state.current)


def rest(state: State) -> int:
    """Labels that the current task may still buy."""
    return max(total(state) - state.labelled_so_far, 0)


def wanted(state: State) -> int:
    """Labels the current round buys; 0 where the budget was cut to less than is labelled."""
    if state.round > 0:
        return min(state.config.n_query, rest(state))
    return total(state) if state.config.strategy == FULL else min(state.config.n_start, total(state))


def spent_by_this_round(state: State) -> bool:
    """Whether the current round spends the task's budget."""
    return state.labelled_so_far + wanted(state) >= total(state)


def planned(state: State, task: Task) -> list[int]:
    """Labels of a task after each round from 0 on: as bought so far, then as the budget will buy."""
    bought = state.counts.get(task.index, [])
    # What is past is past, also if the budget has changed since.
    return list(bought) if bought and task.index < state.task else plan.labels(state.config, task, bought)


def share_done(state: State, n_rounds: int, n_steps: int) -> float:
    """Share of all training steps of the run that are done, 0..1: those of the tasks before this one, of `n_rounds`
    rounds of this one, and `n_steps` of the training under way."""
    steps = [[plan.training_steps(state.config, n) for n in planned(state, task)] for task in state.stream.tasks]
    before = sum(map(sum, steps[: state.task - 1]))
    return (before + sum(steps[state.task - 1][:n_rounds]) + n_steps) / sum(map(sum, steps))
