"""Which sets a plan wants: random ones with their controls, every strategy's picks, AccuACL's path, one's own.

Random sets come from keys of the run's seed, so that the same run gives the same sets; a smaller random set is the
beginning of the larger one of the same number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import Int64
from numpy import ndarray
from torch import Tensor

from acl.analysis import sensitivity
from acl.analysis.outcomes.asked import Kind, Plan, Setting, Subset, Trial
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.true_past import StandIn
from acl.analysis.stand_in import stand_in
from acl.analysis.what_if import Microscope, Ranking, Settings
from acl.config import FULL, UserError
from acl.plugins.asking import ask
from acl.plugins.registry import in_order, plugin
from acl.plugins.unused import unused
from acl.seeds import key, shuffled
from acl.selection.query import best

TENTHS = 10
FEWER = 4
"""A quarter of the random sets is drawn of each smaller size, and of the controls that are drawn."""
Say = Callable[[str], None]


def trials(query: Query, plan: Plan, say: Say = lambda sentence: None) -> list[Trial]:
    """The sets of `plan`, each in the orders it is learned in, those that are named first.

    say: told why the picks of a strategy that cannot be asked are left out (with ("all",); one that is named raises).
    UserError for own samples that cannot be bought and for an unknown strategy.
    """
    # Random sets and one another's noise: many of them in one order each tell more than few in many.
    named = [Trial(s, repeat) for s in _named(query, plan, say) for repeat in range(plan.repeats)]
    drawn = [Trial(subset) for subset in _drawn(query, plan) if subset.ids]
    nothing = [Subset("random", "1", ())] if 0 in plan.sizes and plan.subsets else []
    return named + drawn + [Trial(subset, repeat) for subset in nothing for repeat in range(plan.repeats)]


def _named(query: Query, plan: Plan, say: Say) -> Iterator[Subset]:
    if plan.recorded and query.bought:
        yield Subset("recorded", "", tuple(query.bought.ids))
    for name, ids in plan.own:
        query.check(ids)
        yield Subset("own", name, tuple(sorted(ids)))
    for name in _strategies(plan):
        try:
            yield Subset("strategy", name, picks(query, name))
        except UserError as error:
            if plan.strategies != ("all",):
                raise
            say(f"The picks of {name} are left out: {error}")
    for lambda_ in plan.lambdas:
        yield Subset("lambda", f"{lambda_:g}", _ids(query, _ranking(query, lambda_).picked))
    if plan.true_past:
        yield Subset("true_past", "", stood_in(query).picks)
    for setting, values in plan.paths:
        yield from _path(query, setting, values, say)
    yield from _alone(query, plan)


def _alone(query: Query, plan: Plan) -> Iterator[Subset]:
    """The samples that are best by one of AccuACL's two scores."""
    for kind in plan.controls:
        if kind in {"distribution", "magnitude"}:
            scores = getattr(_ranking(query), kind)
            yield Subset(kind, "", _ids(query, best(scores, query.context.pool.ids, query.n)))


def _strategies(plan: Plan) -> list[str]:
    if plan.strategies == ("all",):
        return [name for name in in_order("strategies") if name != FULL]
    if FULL in plan.strategies:
        raise UserError("Full labels chooses nothing: name query strategies (see acl strategies).")
    for name in plan.strategies:
        plugin("strategies", name)
    return list(plan.strategies)


def picks(query: Query, name: str) -> tuple[int, ...]:
    """What the strategy would have bought in this query, with the settings in force there."""
    if query.bought and query.bought.by == name:
        return tuple(query.bought.ids)
    return tuple(ask(name, query.loop.config, replace(query.context, n=query.n)).ids.tolist())


@lru_cache(maxsize=1)
def stood_in(query: Query) -> StandIn:
    """The `stand_in` of a query, worked out once for the newest query asked. UserError as there."""
    return stand_in(query)


def _path(query: Query, setting: Setting, values: Sequence[float], say: Say) -> Iterator[Subset]:
    """What the strategy of the run picks with each value of a setting, in the order of these."""
    config, context = query.loop.config, replace(query.context, n=query.n)
    if why := unused(config).get({"n": "n_query"}.get(setting, setting)):
        say(f"{why}.")
        return
    tried = (sensitivity.asked(config, context, setting, value, query.room) for value in values)
    found = [each for each in tried if each is not None]
    if len(found) > 1 and sensitivity.all_equal([chosen for _, chosen in found]):
        say(f"{config.strategy} picks the same samples with every {setting} of {', '.join(name for name, _ in found)}.")
        return
    yield from (Subset(setting, name, chosen) for name, chosen in found)


def _ranking(query: Query, lambda_: float | None = None) -> Ranking:
    """AccuACL's, with the weight of the past as recorded, or this one."""
    context = query.context
    recorded = Settings.recorded(context, query.loop.config)
    wanted = replace(recorded, n=query.n, lambda_=context.lambda_ if lambda_ is None else lambda_)
    return _microscope(query).rank(wanted)


@lru_cache(maxsize=1)
def _microscope(query: Query) -> Microscope:
    return Microscope(query.context)


def _ids(query: Query, positions: Int64[Tensor, " n"]) -> tuple[int, ...]:
    return tuple(query.context.pool.ids[positions].tolist())


# -- drawn at random -----------------------------------------------------------------------------------


def _drawn(query: Query, plan: Plan) -> Iterator[Subset]:
    for number in range(1, plan.subsets + 1):
        order = _order(query, number)
        yield _random("random", number, order[: query.n])
        if number > _fewer(plan):
            continue
        for size in sorted({round(share * query.n) for share in plan.sizes} - {query.n}):
            yield _random("random", number, order[:size])
            if plan.equal_steps:
                yield _random("equal_steps", number, order[:size])
    for kind in plan.controls:
        if kind in {"classes", "losses"}:
            groups = _groups(query, kind)
            for number in range(1, _fewer(plan) + 1):
                yield _random(kind, number, _alike(query, number, groups))


def _fewer(plan: Plan) -> int:
    return -(-plan.subsets // FEWER)


def _random(kind: Kind, number: int, ids: Int64[ndarray, " n"]) -> Subset:
    return Subset(kind, str(number), tuple(ids.tolist()))


def _order(query: Query, number: int) -> Int64[ndarray, " pool"]:
    return shuffled(key(query.loop.config.seed, "outcomes", *query.place, number), query.pool)


def _groups(query: Query, kind: Kind) -> Int64[ndarray, " pool"]:
    """Which group each pool sample is in: its true class, or its tenth of the pool by the loss of its true label."""
    if kind == "classes":
        return query.true_labels
    context = query.context
    column = {c: place for place, c in enumerate(context.classes)}
    rows, columns = np.arange(len(query.pool)), np.array([column[c] for c in query.true_labels.tolist()])
    # The smaller the probability of the true label, the larger its loss.
    rank = np.lexsort((query.pool, -context.pool.p.numpy()[rows, columns])).argsort()
    return rank * TENTHS // len(rank)


def _alike(query: Query, number: int, groups: Int64[ndarray, " pool"]) -> Int64[ndarray, " n"]:
    """The first samples of random set `number` that make up as many of each group as the reference has."""
    reference = query.bought.ids if query.bought else list(picks(query, query.loop.config.strategy))
    group_of = dict(zip(query.pool.tolist(), groups.tolist(), strict=True))
    left = {group: 0 for group in group_of.values()}
    for id_ in reference:
        left[group_of[id_]] += 1
    chosen = []
    for id_ in _order(query, number).tolist():
        if left[group_of[id_]]:
            left[group_of[id_]] -= 1
            chosen.append(id_)
    return np.array(chosen, dtype=np.int64)
