"""Strategies judged on one pool, against brute force and SciPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from acl.analysis import comparison
from acl.analysis.comparison import Judge, is_slow, jaccard, strategies_here, yardsticks
from acl.config import RunConfig, UserError
from acl.plugins.registry import discover
from acl.selection.fisher import trace_objective
from tests.contexts import make_context


@pytest.mark.parametrize("memory", [0, 5])
def test_the_judge_agrees_with_the_objective_of_each_set(memory):
    context = make_context(3, memory=memory)
    judge = Judge(context, 2)
    for picks in (torch.tensor([0]), torch.tensor([3, 1, 20]), torch.arange(30)):
        ours, plain = judge.score(picks), trace_objective(context, context.pool.take(picks), 2)
        assert ours.past == pytest.approx(plain.past) and ours.new == pytest.approx(plain.new)


def test_greedy_takes_the_best_sample_at_every_step():
    context = make_context(4, pool=12, n=4)
    expected: list[int] = []
    for _ in range(4):
        options = [i for i in range(12) if i not in expected]
        totals = [trace_objective(context, context.pool.take(torch.tensor([*expected, i])), 3).total for i in options]
        expected.append(options[int(np.argmin(totals))])
    assert Judge(context, 3).greedy().tolist() == expected


def test_the_band_is_made_of_different_subsets_of_the_right_size_and_comes_again(monkeypatch):
    context = make_context(5, n=7)
    judge = Judge(context, 2)
    asked = []
    plain = judge.score
    monkeypatch.setattr(judge, "score", lambda picks: asked.append(tuple(picks.tolist())) or plain(picks))
    band = judge.random_band()
    assert len(set(asked)) == len(band) == 200
    assert all(len(set(subset)) == 7 for subset in asked)
    assert np.array_equal(band, Judge(context, 2).random_band())
    assert not np.array_equal(band, Judge(replace(context, round=3), 2).random_band())


def test_greedy_is_no_worse_than_most_random_subsets():
    band, greedy = yardsticks(make_context(6, pool=60, n=6), 3)
    assert greedy < np.quantile(band, 0.05)


def test_redundancy_and_distance_to_memory_are_scipys():
    context = make_context(7)
    picks = torch.tensor([4, 9, 2])
    found = Judge(context, 2).judge(picks)
    h, memory = context.pool.h[picks].double().numpy(), context.memory.h.double().numpy()
    apart = cdist(h, h) + np.diag([np.inf] * 3)
    assert found.nearest_pick == pytest.approx(apart.min(1).mean())
    assert found.nearest_memory == pytest.approx(cdist(h, memory).min(1).mean())
    alone = Judge(make_context(7, memory=0), 2).judge(torch.tensor([4]))
    assert alone.nearest_pick is None and alone.nearest_memory is None


def test_every_strategy_picks_n_of_the_pool():
    context = make_context(8)
    found = strategies_here(context, RunConfig(), discover("strategies"))
    assert set(found) == set(discover("strategies"))
    for judged in found.values():
        assert isinstance(judged, comparison.Judged)
        assert len(set(judged.picks.tolist())) == context.n


def test_a_strategy_that_cannot_be_asked_is_a_sentence(monkeypatch):
    def broken(name, config, context):
        raise UserError("It needs what is not here.")

    monkeypatch.setattr(comparison, "ask", broken)
    assert strategies_here(make_context(9), RunConfig(), ["uniform"]) == {"uniform": "It needs what is not here."}


def test_a_pool_too_large_to_judge_is_refused(monkeypatch):
    monkeypatch.setattr(comparison, "MOST_ENTRIES", 10)
    with pytest.raises(UserError, match="Fisher entries"):
        Judge(make_context(1), 2)


def test_jaccard():
    assert jaccard(torch.tensor([1, 2, 3]), torch.tensor([3, 4])) == 1 / 4
    assert jaccard(torch.tensor([1, 2]), torch.tensor([2, 1])) == 1


def test_only_exact_bait_on_a_large_pool_is_slow():
    small, large = make_context(1), make_context(1, pool=10_000, n_classes=10, dim=512)
    slow = [is_slow(name, context, RunConfig()) for name in ("bait", "accuacl") for context in (small, large)]
    assert slow == [False, True, False, False]
