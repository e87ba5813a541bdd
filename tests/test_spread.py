"""Mean and spread over seeds against a printed table of Student's t and plain arithmetic."""

from __future__ import annotations

import math
import statistics

import pandas as pd
import pytest

from acl.results.spread import over_seeds

# Half widths of 95 % intervals: quantiles of Student's t for 97.5 %, by degrees of freedom, from a printed table.
T = {1: 12.706, 2: 4.303, 4: 2.776}


def test_each_group_has_its_mean_and_interval():
    values = {("b", 1): [0.2, 0.4], ("a", 1): [0.1, 0.2, 0.6], ("a", 2): [0.5], ("c", 2): [0.1, 0.2, 0.3, 0.4, 0.9]}
    rows = [{"who": who, "task": t, "A": v} for (who, t), vs in values.items() for v in vs]
    found = over_seeds(pd.DataFrame(rows), ["who", "task"], "A")
    assert list(zip(found["who"], found["task"], strict=True)) == list(values)
    for row, vs in zip(found.to_dict("records"), values.values(), strict=True):
        assert row["mean"] == pytest.approx(statistics.mean(vs)) and row["n"] == len(vs)
        if len(vs) == 1:
            assert math.isnan(row["std"]) and math.isnan(row["half"])
        else:
            half = T[len(vs) - 1] * statistics.stdev(vs) / math.sqrt(len(vs))
            assert row["std"] == pytest.approx(statistics.stdev(vs)) and row["half"] == pytest.approx(half, rel=1e-3)


def test_what_is_not_known_is_not_counted():
    rows = pd.DataFrame({"who": ["a", "a", "b"], "A": [0.5, math.nan, math.nan]})
    found = over_seeds(rows, ["who"], "A")
    assert found["who"].tolist() == ["a"] and found["n"].tolist() == [1]
