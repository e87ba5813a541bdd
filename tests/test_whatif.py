"""What-if against AccuACL itself, asked anew for every setting."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from acl.analysis.what_if import Microscope, Settings, ranges, sentence, why
from acl.config import UserError
from acl.strategies.accuacl import AccuACL
from tests.contexts import make_context, with_duplicates

CASES = [
    make_context(seed, scale=scale, memory=memory, lambda_=0.1 * seed)
    for seed, (scale, memory) in enumerate([(2, 5), (8, 5), (16, 5), (2, 0), (16, 0), (8, 20)])
]
CASES += [with_duplicates(CASES[1], 3), replace(CASES[0], n=30), replace(CASES[2], n=1)]


def asked_anew(context, settings: Settings) -> list[int]:
    changed = replace(context, n=settings.n, lambda_=settings.lambda_)
    return AccuACL(settings.dims_per_class, settings.oversample).select(changed).ids.tolist()


def recorded(context, dims_per_class=5, oversample=2.0) -> Settings:
    return Settings(context.lambda_, context.n, dims_per_class, oversample)


@pytest.mark.parametrize("context", CASES)
@pytest.mark.parametrize(("dims_per_class", "oversample"), [(5, 2.0), (1, 1.0), (2, 1.3), (9, 1e6)])
def test_recorded_settings_give_the_recorded_picks(context, dims_per_class, oversample):
    settings = recorded(context, dims_per_class, oversample)
    ranking = Microscope(context).rank(settings)
    assert context.pool.ids[ranking.picked].tolist() == asked_anew(context, settings)
    scores = AccuACL(dims_per_class, oversample).select(context).scores
    assert torch.equal(ranking.magnitude, scores["magnitude"])
    assert torch.equal(ranking.distribution, scores["distribution"])


@pytest.mark.parametrize("context", CASES[:6])
def test_the_ribbon_is_accuacl_at_every_lambda(context):
    lambdas = [0.0, 0.25, 0.5, 0.75, 1.0]
    settings = recorded(context, 3, 1.5)
    ribbon = Microscope(context).ribbon(settings, lambdas)
    for row, lambda_ in zip(ribbon, lambdas, strict=True):
        assert set(context.pool.ids[row].tolist()) == set(asked_anew(context, replace(settings, lambda_=lambda_)))


@pytest.mark.parametrize("context", CASES)
def test_reasons_are_the_ranks_of_a_literal_sort(context):
    ranking = Microscope(context).rank(recorded(context))
    positions = range(len(context.pool))
    by_d = sorted(positions, key=lambda i: (-float(ranking.distribution[i]), i))
    passed = by_d[: len(ranking.candidates)]
    by_m = sorted(passed, key=lambda i: (-float(ranking.magnitude[i]), i))
    for position in positions:
        reason = why(position, ranking)
        assert reason.by_distribution == by_d.index(position) + 1
        assert reason.by_magnitude == (by_m.index(position) + 1 if position in passed else None)
        assert sentence(reason, 0).startswith("Picked") == (position in ranking.picked.tolist())


def test_the_cuts_let_exactly_the_picks_through():
    context = CASES[1]
    ranking = Microscope(context).rank(recorded(context))
    last, least = ranking.candidates[-1], ranking.picked[-1]
    passed = (ranking.distribution >= ranking.distribution[last]) & (ranking.magnitude >= ranking.magnitude[least])
    assert set(passed.nonzero()[:, 0].tolist()) == set(ranking.picked.tolist())


@pytest.mark.parametrize(
    ("between", "tried", "expected"),
    [
        (((0.0, 0.25),), 21, "it enters at λ ≤ 0.25."),
        (((0.75, 1.0),), 21, "it enters at λ ≥ 0.75."),
        (((0.25, 0.5),), 21, "it enters at λ from 0.25 to 0.50."),
        (((0.0, 0.0), (0.5, 0.5)), 21, "it enters at λ ≤ 0.00 or λ = 0.50."),
        (((0.0, 1.0),), 21, "it enters at every λ."),
        ((), 0, "no λ would pick it."),
        ((), 21, "none of the 21 values of λ tried would pick it."),
    ],
)
def test_a_sentence_says_at_which_lambda_a_sample_enters(between, tried, expected):
    context = CASES[0]
    ranking = Microscope(context).rank(recorded(context))
    position = next(i for i in range(len(context.pool)) if i not in ranking.picked.tolist())
    assert sentence(why(position, ranking, between), tried).endswith(expected)


def test_the_ends_of_a_range_are_sought_between_the_values_tried():
    def picked_at(value: float) -> bool:
        return value <= 0.137 or 0.41 <= value <= 0.58

    lambdas = [step / 20 for step in range(21)]
    (none, first), (second, third) = ranges([picked_at(v) for v in lambdas], lambdas, picked_at)
    assert none == 0 and (first, second, third) == pytest.approx((0.137, 0.41, 0.58), abs=0.002)
    assert all(picked_at(v) for v in (first, second, third))
    assert ranges([True] * 21, lambdas, picked_at) == ((0.0, 1.0),)
    assert ranges([False] * 21, lambdas, picked_at) == ()


@pytest.mark.parametrize("context", CASES[:3])
def test_the_ranges_of_a_sample_agree_with_accuacl_at_their_ends(context):
    settings, scope, lambdas = recorded(context, 3, 1.5), Microscope(context), [0.0, 0.25, 0.5, 0.75, 1.0]
    ribbon = scope.ribbon(settings, lambdas)
    for position in range(len(context.pool)):
        id_ = int(context.pool.ids[position])

        def picked_at(value: float, position: int = position) -> bool:
            return position in scope.rank(replace(settings, lambda_=value)).picked

        for low, high in ranges(ribbon[:, position].tolist(), lambdas, picked_at):
            assert id_ in asked_anew(context, replace(settings, lambda_=low))
            assert id_ in asked_anew(context, replace(settings, lambda_=high))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(0.5, 0, 5, 2.0), "n must be 1..30"),
        (Settings(0.5, 31, 5, 2.0), "n must be 1..30"),
        (Settings(1.5, 5, 5, 2.0), "lambda must be between 0 and 1"),
        (Settings(0.5, 5, 0, 2.0), "must be 1 or more"),
        (Settings(0.5, 5, 5, 0.5), "must be 1 or more"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(UserError, match=said):
        Microscope(CASES[0]).rank(settings)
