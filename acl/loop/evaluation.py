"""Memory → metrics: the network's answers on the test samples of every task seen, and what a whole run comes to."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from acl.events import Evaluated, Finished
from acl.loop.state import State
from acl.metrics import summarise
from acl.network.inference import Inference, probabilities
from acl.network.predictions import Predictions
from acl.stream.types import Task


def evaluate(state: State) -> Evaluated | None:
    """A chunk of the forward pass over the test samples; after the last one what they come to."""
    if state.inference is None:
        state.inference = Inference(state.model, state.images, state.test_ids, state.config.eval_batch)
    if not state.inference.done:
        state.inference.step()
        return None
    logits, state.inference = state.seen(state.inference).cpu().logits, None
    state.predictions = predicted(state, logits)
    return evaluation(state, logits)


def predicted(state: State, logits: Float[Tensor, "test n_classes"]) -> Predictions:
    """What a network that gives the `test_ids` these logits calls them."""
    own = torch.cat([_among_its_own(task, logits[rows]) for task, rows in _tasks(state)])
    return Predictions(state.test_ids, logits.argmax(1).numpy(), own.numpy())


def evaluation(state: State, logits: Float[Tensor, "test n_classes"]) -> Evaluated:
    """The fact that a network which gives the `test_ids` these logits comes to."""
    classes = state.stream.classes_seen(state.task)
    p = probabilities(logits, classes)
    column = {c: i for i, c in enumerate(classes)}
    accuracy, aware, likelihood = [], [], []
    for task, rows in _tasks(state):
        y = torch.from_numpy(state.stream.labels[task.test_ids])
        accuracy.append(_share(logits[rows].argmax(1) == y))
        aware.append(_share(_among_its_own(task, logits[rows]) == y))
        true = torch.tensor([column[c] for c in y.tolist()])
        # What is measured is kept as float32: in float64, processors differ in the last digits.
        likelihood.append(float(p[rows].double().gather(1, true[:, None]).mean().float()))
    return Evaluated(state.task, state.round, accuracy, aware, likelihood, state.final)


def finish(state: State) -> Finished:
    """The end of a run: its summary, out of what was measured after each task."""
    finals = [event for event in state.evaluated if event.final]
    return Finished(
        summarise([e.accuracy for e in finals], [e.accuracy_aware for e in finals], [e.likelihood for e in finals])
    )


def _tasks(state: State) -> Iterator[tuple[Task, slice]]:
    """Every task seen, and where its samples are among the `test_ids`."""
    start = 0
    for task in state.stream.tasks[: state.task]:
        yield task, slice(start, start := start + len(task.test_ids))


def _among_its_own(task: Task, logits: Float[Tensor, "n n_classes"]) -> Tensor:
    """The class of each sample where only those of its task are asked for."""
    classes = torch.tensor(task.classes)
    return classes[logits[:, classes].argmax(1)]


def _share(hits: Tensor) -> float:
    """The fraction of true entries, exact."""
    return int(hits.sum()) / len(hits)
