"""What was measured, read and put into words: figures by hand, statistics against NumPy and SciPy, every outcome."""

from __future__ import annotations

import itertools
import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from app.charts.balance_bars import balance_bars
from app.charts.ends import told
from app.lesson import measured
from app.lesson.chapters import labels, memory
from app.lesson.measured import Difference, difference, worded

R = [[1.0], [0.75, 0.9], [0.25, 0.95, 0.8]]
AWARE = [[1.0], [1.0, 0.9], [0.5, 0.9, 1.0]]


@pytest.fixture
def planted(tmp_path, monkeypatch):
    lines = [
        {"settings": {"memory": 20}, "seed": seed, "R": R, "R_aware": AWARE} for seed in (3, 1)
    ] + [{"settings": {}, "seed": 0, "R": [[0.5]], "R_aware": [[0.5]]}]  # fmt: skip
    file = tmp_path / "runs.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    monkeypatch.setattr(measured, "FILE", file)
    measured._groups.cache_clear()
    yield
    measured._groups.cache_clear()


def test_figures_are_those_of_the_matrix_in_percent(planted):
    any_class, own = measured.figures(memory=20), measured.figures(own=True, memory=20)
    assert list(any_class.index) == [3, 1]
    # LA (1 + 0.9 + 0.8) / 3; A (0.25 + 0.95 + 0.8) / 3; F ((1 − 0.25) + (0.9 − 0.95)) / 2.
    assert any_class.loc[1].to_dict() == pytest.approx({"LA": 90, "forgotten": 90 - 200 / 3, "A": 200 / 3, "F": 35})
    assert own.loc[3].to_dict() == pytest.approx({"LA": 290 / 3, "forgotten": 50 / 3, "A": 80, "F": 25})
    assert measured.accuracy(1, after=2, memory=20).to_dict() == {3: 75, 1: 75}
    assert measured.accuracy(1, after=3, own=True, memory=20).to_dict() == {3: 50, 1: 50}


def test_a_group_is_found_however_it_is_said_and_one_that_was_not_measured_is_missing(planted):
    assert measured.runs() == measured.runs(learner="er", strategy="uniform", n_end=40, memory=10) == {0: [[0.5]]}
    assert measured.runs(memory=20, learner="er").keys() == {1, 3}
    with pytest.raises(KeyError):
        measured.runs(memory=21)


def test_differences_are_paired_by_seed_and_agree_with_scipy():
    rng = np.random.default_rng(4)
    one, noise = rng.normal(60, 8, 10), rng.normal(-3, 2, 10)
    found = difference(pd.Series(one + noise), pd.Series(one)[::-1])
    assert (
        found.mean == pytest.approx(noise.mean()) and found.error == pytest.approx(stats.sem(noise)) and found.n == 10
    )
    assert (found.low, found.high) == pytest.approx(stats.ttest_1samp(noise, 0).confidence_interval(0.95))
    few = difference({1: 3.0, 2: 5.0, 3: 4.5, 9: 0.0}, {1: 1.0, 2: 1.0, 3: 1.0, 4: 50.0})
    t = stats.ttest_1samp([2.0, 4.0, 3.5], 0).confidence_interval(0.95)
    assert few.n == 3 and (few.low, few.high) == pytest.approx((t.low, t.high))
    for other in ({2: 1.0}, {1: 0.5}):
        with pytest.raises(ValueError):
            difference({1: 1.0}, other)


def test_what_an_exact_test_leaves_to_chance_is_noise():
    seen = [-6.5, -11.0, -4.7, -5.2, 1.6, 2.2, -5.2, -1.3, 3.2, 0.0]
    found = difference(pd.Series(seen), pd.Series(0.0, index=range(10)))
    signs = np.array(list(itertools.product((1, -1), repeat=10)))
    assert found.p == pytest.approx(np.mean(abs(signs @ seen) >= abs(sum(seen)) - 1e-9)) and found.p > 0.05
    assert found.low < 0 < found.high
    assert found.within_noise and found.sign == 0
    # Below six seeds there is no such test: Student's interval decides.
    few = [difference(pd.Series([2.0, 4.0, spread]), pd.Series([0.0, 0.0, 0.0])) for spread in (3.5, 12.0)]
    assert [each.sign for each in few] == [1, 0]


@pytest.mark.parametrize(
    "found, said",
    [
        (Difference(2.64, 0.58, 1.5, 3.8, 10, 0.002), "2.6 ± 0.6 points more"),
        (Difference(-2.64, 0.58, -3.8, -1.5, 10, 0.002), "2.6 ± 0.6 points less"),
        (Difference(0.5, 1.2, -1.9, 2.9, 10, 0.7), "within noise (0.5 ± 1.2 points, 10 seeds)"),
        (Difference(-0.54, 1.2, -2.9, 1.9, 9, 0.7), "within noise (−0.5 ± 1.2 points, 9 seeds)"),
        (Difference(-0.04, 1.2, -2.9, 1.9, 10, 0.9), "within noise (0.0 ± 1.2 points, 10 seeds)"),
        (Difference(0.0, 0.0, 0.0, 0.0, 10, 1.0), "within noise (0.0 ± 0.0 points, 10 seeds)"),
    ],
)
def test_every_outcome_has_its_words(found, said):
    assert worded(found) == said


def test_a_difference_agrees_with_the_numbers_beside_it():
    one, other = pd.Series([99.64] * 6), pd.Series([95.46] * 6)
    assert difference(one, other).mean == pytest.approx(4.18)
    # As they are written: 99.6 − 95.5 = 4.1.
    assert measured.written(one, other) == 4.1
    assert worded(difference(one, other), measured.written(one, other)) == "4.1 ± 0.0 points more"


def shown(bars: dict, name: str) -> list[float]:
    """The numbers that stand in these bars, group by group."""
    return [float(bar["label"]["formatter"]) for s in bars["series"] if s["name"] == name for bar in s["data"]]


@pytest.mark.parametrize("equal_steps", [False, True])
@pytest.mark.parametrize("learner", labels.LEARNERS)
def test_the_sentence_of_chapter_3_subtracts_the_numbers_of_its_bars(learner, equal_steps):
    groups = labels.tables(learner, equal_steps)
    bars, place = balance_bars(groups), list(groups)
    sentence = labels.takeaway(learner, groups, equal_steps)
    said = re.findall(
        r"(?:learned is|forgotten|kept) (?:within noise \()?(−?[\d.]+) ± [\d.]+ points(?: (less))?", sentence
    )
    assert len(said) == 3
    for name, (number, less) in zip(("learned ↑", "below", "= kept ↑"), said, strict=True):
        numbers = shown(bars, name)
        expected = numbers[place.index(labels.MOST)] - numbers[place.index(labels.BASE)]
        assert float(number.replace("−", "-")) * (-1 if less else 1) == pytest.approx(expected), (name, sentence)


def test_the_sentence_of_chapter_2_subtracts_the_numbers_of_its_lines():
    groups = {size: measured.runs(memory=size) for size in memory.SIZES}
    sentence = memory.takeaway(memory.RECORDINGS[10].history(), 10, groups)
    ends = {size: round(memory.kept_of(runs)["kept"].iloc[-1], 1) for size, runs in groups.items()}
    said = re.findall(r"from (\d+) to (\d+): ([\d.]+) ± [\d.]+ points more", sentence)
    assert len(said) == len(groups) - 1
    for fewer, more, number in said:
        assert float(number) == pytest.approx(ends[int(more)] - ends[int(fewer)]), sentence


# -- chapter 3 -----------------------------------------------------------------------------------------


def group(learned: float, kept: float, spread: float = 1.0) -> pd.DataFrame:
    """Ten seeds whose means are exactly these; the errors of two groups differ seed by seed where `spread` does."""
    wobble = spread * np.array([1, -1, 2, -2, 3, -3, 1, -1, 2, -2])
    table = pd.DataFrame({"LA": np.full(10, learned), "A": kept + wobble})
    return table.assign(forgotten=table["LA"] - table["A"])


@pytest.mark.parametrize(
    "twenty, most, said",
    [
        (group(90, 70), group(97, 75, 1.5), "pay: with all of them, learned is 7.0 ± 0.0 points more, forgotten 2.0 ±"),
        (group(90, 70), group(97, 61, 1.5), "cost more of the old than they teach of the new: with all of them, learned"
         " is 7.0 ± 0.0 points more, forgotten 16.0 ± 0.3 points more, kept 9.0 ± 0.3 points less."),
        (group(90, 70), group(90, 61, 1.5), "do not pay: with all of them, learned is within noise"),
        (group(90, 70), group(97, 70.5, 3), "teach the new and cost the old, and neither outweighs the other: with all "
         "of them, learned is 7.0 ± 0.0 points more, forgotten 6.5 ± 1.3 points more, kept within noise (0.5 ± 1.3 "
         "points, 10 seeds)."),
        (group(90, 70), group(90, 70.5, 3), "change what is kept by no more than noise: with all of them, learned is "
         "within noise (0.0 ± 0.0 points, 10 seeds), forgotten within noise (−0.5 ± 1.3 points, 10 seeds), kept"),
    ],
)  # fmt: skip
def test_the_chapter_says_whatever_came_out(twenty, most, said):
    groups = {"10": group(50, 50), labels.BASE: twenty, "40": group(50, 50), labels.MOST: most}
    sentence = labels.takeaway("ER", groups, equal_steps=False)
    assert sentence.startswith(f"With ER and ten remembered digits, labels beyond 20 a task {said}")
    alike = labels.takeaway("ER", groups, equal_steps=True)
    assert alike == sentence.replace("ER and ten remembered digits", "ER, ten remembered digits and equally many steps")


@pytest.mark.parametrize("equal_steps", [False, True])
@pytest.mark.parametrize("learner", labels.LEARNERS)
def test_every_choice_of_the_chapter_was_measured(learner, equal_steps):
    groups = labels.tables(learner, equal_steps)
    assert [list(table.index) for table in groups.values()] == [list(range(10))] * 4
    assert labels.takeaway(learner, groups, equal_steps).endswith(".")


def test_the_bars_are_the_means_and_their_numbers_add_up():
    groups = {"few": group(90.06, 70.04), "many": group(97, 65), "more": None}
    spec = balance_bars(groups)
    below, learned, _, forgotten, dots, kept, _ = spec["series"]
    assert spec["xAxis"]["data"] == ["", "few", "", "", "", "many", "", "", "", "more", ""]
    assert [bar["value"] for bar in learned["data"]] == [[0, pytest.approx(90.06)], [4, 97]]
    # Forgotten hangs from what was learned down to what is kept.
    for base, bar, (start, end) in zip(below["data"], forgotten["data"], [(70.04, 90.06), (65, 97)], strict=True):
        (x, low), (there, high) = base["value"], bar["value"]
        assert x == there and (low, low + high) == pytest.approx((start, end))
    assert [bar["value"][0] for bar in kept["data"]] == [2, 6]
    written = [[bar["label"]["formatter"] for bar in series["data"]] for series in (learned, below, kept)]
    # 20.02 would be written 20.0: as they are written, too, learned − forgotten = kept.
    assert written == [["90.1", "97.0"], ["20.1", "32.0"], ["70.0", "65.0"]]
    assert len(dots["data"]) == 20 and np.mean([y for x, y in dots["data"] if x == 1]) == pytest.approx(70.04)
    assert told(spec) == "learned ↑ 90.1 97.0, − forgotten ↓ 20.0 32.0, = kept ↑ 70.0 65.0"
