"""What is a label worth? The outcomes of random sets of a query, divided among the samples that were in them.

Nothing here needs torch, so that a page can ask.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy import ndarray
from scipy.stats import spearmanr
from sklearn.base import RegressorMixin
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict
from threadpoolctl import threadpool_limits

SETS_A_SAMPLE = 4
"""So many random sets are measured for each sample of the pool. Of 230 samples 200 sets gave halves that agree at 0.1
to 0.5, 800 at 0.5 to 0.9."""
BAR = 0.5
"""Below this R² or this agreement no worth is shown."""
MOST_POOL = 1_000
"""Samples: the regressions of more of them and their sets take minutes."""
FOLDS = 5
PENALTIES = np.logspace(-2, 4, 25)


@dataclass(frozen=True)
class Worth:
    """Of the samples of a pool, for one part of the outcome.

    sets: it is read from; r2: of outcomes that were held out; agreement: Spearman's rank correlation of the weights
    from two halves of the sets; loss_r2: held out, of the sets' summed losses alone; these to the two decimals in which
    they are told. weights: by how much an outcome is higher with the sample in the set, beside what its class does, in
    the unit of the outcomes. NaN where all outcomes are equal.
    """

    sets: int
    r2: float
    agreement: float
    loss_r2: float
    weights: Float64[ndarray, " pool"]

    @property
    def is_told(self) -> bool:
        """Whether the sets tell the samples apart, and more of them than their losses do."""
        return self.r2 >= BAR and self.agreement >= BAR and self.r2 > self.loss_r2


def sets_wanted(pool: int) -> int:
    """Random sets of the query's size, before the worth of `pool` samples is looked at."""
    return SETS_A_SAMPLE * pool


def worth(
    members: Bool[ndarray, "sets pool"],
    outcomes: Float64[ndarray, " sets"],
    classes: Int64[ndarray, " pool"],
    losses: Float64[ndarray, " pool"],
) -> Worth:
    """members: which samples each set has, all sets drawn blindly and of one size; outcomes: what each did; classes,
    losses: of each sample's true label, before it is learned.

    Ridge regression (A. Hoerl and R. Kennard, 1970) of outcomes on membership and on how many of each class a set has;
    the penalty is what leave-one-out cross-validation finds best, within the training part alone. As in A. Ilyas et
    al., Datamodels, ICML 2022, with a penalty that keeps all samples.
    """
    pool = len(classes)
    if len(outcomes) < 2 * FOLDS or np.ptp(outcomes) == 0:
        return Worth(len(outcomes), math.nan, math.nan, math.nan, np.full(pool, math.nan))
    of_class = classes[:, None] == np.unique(classes)
    x = np.hstack([members, members @ of_class.astype(np.float64)])
    # These matrices are small: threads that wait for each other take longer than one.
    with threadpool_limits(1, user_api="blas"):
        halves = [_ridge().fit(x[half::2], outcomes[half::2]).coef_[:pool] for half in (0, 1)]
        return Worth(
            len(outcomes),
            _held_out(_ridge(), x, outcomes),
            round(float(spearmanr(*halves).statistic), 2),
            _held_out(LinearRegression(), (members @ losses)[:, None], outcomes),
            _ridge().fit(x, outcomes).coef_[:pool],
        )


def membership(sets: Sequence[Sequence[int]], pool: Sequence[int]) -> Bool[ndarray, "sets pool"]:
    """Which samples of the pool each set has."""
    place = {id_: column for column, id_ in enumerate(pool)}
    found = np.zeros((len(sets), len(pool)), dtype=bool)
    for row, ids in enumerate(sets):
        found[row, [place[id_] for id_ in ids]] = True
    return found


def sentence(part: str, found: Worth) -> str:
    """Which bars were missed, or that none was, with the numbers. part: "new" or "past"."""
    sets = f"{found.sets:,} random sets"
    if math.isnan(found.r2):
        return f"Worth for the {part} is not shown: the {sets} came out all the same."
    r2, agreement, loss = (f"{value:.2f}".replace("-", "−") for value in (found.r2, found.agreement, found.loss_r2))
    missed = []
    if found.r2 < BAR:
        missed.append(f"it predicts sets that were held out with R² {r2} only ({BAR} is needed)")
    if not found.agreement >= BAR:
        missed.append(f"two halves of the {sets} agree on the samples by {agreement} only ({BAR} is needed)")
    if found.r2 <= found.loss_r2 and found.loss_r2 >= BAR:
        missed.append(f"the loss of the true label alone predicts as well (R² {loss}, the samples {r2})")
    if missed:
        return f"Worth for the {part} is not shown: {', and '.join(missed)}."
    return (
        f"Worth for the {part}: it predicts sets that were held out with R² {r2} (the loss of the true label alone "
        f"with {loss}), and two halves of the {sets} agree on the samples by {agreement}."
    )


def _ridge() -> RidgeCV:
    return RidgeCV(PENALTIES, gcv_mode="svd")


def _held_out(model: RegressorMixin, x: Float64[ndarray, "sets columns"], y: Float64[ndarray, " sets"]) -> float:
    """R² over all sets, each predicted by a model that was fitted without its fold."""
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    # A rounded −0 is 0.
    return round(float(r2_score(y, cross_val_predict(model, x, y, cv=folds))), 2) + 0.0
