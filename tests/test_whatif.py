"""What-if against AccuACL itself, asked anew for every setting."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from acl.config import UserError
from acl.strategies.accuacl import AccuACL
from acl.whatif import Microscope, Settings, sentence, why
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
        assert sentence(reason).startswith("Picked") == (position in ranking.picked.tolist())


def test_the_cuts_let_exactly_the_picks_through():
    context = CASES[1]
    ranking = Microscope(context).rank(recorded(context))
    passed = (ranking.distribution >= ranking.cut_on_distribution) & (ranking.magnitude >= ranking.cut_on_magnitude)
    assert set(passed.nonzero()[:, 0].tolist()) == set(ranking.picked.tolist())


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([1, 1, 0, 0, 0], "it enters at λ ≤ 0.25."),
        ([0, 0, 0, 1, 1], "it enters at λ ≥ 0.75."),
        ([0, 1, 1, 0, 0], "it enters at λ from 0.25 to 0.50."),
        ([1, 0, 1, 0, 0], "it enters at λ ≤ 0.00 or λ = 0.50."),
        ([0, 0, 0, 0, 0], "no λ would pick it."),
    ],
)
def test_a_sentence_says_at_which_lambda_a_sample_enters(column, expected):
    context = CASES[0]
    ranking = Microscope(context).rank(recorded(context))
    position = next(i for i in range(len(context.pool)) if i not in ranking.picked.tolist())
    ribbon = torch.zeros(5, len(context.pool), dtype=torch.bool)
    ribbon[:, position] = torch.tensor(column, dtype=torch.bool)
    reason = why(position, ranking, ribbon, [0.0, 0.25, 0.5, 0.75, 1.0])
    assert sentence(reason).endswith(expected)


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
