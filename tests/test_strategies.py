"""What every strategy owes its caller; and AccuACL and Entropy against slow, literal references."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from acl.config import RunConfig, UserError
from acl.plugins.registry import build, discover
from acl.selection.query import QueryContext, Samples, Selection
from acl.strategies.accuacl import AccuACL
from acl.strategies.base import Base
from acl.strategies.entropy import Entropy
from acl.strategies.least_confidence import LeastConfidence
from tests.contexts import empty, make_context, with_duplicates

FLOAT32 = 1e-7
"""Rows of float32 probabilities sum to 1 up to this; scipy divides by the sum."""
DRAWN = {"uniform", "badge"}
"""Strategies that draw at random: which of two copies comes first is chance."""


@pytest.fixture(params=sorted(discover("strategies")))
def strategy(request: pytest.FixtureRequest) -> Base:
    return build("strategies", request.param, RunConfig())


def name_of(strategy: Base) -> str:
    return type(strategy).__module__.rpartition(".")[2]


def check(context: QueryContext, selection: Selection) -> None:
    """n different ids of the pool, and finite scores, one for each pool sample."""
    ids = selection.ids.tolist()
    assert selection.ids.dtype == torch.int64
    assert len(ids) == context.n == len(set(ids))
    assert set(ids) <= set(context.pool.ids.tolist())
    for values in selection.scores.values():
        assert values.shape == (len(context.pool),) and values.dtype == torch.float64 and values.isfinite().all()


CASES: dict[str, QueryContext] = {
    "usual": make_context(1),
    "n = 1": make_context(2, n=1),
    "n = pool": make_context(3, n=30),
    "pool smaller than 2n": make_context(4, n=20),
    "pool of one": make_context(5, pool=1, n=1),
    "first task": make_context(6, memory=0, lambda_=0.0),
    "nothing labelled": make_context(7, labelled=0),
    "nothing but the pool": replace(make_context(8), labelled=empty(0, 0), memory=empty(0, 0)),
    "one class": make_context(9, n_classes=1),
    "one dimension": make_context(10, dim=1),
    "peaked": make_context(11, scale=16),
    "certain": make_context(12, scale=1e4),
    "duplicates": with_duplicates(make_context(13), 3),
    "all alike": with_duplicates(make_context(14), 30),
    "dead features": replace(
        make_context(15), pool=Samples(torch.arange(9), torch.zeros(9, 6), torch.eye(4)[torch.arange(9) % 4])
    ),
    "unseen classes": replace(make_context(16), n_classes=10),
}


class TestEveryStrategy:
    @pytest.mark.parametrize("case", CASES)
    def test_picks_n_different_samples_of_the_pool(self, strategy: Base, case: str) -> None:
        check(CASES[case], strategy.select(CASES[case]))

    @pytest.mark.parametrize("case", CASES)
    def test_same_context_same_result(self, strategy: Base, case: str) -> None:
        one, two = strategy.select(CASES[case]), strategy.select(replace(CASES[case]))
        assert torch.equal(one.ids, two.ids)
        assert one.scores.keys() == two.scores.keys()
        assert all(torch.equal(one.scores[name], two.scores[name]) for name in one.scores)

    def test_leaves_the_context_untouched(self, strategy: Base) -> None:
        context = make_context(20)
        before = {(role, name): v.clone() for role, s in context.roles().items() for name, v in vars(s).items()}
        strategy.select(context)
        after = {(role, name): v for role, s in context.roles().items() for name, v in vars(s).items()}
        assert before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)

    @pytest.mark.parametrize("seed", range(5))
    def test_the_order_of_the_rows_does_not_matter(self, strategy: Base, seed: int) -> None:
        context = make_context(seed, pool=61, dim=13, labelled=17, memory=11)
        rng = torch.Generator().manual_seed(seed)
        mixed = {
            role: samples.take(torch.randperm(len(samples), generator=rng)) for role, samples in context.roles().items()
        }
        one, two = strategy.select(context), strategy.select(replace(context, **mixed))
        assert torch.equal(one.ids, two.ids)
        assert all(torch.equal(one.scores[name], two.scores[name]) for name in one.scores)

    @pytest.mark.parametrize("seed", range(5))
    def test_duplicates_score_alike_and_the_lower_id_goes_first(self, strategy: Base, seed: int) -> None:
        """Of exact copies none may be picked before one with a lower id; chance is free to choose."""
        copies = 3
        context = with_duplicates(make_context(seed, pool=3 * 23, dim=13, n=20), copies)
        selection = strategy.select(context)
        for values in selection.scores.values():
            assert (values.reshape(copies, -1) == values[: len(values) // copies]).all()
        if name_of(strategy) in DRAWN:
            return
        place = {int(i): rank for rank, i in enumerate(selection.ids)}
        for row in context.pool.ids.reshape(copies, -1).T.tolist():
            ranks = [place.get(i, math.inf) for i in row]
            assert ranks == sorted(ranks)

    def test_where_all_are_alike_and_certain_the_lowest_ids_win(self, strategy: Base) -> None:
        context = with_duplicates(make_context(21, scale=1e4), 30)
        selection = strategy.select(context)
        if name_of(strategy) != "uniform":
            assert selection.ids.tolist() == context.pool.ids[: context.n].tolist()

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_features_that_are_no_numbers_are_refused(self, strategy: Base, value: float) -> None:
        context = make_context(22)
        h = context.pool.h.clone()
        h[4, 2] = value
        with pytest.raises(UserError, match="features h of the pool hold NaN"):
            strategy.select(replace(context, pool=replace(context.pool, h=h)))


# -- AccuACL, written out ---------------------------------------------------------------------------------


def loop_embedding(h: list[float], p: list[float]) -> list[list[float]]:
    return [[p_k * (1 - p_k) * h_i**2 for h_i in h] for p_k in p]


def loop_mean(samples: Samples) -> np.ndarray:
    embeddings = [loop_embedding(h, p) for h, p in zip(samples.h.tolist(), samples.p.tolist(), strict=True)]
    return np.mean(np.array(embeddings), 0)


def loop_softmax(values: list[float]) -> list[float]:
    top = max(values)
    powers = [math.exp(v - top) for v in values]
    return [power / math.fsum(powers) for power in powers]


def loop_js(p: list[float], q: list[float]) -> float:
    total = 0.0
    for a, b in zip(p, q, strict=True):
        total += a * math.log(2 * a / (a + b)) if a else 0
        total += b * math.log(2 * b / (a + b)) if b else 0
    return math.sqrt(max(total / 2, 0))


def loop_accuacl(context: QueryContext, dims_per_class: int, oversample: int) -> tuple[list[int], list[Any]]:
    """Section 3 of the design, one sample and one entry at a time. Returns the picks and (id, M, D)."""
    lambda_ = context.lambda_ if len(context.memory) else 0.0
    total = (1 - lambda_) * loop_mean(context.pool)
    if lambda_:
        total = total + lambda_ * loop_mean(context.memory)
    n_classes, dim = total.shape
    k = max(1, min(dim, dims_per_class * context.n_classes // n_classes))
    kept = [(c, i) for c in range(n_classes) for i in sorted(range(dim), key=lambda i: (-total[c, i], i))[:k]]
    wanted = [total[j] for j in kept]
    mu = sum(wanted) / len(wanted)
    rows = []
    for id_, h, p in zip(context.pool.ids.tolist(), context.pool.h.tolist(), context.pool.p.tolist(), strict=True):
        f = loop_embedding(h, p)
        rows.append((id_, [f[c][i] for c, i in kept]))
    q = loop_softmax([w / mu for w in wanted])
    js = [loop_js(loop_softmax([v / mu for v in f]), q) for _, f in rows]
    mean = sum(js) / len(js)
    table = [
        (id_, math.sqrt(sum(v * v for v in f)), math.exp(-distance / mean))
        for (id_, f), distance in zip(rows, js, strict=True)
    ]
    candidates = sorted(table, key=lambda row: (-row[2], row[0]))[: oversample * context.n]
    return [row[0] for row in sorted(candidates, key=lambda row: (-row[1], row[0]))[: context.n]], table


@pytest.mark.parametrize("scale", [2, 8, 16])
@pytest.mark.parametrize("lambda_", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("memory", [0, 7])
@pytest.mark.parametrize("n", [1, 6, 25])
def test_accuacl_is_its_definition(scale: float, lambda_: float, memory: int, n: int) -> None:
    for seed, copies in ((0, 1), (1, 1), (2, 3)):
        context = make_context(seed, pool=40, memory=memory, lambda_=lambda_, scale=scale, n=n, n_classes=5, dim=8)
        context = replace(with_duplicates(context, copies), n_classes=7)
        picks, table = loop_accuacl(context, 5, 2)
        selection = AccuACL().select(context)
        np.testing.assert_allclose(selection.scores["magnitude"], [row[1] for row in table], rtol=1e-10)
        np.testing.assert_allclose(selection.scores["distribution"], [row[2] for row in table], rtol=1e-6)
        assert selection.ids.tolist() == picks


def test_accuacl_keeps_fewer_entries_of_each_class_as_classes_come() -> None:
    context = make_context(3, pool=40, n_classes=10, dim=30, n=6)
    assert AccuACL(2, 3.0).select(context).ids.tolist() == loop_accuacl(context, 2, 3)[0]


# -- the simple ones --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1, 16])
def test_entropy_is_scipys(scale: float) -> None:
    context = make_context(1, scale=scale)
    selection = Entropy().select(context)
    expected = entropy(context.pool.p.double().numpy(), axis=1)
    np.testing.assert_allclose(selection.scores["entropy"], expected, atol=FLOAT32)
    assert selection.ids.tolist() == context.pool.ids[np.argsort(-expected, kind="stable")[:5]].tolist()


def test_least_confidence_is_one_minus_the_largest() -> None:
    context = make_context(2)
    selection = LeastConfidence().select(context)
    expected = [1 - max(row) for row in context.pool.p.tolist()]
    assert selection.scores["least_confidence"].tolist() == expected
    assert selection.ids.tolist() == [context.pool.ids[i] for i in np.argsort(np.negative(expected), kind="stable")[:5]]
