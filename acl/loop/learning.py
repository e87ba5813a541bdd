"""Labels → training: from the task's base on everything labelled in it, a minibatch at a time."""

from __future__ import annotations

import time

from acl.events import Epoch, Trained
from acl.loop.state import State
from acl.training import Training


def train(state: State) -> Trained | Epoch | None:
    """One minibatch of the training on the newest labels; an Epoch at the end of each."""
    training = state.training = state.training or begin(state)
    if training.done:
        _end(state, training)
        return Trained(state.task, state.round, state.loss, training.n_images, state.train_seconds)
    loss = _step(state, training)
    if loss is None:
        return None
    state.loss = loss
    return Epoch(state.task, state.round, training.epoch, loss)


def train_again(state: State) -> bool:
    """The next piece of the training that was finished; True when it is done."""
    training = state.training = state.training or begin(state)
    if training.done:
        _end(state, training)
        return True
    _step(state, training)
    return False


def begin(state: State) -> Training:
    """A training of all labels of the task so far, from the weights that the task began with."""
    state.model.load_state_dict(state.base)
    state.train_seconds = 0.0
    return Training(state.ordered, state.steps, state.labelled, state.base_memory, state.where, state.final)


def _step(state: State, training: Training) -> float | None:
    start = time.perf_counter()
    loss = training.step()
    state.train_seconds += time.perf_counter() - start
    return loss


def _end(state: State, training: Training) -> None:
    state.learner.check_network(state.model, state.base)
    state.kept, state.training = training.kept, None
