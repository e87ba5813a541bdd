"""Whether picks lean to some classes: their counts against those of the pool."""

from __future__ import annotations

from collections.abc import Sequence

from scipy import stats

DRAWS = 9999


def p_of_counts(picked: Sequence[int], pool: Sequence[int]) -> tuple[float, bool]:
    """How likely as many blind draws (without putting back: multivariate hypergeometric) have class counts at least as
    improbable as the picks'; and whether that is exact: for two classes it is, for more it is estimated from DRAWS
    random draws. Fisher's exact test of picks against the rest of the pool (scipy.stats.fisher_exact).

    picked, pool: of each class how many; the pool holds the picks. 1 where there is nothing to compare.
    """
    rows = [(a, b - a) for a, b in zip(picked, pool, strict=True) if b]
    taken, rest = ([row[side] for row in rows] for side in (0, 1))
    if len(rows) < 2 or not sum(taken) or not sum(rest):
        return 1.0, True
    if len(rows) == 2:
        return float(stats.fisher_exact([taken, rest]).pvalue), True
    drawn = stats.MonteCarloMethod(n_resamples=DRAWS, rng=0)
    return float(stats.fisher_exact([taken, rest], method=drawn).pvalue), False
