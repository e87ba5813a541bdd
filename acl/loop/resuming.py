"""A run taken up again: its history is followed once more, and what no event holds is trained again."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from acl.config import UserError
from acl.events import Epoch, Evaluated, Event, History, Remembered, Resumed, Steered, Trained
from acl.loop.learning import train_again
from acl.loop.remembering import cut, update
from acl.loop.stages import advance, start
from acl.loop.state import State


def base_state(state: State) -> dict[str, Tensor]:
    """The model and the memory table at the start of the current task, as named tensors."""
    return {
        **{f"model.{name}": value.cpu().contiguous() for name, value in state.base.items()},
        **{f"memory.{name}": column for name, column in state.base_memory.table.items()},
    }


def restore(state: State, history: History, base: Mapping[str, Tensor]) -> None:
    """Take a new loop to where `history` ends; `base` is the base_state of the task it ends in.

    If the work ahead needs the model of the last finished training, the next steps train it again,
    from the base and therefore to the same bits, without reporting it twice. If the memory was already
    updated, that is done again too: no event holds all of its table.
    """
    began = history.started
    if began is not None and began.tasks != start(state).tasks:
        raise UserError(
            "The images are not those this run began with (other classes or numbers of samples): "
            "bring back the old ones, or begin a new run."
        )
    last = _follow(state, history)
    if base:
        _load(state, base)
    if isinstance(last, Trained | Remembered | Evaluated) and state.stage != "finish":
        remembered = isinstance(last, Remembered) or (isinstance(last, Evaluated) and last.final)
        state.again = [train_again, update] if remembered else [train_again]


def _follow(state: State, history: History) -> Event | None:
    """Every fact again; the last one that says how far training and memory are."""
    last = None
    for row in history.rows:
        if not isinstance(row.event, Epoch | Resumed):
            # Steering, and cutting the memory for it, change nothing of what was trained before it.
            last = last if isinstance(row.event, Steered) or state.stage == "cut" else row.event
            advance(state, row.event)
    return last


def _load(state: State, base: Mapping[str, Tensor]) -> None:
    """Network and memory as they were kept at the start of the task. UserError where they are not of this run."""
    weights = {name[6:]: value for name, value in base.items() if name.startswith("model.")}
    table = {name[7:]: column for name, column in base.items() if name.startswith("memory.")}
    try:
        _check_precision(state, weights)
        state.model.load_state_dict(weights)
        state.base_memory = state.memory = state.memory.filled(table)
        if state.stage != "cut":
            cut(state)  # as it was already, where the run was steered since the base was kept
    except (RuntimeError, KeyError, ValueError) as error:
        raise UserError(
            "The network or memory that was kept for the task is not one of these settings: it cannot be gone "
            f"on from ({str(error).splitlines()[0]})."
        ) from None
    state.base = state.weights()


def _check_precision(state: State, weights: Mapping[str, Tensor]) -> None:
    """ValueError for weights of another precision, which torch would take and round."""
    for name, value in state.model.state_dict().items():
        if name in weights and weights[name].dtype != value.dtype:
            raise ValueError(f"{name} is {weights[name].dtype}, not {value.dtype}")
