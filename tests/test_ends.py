"""Where lines end: the numbers that a chart's alternative text says, and labels that stay apart above the axis."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from app.charts import comparison, comparison_grids, run
from app.charts.ends import APART, labels_apart, told
from app.charts.palette import Look
from app.charts.sized import DESK, ROOM, sized

HEIGHT = 180
LOOKS = [Look("ER", "#000000", "solid"), Look("DER++", "#111111", "dotted")]


def accuracies(*ends: float) -> pd.DataFrame:
    tasks = {f"task_{j}": [100.0, end] for j, end in enumerate(ends, start=1)}
    return pd.DataFrame({"x": [1.0, 2.0], "final": [True, True], **tasks})


@pytest.mark.parametrize("size", [DESK, ROOM])
@pytest.mark.parametrize("ends", [(0, 0, 0, 0), (100, 100), (50, 50, 51, 0), (3, 90), (100, 99, 98, 0.5)])
def test_labels_stay_apart_in_order_and_above_the_axis(ends, size):
    high = round(HEIGHT * size.high)
    spec = labels_apart(sized(run.accuracy_chart(accuracies(*ends), len(ends)), size), high)
    grid, labels = spec["grid"], [s["endLabel"] for s in spec["series"] if s.get("endLabel", {}).get("show")]
    top, bottom = grid["top"], high - grid["bottom"]
    there = [top + (bottom - top) * (100 - end) / 100 for end in ends]
    places = [y + label["offset"][1] for y, label in zip(there, labels, strict=True)]
    assert all(top <= y <= bottom - labels[0]["lineHeight"] / 2 + 1e-6 for y in places)
    for (y, a), (z, b) in itertools.combinations(zip(places, ends, strict=True), 2):
        assert abs(y - z) >= labels[0]["lineHeight"] - 1e-6 and (a == b or (a > b) == (y < z))


def test_lines_far_apart_keep_their_labels_and_many_go_below_the_axis_rather_than_over_each_other():
    spec = labels_apart(run.accuracy_chart(accuracies(90, 50), 2), HEIGHT)
    assert [s["endLabel"]["offset"] for s in spec["series"] if "endLabel" in s] == [[0, 0.0]] * 2
    spec = labels_apart(run.accuracy_chart(accuracies(*[0.0] * 10), 10), HEIGHT)
    places = [s["endLabel"]["offset"][1] for s in spec["series"] if "endLabel" in s]
    assert all(b - a >= 15 - 1e-6 for a, b in itertools.pairwise(places)) and places[-1] > 0


def test_no_key_of_ours_reaches_the_browser():
    for spec in (run.accuracy_chart(accuracies(1, 2)[:0], 2), run.accuracy_chart(accuracies(1, 2), 2)):
        assert not any(APART in series for series in labels_apart(spec, HEIGHT)["series"])


def test_every_kind_of_chart_tells_its_numbers():
    assert told(run.accuracy_chart(accuracies(0, 91.24), 2)) == "Task 1 0.0 %, Task 2 91.2 %"
    table = pd.DataFrame({"x": [1.0], "final": [True], "learned": [98.1], "kept": [18.3], "forgotten": [79.8]})
    assert told(run.balance_chart(table, 2)) == "learned ↑ 98.1 %, kept ↑ 18.3 %"
    assert (
        told(run.loss_chart(pd.DataFrame({"epoch": [1, 2], "loss": [2.0, 0.25], "when": ["", ""]}), [])) == "loss 0.25"
    )
    assert told(run.matrix_chart([[1.0], [0.5, 0.75]], 2, False)) == (
        "after task 2, on task 1: 50.0 %, after task 2, on task 2: 75.0 %"
    )
    bands = pd.DataFrame({"cohort": ["ER", "ER", "DER++"], "task": [1, 2, 1], "mean": [1, 0.5, 0.25], "std": 0.1})
    wide = comparison.wide(bands, LOOKS, "task", "std")
    assert told(comparison.curves(wide, LOOKS, 2, 2)) == "ER 50.0 %, DER++ 25.0 %"
    each = comparison_grids.each_task([wide.rename(columns={"task": "after"})], LOOKS, 2, 2, 2, 100)
    assert told(each) == "Task 1: ER 50.0 %, Task 1: DER++ 25.0 %"
    cells = pd.DataFrame({"after": [1, 2, 2], "on": [1, 1, 2], "value": [99.0, 50.0, 75.0]})
    assert told(comparison_grids.matrices({"ER": cells}, 2, "#000", 1, 200, False)) == (
        "ER after task 2, on task 1: 50.0 %, ER after task 2, on task 2: 75.0 %"
    )
    bought = pd.DataFrame({"cohort": ["ER"], "class": ["cat"], "mean": [3.0]})
    assert told(comparison_grids.labels(bought, ["cat"], "#000", 3.0)) == "ER: 3.0 labels of class cat"
    row = {"label": "ER", "one": "ER", "mean": -1.5, "low": -3.0, "high": 0.0, "said": ""}
    assert told(comparison.forest([row], {"ER": LOOKS[0]})) == "ER −1.5"
