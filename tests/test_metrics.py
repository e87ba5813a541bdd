"""Metrics on matrices worked out by hand."""

from __future__ import annotations

import pytest

from acl.metrics import (
    average_accuracy,
    backward_transfer,
    balance,
    forgetting,
    informativeness,
    learning_accuracy,
    summarise,
)

# Task 1 rises from 0.8 to 0.9 before it falls to 0.6: F and −BWT differ.
R = [[0.8], [0.9, 0.7], [0.6, 0.5, 1.0]]


def test_average_accuracy():
    assert average_accuracy(R, 1) == 0.8
    assert average_accuracy(R, 2) == pytest.approx(0.8)
    assert average_accuracy(R, 3) == pytest.approx(0.7)


def test_forgetting_takes_the_best_before_the_authors_take_the_first():
    assert forgetting(R, 3) == pytest.approx((0.3 + 0.2) / 2)
    assert -backward_transfer(R, 3) == pytest.approx((0.2 + 0.2) / 2)
    assert forgetting(R, 2) == pytest.approx(-0.1)
    assert forgetting(R, 1) == backward_transfer(R, 1) == 0


def test_learned_minus_forgotten_is_kept():
    t = 3
    assert learning_accuracy(R, t) == pytest.approx((0.8 + 0.7 + 1.0) / 3)
    assert average_accuracy(R, t) == pytest.approx(learning_accuracy(R, t) + (t - 1) / t * backward_transfer(R, t))


def test_the_balance_within_a_task_takes_the_newest_as_it_is_now():
    learned, kept, forgotten = balance(R[:2], [0.4, 0.6, 0.2])
    assert (learned, kept) == (pytest.approx((0.8 + 0.7 + 0.2) / 3), pytest.approx((0.4 + 0.6 + 0.2) / 3))
    assert forgotten == pytest.approx((0.4 + 0.1 + 0.0) / 3)
    for t in (1, 2, 3):
        after = balance(R, R[t - 1])
        assert after.learned == pytest.approx(learning_accuracy(R, t)) and after.kept == average_accuracy(R, t)
        assert after.forgotten == pytest.approx(-(t - 1) / t * backward_transfer(R, t))


def test_informativeness():
    assert informativeness(R, 3) == pytest.approx({"new": 1.0, "past": 0.55, "together": 0.7})
    assert informativeness(R, 1) == {"new": 0.8, "past": 0.0, "together": 0.8}


def test_summary():
    summary = summarise(R, R, R)
    assert summary["A"] == pytest.approx(0.7) and summary["F"] == pytest.approx(0.25)
    assert summary["F_diag"] == pytest.approx(0.2) and summary["A_mean"] == pytest.approx((0.8 + 0.8 + 0.7) / 3)
    one = summarise([[0.5]], [[0.5]], [[0.5]])
    assert (one["A"], one["F"], one["F_diag"]) == (0.5, 0.0, 0.0)


def test_the_task_aware_figures_come_from_their_own_matrix():
    # Told the task, the network forgets less: task 1 falls from its best, 1.0, to 0.8; task 2 gains 0.1.
    aware = [[0.9], [1.0, 0.8], [0.8, 0.9, 1.0]]
    summary = summarise(R, aware, R)
    assert summary["A_aware"] == pytest.approx(0.9) and summary["A"] == pytest.approx(0.7)
    assert summary["F_aware"] == pytest.approx((0.2 - 0.1) / 2)
    assert -backward_transfer(aware, 3) == pytest.approx((0.1 - 0.1) / 2, abs=1e-12)
    assert summary["R_aware"] == aware and summary["R"] == R
