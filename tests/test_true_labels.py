"""What the pages say is what is: once, whole, and told apart. Without a browser."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from acl.results import sweep
from acl.results.grid import grid
from acl.runs.control import request
from acl.runs.folder import Run, list_runs
from acl.service.worker import execute
from app import words
from app.charts import comparison
from app.charts.inspection import lambda_ribbon, strategies
from app.charts.palette import looks
from app.compare import cohorts
from app.compare import page as compare_page
from app.compare.race import moments as lanes
from app.inspection import choose_query
from app.library import page as shelf
from app.store import runs as data
from app.widgets.gallery import Card, cards_html
from tests.conftest import small_config
from tests.house import ROOT
from tests.tools import every_page_looks_into


@pytest.fixture(scope="module")
def worked(tmp_path_factory) -> Path:
    """A finished race of two, two seeds each; its first run was steered."""
    runs = tmp_path_factory.mktemp("race") / "runs"
    sweep.start(grid(small_config(), {"strategy": ["accuacl", "uniform"], "seed": [0, 1]}), runs, "Two", "race")
    steered = next(run for run in list_runs(runs) if run.config.strategy == "accuacl")
    request(steered.path, mode="play", changes={"lambda": 0.25})
    for run in list_runs(runs):
        execute(run)
    return runs


@pytest.fixture(autouse=True)
def looked_into(worked, monkeypatch):
    every_page_looks_into(worked, monkeypatch)


def page(name: str, **query: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    test.switch_page(str(ROOT / "pages" / f"{name}.py")).run()
    assert not test.exception
    return test


def said(test: AppTest) -> list[str]:
    return [str(part.value) for part in (*test.markdown, *test.caption)]


def steered_run(runs: Path) -> Run:
    return next(run for run in list_runs(runs) if data.interventions_of(run))


# -- once, and true ------------------------------------------------------------------------------------


def test_a_run_that_is_over_says_so_once_and_not_while_it_is_played_again(worked):
    test = page("run", run=list_runs(worked)[0].id)
    assert sum("finished" in text for text in said(test)) == 1
    next(button for button in test.button if button.label == "Play").click().run()
    assert not any("finished" in text for text in said(test)) and any("playing again" in text for text in said(test))
    next(button for button in test.button if button.label == "Pause").click().run()
    assert sum("finished" in text for text in said(test)) == 1


def test_the_library_says_the_settings_that_hold(worked):
    run = steered_run(worked)
    assert run.config.lambda_ is None and shelf._row(run)["λ"] == "0.25"
    assert shelf._before(run, run.history()) == "; it began with λ auto"
    other = next(each for each in list_runs(worked) if each.id != run.id and each.config.strategy == "accuacl")
    assert shelf._row(other)["λ"] == "auto" and shelf._before(other, other.history()) == ""


def test_tables_have_a_true_minus_on_every_page(worked):
    run = list_runs(worked)[0]
    views = ({"view": "sweeps"}, {"view": "significance"}, {"view": "curves", "detail": "What labels did"})
    for test in [page("library"), page("run", run=run.id), *(page("compare", **view) for view in views)]:
        assert test.dataframe
        for table in test.dataframe:
            shown = table.proto.arrow_data.styler.display_values
            if not shown:
                continue
            cells = pa.ipc.open_stream(shown).read_all().to_pandas()
            numbers = table.value.select_dtypes("number").columns
            texts = [str(text) for name in numbers for text in cells.iloc[:, list(table.value).index(name)]]
            assert texts and not [text for text in texts if text.startswith("-")]


# -- whole, or the important part first ----------------------------------------------------------------


def test_menus_begin_with_what_tells_their_choices_apart(worked):
    runs = {run.id: run for run in list_runs(worked)}
    assert words.when("20260102-030405-x-1a2b") == "01-02 03:04" and words.when("by-hand") == ""
    for id_, name in choose_query.run_names(runs).items():
        assert name.startswith(f"{words.when(id_)} {words.short_id(id_)} · ")
    for key, name in cohorts.sources().items():
        assert not key.startswith("sweep:") or re.match(r"\d\d-\d\d \d\d:\d\d · ", name)


def test_columns_that_say_nothing_of_any_run_leave_their_room(worked):
    shown = [list(page("library", q=q).dataframe[0].proto.column_order) for q in ("", "uniform")]
    assert ["changed" in columns for columns in shown] == [True, False]
    assert not any({"fork", "tags"} & set(columns) for columns in shown)


@pytest.mark.parametrize("view", list(compare_page.VIEWS))
def test_every_view_of_compare_offers_new_runs_once(view):
    labels = [button.label for button in page("compare", view=view).button]
    assert labels.count("New race") == labels.count("New sweep") == 1


def test_a_gallery_shows_whole_rows():
    cards = [Card("class 1", ("M 1 · D 2",), "#000")] * 9
    assert "max-height:max((60px + 1.925rem), round(down, 215px, (60px + 1.925rem)))" in cards_html(
        None, cards, size=48, room=215
    )
    assert "max-height" not in cards_html(None, cards, size=48)


# -- told apart ----------------------------------------------------------------------------------------


def test_the_two_parts_of_j_differ_in_the_legend_and_each_has_its_bars():
    rows = pd.DataFrame({"name": ["accuacl", "uniform"], "label": ["A", "U"], "past": [1.0, 2], "new": [2.0, 1]})
    figure = strategies.objective_bars(rows, np.array([1.0, 2.0, 3.0]), 0.5)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    shown = [(t.marker.color, t.marker.opacity, t.marker.pattern.shape) for t in bars if t.showlegend is not False]
    assert len(shown) == len(set(shown)) == 2 and all(isinstance(colour, str) for colour, *_ in shown)
    assert {t.legendgroup for t in bars} == {"past", "new"}
    assert all({"A", "U"} >= set(t.y) for t in bars)  # categories, all of them: the axis is no scale of numbers


def test_j_over_the_queries_stands_on_a_logarithmic_axis_and_shares_do_not():
    lines = {"AccuACL, recorded": [("1.1", 3.0), ("1.2", 20_000.0)]}
    for log, kind in ((True, "log"), (False, None)):
        figure = strategies.over_queries(lines, {"AccuACL": "accuacl"}, "AccuACL, recorded", "J", False, log)
        assert figure.layout.yaxis.type == kind and ("logarithmic" in figure.layout.yaxis.title.text) == log


def test_a_long_ribbon_has_numbers_at_both_ends():
    for n, both in ((5, False), (lambda_ribbon.TALL_ROWS + 1, True)):
        names = [str(i) for i in range(n)]
        figure = lambda_ribbon.ribbon(np.array([0.0, 1.0]), np.ones((2, n), dtype=bool), names, 0.5, 0.2)
        above = figure.layout.to_plotly_json().get("xaxis2")
        assert (above is not None and above["side"] == "top") == both
        if both:
            assert figure.layout.xaxis2.range == figure.layout.xaxis.range
            assert any(trace.xaxis == "x2" for trace in figure.data)


@pytest.mark.parametrize("mean", [-9.99, 10.0, 0.3, -19.9, 55.0])
def test_no_mark_of_the_forest_touches_a_name(mean):
    row = {"label": "ER", "one": "ER", "mean": mean, "low": mean - 0.01, "high": mean + 0.01, "said": ""}
    axis = comparison.forest([row], {"ER": looks([("ER", "uniform")])[0]})["xAxis"]
    assert axis["min"] == -axis["max"] and axis["max"] >= abs(mean) + 0.5 * axis["interval"]
    assert axis["max"] % axis["interval"] == 0


def test_the_map_has_one_line_below_it_whatever_it_shows(worked, monkeypatch):
    """Its place is there before UMAP has come, and after."""
    asked = []
    monkeypatch.setattr("app.inspection.feature_map.projector.ask", lambda runs, wish: asked.append(wish))
    run = next(run for run in list_runs(worked) if run.config.strategy == "accuacl")
    waiting = [text for text in said(page("inspect", run=run.id)) if "Right: " in text]
    pca = [text for text in said(page("inspect", run=run.id, map="pca")) if "Right: " in text]
    assert asked and len(waiting) == len(pca) == 1 and "until UMAP is ready" in waiting[0]


# -- own classes ---------------------------------------------------------------------------------------


def test_a_race_can_be_seen_among_own_classes(worked):
    chosen = sweep.list_sweeps(worked)[0]
    every = lanes.lanes_of(chosen, worked)
    shown = looks(dict.fromkeys((lane.cohort, lane.config.strategy) for lane in every))
    reached = {0: (2, lanes.LAST), 1: (2, lanes.LAST)}
    for own in (False, True):
        drawn, _ = lanes.table_of(every, shown, reached, (), own)
        last = [lane.history.finals()[-1] for lane in every if lane.cohort == shown[0].name]
        wanted = [100 * np.mean(event.accuracy_aware if own else event.accuracy) for event in last]
        assert drawn["m0"].iloc[-1] == pytest.approx(np.mean(wanted))
    test = page("compare", view="race")
    before = [text for text in said(test) if text.startswith("after task 2")]
    next(toggle for toggle in test.toggle if toggle.label == "Own classes only").set_value(True).run()
    after = [text for text in said(test) if text.startswith("after task 2")]
    assert not test.exception and len(before) == len(after) == 2 and before != after
