"""One set after another: the loop itself goes on from the query as if it had bought the set."""

from __future__ import annotations

from acl.analysis.outcomes.asked import Horizon, Outcome, Trial
from acl.analysis.outcomes.query import Query
from acl.config import UserError
from acl.events import Evaluated
from acl.loop import Loop

FROM_HERE_ON = {"strategy": "uniform"}
"""Who chooses what is bought after the set, so that two sets differ in themselves alone."""


def measure(query: Query, trial: Trial, horizon: Horizon = "round") -> Outcome:
    """What the labels of a set do. The recorded picks at repeat 0 and the horizon "round" give the run's own
    `evaluated` event, bit for bit on the kind of device, processor and libraries that made it.

    UserError for samples that cannot be bought, for a training that diverges, and for "next" in the last task.
    """
    check_horizon(query, horizon)
    loop = query.loop.branch(query.purchase(trial.subset), trial.repeat)
    if trial.subset.kind == "equal_steps":
        loop.config = loop.config.changed(epochs=equal_epochs(query, len(trial.subset.ids)))
    while True:
        event = loop.step()
        if isinstance(event, Evaluated) and _arrived(event, query, horizon):
            return Outcome.of(trial, horizon, event)
        if horizon != "round" and loop.before_query and loop.stage == "score":
            _blindly(loop)


def _arrived(event: Evaluated, query: Query, horizon: Horizon) -> bool:
    return horizon == "round" or (event.final and event.task == query.loop.task + (horizon == "next"))


def _blindly(loop: Loop) -> None:
    if loop.config.strategy != FROM_HERE_ON["strategy"]:
        loop.steer(FROM_HERE_ON)


def check_horizon(query: Query, horizon: Horizon) -> None:
    """UserError where the query has no such horizon."""
    if horizon == "next" and query.loop.task == len(query.loop.stream.tasks):
        raise UserError(f"Task {query.loop.task} is the last of {query.run.id}: nothing can be measured after a next.")


def equal_epochs(query: Query, n: int) -> int:
    """Epochs in which a training with `n` new labels takes about as many steps as one with the query's own n."""
    config, before = query.loop.config, query.loop.labelled_so_far
    full, here = (-(-(before + new) // config.batch_size) for new in (query.n, n))
    return max(1, round(config.epochs * full / here))
