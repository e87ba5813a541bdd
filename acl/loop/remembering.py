"""Training → memory: who is kept of a task when its budget is spent."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from acl.events import Remembered
from acl.loop.state import State
from acl.network.inference import Inference


def remember(state: State) -> Remembered | None:
    """The next piece of the memory update; the fact that ends it, None before."""
    if not update(state):
        return None
    return Remembered(state.task, state.memory.ids.tolist(), state.memory.labels.tolist())


def update(state: State) -> bool:
    """The next piece of the memory update: who is kept, then their logits; True when it is done."""
    if state.inference is None:
        if state.uses_memory:
            state.memory = state.learner.remember(state.kept, state.labelled)
        if not state.learner.stores_logits:
            return True
        state.inference = Inference(state.model, state.images, _new(state), state.config.eval_batch)
    if not state.inference.done:
        state.inference.step()
        return False
    logits, state.inference = state.seen(state.inference).cpu().logits, None
    state.memory = state.memory.with_logits(_new(state), logits)
    return True


def _new(state: State) -> Int64[ndarray, " new"]:
    """Who came into the memory in this task."""
    return np.setdiff1d(state.memory.ids, state.base_memory.ids)


def cut(state: State) -> Remembered:
    """The memory with as many samples as it may still hold. It is the one from the end of the last task."""
    state.base_memory = state.memory = state.learner.cut(state.memory)
    return Remembered(state.task - 1, state.memory.ids.tolist(), state.memory.labels.tolist())
