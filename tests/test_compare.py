"""The Compare page without a browser: which runs count, what every view draws of them, and what it says otherwise."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from acl.config import UserError
from acl.events import Bought, Evaluated, History, Remembered, Row, to_line
from acl.plugins.registry import choices
from acl.plugins.unused import KINDS
from acl.presets import preset_config
from acl.results import sweep
from acl.results.frames import among_own
from acl.results.grid import grid
from acl.results.table import Cell
from acl.runs.control import Status, read_control, request, write_status
from acl.runs.folder import Run, create, list_runs
from acl.runs.tags import keep_tags
from acl.service.worker import execute
from app import words
from app.charts import comparison as arena_charts
from app.charts.palette import looks
from app.compare import cohorts, curves, legend, new_sweep, published, report, significance
from app.compare import details as arena_details
from app.compare import export as export_comparison
from app.compare import paper_table as table
from app.compare import sweeps as sweep_page
from app.compare.race import controls as race
from app.compare.race import moments as lanes
from tests.conftest import small_config
from tests.test_precision import made_earlier
from tests.tools import every_page_looks_into, run_config

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """A finished sweep: Uniform, AccuACL and full labels, three seeds each."""
    runs = tmp_path_factory.mktemp("sweep") / "runs"
    axes = {"strategy": ["uniform", "accuacl", "full"], "seed": [0, 1, 2]}
    sweep.start(grid(small_config(snapshots="off"), axes), runs, "Three strategies", "race")
    for run in list_runs(runs):
        execute(run)
    return runs


@pytest.fixture
def here(runs, monkeypatch):
    """An empty runs folder that every page looks into; no process is started."""
    runs.mkdir()
    every_page_looks_into(runs, monkeypatch)
    return runs


@pytest.fixture
def full(here, worked):
    """The same with the finished sweep in it."""
    shutil.rmtree(here)
    shutil.copytree(worked, here)
    return here


def page(**query: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    test.switch_page(str(ROOT / "pages" / "compare.py")).run()
    assert not test.exception
    return test


def text(test: AppTest) -> str:
    parts = [*test.markdown, *test.caption, *test.error, *test.info, *test.warning, *test.get("html")]
    return " ".join(str(getattr(part, "value", None) or part.proto.body) for part in parts)


def specs(test: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in test.get("echarts_chart")]


def everything(runs: Path) -> cohorts.Chosen:
    return cohorts.chosen(list_runs(runs))


# -- which runs ----------------------------------------------------------------------------------------


def test_without_runs_of_ones_own_the_recorded_ones_are_compared(here):
    test = page(view="curves")
    assert test.selectbox(key="compare-from").value == "recorded"
    assert len(specs(test)) == 5 and "AccuACL" in text(test)


def test_races_and_sweeps_come_first_then_tags_then_all(full):
    keep_tags(list_runs(full)[0], ["lecture"])
    names = list(cohorts.sources())
    assert [name.partition(":")[0] for name in names] == ["sweep", "tag", "all", "recorded"]
    assert len(cohorts.runs_of("tag:lecture")) == 1 and len(cohorts.runs_of(names[0])) == 9
    assert page().selectbox(key="compare-from").value == names[0]


def test_runs_named_in_the_link(full):
    ids = [run.id for run in list_runs(full)[:2]]
    test = page(view="curves", runs=",".join(ids))
    assert test.selectbox(key="compare-from").value == "named"
    assert "There is no run 'nobody" in text(page(view="curves", runs="nobody-here"))


def test_a_sweep_that_is_not_there_is_passed_over(full):
    test = page(view="curves", **{"from": "sweep:20200101-000000-abcd"})
    assert test.selectbox(key="compare-from").value.startswith("sweep:") and len(specs(test)) == 5
    assert "There is no choice of runs “sweep\\:20200101" in test.toast[0].value


def test_what_a_link_asks_for_and_is_not_there_is_said_in_words(full):
    test = page(view="curves", band="wide", learner="none", strategies="*x*", task="9")
    said = " ".join(toast.value for toast in test.toast)
    assert "There is no kind of band “wide” here: “Bands\\: 95 % interval” is shown." in said
    assert "CL method “none” here: “any” is shown" in said and "“after task 2 of 2” is shown" in said
    assert "There is no strategy “\\*x\\*” here: it is passed over." in said


def test_the_filter_keeps_what_it_names(full):
    found = cohorts.chosen(list_runs(full), strategies=["uniform"])
    assert found.runs["strategy"].unique().tolist() == ["uniform"]
    assert cohorts.chosen(list_runs(full), learner="gss").runs.empty
    assert cohorts.facets(list_runs(full))["strategy"] == ["full", "uniform", "accuacl"]
    test = page(view="curves", strategies="accuacl", preset="digits-demo")
    assert "Uniform" not in text(test) and "AccuACL" in text(test)


def test_what_was_led_by_hand_or_is_not_finished_never_enters_a_mean(full):
    led = create(small_config(strategy="uniform", seed=9), full)
    request(led.path, mode="play", changes={"n_query": 2})
    execute(led)
    create(small_config(strategy="uniform", seed=8), full)
    noisy = create(small_config(strategy="uniform", seed=0, label_noise=0.5), full)
    execute(noisy)
    found = everything(full)
    assert len(found.left_out) == 2 and led.id not in set(found.runs["run"])
    assert any("steered at" in line for line in found.left_out) and any("not finished" in x for x in found.left_out)
    # Noisy labels are another setting: a cohort of their own, named by it.
    assert set(found.runs["cohort"]) >= {"Uniform (label_noise=0.5)", "Uniform (label_noise=0.0)"}
    assert words.plain(f"{led.id} is left out: it was steered") in text(page(view="curves", **{"from": "all"}))


def test_noise_that_is_the_same_everywhere_is_said_too(here):
    for seed in (0, 1):
        execute(create(small_config(strategy="uniform", seed=seed, label_noise=0.25), here))
    for view in ("curves", "table", "significance"):
        assert "label noise 25 %" in text(page(view=view))


def test_an_unreadable_run_is_left_out_with_a_sentence(full):
    broken = list_runs(full)[0]
    (broken.path / "config.json").write_text("{")
    found = everything(full)
    assert any("cannot be read" in line for line in found.left_out) and len(found.runs) == 8


# -- curves --------------------------------------------------------------------------------------------


def by_hand(runs: Path, strategy: str) -> np.ndarray:
    """A_t [seed, task] of a strategy from the summaries' R alone."""
    matrices = [run.summary["R"] for run in list_runs(runs) if run.config.strategy == strategy]
    return np.array([[np.mean(row) for row in r] for r in matrices])


def test_curves_draw_the_means_of_the_summaries(full):
    found = everything(full)
    bands = curves.over_seeds(found.rows("tasks"), ["cohort", "task"], "A")
    drawn = arena_charts.wide(bands, found.looks, "task", "std")
    assert [look.name for look in found.looks] == ["Full", "Uniform", "AccuACL"]
    for k, name in enumerate(["full", "uniform", "accuacl"]):
        a = 100 * by_hand(full, name)
        assert drawn[f"m{k}"].to_numpy() == pytest.approx(a.mean(0))
        assert drawn[f"l{k}"].to_numpy() == pytest.approx(a.mean(0) - a.std(0, ddof=1))
        assert drawn[f"w{k}"].to_numpy() == pytest.approx(2 * a.std(0, ddof=1))


def test_curves_and_matrices_among_own_classes_are_those_of_the_recorded_twin(full):
    runs = [run for run in list_runs(full) if run.config.strategy == "uniform"]
    told = [[event.accuracy_aware for event in run.history().finals()] for run in runs]
    mean = float(np.mean([np.mean(r[-1]) for r in told]))
    chosen = everything(full)
    tasks = among_own(chosen.rows("tasks"))
    last = tasks[(tasks["task"] == 2) & tasks["run"].isin([run.id for run in runs])]
    assert last["A"].mean() == pytest.approx(mean) and not [name for name in tasks if name.endswith("_aware")]
    matrix = among_own(chosen.rows("matrix")).set_index(["run", "after", "on"])["accuracy"]
    assert matrix[(runs[0].id, 2, 1)] == told[0][1][0]
    kept = {own: page(view="curves", own=own).get("echarts_chart")[0].proto.spec for own in ("true", "false")}
    assert kept["true"] != kept["false"]


def test_the_page_follows_the_scrubber(full):
    test = page(view="curves", task="1")
    assert "after task 1" in text(test) and test.select_slider(key="compare-task").value == "1"
    test.select_slider(key="compare-task").set_value("2").run()
    assert "after task 2" in text(test) and "task" not in test.query_params


def test_bands_beyond_what_can_be_leave_the_curves_their_room():
    bands = pd.DataFrame({"cohort": "A", "task": [1, 2], "mean": [0.5, 0.4], "std": 0.1, "half": 2.0})
    drawn = arena_charts.wide(bands, looks([("A", "accuacl")]), "task", "half")
    axis = arena_charts.curves(drawn, looks([("A", "accuacl")]), 2, 2)["yAxis"]
    assert (axis["min"], axis["max"]) == (0, 100)
    # Forgetting may lie below zero itself.
    assert arena_charts._tens([-12.0, 5.0], [-80.0, 20.0]) == (-20, 20)


def test_those_with_fewer_tasks_are_named_where_they_end(full):
    execute(create(small_config(strategy="badge", seed=0, classes_per_task=5), full))
    execute(create(small_config(strategy="badge", seed=0, classes_per_task=2), full))
    assert "Without those that have fewer than 5 tasks: 4 of 5." in text(page(view="curves", **{"from": "all"}))


def test_points_of_the_plane_lie_on_their_line_of_equal_accuracy(full):
    points = curves.plane_points(everything(full).rows("tasks"))
    t = points["task"]
    assert (points["LA"] - (t - 1) / t * points["F_diag"]).to_numpy() == pytest.approx(points["A"].to_numpy())
    line = arena_charts._equal_a(60, 5, (0, 50), (50, 100))["data"]
    assert all(la - 4 / 5 * f == pytest.approx(60) and 0 <= f <= 50 and 50 <= la <= 100 for f, la in line)
    assert len(line) == 2 and len(arena_charts._equal_a(10, 5, (0, 10), (90, 100))["data"]) == 0


@pytest.mark.parametrize("detail", list(arena_details.DETAILS))
def test_every_detail_can_be_drawn(full, detail):
    test = page(view="curves", detail=detail)
    assert len(specs(test)) >= 4 and not test.error


def test_matrices_and_their_differences(full):
    test = page(view="curves", detail="Matrices R")
    r = np.mean([run.summary["R"][-1] for run in list_runs(full) if run.config.strategy == "uniform"], axis=0)
    drawn = next(s for s in specs(test)[-1]["series"] if s["name"] == "Uniform")
    assert [v for x, y, v in (cell["value"] for cell in drawn["data"]) if y == 1] == pytest.approx(100 * r, abs=0.051)
    test.toggle(key="difference").set_value(True).run()
    drawn = specs(test)[-1]["series"]
    assert [s["name"] for s in drawn] == ["Full", "AccuACL"]
    accuacl = np.mean([run.summary["R"][-1] for run in list_runs(full) if run.config.strategy == "accuacl"], axis=0)
    assert [v for x, y, v in (cell["value"] for cell in drawn[1]["data"]) if y == 1] == pytest.approx(
        100 * (accuacl - r), abs=0.051
    )


def test_budgets_join_to_lines(full):
    for seed in (0, 1):
        execute(create(small_config(strategy="uniform", seed=seed, n_end=10, snapshots="off"), full))
    test = page(view="curves", detail="Against labels", **{"from": "all"})
    lines = [s for s in specs(test)[-2]["series"] if s["name"] == "Uniform"]
    assert [x for x, _ in lines[0]["data"]] == [10, 16]
    # Full labels have no place on that axis: a line across.
    assert [s["name"] for s in specs(test)[-2]["series"] if "markLine" in s] == ["Full"]


def test_what_differs_is_told_field_by_field(full):
    execute(create(small_config(strategy="accuacl", seed=5, **{"lambda": 0.5}), full))
    found = everything(full)
    told = arena_details.what_differs(found.runs, found.looks).set_index("Setting")
    assert told.loc["Query strategy"].tolist()[0] == "Full labels"
    weights = told.loc["λ, weight of the past"]
    assert sorted(set(weights)) == ["0.5", "auto", "–"]
    execute(create(small_config(strategy="accuacl", learner="derpp", seed=5), full))
    found = everything(full)
    told = arena_details.what_differs(found.runs, found.looks).set_index("Setting")
    assert set(told.loc["CL method"]) == {"ER", "DER++"}
    assert arena_details.seeds(found).startswith("ER · Full: 0, 1, 2")


def test_looks_tell_variants_of_a_strategy_apart():
    drawn = looks([("A", "accuacl"), ("B", "accuacl"), ("F", "full"), ("U", "uniform")])
    assert drawn[0].colour == drawn[1].colour and len({(one.colour, one.dash) for one in drawn}) == 4


# -- the table -----------------------------------------------------------------------------------------


def test_a_missing_cell_says_why(full):
    execute(create(small_config(strategy="uniform", learner="derpp", memory=20), full))
    create(small_config(strategy="accuacl", learner="derpp", memory=20, seed=4), full)
    found = everything(full)
    said = {
        place: table.why_missing(found.frames.runs, *place)
        for place in [("DER++", "AccuACL", "SplitDigits", 20), ("ER", "BADGE", "SplitDigits", 10)]
    }
    assert list(said.values()) == ["1 not finished", "not run"]
    assert "Click a cell" in text(page(view="table", **{"from": "all"}))


def test_the_papers_forgetting_stands_beside_ours_of_its_kind(full, monkeypatch):
    """The authors' F is initial minus last accuracy: the published figure is held against F_diag, which is named."""
    run = list_runs(full)[0]
    (run.path / "summary.json").write_text(json.dumps({**run.summary, "A": 0.6, "F": 0.3, "F_diag": 0.25}))
    place = ("ER", "Uniform", "SplitDigits", 10)
    theirs = {(*place, "A"): (50.0, 1.0), (*place, "F"): (27.0, float("nan"))}
    monkeypatch.setattr(published, "figures", lambda: theirs)
    monkeypatch.setattr(published, "as_in_the_paper", lambda configs: True)
    found = everything(full)
    said = [table._cell(Cell(value, 0.0, 1, 0, (run.id,)), (*place, m), found)["paper"] for m, value in
            (("A", 60.0), ("F", 30.0))]  # fmt: skip
    assert said == ["paper 50.0 ± 1.0 (+10.0)", "F_diag 25.0, paper 27.0 (−2.0)"]


def test_a_paper_preset_stands_beside_the_paper():
    config = preset_config("cifar10-paper-m100", learner="derpp", strategy="accuacl", seed=7)
    assert published.as_in_the_paper([config.changed(device="cpu"), config.changed(cuda_graphs=True), config])
    assert not published.as_in_the_paper([config.changed(precision="bfloat16")])
    assert not published.as_in_the_paper([config.changed(epochs=5)])
    assert not published.as_in_the_paper([small_config()])
    with (ROOT / "assets" / "published.csv").open(encoding="utf-8") as file:
        row = next(r for r in csv.DictReader(file) if (r["learner"], r["strategy"], r["dataset"], r["memory"])
                   == ("DER++", "AccuACL", "SplitCIFAR10", "100"))  # fmt: skip
    assert published.figures()["DER++", "AccuACL", "SplitCIFAR10", 100, "A"] == (
        float(row["A_mean"]), float(row["A_std"])
    )  # fmt: skip


def test_the_difference_from_the_paper(here):
    run = create(preset_config("cifar10-paper-m100", learner="er", strategy="full", device="cpu"), here)
    (run.path / "summary.json").write_text(json.dumps({"A": 0.25, "F": 0.9}))
    cells = table.table.results([run])
    cell = table.table.grid(cells)[1][0][2][0]
    drawn = table._cell(cell, ("ER", "Full", "SplitCIFAR10", 100, "A"), cohorts.Chosen(None, None, [], {run.id: run}))
    assert drawn["paper"] == "paper 20.1 ± 0.6 (+4.9)"


PAPER_LINE = {
    "preset": "cifar10-paper-m100", "learner": "er", "strategy": "accuacl", "dataset": "parquet", "memory": 100,
    "precision": "float32", "set": {}, "F": 0.1,
}  # fmt: skip


def test_what_was_measured_in_the_papers_settings_stands_beside_the_paper(here, tmp_path, monkeypatch):
    """Means and deviations per precision; F is held as F_diag; other settings and rehearsals are not the paper's."""
    place = ("ER", "AccuACL", "SplitCIFAR10", 100)
    lines = [
        {**PAPER_LINE, "A": 0.20, "F_diag": 0.80}, {**PAPER_LINE, "A": 0.24, "F_diag": 0.90},
        {**PAPER_LINE, "A": 0.30, "F_diag": 0.70, "precision": "bfloat16", "set": {"precision": "bfloat16"}},
        {**PAPER_LINE, "A": 0.99, "F_diag": 0.0, "set": {"epochs": 5}},
        {**PAPER_LINE, "A": 0.99, "F_diag": 0.0, "dataset": "digits"},
        {**PAPER_LINE, "A": 0.99, "F_diag": 0.0, "strategy": "badge"},
    ]  # fmt: skip
    path = tmp_path / "runs.jsonl"
    monkeypatch.setattr(published, "MEASURED", path)
    theirs = {(*place, "A"): (23.0, 1.5), (*place, "F"): (79.0, 1.0)}
    monkeypatch.setattr(published, "figures", lambda: theirs)
    run = create(preset_config("cifar10-paper-m100", learner="er", strategy="accuacl", device="cpu"), here)
    (run.path / "summary.json").write_text(json.dumps({"A": 0.25, "F": 0.9, "F_diag": 0.9}))
    found = cohorts.Chosen(None, None, [], {run.id: run})

    def said(metric: str) -> list[str]:
        return table._cell(Cell(25.0, float("nan"), 1, 0, (run.id,)), (*place, metric), found)["measured"]

    assert said("A") == [] and said("F") == []
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert said("A") == ["measured 30.0 (n=1, bfloat16) apart", "measured 22.0 ± 2.8 (n=2, float32) inside"]
    assert said("F") == [
        "F_diag measured 70.0 (n=1, bfloat16) apart", "F_diag measured 85.0 ± 7.1 (n=2, float32) ± overlap"
    ]  # fmt: skip
    path.write_text('{"A": 1}\n')
    with pytest.raises(UserError, match="Line 1 of runs.jsonl is no run"):
        said("A")


def test_the_rule_is_said_where_something_measured_is_shown(full, monkeypatch):
    place = ("ER", "Uniform", "SplitDigits", 10, "A")
    monkeypatch.setattr(published, "figures", lambda: {place: (50.0, 1.0)})
    monkeypatch.setattr(published, "as_in_the_paper", lambda configs: True)
    monkeypatch.setattr(published, "measured", dict)
    assert "“apart”" not in text(page(view="table", **{"from": "all"}))
    monkeypatch.setattr(published, "measured", lambda: {place: [published.Measured(60.0, 1.0, 3, "float32")]})
    assert "“apart”" in text(page(view="table", **{"from": "all"}))


def test_how_a_measured_figure_stands_to_a_published_one():
    one, two = (published.Measured(20.0, std, n, "float32") for std, n in ((float("nan"), 1), (3.0, 2)))
    assert [m.beside(22.0, 2.0) for m in (one, two)] == ["inside", "inside"]
    assert [m.beside(24.5, 2.0) for m in (one, two)] == ["apart", "± overlap"]
    assert [m.beside(25.1, 2.0) for m in (one, two)] == ["apart", "apart"]
    assert two.beside(20.0, float("nan")) == ""


# -- significance --------------------------------------------------------------------------------------


def test_sentences_and_intervals(full):
    test = page(view="significance")
    assert "AccuACL keeps" in text(test) or "AccuACL learns" in text(test)
    assert text(test).count("a p-value needs at least 6 paired seeds, and there are 3, so add 3 or more.") == 1
    assert len(specs(test)) == 3


def test_pairing_is_refused_where_more_than_the_strategy_differs(full):
    execute(create(small_config(strategy="uniform", learner="finetune", seed=0), full))
    found = everything(full)
    apart = significance.unpaired(found.runs, "ER · Uniform")
    assert list(apart) == ["Fine-tuning · Uniform"] and "CL method" in apart["Fine-tuning · Uniform"]
    test = page(view="significance", **{"from": "all"})
    assert [w.value for w in test.warning][0].endswith("- in CL method: Fine-tuning · Uniform")


# -- races and sweeps ----------------------------------------------------------------------------------


def rows(*events) -> History:
    return History(Row(i, 0.0, event) for i, event in enumerate(events))


def evaluated(task: int, round_: int, final: bool = False) -> Evaluated:
    return Evaluated(task, round_, [0.5] * task, [0.5] * task, [0.5] * task, final)


def test_a_race_shows_what_all_have_reached():
    ahead = rows(evaluated(1, 0), evaluated(1, 1), evaluated(1, 2, True), evaluated(2, 0))
    behind = rows(evaluated(1, 0), evaluated(1, 1))
    once = rows(evaluated(1, 0, True))
    assert lanes.moment_of(rows()) is None and lanes.common([lanes.moment_of(h) for h in (ahead, rows())]) is None
    assert lanes.common([lanes.moment_of(h) for h in (ahead, behind)]) == (1, 1)
    # Full labels test once a task: that is the end of it.
    assert lanes.common([lanes.moment_of(h) for h in (ahead, once)]) == (1, lanes.LAST)
    seen = [e for e in ahead.of(Evaluated) if lanes.within(e, (1, 1))]
    assert [(e.task, e.round) for e in seen] == [(1, 0), (1, 1)]
    assert lanes.within(Bought(1, 2, [], [], "uniform", 0), (1, lanes.LAST))
    assert not lanes.within(Remembered(1, [], []), (1, 1)) and lanes.within(Remembered(1, [], []), (1, lanes.LAST))
    assert not lanes.within(evaluated(2, 0), (1, lanes.LAST))


def test_a_finished_race_can_be_scrubbed(full):
    test = page(view="race")
    assert "All 9 runs finished" in text(test) and "bold: mean of 3 seeds" in text(test)
    assert len(specs(test)) == 4
    slider = test.select_slider(key="compare-moment")
    assert slider.options[0] == "task 1 · first labels" and slider.options[-1] == "task 2 · learned"
    drawn = pd.DataFrame([s for s in specs(test)[0]["series"]])
    assert (drawn["name"] == "AccuACL seed 2").sum() == 1
    slider.set_value("1.end").run()
    assert "task 1" in text(test).lower()


def test_a_race_goes_on_without_a_run_that_was_deleted(full):
    chosen = sweep.list_sweeps(full)[0]
    gone = next(m for m in chosen.members if m.config.strategy == "uniform" and m.config.seed == 0)
    shutil.rmtree(full / gone.run)
    test = page(view="race")
    assert "Its run of seed 0 was deleted." in text(test) and len(specs(test)) == 3
    assert "Seed 0 is drawn, but in no mean: Uniform was deleted." in text(test) and "mean of 2 seeds" in text(test)
    assert "8 of 9 runs finished · 1 deleted: Play runs them again" in text(test)
    race.wish(chosen, "round")
    test.button(key="race-play").click().run()
    # Made anew, and seen by the page, which goes on with the sweep it was given.
    assert "8 of 9 runs finished" in text(test) and "1 deleted" not in text(test) and not test.exception
    assert len(list_runs(full)) == 9


def test_a_steered_run_of_a_race_enters_no_mean(here):
    axes = {"strategy": ["uniform", "accuacl"], "seed": [0, 1]}
    chosen = sweep.start(grid(small_config(snapshots="off"), axes), here, "two", "race")
    request(here / chosen.members[0].run, changes={"n_query": 2})
    for member in chosen.members:
        execute(Run(here / member.run))
    lanes_ = lanes.lanes_of(chosen, here)
    shown = looks(dict.fromkeys((lane.cohort, lane.config.strategy) for lane in lanes_))
    reached = dict.fromkeys((0, 1), (2, lanes.LAST))
    apart = lanes.set_apart(lanes_, shown)
    assert list(apart) == [0] and "was steered at" in apart[0]
    drawn, seeds = lanes.table_of(lanes_, shown, reached, apart)
    assert seeds == {"Uniform": [0, 1], "AccuACL": [0, 1]}
    for k in (0, 1):
        drawn_mean = drawn[[f"m{k}", f"s{k}_1"]].dropna()
        assert len(drawn_mean) and drawn_mean[f"m{k}"].tolist() == drawn_mean[f"s{k}_1"].tolist()
    assert "Seed 0 is drawn, but in no mean: " in text(page(view="race"))


def test_a_race_whose_runs_failed_says_why(here):
    chosen = sweep.start(grid(small_config(), {"strategy": ["uniform", "accuacl"]}), here, "two", "race")
    for member in chosen.members:
        write_status(here / member.run, Status("failed", error="The *disk* is on fire."))
    test = page(view="race")
    assert [error.value for error in test.error] == [r"The \*disk\* is on fire."]
    assert "2 failed" in text(test) and "nothing to hold side by side" in text(test)


def test_before_the_first_common_moment_a_bar_a_column_and_what_is_there(here):
    axes = {"strategy": ["uniform", "accuacl"]}
    chosen = sweep.start(grid(small_config(snapshots="off"), axes), here, "two", "race")
    first = Run(here / chosen.members[0].run)
    write_status(first.path, Status("playing", progress=0.25, worked_s=5.0))
    test = page(view="race")
    assert [bar.proto.text for bar in test.get("progress")] == ["1 playing", "1 waiting"]
    assert "About " in text(test) and "left for all of it" in text(test) and "at random" not in text(test)
    events = run_config(first.config)
    so_far = events[: next(i for i, event in enumerate(events) if isinstance(event, Evaluated)) + 1]
    first.events.write_text("".join(to_line(event, seq, 1.0) for seq, event in enumerate(so_far)))
    said = text(page(view="race"))
    assert "at random" in said and "No seed has been tested" not in said
    # However far it is by now, it is shown at its first labels, as all will be: nothing jumps back when they are.
    first.events.write_text("".join(to_line(event, seq, 1.0) for seq, event in enumerate(events)))
    assert text(page(view="race")) == said


def test_seeds_are_added_to_a_race_and_what_was_run_is_not_run_again(here):
    axes = {"strategy": ["uniform", "accuacl"], "seed": [0, 1]}
    chosen = sweep.start(grid(small_config(snapshots="off"), axes), here, "Two × 2 seeds", "race", 0.5)
    there = sweep.start(grid(small_config(snapshots="off"), {"seed": [2, 7]}), here, "beside")
    added = sweep.add_seeds(chosen, 3, here)
    assert sweep.load(chosen.id, here) == added and added.title == "Two × 5 seeds"
    assert added.members[:4] == chosen.members
    assert sorted((m.config.strategy, m.config.seed) for m in added.members[4:]) == sorted(
        (strategy, seed) for strategy in ("uniform", "accuacl") for seed in (2, 3, 4)
    )
    assert there.members[0].run in {m.run for m in added.members[4:]} and len(list_runs(here)) == 11
    assert {(read_control(here / m.run).mode, read_control(here / m.run).pace) for m in added.members} == {
        ("play", 0.5)
    }
    for n in (0, -1, 10**6):
        with pytest.raises(UserError):
            sweep.add_seeds(added, n, here)
    assert sweep.load(chosen.id, here) == added


def add_form() -> None:
    import streamlit as st

    from app.compare import new_seeds

    new_seeds.form(st.query_params["id"])


def test_the_form_for_more_seeds_begins_with_what_a_p_value_lacks(here):
    chosen = sweep.start(grid(small_config(), {"strategy": ["uniform", "accuacl"]}), here, "two", "race")
    test = AppTest.from_function(add_form, default_timeout=30)
    test.query_params["id"] = chosen.id
    test.run()
    assert "has 1 seed." in text(test) and test.number_input(key="add-seeds-n").value == 5
    assert test.button(key="add-seeds-start").label == "Run 10 more"
    test.number_input(key="add-seeds-n").set_value(0).run()
    assert "Add 1 to 2,000 seeds" in test.error[0].value
    test.number_input(key="add-seeds-n").set_value(1).run()
    test.button(key="add-seeds-start").click().run()
    assert len(sweep.load(chosen.id, here).members) == 4 and not test.exception


def test_every_view_of_a_race_can_ask_for_more_seeds(full):
    for view in ("race", "significance", "sweeps"):
        test = page(view=view, **{"from": f"sweep:{sweep.list_sweeps(full)[0].id}"})
        test.button(key="add-seeds").click().run()
        assert "has 3 seeds." in text(test) and test.button(key="add-seeds-start").label == "Run 9 more", view


def test_play_keeps_the_pace_of_a_race(here):
    axes = {"strategy": ["uniform", "accuacl"]}
    chosen = sweep.start(grid(small_config(), axes), here, "slow", "race", pace=1.0)
    race.wish(chosen, "hold")
    race.wish(chosen, "play")
    assert {read_control(here / m.run).pace for m in chosen.members} == {1.0}


def test_the_means_of_a_race_are_of_the_same_seeds_everywhere(full):
    chosen = sweep.list_sweeps(full)[0]
    all_lanes = lanes.lanes_of(chosen, full)
    shown = looks(dict.fromkeys((lane.cohort, lane.config.strategy) for lane in all_lanes))
    reached = {0: (2, lanes.LAST), 1: (1, lanes.LAST), 2: None}
    drawn, seeds = lanes.table_of(all_lanes, shown, reached)
    assert seeds == {"Full": [0, 1], "Uniform": [0, 1], "AccuACL": [0, 1]}
    means = drawn[["m0", "m1", "m2"]].dropna()
    assert means.index.size and drawn.loc[means.index, "x"].max() == 1
    assert drawn["m1"].dropna().to_numpy() == pytest.approx(drawn[["s1_0", "s1_1"]].dropna().mean(axis=1).to_numpy())


def test_a_race_is_led_as_one(here):
    chosen = sweep.start(grid(small_config(), {"strategy": ["uniform", "accuacl"]}), here, "two", "race")
    race.wish(chosen, "hold")
    assert {read_control(here / m.run).mode for m in chosen.members} == {"pause"}
    write_status(here / chosen.members[0].run, Status("paused", task=2, round=1, phase="score", rounds=3))
    write_status(here / chosen.members[1].run, Status("paused", task=1, round=1, phase="train", rounds=3))
    race.wish(chosen, "round")
    # Both go to where the last of them will be, not each its own step.
    assert {read_control(here / m.run).until for m in chosen.members} == {(1, 1, "evaluate")}
    # After the last phase of all there is no round left: a step ends the race.
    for member in chosen.members:
        end = (2, 3, "evaluate")
        write_status(here / member.run, Status("paused", task=2, round=3, phase="evaluate", rounds=3, completed=end))
    for step in ("round", "task"):
        race.wish(chosen, step)
        assert {read_control(here / m.run).until for m in chosen.members} == {None}
    race.wish(chosen, "play")
    assert {(c.mode, c.until) for m in chosen.members if (c := read_control(here / m.run))} == {("play", None)}
    race.wish(chosen, "cancel")
    assert {read_control(here / m.run).mode for m in chosen.members} == {"stop"}


def test_the_progress_of_a_sweep(here):
    axes = {"strategy": ["uniform", "accuacl"], "seed": [0, 1]}
    chosen = sweep.start(grid(small_config(), axes), here, "four_runs")
    states = [Status("finished", progress=1.0, worked_s=2.0), Status("playing", progress=0.5, worked_s=1.0),
              Status("failed", error="The disk is on fire."), Status("queued")]  # fmt: skip
    for member, status in zip(chosen.members, states, strict=True):
        write_status(here / member.run, status)
    said = sweep_page.summary(sweep.progress(chosen, here))
    assert said.startswith("1 of 4 finished · 1 playing · 1 failed · 1 waiting · about 3 s left")
    test = page(view="sweeps")
    table_ = test.dataframe[0].value
    assert table_["error"].tolist() == ["", "", "The disk is on fire.", ""] and "four\\_runs" in text(test)
    test.button(key="sweep-retry").click().run()
    assert read_control(here / chosen.members[2].run).seq == 2
    test.button(key="sweep-stop").click().run()
    assert read_control(here / chosen.members[1].run).mode == "stop"
    test.button(key="sweep-forget").click().run()
    assert test.button(key="forget-now") and not test.exception
    sweep.delete(chosen, here)
    assert len(list_runs(here)) == 4 and "A sweep runs" in text(page(view="sweeps"))


def test_no_race_and_no_sweep_say_what_they_would_be(here):
    assert "In a race" in text(page(view="race")) and "A sweep runs every combination" in text(page(view="sweeps"))


def race_form() -> None:
    from app.compare import new_sweep

    new_sweep.race_form()


def sweep_form() -> None:
    from app.compare import new_sweep

    new_sweep.sweep_form()


def test_a_race_begins_with_its_form(here):
    test = AppTest.from_function(race_form, default_timeout=30).run()
    assert "24 runs." in text(test)
    test.multiselect(key="race-strategies").set_value(["uniform"]).run()
    assert test.button(key="race-start").disabled
    test.multiselect(key="race-strategies").set_value(["uniform", "bait", "accuacl"]).run()
    test.number_input(key="race-memory-digits-demo").set_value(-1).run()
    assert any("memory" in error.value.lower() for error in test.error)
    test.number_input(key="race-memory-digits-demo").set_value(20).run()
    test.button(key="race-start").click().run()
    started = sweep.list_sweeps(here)[0]
    assert started.kind == "race" and len(started.members) == 18 and not test.exception
    assert [(m.config.seed, m.config.memory) for m in started.members[:3]] == [(0, 20)] * 3


def test_a_race_and_a_sweep_ask_nothing_that_none_of_their_runs_uses(here):
    test = AppTest.from_function(race_form, default_timeout=30).run()
    test.number_input(key="race-memory-digits-demo").set_value(0).run()
    test.selectbox(key="race-learner-digits-demo").select("finetune").run()
    memory = test.number_input(key="race-memory-digits-demo")
    assert (
        memory.disabled and memory.help.startswith("Fine-tuning does not use this: it is for DER++") and not test.error
    )
    test = AppTest.from_function(sweep_form, default_timeout=30).run()
    test.text_input(key="sweep-seeds").set_value("0").run()
    test.multiselect(key="sweep-learners-digits-demo").set_value(["finetune"]).run()
    assert test.text_input(key="sweep-memory-digits-demo").disabled
    assert not test.text_input(key="sweep-end-digits-demo").disabled
    test.multiselect(key="sweep-strategies").set_value(["full"]).run()
    assert test.text_input(key="sweep-end-digits-demo").disabled and not test.error
    test.text_area(key="sweep-others").set_value("image_size=32, 64").run()
    assert any("does not use “Image size”" in error.value for error in test.error)
    test.text_area(key="sweep-others").set_value("").run()
    test.button(key="sweep-start").click().run()
    (member,) = sweep.list_sweeps(here)[0].members
    assert (member.config.memory, member.config.n_end) == (10, 40)


def test_a_sweep_of_any_setting():
    written = {"seed": "0-1", "memory": "10, 20", "n_end": "40"}
    configs = new_sweep._grid("digits-demo", ["uniform", "accuacl"], ["er"], written, "lambda=0, 0.5\nepochs = 5\n")
    # λ means nothing to Uniform: two memories and two seeds of it, twice as many of AccuACL.
    assert len(configs) == 4 + 8 and {c.epochs for c in configs} == {5} and {c.snapshots for c in configs} == {"off"}
    for bad, said in {
        "nonsense": "name=value",
        "epoch=3": "Did you mean",
        "epochs=x": "epochs",
        "preset=x": "A preset is",
        "memory=5": "named twice",
        "learner=er": "named twice",
    }.items():
        with pytest.raises(UserError, match=said):
            new_sweep._grid("digits-demo", ["uniform"], ["er"], written, bad)


def steering() -> None:
    from acl.config import make_config
    from app.widgets.steering_form import steering_form

    steering_form("steer", make_config({}))


def test_every_menu_of_plugins_says_what_each_does(full):
    """In the forms and in the filter; the form of a new run says it of the chosen ones without being asked."""
    for script in (race_form, sweep_form, steering, ROOT / "pages" / "start.py", ROOT / "pages" / "compare.py"):
        if isinstance(script, Path):
            test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
            test.query_params["view"] = "curves"
            test.switch_page(str(script)).run()
        else:
            test = AppTest.from_function(script, default_timeout=30).run()
        assert not test.exception
        found = 0
        for kind in KINDS.values():
            does = {plugin.label: words.does(kind, name) for name, plugin in choices(kind).items()}
            for menu in (*test.selectbox, *test.multiselect):
                offered = [does[label] for label in menu.options if label in does]
                assert all(said in menu.help for said in offered), menu.label
                found += bool(offered)
        assert found, script
    test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
    test.switch_page(str(ROOT / "pages" / "start.py")).run()
    said = [caption.value for caption in test.caption]
    assert words.does("strategies", "accuacl") in said and words.does("learners", "er") in said


def test_a_sweep_form_says_what_is_wrong(here):
    test = AppTest.from_function(sweep_form, default_timeout=30).run()
    test.text_input(key="sweep-seeds").set_value("4-0").run()
    assert any("Seeds are written like" in error.value for error in test.error) and not test.exception
    test.text_input(key="sweep-seeds").set_value("3").run()
    test.button(key="sweep-start").click().run()
    assert len(sweep.list_sweeps(here)[0].members) == 7


# -- taking it away ------------------------------------------------------------------------------------


def test_the_tables_as_csv_are_what_load_runs_gives(full):
    found = everything(full)
    with zipfile.ZipFile(io.BytesIO(export_comparison.tables_of(found))) as archive:
        tables = {name: pd.read_csv(archive.open(name)) for name in archive.namelist()}
    assert set(tables) == {"runs.csv", "tasks.csv", "matrix.csv", "queries.csv", "labels.csv", "outcomes.csv"}
    assert len(tables["runs.csv"]) == 9 and len(tables["tasks.csv"]) == 18 and len(tables["matrix.csv"]) == 27
    a = {run.id: run.summary["A"] for run in list_runs(full)}
    assert all(row["A"] == pytest.approx(a[row["run"]]) for row in tables["runs.csv"].to_dict("records"))


def test_the_report_is_one_file_without_a_network(full):
    made = export_comparison.report_of(everything(full), "Uniform")
    assert made.startswith("<!doctype html>") and made.count("plotly-graph-div") >= 7
    head = made[: made.index("</head>")]
    assert "<script src" not in made and "<link" not in head and "Plotly" in head
    assert "AccuACL" in made and "paired seeds" in made and "Accuracy matrices" in made


def test_the_report_escapes_what_it_is_told(full):
    """Names of cohorts are foreign text, wherever they stand: in a list, a heading, a sentence, a table or a figure."""
    evil, told = "<script>alert(1)</script><b>", "&lt;script&gt;alert(1)&lt;/script&gt;&lt;b&gt;"
    found = everything(full)
    rows_ = found.runs.assign(cohort=found.runs["cohort"].replace("Uniform", evil))
    named = cohorts.Chosen(found.frames, rows_, [evil], found.folders)
    for baseline in ("AccuACL", evil):
        body = export_comparison.report_of(named, baseline).split("</head>")[1]
        assert "<script>alert" not in body and "<b>" not in body
        assert f"<li>{told}: 3 seeds</li>" in body and f"<td>{told}</td>" in body and f"<li>{told}</li>" in body
        assert f"<h2>Against {told if baseline == evil else 'AccuACL'}, paired by seed</h2>" in body
        assert (f"than {told}" if baseline == evil else f"<li>{told} ") in body
    # Plotly takes some HTML in names: there it is escaped for Plotly, which is given it as JSON.
    drawn = [report.curve(named.rows("tasks"), named.looks, "A"), report.plane(named.rows("tasks"), named.looks)]
    assert all(told in {trace.name for trace in figure.data} for figure in drawn)
    assert told in {report.heat_map(named.rows("matrix"), look).layout.title.text for look in named.looks}


def test_nan_never_reaches_a_chart(full):
    execute(create(small_config(strategy="badge", seed=0), full))
    test = page(view="curves", **{"from": "all"})
    for spec in specs(test):
        assert "NaN" not in json.dumps(spec)


def test_a_run_from_the_cell_of_the_table(full):
    found = everything(full)
    runs = [found.folders[id_] for id_ in found.runs["run"]]
    cells = table.table.results(runs)
    assert [len(ids) for ids in cells["runs"]] == [3, 3, 3]
    assert {Run(full / id_).config.strategy for id_ in cells["runs"].iloc[2]} == {"accuacl"}


def test_the_baseline_to_begin_with_is_of_todays_method(full):
    """All others are of an earlier version, and so is a Uniform to pair them with: it comes after today's."""
    for run in list_runs(full):
        if run.config.strategy == "uniform":
            copy = full / f"{run.id[:-1]}{'0' if run.id[-1] != '0' else '1'}"
            shutil.copytree(run.path, copy)
            run = Run(copy)
        made_earlier(run)
    names, default = legend.baselines(everything(full))
    assert "Uniform (method=1" in " ".join(names) and default.startswith("Uniform (method=2")


def test_however_often_more_seeds_are_pressed_they_are_made_once(here):
    chosen = sweep.start(grid(small_config(), {"strategy": ["uniform", "accuacl"]}), here, "two", "race")
    made = partial(sweep.add_seeds, sweep.load(chosen.id, here), 1, here)
    test = AppTest.from_function(add_form, default_timeout=30)
    test.query_params["id"] = chosen.id
    test.run()
    test.session_state[f"made-seeds-{chosen.id}"] = made()
    test.button(key="add-seeds-start").click().run()
    assert len(sweep.load(chosen.id, here).members) == 4 and not test.exception
