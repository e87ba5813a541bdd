"""What the random sets of a query did, divided among the samples of its pool (see `worth`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from acl.analysis.outcomes.asked import Outcome
from acl.analysis.outcomes.scores import columns, losses
from acl.analysis.outcomes.summary import parts
from acl.analysis.outcomes.worth import MOST_POOL, Worth, membership, worth
from acl.selection.query import QueryContext

Blind = tuple[list[tuple[int, ...]], dict[str, Float64[ndarray, " sets"]]]
"""Random sets of one size, and what each did, by part of the outcome."""


def blind(outcomes: Iterable[Outcome], task: int, pool: Sequence[int]) -> Blind:
    """The random sets of the query's own size out of `outcomes`, and what they did after the round, in points of
    likelihood: "new" and, where there is a task before, "past"."""
    there = set(pool)
    # A record from elsewhere may name samples that this pool does not have.
    random = [
        each for each in outcomes
        if (each.kind, each.horizon, each.repeat) == ("random", "round", 0) and there.issuperset(each.ids)
    ]  # fmt: skip
    # A quarter as many is drawn of every other size.
    own = max(Counter(len(each.ids) for each in random).items(), key=lambda size: size[1], default=(0, 0))[0]
    random = [each for each in random if len(each.ids) == own]
    did = [parts(each.likelihood, task) for each in random]
    named = ("new", "past") if task > 1 else ("new",)
    return [each.ids for each in random], {part: 100 * np.array([one[part] for one in did]) for part in named}


def why_not(pool: int, n: int) -> str:
    """Why it cannot be asked of a query that buys `n` of `pool` samples; empty if it can."""
    if pool > MOST_POOL:
        return f"The worth of a label is worked out for pools of up to {MOST_POOL:,} samples; this one has {pool:,}."
    return "" if 0 < n < pool else "A set must leave samples out for their worth to be seen."


def divided(sets: Blind, context: QueryContext, labels: Mapping[int, int]) -> dict[str, Worth]:
    """By part of the outcome. labels: true ones, by sample; empty where one of the pool's is not known."""
    ids, found = context.pool.ids.tolist(), columns(context.pool, labels, context.classes)
    if found is None:
        return {}
    members, loss = membership(sets[0], ids), losses(context.pool, found).numpy()
    return {part: worth(members, values, found.numpy(), loss) for part, values in sets[1].items()}
