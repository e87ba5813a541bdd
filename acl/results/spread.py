"""Mean and spread over seeds: what a band, an error bar and a cell of a table are made of."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from scipy import stats

from acl.results.significance import CONFIDENCE


def over_seeds(table: pd.DataFrame, by: Sequence[str], value: str) -> pd.DataFrame:
    """One row for each group, in the order of `table`: the columns `by`, then mean, std (sample standard deviation,
    NaN for one seed), half (half the width of Student's 95 % interval of the mean, NaN for one seed) and n."""
    groups = table.dropna(subset=[value]).groupby(list(by), sort=False)[value]
    found = groups.agg(mean="mean", std="std", n="count").reset_index()
    n = found["n"].to_numpy()
    found["half"] = stats.t.ppf((1 + CONFIDENCE) / 2, (n - 1).clip(1)) * found["std"] / n**0.5
    return found[[*by, "mean", "std", "half", "n"]]
