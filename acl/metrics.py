"""What was learned, what was forgotten, what is kept.

R[i][j] is the accuracy (a fraction) on task j after training task i, both counted from 0 here and printed
from 1; row i has i + 1 entries. L[i][j], beside it, is the mean likelihood of the true class. Sources: D.
Lopez-Paz and M. Ranzato, 2017 (R, BWT); A. Chaudhry et al., 2018 (forgetting F_t).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

Matrix = Sequence[Sequence[float]]


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean; there must be at least one value."""
    return sum(values) / len(values)


def average_accuracy(r: Matrix, t: int) -> float:
    """A_t: mean accuracy over the tasks 1..t after task t (t counted from 1)."""
    return mean(r[t - 1][:t])


def forgetting(r: Matrix, t: int) -> float:
    """F_t: mean over the tasks j < t of their best accuracy before task t minus the one after it; 0 at t = 1."""
    if t == 1:
        return 0.0
    return mean([max(r[i][j] for i in range(j, t - 1)) - r[t - 1][j] for j in range(t - 1)])


def backward_transfer(r: Matrix, t: int) -> float:
    """BWT at t: mean over the tasks j < t of R[t, j] − R[j, j]. Its negative is F in the authors' code."""
    if t == 1:
        return 0.0
    return mean([r[t - 1][j] - r[j][j] for j in range(t - 1)])


def learning_accuracy(r: Matrix, t: int) -> float:
    """LA: mean accuracy on each task right after it was learned. A_t = LA + (t − 1)/t · BWT."""
    return mean([r[j][j] for j in range(t)])


class Balance(NamedTuple):
    """Fractions; learned − forgotten = kept. forgotten is below 0 where old tasks gained more than they lost."""

    learned: float
    kept: float
    forgotten: float


def balance(r: Matrix, now: Sequence[float]) -> Balance:
    """What was learned, kept and forgotten by an evaluation `now` (accuracy on each task seen) in or after the task
    that follows the rows of `r`: learned is the mean of R[j, j] over the tasks before and of what the newest has now,
    kept the mean of `now`. After a task these are LA, A_t and −(t − 1)/t · BWT."""
    learned = mean([*(r[j][j] for j in range(len(now) - 1)), now[-1]])
    kept = mean(now)
    return Balance(learned, kept, learned - kept)


class Informativeness(TypedDict):
    """The mean likelihood of the true class, 0..1: on the newest task, on those before it, and on all seen."""

    new: float
    past: float
    together: float


def informativeness(likelihood: Matrix, t: int) -> Informativeness:
    """L[t, t], the mean of L[t, j] over j < t (0 at t = 1), and the mean of the row: accumulated."""
    row = likelihood[t - 1]
    past = mean(row[: t - 1]) if t > 1 else 0.0
    return {"new": row[t - 1], "past": past, "together": mean(row[:t])}


def summarise(r: Matrix, r_aware: Matrix, likelihood: Matrix) -> dict[str, object]:
    """The last line of a run, fractions 0..1. F is the maximum version, F_diag = −BWT the authors'."""
    t = len(r)
    return {
        "A": average_accuracy(r, t),
        "F": forgetting(r, t),
        "F_diag": -backward_transfer(r, t) if t > 1 else 0.0,
        "LA": learning_accuracy(r, t),
        "A_mean": mean([average_accuracy(r, s) for s in range(1, t + 1)]),
        "A_aware": average_accuracy(r_aware, t),
        "F_aware": forgetting(r_aware, t),
        "R": [list(row) for row in r],
        "R_aware": [list(row) for row in r_aware],
        "L": [list(row) for row in likelihood],
    }
