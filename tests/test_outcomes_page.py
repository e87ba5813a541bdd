"""What did it do?: the plane, its sentences, and every state of the panel, without a browser."""

from __future__ import annotations

import itertools
import json
import math
import shutil
from dataclasses import replace
from math import comb, nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from acl.analysis.class_counts import p_of_counts
from acl.analysis.outcomes import record
from acl.analysis.outcomes.asked import About, Outcome, Plan
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.summary import Difference, summary, table
from acl.analysis.outcomes.work import Work
from acl.runs.folder import Run
from acl.service import measurer
from acl.service.measurer import Measurer
from acl.snapshots import shelf as snapshot_shelf
from app.charts import outcomes_plane as charts
from app.inspection.panels.outcomes import dots, panel, sensitivity, switches
from app.inspection.panels.outcomes.asked import PLANS, REFERENCE
from app.inspection.panels.outcomes.controls import CONTROLS, NO_PAST
from app.inspection.panels.outcomes.phrases import Measured, sentence
from app.inspection.panels.outcomes.picture import ids_of
from app.store.runs import live_run
from tests.contexts import make_context
from tests.test_outcomes import played
from tests.test_precision import made_earlier
from tests.tools import every_page_looks_into

ROOT = Path(__file__).resolve().parent.parent
AT = (2, 2)
PLAN = Plan(subsets=24, strategies=("entropy", "accuacl"), repeats=2, lambdas=(0.0, 1.0), controls=("classes",))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Run:
    """A run with one measured query, to be copied."""
    runs = tmp_path_factory.mktemp("outcomes") / "runs"
    run = played(runs)
    for at in (AT, (1, 1)):
        work = Work(Query.of(run, at), PLAN, runs)
        for piece in work.missing():
            work.step(piece)
    return run


@pytest.fixture
def run(made, runs, monkeypatch) -> Run:
    shutil.copytree(made.path.parent, runs)
    every_page_looks_into(runs, monkeypatch)
    live_run.clear()
    return Run(runs / made.id)


def opened(run: Run, at: tuple[int, int] = AT, **state: object) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
    for key, value in {"run": run.id, "task": str(at[0]), "round": str(at[1])}.items():
        test.query_params[key] = value
    for key, value in {"panel": panel.TITLE, **state}.items():
        test.session_state[key] = value
    test.switch_page(str(ROOT / "pages" / "inspect.py")).run()
    assert not test.exception
    return test


def said(test: AppTest) -> str:
    texts = [*test.markdown, *test.caption, *test.warning]
    return "\n".join(each.value.replace("\\", "") for each in texts)


def drawn(test: AppTest, alt: str) -> list[dict]:
    """The charts whose text for those who see none begins like this."""
    return [json.loads(c.proto.spec) for c in test.get("echarts_chart") if c.proto.alt.startswith(alt)]


def spec(test: AppTest) -> dict:
    (found,) = drawn(test, "What sets of labels did")
    return found


def rows_of(run: Run, at: tuple[int, int] = AT) -> pd.DataFrame:
    about = About.of(run.id, run.config, run.history(), at)
    return table(about, record.load(run, at, run.path.parent))


# -- sentences -----------------------------------------------------------------------------------------

MORE, LESS = Difference(3.5, 0.8, 97.2), Difference(-5.1, 1.2, 1.4)
NEARLY, BELOW = Difference(0.3, 0.4, 55.0), Difference(-0.1, 0.5, 48.0)
KNOWN = Measured(30, LESS, MORE, 8, 200, 3, 30)
SENTENCES = {
    "keep 3.5 ± 0.8 points more of the past and teach 5.1 ± 1.2 less of the new than 30 random ones (more kept than "
    "97 % of them, more learned than 1 %): about what 8 random labels do.": KNOWN,
    "keep as much of the past as 30 random ones (+0.3 ± 0.4 points, within noise) and teach 5.1 ± 1.2 points less of "
    "the new (more kept than 55 % of them, more learned than 1 %): about what one random label does.":
        replace(KNOWN, past=NEARLY, fewer=1),
    "keep 3.5 ± 0.8 points more of the past than 30 random ones and teach as much of the new (−0.1 ± 0.5, within "
    "noise; more kept than 97 % of them, more learned than 48 %): about what no label at all does.":
        replace(KNOWN, new=BELOW, fewer=0),
    "keep as much of the past (+0.3 ± 0.4 points, within noise) and teach as much of the new (−0.1 ± 0.5, within "
    "noise) as 30 random ones (more kept than 55 % of them, more learned than 48 %); of random sets of all sizes those "
    "of 30 come nearest to that.": replace(KNOWN, past=NEARLY, new=BELOW, fewer=30),
    "keep 5.1 ± 1.2 points less of the past and teach 3.5 ± 0.8 more of the new than 30 random ones (more kept than "
    "1 % of them, more learned than 97 %).": replace(KNOWN, past=LESS, new=MORE, fewer=nan),
    "teach 5.1 ± 1.2 points less of the new than 30 random ones (more learned than 1 % of them): about what 8 random "
    "labels do.": replace(KNOWN, past=None),
    "teach as much of the new as 30 random ones (+0.3 ± 0.4 points, within noise; more learned than 55 % of them): "
    "about what 8 random labels do.": replace(KNOWN, past=None, new=NEARLY),
    "keeps 3.5 ± 0.8 points more of the past and teaches 5.1 ± 1.2 less of the new than a random one (more kept than "
    "all of them, more learned than none): about what no label at all does.":
        replace(KNOWN, n=1, past=replace(MORE, percentile=100.0), new=replace(LESS, percentile=0.0), fewer=0),
}  # fmt: skip


@pytest.mark.parametrize("words", SENTENCES)
def test_words_follow_the_numbers(words):
    assert sentence("These", SENTENCES[words]) == f"These {words}"


@pytest.mark.parametrize("points", [-1.0, 1.0])
@pytest.mark.parametrize("new", [-1.0, 1.0])
def test_a_difference_is_one_from_two_standard_errors_on(points, new):
    for se, alike in ((0.49, False), (0.51, True)):
        found = replace(KNOWN, past=Difference(points, se, 50.0), new=Difference(new, se, 50.0))
        text = sentence("These", found)
        assert text.count("as much") == 2 * alike == text.count("within noise")
        if not alike:
            assert text.count("more of") + text.count("less of") == 2
            assert ("more of the past" in text) == (points > 0) and ("more of the new" in text) == (new > 0)


def test_what_rounds_to_nothing_is_as_much():
    text = sentence("These", replace(KNOWN, past=Difference(-0.04, 0.001, 20.0), new=Difference(0.06, 0.01, 80.0)))
    assert text.startswith(
        "These keep as much of the past as 30 random ones (−0.04 ± 0.00 points) and teach 0.06 ± 0.01"
    )


def test_what_cannot_be_said_yet_is_said_to_be_so():
    assert "no random set of 30 labels measured so far" in sentence("These", replace(KNOWN, sets=0))
    assert "one random set of 30 labels measured so far" in sentence("These", replace(KNOWN, sets=1))
    assert "19 random sets of 30 labels" in sentence("These", replace(KNOWN, sets=19))
    once = replace(KNOWN, new=Difference(1.0, nan, 50.0), repeats=1)
    assert "learned in one order so far" in sentence("These", once)
    larger = replace(KNOWN, n=40, sets=0)
    assert "more labels than the 30 of this query" in sentence("Your 40", larger)


# -- the plane -----------------------------------------------------------------------------------------


def test_dots_are_the_differences_of_the_summary_and_the_cloud_has_mean_zero(run):
    rows = rows_of(run)
    n = int(rows[rows["kind"] == "recorded"]["n"].iloc[0])
    for measure in ("likelihood", "accuracy", "accuracy_aware"):
        picture = dots.picture(rows, 2, n, measure, False, "accuacl")
        same = summary(rows, measure)
        for row in picture.dots.to_dict("records"):
            there = same[(same["kind"] == row["kind"]) & (same["name"] == row["name"]) & (same["n"] == row["n"])].iloc[
                0
            ]
            for axis, part in (("x", "new"), ("y", "past"), ("net", "net")):
                assert row[axis] == pytest.approx(there[f"{part}_points"], abs=1e-9)
                assert row[f"{axis}_se"] == pytest.approx(there[f"{part}_se"], nan_ok=True)
        cloud = picture.clouds["random"]
        assert len(cloud) == 24 and np.abs(cloud[["x", "y", "net"]].mean()).max() < 1e-9
        curve = picture.curves["random"]
        assert curve["n"].is_monotonic_increasing and curve["n"].iloc[0] == 0
        assert np.abs(curve[curve["n"] == n][["x", "y", "net"]].to_numpy()).max() < 1e-9
        assert len(picture.clouds["classes"]) == 6


def test_absolute_values_are_percent_and_equal_lines_go_through_the_mean_of_random_sets(run):
    rows = rows_of(run)
    picture = dots.picture(rows, 2, 4, "accuracy", True, "accuacl")
    bought = picture.dots[picture.dots["kind"] == "recorded"].iloc[0]
    assert bought["x"] == pytest.approx(100 * rows[rows["kind"] == "recorded"]["new_accuracy"].mean())
    assert 0 <= bought["x_se"] < 50 and picture.centre[0] == pytest.approx(picture.clouds["random"]["x"].mean())


@pytest.mark.parametrize("task", [2, 3, 6])
@pytest.mark.parametrize("seed", range(4))
def test_scales_are_equal_all_dots_lie_inside_and_the_line_is_that_of_equal_net(task, seed):
    rng = np.random.default_rng(seed)
    wide = rng.uniform(0.1, 40, size=2)
    frame = pd.DataFrame({"n": 5, "ids": [(i,) for i in range(50)], "x": rng.normal(0, wide[0], 50)})
    frame["y"], frame["net"] = rng.normal(0, wide[1], 50), 0.0
    empty = frame.iloc[:0]
    picture = charts.Picture(
        task, False, "points", pd.DataFrame(columns=dots.COLUMNS), {"random": frame},
        {"random": empty, "equal_steps": empty}, (0.0, 0.0, 0.0),
    )  # fmt: skip
    option, height = charts.plane(picture)
    x, y, grid = option["xAxis"], option["yAxis"], option["grid"]
    across = (charts.WIDTH - grid["left"] - grid["right"]) / (x["max"] - x["min"])
    up = (height - grid["top"] - grid["bottom"]) / (y["max"] - y["min"])
    assert across == pytest.approx(up, rel=0.01) and x["interval"] == y["interval"]
    for name, axis in (("x", x), ("y", y)):
        assert axis["min"] <= frame[name].min() and frame[name].max() <= axis["max"]
        assert axis["min"] % axis["interval"] == 0 == axis["max"] % axis["interval"]
    assert charts.LEAST_UP <= up * (y["max"] - y["min"]) <= 1.3 * charts.MOST_UP
    lines = option["series"][0]["markLine"]["data"]
    assert {"xAxis": 0.0, "yAxis": 0.0} == {k: v for line in lines[:2] for k, v in line.items() if "Axis" in k}
    for end in lines[2]:
        new, past = end["coord"]
        assert new / task + past * (task - 1) / task == pytest.approx(0, abs=1e-9)


def test_a_click_names_the_samples_of_its_dot_and_nothing_else_does(run):
    rows = rows_of(run)
    for task, draw in ((2, charts.plane), (1, charts.line)):
        picture = dots.picture(rows, task, 4, "likelihood", False, "accuacl")
        series = {each["id"]: each for each in draw(picture)[0]["series"] if each.get("selectedMode")}
        names = charts.selectable(picture)
        assert set(series) <= set(names) and len(series) > 5
        for id_, each in series.items():
            assert len(each["data"]) == len(names[id_])
            for place, ids in enumerate(names[id_]):
                chosen = {"selection": {"selected": [{"series_id": id_, "data_indices": [place]}]}}
                assert ids_of(chosen, names) == ids and set(ids) <= set(range(2000))
    for wrong in (None, {}, {"selection": {"selected": [{"series_id": "no", "data_indices": [0]}]}},
                  {"selection": {"selected": [{"series_id": "random", "data_indices": [-1, 999, "0"]}]}}):  # fmt: skip
        assert ids_of(wrong, names) == ()


def test_names_from_elsewhere_stay_text_in_the_picture(run):
    rows = rows_of(run)
    evil = rows[rows["kind"] == "strategy"].assign(kind="own", name="<img src=x>{a}{@[0]}")
    picture = dots.picture(pd.concat([rows, evil]), 2, 4, "likelihood", False, "accuacl")
    series = charts.plane(picture)[0]["series"]
    items = [item for each in series for item in each["data"] if isinstance(item, dict)]
    shown = [each["tooltip"].get("formatter", "") for each in [*series, *items] if "tooltip" in each]
    assert any("&lt;img" in text for text in shown)
    assert not any("<img" in text or "{a}" in text for text in shown)


def test_strategies_that_pick_the_same_share_one_name_beside_their_dot(run):
    rows = rows_of(run)
    same = rows[(rows["kind"] == "strategy") & (rows["name"] == "entropy")].assign(name="badge")
    same["ids"] = same["ids"].map(lambda ids: tuple(reversed(ids)))
    picture = dots.picture(pd.concat([rows, same]), 2, 4, "likelihood", False, "accuacl")
    marks = picture.dots.set_index("label")["mark"]
    assert marks["Entropy"] == "" and marks["BADGE"] == "Entropy, BADGE" and marks["AccuACL"] == "AccuACL"
    assert marks["bought (AccuACL)"] == "" and marks["λ = 0"] == "λ = 0"


# -- class counts --------------------------------------------------------------------------------------


def slow_p(picked: list[int], pool: list[int]) -> float:
    """Every way to draw as many, one after another."""
    n, whole = sum(picked), comb(sum(pool), sum(picked))
    chances = {}
    for counts in itertools.product(*(range(size + 1) for size in pool)):
        if sum(counts) == n:
            chances[counts] = math.prod(comb(size, k) for size, k in zip(pool, counts, strict=True)) / whole
    here = chances[tuple(picked)]
    return sum(p for p in chances.values() if p <= here * (1 + 1e-9))


@pytest.mark.parametrize(
    ("picked", "pool"), [([4, 0], [20, 25]), ([2, 3], [9, 30]), ([0, 5], [3, 5]), ([1, 1], [2, 2])]
)
def test_two_classes_have_the_exact_p_of_the_hypergeometric(picked, pool):
    p, exact = p_of_counts(picked, pool)
    assert exact and p == pytest.approx(slow_p(picked, pool))


@pytest.mark.parametrize(("picked", "pool"), [([4, 0, 0], [9, 8, 7]), ([2, 1, 1, 0], [5, 6, 5, 5])])
def test_more_classes_have_it_nearly_and_nothing_to_compare_is_one(picked, pool):
    p, exact = p_of_counts(picked, pool)
    assert not exact and p == pytest.approx(slow_p(picked, pool), abs=0.02)
    assert p_of_counts([3], [9]) == p_of_counts([0, 0], [4, 4]) == p_of_counts([4, 4], [4, 4]) == (1.0, True)


# -- the panel -----------------------------------------------------------------------------------------


def test_what_is_in_the_record_is_shown_at_once(run):
    test = opened(run)
    text = said(test)
    assert "of the past" in text and "random ones" in text and "Fisher's exact test" in text
    ids = {each.get("id", "").split(":")[0] for each in spec(test)["series"]}
    assert {"random", "classes", "recorded", "strategy", "lambda"} <= ids
    shown = test.dataframe[0].value
    assert {"λ = 0", "λ = 1", "Entropy", "random, same classes"} <= set(shown["set"])
    assert not test.warning and test.button(key="outcome-own").disabled


def test_what_predicts_it_stands_below_and_follows_the_measure(run):
    test = opened(run)
    (option,) = drawn(test, "Rank correlation")
    assert {"J", "loss of the true label", "D at equal M", "n"} <= set(option["yAxis"]["data"])
    assert [series["name"] for series in option["series"]] == ["new", "past", "net"]
    assert "24 random sets of this query" in said(test) and "Without" not in said(test)
    (other,) = drawn(opened(run, **{"outcome-measure": "accuracy"}), "Rank correlation")
    assert other["series"] != option["series"]
    # Task 1 has neither a past nor a memory.
    first = opened(run, (1, 1))
    (option,) = drawn(first, "Rank correlation")
    assert [series["name"] for series in option["series"]] == ["new", "net"]
    assert "the memory of this query is empty" in said(first)


def test_nothing_measured_says_what_to_do(run):
    record.beside(run, AT).unlink()
    test = opened(run)
    assert "not measured yet: press Measure" in said(test) and not test.dataframe
    test.button(key="outcome-go").click().run()
    assert "is being measured" in said(test) and "press Measure" not in said(test)


@pytest.mark.parametrize("measure", switches.MEASURES)
@pytest.mark.parametrize("scale", ["differences", "absolute"])
def test_every_switch_draws_the_same_dots(run, measure, scale):
    test = opened(run, **{"outcome-measure": measure, "outcome-scale": scale})
    assert len(spec(test)["series"]) == len(spec(opened(run))["series"])


def test_the_first_task_is_a_line_and_says_so(run):
    test = opened(run, (1, 1))
    option = spec(test)
    assert option["yAxis"]["type"] == "category" and charts.FEWER in option["yAxis"]["data"]
    ids = [each["id"] for each in option["series"] if "id" in each]
    assert len(ids) == len(set(ids))
    assert "no past in the first task" in said(test) and "more kept" not in said(test)
    true_past, others = test.button(key="outcome-true_past"), test.button(key="outcome-lambdas")
    assert true_past.disabled and true_past.help == NO_PAST and not others.disabled


def test_too_few_random_sets_are_said_to_be_too_few(run):
    path = record.beside(run, AT)
    kept = [line for line in path.read_text().splitlines(True)
            if json.loads(line)["kind"] != "random" or int(json.loads(line)["name"]) <= 7]  # fmt: skip
    path.write_text("".join(kept))
    assert "7 random sets of" in said(opened(run)) and "too few" in said(opened(run))


def test_every_button_asks_for_its_plan_and_the_measurer_fulfils_it(run, runs, monkeypatch):
    for name, plan in PLANS.items():
        small = {"subsets": 4, "repeats": 1, "strategies": ("entropy",) if plan.strategies else ()}
        monkeypatch.setitem(PLANS, name, replace(plan, **small))
    record.beside(run, AT).unlink()
    test = opened(run)
    settings = [name for name in sensitivity.SETTINGS if not test.button(key=f"outcome-{name}").disabled]
    wanted = ["go", *CONTROLS, *settings]
    for name in wanted:
        test.button(key=f"outcome-{name}").click().run()
        assert not test.exception
    assert len(measurer.asked(runs)) == len(wanted)
    assert test.button(key="outcome-go").disabled and test.button(key="outcome-lambdas").disabled
    assert len([b for b in test.button if b.label == "Cancel"]) == len(wanted)
    next(b for b in test.button if b.label == "Cancel").click().run()
    assert len(measurer.asked(runs)) == len(wanted) - 1
    work = Measurer(runs)
    while work.step():
        pass
    test.run()
    assert not measurer.asked(runs) and not test.exception and not test.warning
    kinds = {outcome.kind for outcome in record.load(run, AT, runs)}
    assert kinds >= {"random", "equal_steps", "classes", "losses", "distribution", "magnitude", "lambda", *settings}


def test_what_is_lassoed_becomes_a_star(run, runs, monkeypatch):
    pool = [int(i) for i in Query.of(run, AT).pool[:3]]
    lasso = {f"lasso-{run.id}-2-2": [*pool, 10**6]}
    test = opened(run, **lasso)
    own = test.button(key="outcome-own")
    assert own.label == "Measure these 3 samples" and not own.disabled
    monkeypatch.setattr(switches, "REFERENCE", replace(REFERENCE, subsets=4, repeats=2))
    own.click().run()
    work = Measurer(runs)
    while work.step():
        pass
    test.run()
    assert "Your 3" in said(test) and test.button(key="outcome-own").disabled
    assert any(each.get("id", "").startswith("own:yours 1") for each in spec(test)["series"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda run: run.base(2).unlink(), "kept no model of the start of task 2"),
        (lambda run: run.base(2).write_bytes(b"no"), "cannot be read"),
        (lambda run: _config(run, strategy="gone"), "gone"),
        (lambda run: _config(run, dataset="gone"), "gone"),
        (made_earlier, "earlier"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(run, runs, change, words):
    record.beside(run, AT).unlink()
    change(run)
    test = opened(run)
    test.button(key="outcome-go").click().run()
    work = Measurer(runs)
    while work.step():
        pass
    test.run()
    assert not test.exception and any(words in w.value.replace("\\", "") for w in test.warning), said(test)


def _config(run: Run, **values: object) -> None:
    path = run.path / "config.json"
    kept = json.loads(path.read_text())
    (kept["config"] if "config" in kept else kept).update(values)
    path.write_text(json.dumps(kept))


@pytest.mark.parametrize("horizon", ["budget", "next"])
def test_another_horizon_is_measured_and_shown_beside_the_first(run, runs, monkeypatch, horizon):
    at = (1, 1)
    small = Plan(subsets=3, sizes=(1.0,), strategies=("entropy",), repeats=1)
    monkeypatch.setitem(PLANS, "measure", small)
    test = opened(run, at, **{"outcome-horizon": horizon})
    assert "not measured yet" in said(test)
    test.button(key="outcome-go").click().run()
    work = Measurer(runs)
    while work.step():
        pass
    test.run()
    assert not test.exception and not test.warning and "3 random sets of" in said(test)
    assert {outcome.horizon for outcome in record.load(run, at, runs)} == {"round", horizon}


def test_the_last_task_has_no_next(run, runs):
    test = opened(run, **{"outcome-horizon": "next"})
    test.button(key="outcome-go").click().run()
    while Measurer(runs).step():
        pass
    test.run()
    assert any("last of" in w.value for w in test.warning)


def test_a_folder_that_takes_nothing_says_so(run, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(measurer, "ask", full)
    test = opened(run)
    test.button(key="outcome-go").click().run()
    assert any("No space left" in w.value for w in test.warning) and not test.exception


def test_snapshot_files_have_no_base(run, runs, tmp_path):
    make_context(3, pool=40, n=4).save(tmp_path / "theirs.safetensors")
    name = snapshot_shelf.keep(runs, "theirs.safetensors", (tmp_path / "theirs.safetensors").read_bytes(), None)
    test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
    test.query_params["snapshot"] = name
    test.session_state["panel"] = panel.TITLE
    test.switch_page(str(ROOT / "pages" / "inspect.py")).run()
    assert not test.exception and any(panel.NO_BASE in c.value for c in test.caption)


def test_the_panel_of_j_leads_here(run):
    test = opened(run, panel="Every strategy on this pool")
    assert "before they are learned" in said(test)
    test.button(key="to-outcomes").click().run()
    assert not test.exception and test.session_state["panel"] == panel.TITLE and "random ones" in said(test)


def test_samples_of_a_record_that_are_not_there_break_nothing(run, runs):
    n = len(record.load(run, AT, runs)[0].ids)
    figures = ((0.5, 0.5),) * 3
    strange = Outcome("own", "yours 1", tuple(range(10**6, 10**6 + n)), 0, "round", *figures)
    record.append(run, AT, runs, [strange, replace(strange, kind="strategy", name="[x](http://x)")])
    test = opened(run)
    test = opened(run, **{f"outcome-dot-{run.id}-2-2": strange.ids, f"lasso-{run.id}-2-2": list(strange.ids)})
    assert not test.exception
