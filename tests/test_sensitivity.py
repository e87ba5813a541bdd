"""Sensitivity: paths over settings, and how far picks hang on the seed."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from acl.analysis import sensitivity
from acl.analysis.outcomes.asked import Plan
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.sets import trials
from acl.config import UserError
from acl.runs.folder import Run, list_runs
from acl.strategies.accuacl import AccuACL
from tests.test_outcomes import played

AT = (2, 2)
BARE = Plan(subsets=0, sizes=(), strategies=(), recorded=False, repeats=1)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sensitivity") / "runs"
    for values in ({"seed": 0}, {"seed": 1}, {"seed": 2}, {"seed": 1, "memory": 7}):
        played(folder, strategy="accuacl", **values)
    return folder


def of(runs, **wanted) -> Run:
    return next(r for r in list_runs(runs) if all(getattr(r.config, name) == value for name, value in wanted.items()))


def sets_of(query: Query, *paths) -> tuple[dict[tuple[str, str], tuple[int, ...]], list[str]]:
    said: list[str] = []
    found = trials(query, replace(BARE, paths=paths), said.append)
    return {(trial.subset.kind, trial.subset.name): trial.subset.ids for trial in found}, said


def test_a_path_is_the_strategy_asked_with_each_value(runs):
    query = Query.of(of(runs, seed=0, memory=10), AT)
    context = query.context
    found, said = sets_of(
        query, ("dims_per_class", (1.0, 5.0)), ("oversample", (1.0, 2.5)), ("n", (0.25, 1.0, 2.0, 9.0))
    )
    assert said == []

    def picks(dims: int = 5, oversample: float = 2.0, n: int = context.n) -> tuple[int, ...]:
        return tuple(AccuACL(dims, oversample).select(replace(context, n=n)).ids.tolist())

    assert found == {
        ("dims_per_class", "1"): picks(dims=1), ("dims_per_class", "5"): tuple(query.bought.ids),
        ("oversample", "1"): picks(oversample=1.0), ("oversample", "2.5"): picks(oversample=2.5),
        ("n", "1"): picks(n=1), ("n", "4"): tuple(query.bought.ids),
    } | ({("n", "8"): picks(n=8)} if query.room >= 8 else {})  # fmt: skip


def test_what_changes_nothing_is_said_and_not_measured(runs, tmp_path):
    found, said = sets_of(Query.of(of(runs, seed=0, memory=10), AT), ("seed", (0.0, 1.0, 2.0)))
    assert not found and said == ["accuacl picks the same samples with every seed of 0, 1, 2."]
    other = Query.of(played(tmp_path / "runs", strategy="uniform"), AT)
    found, said = sets_of(other, ("dims_per_class", (1.0, 2.0)), ("seed", (0.0, 1.0)))
    assert len(said) == 1 and said[0].startswith("uniform does not use dims_per_class")
    assert found["seed", "0"] == tuple(other.bought.ids) != found["seed", "1"]


@pytest.mark.parametrize("path", [("dims_per_class", (0.5,)), ("oversample", (0.9,)), ("n", (-1.0,))])
def test_a_value_that_makes_no_sense_is_refused(path):
    with pytest.raises(UserError, match="or more, got"):
        replace(BARE, paths=(path,))


def test_overlap_is_counted_pair_by_pair():
    picks = [(1, 2, 3), (2, 3, 4), (7, 8, 9)]
    found = sensitivity.overlap(picks)
    by_hand = np.array([0.5, 0.0, 0.0])
    assert (found.mean, found.spread, found.sets) == (
        pytest.approx(by_hand.mean()),
        pytest.approx(by_hand.std(ddof=1)),
        3,
    )
    assert sensitivity.overlap(picks[:1]) is None and np.isnan(sensitivity.overlap(picks[:2]).spread)


@pytest.mark.parametrize(("n", "pool"), [(1, 4), (2, 5), (3, 6), (4, 4)])
def test_chance_is_the_mean_over_every_pair_of_draws(n, pool):
    draws = [set(each) for each in combinations(range(pool), n)]
    shared = [len(a & b) / len(a | b) for a in draws for b in draws]
    assert sensitivity.by_chance(n, pool) == pytest.approx(np.mean(shared))


def test_sisters_differ_in_their_seed_alone(runs):
    run = of(runs, seed=0, memory=10)
    found = sensitivity.sisters(run, list_runs(runs))
    assert sorted((r.config.seed, r.config.memory) for r in found) == [(1, 10), (2, 10)]
    history = found[0].history()
    classes = history.started.tasks[1]["classes"]
    query = next(q for q in history.of(sensitivity.Scored) if (q.task, q.round) == AT)
    assert sensitivity.picked_at(history, AT, classes) == tuple(query.ids)
    assert sensitivity.picked_at(history, AT, [0]) is None and sensitivity.picked_at(history, (2, 9), classes) is None
