"""Paired statistics against brute force and tables."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from acl.results.significance import against, conclusion, holm, interval, paired, permutation_p, sentence, span


def brute_force_p(differences) -> float:
    """All 2^n signs, in exact arithmetic."""
    d = [Fraction(str(x)) for x in differences]
    seen = abs(sum(d))
    sums = [
        abs(sum(s * x for s, x in zip(signs, d, strict=True))) for signs in itertools.product((1, -1), repeat=len(d))
    ]
    return sum(x >= seen for x in sums) / len(sums)


@pytest.mark.parametrize("n", [6, 8, 11])
def test_p_is_the_share_of_all_signs_as_far_from_zero(n):
    for seed in range(6):
        differences = np.round(np.random.default_rng(seed).normal(0.7, 1, n), 1)
        assert permutation_p(differences) == pytest.approx(brute_force_p(differences), abs=1e-12)


def test_no_difference_at_all_is_no_evidence():
    assert permutation_p(np.zeros(7)) == 1.0


def test_fewer_than_six_pairs_have_no_p_and_six_can_reach_it():
    assert math.isnan(permutation_p(np.arange(1.0, 6.0)))
    assert permutation_p(np.arange(1.0, 7.0)) == 2 / 64


def test_intervals_of_few_pairs_are_students():
    # t for 97.5 % and 4 degrees of freedom, from a printed table.
    differences = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.776 * np.sqrt(2.5) / np.sqrt(5)
    low, high, how = interval(differences)
    assert how == "t" and (low, high) == pytest.approx((3 - half, 3 + half), abs=1e-3)
    assert interval(np.array([1.0]))[2] == "none"


def test_bootstrap_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(120):
        low, high, how = interval(rng.exponential(1.0, 25))
        hits += how == "bootstrap" and low <= 1.0 <= high
    assert 100 <= hits <= 120
    sample = rng.normal(size=12)
    assert interval(sample) == interval(sample)


def test_holm_is_the_textbook_example():
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1, never falling.
    assert holm([0.03, 0.01, math.nan, 0.04, 0.02])[:2] == pytest.approx([0.06, 0.04])
    assert holm([0.03, 0.01, math.nan, 0.04, 0.02])[3:] == pytest.approx([0.06, 0.06])
    assert math.isnan(holm([0.5, math.nan])[1]) and holm([0.9, 0.8]) == [1.0, 1.0]


def test_pairs_are_made_by_seed_and_only_of_seeds_both_have():
    result = paired({0: 0.5, 1: 0.7, 5: 0.1}, {1: 0.6, 0: 0.2, 9: 0.9}, ("a", "b"), "A")
    assert result.seeds == (0, 1) and result.mean == pytest.approx(20)
    assert paired({0: 1.0}, {1: 1.0}, ("a", "b"), "A") is None


def frame(**cohorts):
    rows = [
        {"cohort": name, "seed": seed, "A": a, "LA": a + 0.1, "F": f}
        for name, values in cohorts.items()
        for seed, (a, f) in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_sentences_say_what_a_student_understands():
    good = [(0.6 + 0.01 * s, 0.30 + 0.002 * s) for s in range(8)]
    bad = [(0.5 + 0.01 * s, 0.36 + 0.004 * s) for s in range(8)]
    results = against(frame(AccuACL=good, Entropy=bad), "Entropy")
    kept, learned, forgot = map(sentence, results)
    assert kept.startswith("AccuACL keeps 10.0 points more than Entropy, 95 % CI 10.0–10.0, 8 paired seeds, p = 0.0")
    assert forgot.startswith("AccuACL forgets 6.7 points less than Entropy, 95 % CI 6.3–7.1, 8 paired seeds")
    # Three tests of p = 2/256 each: Holm triples them.
    assert [r.p_holm for r in results] == pytest.approx([6 / 256] * 3)
    assert learned.endswith("p = 0.023.")


def test_sentences_say_what_is_missing():
    few = against(frame(a=[(0.5, 0.1), (0.6, 0.1)], b=[(0.4, 0.1), (0.6, 0.1)]), "b", ["A", "F"])
    assert sentence(few[0]).endswith("2 paired seeds.")
    assert sentence(few[1]).startswith("a forgets as much as b, 95 % CI 0.0–0.0")
    one = against(frame(a=[(0.5, 0.1)], b=[(0.4, 0.1)]), "b", ["A"])[0]
    assert sentence(one) == (
        "a keeps 10.0 points more than b on one seed, which decides nothing: "
        "at least one more is needed for an interval."
    )
    rng = np.random.default_rng(0)
    same = against(frame(a=rng.random((7, 2)), b=rng.random((7, 2))), "b", ["A"])[0]
    assert sentence(same).endswith(": this may be chance.")


def test_all_comparisons_are_one_sentence():
    good, bad = ([(base + 0.01 * s, 0.3) for s in range(8)] for base in (0.6, 0.5))
    noise = [(0.5 + 0.01 * (7 - s), 0.3) for s in range(8)]
    said = conclusion(against(frame(good=good, noise=noise, base=bad), "base"))
    assert said == (
        "Against base and beyond chance (8 paired seeds): good keeps 10.0 points more; the other difference may be "
        "chance."
    )
    assert conclusion(against(frame(worse=bad, base=good), "base")) == (
        "Against base and beyond chance (8 paired seeds): worse keeps 10.0 points less."
    )
    assert conclusion(against(frame(noise=noise, base=bad), "base")) == (
        "No difference from base in what is kept is beyond chance (8 paired seeds, 3 comparisons)."
    )
    for n, missing in ((5, "there are 5, so add 1 or more."), (1, "there is 1, so add 5 or more.")):
        said = conclusion(against(frame(good=good[:n], noise=noise[:n], base=bad[:n]), "base"))
        assert said.startswith("Whether any strategy keeps more or less than base cannot be said yet: a p-value needs")
        assert said.endswith(missing)


def test_spans_have_real_minus_signs():
    assert span(3.14, 7.4) == "3.1–7.4" and span(-1.0, 2.04) == "−1.0 to 2.0" and span(-0.01, 0.02) == "0.0 to 0.0"
