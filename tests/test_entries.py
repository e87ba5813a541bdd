"""Which entries decided: what each adds to M and D, against the scores worked out with loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from acl.analysis.entries import largest, parts
from acl.analysis.what_if import Microscope, Settings
from tests.contexts import make_context, with_duplicates

CASES = [
    make_context(seed, scale=scale, memory=memory, lambda_=0.1 * seed)
    for seed, (scale, memory) in enumerate([(2, 5), (8, 5), (16, 5), (2, 0)])
]
CASES.append(with_duplicates(CASES[1], 3))


def by_hand(context, dims: int, sample: int) -> tuple[list[tuple[int, int]], list[float], list[float]]:
    """The kept entries, what each adds to M and what to 1 − D: with loops over lists, from the formulas alone."""
    classes, dim, pool = len(context.classes), context.pool.h.shape[1], len(context.pool)

    def f(samples, row: int, k: int, i: int) -> float:
        p, h = float(samples.p[row, k]), float(samples.h[row, i])
        return p * (1 - p) * h * h

    def mean(samples, k: int, i: int) -> float:
        return sum(f(samples, row, k, i) for row in range(len(samples))) / max(len(samples), 1)

    lam = context.lambda_ if len(context.memory) else 0.0
    star = {
        (k, i): lam * mean(context.memory, k, i) + (1 - lam) * mean(context.pool, k, i)
        for k in range(classes) for i in range(dim)
    }  # fmt: skip
    each = min(dim, dims * context.n_classes // classes)
    kept = [(k, i) for k in range(classes) for i in sorted(range(dim), key=lambda i, k=k: (-star[k, i], i))[:each]]
    mu = sum(star[e] for e in kept) / len(kept)

    def softmax(values: list[float]) -> list[float]:
        top = max(values)
        powers = [math.exp(v - top) for v in values]
        return [power / sum(powers) for power in powers]

    q = softmax([star[e] / mu for e in kept])

    def terms(row: int) -> list[float]:
        p = softmax([f(context.pool, row, *e) / mu for e in kept])
        return [
            (a * math.log(2 * a / (a + b)) if a else 0.0) + (b * math.log(2 * b / (a + b)) if b else 0.0)
            for a, b in zip(p, q, strict=True)
        ]

    distances = [math.sqrt(max(sum(terms(row)), 0) / 2) for row in range(pool)]
    d = math.exp(-distances[sample] / (sum(distances) / pool))
    found = terms(sample)
    values = [f(context.pool, sample, *e) for e in kept]
    # A sample without information has nothing to divide.
    length = math.sqrt(sum(v * v for v in values)) or 1.0
    return kept, [v * v / length for v in values], [(1 - d) * t / sum(found) for t in found]


@pytest.mark.parametrize("context", CASES)
@pytest.mark.parametrize("dims", [1, 3])
def test_what_each_entry_adds_is_what_the_formulas_say(context, dims):
    scope = Microscope(context)
    ranking = scope.rank(Settings(context.lambda_, context.n, dims, 2.0))
    for sample in (0, 7, len(context.pool) - 1):
        found = parts(scope.information, ranking, sample)
        kept, magnitude, distribution = by_hand(context, dims, sample)
        assert list(zip(ranking.kept.rows.tolist(), ranking.kept.dims.tolist(), strict=True)) == kept
        np.testing.assert_allclose(found.magnitude, magnitude, rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(found.distribution, distribution, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("context", CASES)
def test_the_parts_sum_to_the_scores(context):
    scope = Microscope(context)
    ranking = scope.rank(Settings(context.lambda_, context.n, 5, 2.0))
    for sample in range(len(context.pool)):
        found = parts(scope.information, ranking, sample)
        assert float(found.magnitude.sum()) == pytest.approx(float(ranking.magnitude[sample]), rel=1e-12)
        assert 1 - float(found.distribution.sum()) == pytest.approx(float(ranking.distribution[sample]), rel=1e-12)
        assert float(found.magnitude.min()) >= 0 and float(found.distribution.min()) >= 0
        own, target = scope.information.spread(ranking.kept, sample)
        assert found.more.tolist() == [a > b for a, b in zip(own.tolist(), target.tolist(), strict=True)]


def test_a_sample_without_information_has_no_parts():
    context = make_context(3)
    context.pool.h[4] = 0
    scope = Microscope(context)
    found = parts(scope.information, scope.rank(Settings(0.4, 5, 5, 2.0)), 4)
    assert float(found.magnitude.abs().sum()) == 0 and not len(largest(found.magnitude, 5))
    assert float(found.distribution.sum()) > 0


def test_the_largest_come_first_and_ties_go_to_the_earlier_entry():
    values = torch.tensor([0.0, 2.0, 3.0, 2.0, 0.0], dtype=torch.float64)
    assert largest(values, 2).tolist() == [2, 1] and largest(values, 5).tolist() == [2, 1, 3]
