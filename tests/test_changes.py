"""What queries changed, before and after: on the Run page, and on Compare over seeds, with what was measured."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from acl.analysis.outcomes.asked import Plan
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.summary import PARTS, summary
from acl.analysis.outcomes.work import Work
from acl.events import Evaluated, History
from acl.results import changes
from acl.results.frames import outcomes_of
from acl.runs.folder import Run
from app.compare.effects.tables import by_cohort
from app.run import changes as shown
from app.store.runs import live_run
from tests.test_outcomes import played
from tests.tools import every_page_looks_into

ROOT = Path(__file__).resolve().parent.parent
PLAN = Plan(subsets=8, strategies=("entropy", "accuacl"), repeats=2, sizes=(0.0, 0.5, 1.0))


def evaluated(task: int, round_: int, *values: float) -> Evaluated:
    return Evaluated(task, round_, list(values), list(values), list(values), False)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> list[Run]:
    """Two seeds, one of them with two measured queries."""
    runs = tmp_path_factory.mktemp("changes") / "runs"
    found = [played(runs, seed=seed) for seed in (0, 1)]
    for at in ((1, 1), (2, 2)):
        work = Work(Query.of(found[0], at), PLAN, runs)
        for piece in work.missing():
            work.step(piece)
    return found


@pytest.fixture
def folder(made, runs, monkeypatch) -> Path:
    shutil.copytree(made[0].path.parent, runs)
    every_page_looks_into(runs, monkeypatch)
    live_run.clear()
    return runs


def page(name: str, **query: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    test.switch_page(str(ROOT / "pages" / f"{name}.py")).run()
    assert not test.exception
    return test


def test_a_change_is_the_difference_of_two_evaluations_of_one_task(made):
    history = made[0].history()
    found = changes.changes(history)
    assert [(c.task, c.round) for c in found] == [(t, r) for t in (1, 2) for r in (1, 2, 3)]
    for change in found:
        assert (change.before.task, change.before.round) == (change.task, change.round - 1)
    rows = changes.table("r", history)
    assert len(rows) == 3 * len(found) and list(rows.columns) == changes.COLUMNS
    for row in rows.to_dict("records"):
        change = next(c for c in found if (c.task, c.round) == (row["task"], row["round"]))
        after, before = (getattr(each, row["measure"]) for each in (change.after, change.before))
        moved = np.array(after) - np.array(before)
        assert row["new"] == pytest.approx(moved[-1]) and row["net"] == pytest.approx(moved.mean())
        assert math.isnan(row["past"]) if row["task"] == 1 else row["past"] == pytest.approx(moved[:-1].mean())


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ((0.5,), (0.75,), "the new task +25.0 points of likelihood"),
        ((0.8, 0.5), (0.7, 0.5), "the new task ±0.0 points of likelihood, the old one −10.0"),
        ((0.8, 0.6, 0.5), (0.9, 0.5, 0.4996), "the new task ±0.0 points of likelihood, the old ones on average ±0.0"),
    ],
)
def test_words_of_a_change_follow_its_numbers(before, after, words):
    t = len(before)
    change = changes.Change(evaluated(t, 1, *before), evaluated(t, 2, *after))
    assert shown.sentence(change) == words
    table = shown.table(change)
    assert list(table.columns)[:2] == ["%", f"Task {t}, new"] and len(table.columns) == t + 1


def test_the_run_page_shows_the_newest_tested_query(folder, made):
    test = page("run", run=made[0].id)
    assert any("What these labels changed** · task 2, round 3" in each.value for each in test.markdown)
    assert any("Task 2, new" in table.value.columns for table in test.dataframe)
    assert not changes.changes(History(made[0].history().rows[:3]))


def test_compare_shows_changes_over_seeds_and_what_was_measured(folder, made):
    query = {"from": "all", "view": "curves", "detail": "What labels did"}
    test = page("compare", **query)
    before, did = (table.value for table in test.dataframe)
    assert before["seeds"].tolist() == [2] and before["queries"].tolist() == [12]
    by_hand = [changes.table(run.id, run.history()) for run in made]
    new = [100 * t[t["measure"] == "likelihood"]["new"].mean() for t in by_hand]
    assert before["new"].iloc[0] == pytest.approx(np.mean(new))
    assert set(did["set"]) == {"Entropy", "AccuACL"} and did["queries"].tolist() == [2, 2]
    sets = summary(outcomes_of([Run(folder / made[0].id)], folder))
    entropy = sets[(sets["kind"] == "strategy") & (sets["name"] == "entropy")]
    row = did[did["set"] == "Entropy"].iloc[0]
    for part in PARTS:
        assert row[part] == pytest.approx(entropy[f"{part}_points"].mean())
    assert row["like"] == pytest.approx(100 * (entropy["fewer"] / entropy["n"]).mean())


def test_compare_says_where_nothing_is_measured(folder, made):
    for path in folder.rglob("*.outcomes.jsonl"):
        path.unlink()
    test = page("compare", **{"from": "all", "view": "curves", "detail": "What labels did"})
    assert len(test.dataframe) == 1 and any("Nothing is measured" in each.value for each in test.caption)


def test_runs_count_alike_however_many_of_their_queries_are_measured():
    rows = pd.DataFrame({"cohort": "c", "run": ["a", "a", "a", "b"], "seed": [0, 0, 0, 1],
                         "new": [0.1, 0.2, 0.3, 0.4], "past": math.nan, "net": 0.0})  # fmt: skip
    found = by_cohort(rows).iloc[0]
    assert found["new"] == pytest.approx(30) and found["seeds"] == 2 and found["queries"] == 4
    assert math.isnan(found["past"])
