"""Model → scores → selection: the network looks at the pool, and the strategy chooses."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int64
from numpy import ndarray

from acl.events import Bought, Scored
from acl.loop import budget
from acl.loop.state import Query, State
from acl.network.inference import Inference, probabilities
from acl.plugins.asking import ask
from acl.selection.query import QueryContext, Samples, Selection
from acl.system.cost import measured


def score(state: State) -> Scored | Bought | None:
    """A chunk of the forward pass over pool, labelled samples and memory; after the last one the strategy is asked."""
    if budget.wanted(state) == 0:
        return Bought(state.task, state.round, [], [], "nobody", state.labelled_so_far)
    roles = [state.pool, state.labelled.ids, state.memory.ids]
    if state.query is None or state.query.selection is not None:
        everything = np.concatenate(roles)
        state.query = Query(Inference(state.model, state.images, everything, state.config.eval_batch))
    query = state.query
    if not query.inference.done:
        with measured(state.device, query.cost, "forward"):
            query.inference.step()
        return None
    seen = _context(state, query.inference, roles)
    query.context = seen.on("cpu")
    query.selection = _ask(state, query, seen)
    return Scored(
        state.task,
        state.round,
        state.config.strategy,
        query.selection.ids.tolist(),
        len(query.context.pool),
        query.context.lambda_,
        query.cost,
    )


def _context(state: State, inference: Inference, roles: list[Int64[ndarray, " _"]]) -> QueryContext:
    """What the strategy sees; roles: ids of pool, labelled samples and memory."""
    seen = state.seen(inference)
    classes = _classes(state)
    p = probabilities(seen.logits, classes)
    sizes = [len(ids) for ids in roles]
    pool, labelled, memory = (
        Samples(torch.from_numpy(ids).to(state.device), h, q)
        for ids, h, q in zip(roles, seen.h.float().split(sizes), p.split(sizes), strict=True)  # type: ignore[no-untyped-call]
    )
    return QueryContext(
        pool,
        labelled,
        memory,
        classes,
        budget.wanted(state),
        state.lambda_,
        state.task,
        state.round,
        state.config.seed,
        state.stream.n_classes,
    )


def _classes(state: State) -> tuple[int, ...]:
    """The classes of a query's p: those with a label in the memory from before the task and the task's own, in
    order of appearance. A class that the memory has lost is not among them (as in AccuACL's code)."""
    there = {*state.memory.labels.tolist(), *state.current.classes}
    appeared = dict.fromkeys(c for task in state.stream.tasks[: state.task] for c in task.classes)
    return tuple(c for c in appeared if c in there)


def _ask(state: State, query: Query, seen: QueryContext) -> Selection:
    """What the strategy chooses: on the GPU with the network, or on the CPU where that has too little memory."""
    config = state.config
    try:
        return ask(config.strategy, config, seen, measured(state.device, query.cost, "score"))
    except torch.OutOfMemoryError:
        during = measured(torch.device("cpu"), query.cost, "score")
        return ask(config.strategy, config, seen.on("cpu"), during)
