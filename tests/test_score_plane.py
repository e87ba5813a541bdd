"""The plane of magnitude × distribution is one, whoever draws it: live, linked or to take away."""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd
import pytest

from app.charts import run as live
from app.charts import score_plane
from app.charts.inspection import to_take_away
from app.charts.score_plane import ROLES, Cuts
from app.inspection import page as inspect_page
from app.inspection import samples
from app.inspection.linked_scatters import component as linked
from app.run import newest_query
from app.store import runs as data
from tests.test_inspect import recorded_sight


@pytest.fixture(scope="module")
def drawn():
    """The same query by each renderer: an ECharts option, what the browser gets, a Plotly figure."""
    here = recorded_sight()
    scores = data.scores_of(here.run, here.query)
    cuts = newest_query.cuts(scores, here.query, here.run.config)
    option = live.plane_chart(scores, score_plane.view(scores, "accuacl", cuts), "accuacl", dark=False)
    choice = samples.choose(here, "accuacl", here.recorded)
    frame = samples.table(here, choice)
    view = inspect_page.plane(frame, choice, *score_plane.PLANE)
    look = linked.Look([""] * len(frame))
    sent = linked.payload((view, view), frame, {}, samples.ranks(frame, []), look, str, [], None, "sheet")
    return option, sent, to_take_away.scatter(frame, view, [""] * len(frame))


def test_all_three_name_the_axes_and_draw_the_cuts_alike(drawn):
    option, sent, figure = drawn
    view, shapes, axes = sent["views"][0], figure.layout.shapes, (figure.layout.xaxis, figure.layout.yaxis)
    assert [option[name]["name"] for name in ("xAxis", "yAxis")] == ["distribution score D", "magnitude M"]
    assert (
        [view["x_name"], view["y_name"]]
        == [axis.title.text for axis in axes]
        == [option[name]["name"] for name in ("xAxis", "yAxis")]
    )
    assert option["yAxis"]["type"] == axes[1].type == "log" and view["log_y"]
    (across,), (up,) = (line.values() for line in option["series"][1]["markLine"]["data"])
    assert (across, up) == pytest.approx((view["x_cut"], view["y_cut"]), rel=1e-12)
    assert (shapes[0].x0, shapes[1].y0) == (view["x_cut"], view["y_cut"])


def test_all_three_show_the_same_samples_with_the_same_marks(drawn):
    option, sent, figure = drawn
    there = np.isfinite(np.frombuffer(base64.b64decode(sent["views"][0]["y"]), "<f8"))
    roles = [sent["roles"][place]["name"] for place in np.array(sent["role"])[there]]
    assert [role["name"] for role in sent["roles"]] == list(ROLES) and set(roles) == {"pool", "picks"}
    counts = [f"{role} {roles.count(role)}" for role in ("pool", "picks")]
    assert [series["name"] for series in option["series"]] == counts == [trace.name for trace in figure.data]
    for series, trace, role in zip(option["series"], figure.data, ("pool", "picks"), strict=True):
        assert series["symbolSize"] == trace.marker.size == ROLES[role].size
    assert [role["size"] for role in sent["roles"]] == [mark.size for mark in ROLES.values()]


def test_the_cuts_are_those_of_the_last_let_through():
    d, m = np.array([0.1, 0.9, 0.5, 0.5, 0.3]), np.array([9.0, 1.0, 4.0, 3.0, 8.0])
    assert Cuts.of(d, m, np.array([False, False, True, True, False]), 3) == Cuts(0.5, 3.0, 3, 2)
    assert Cuts.of(d, m, np.array([2]), 2) == Cuts(0.5, 4.0, 2, 1)


@pytest.mark.parametrize(("least", "log"), [(0.5, True), (0.0, False), (np.nan, True)])
def test_the_axis_is_logarithmic_where_every_sample_has_some(least, log):
    scores = pd.DataFrame({"magnitude": [1.0, least], "distribution": [0.2, 0.3], "gain": [1.0, 2.0]})
    view = score_plane.view(scores, "accuacl", Cuts(0.2, 1.0, 2, 1))
    assert view.log_y == log and view.title == "Magnitude × distribution" and view.x_cut == 0.2
    assert view.shown.tolist() == [True, not np.isnan(least)]
    other = score_plane.view(scores, "accuacl", Cuts(0.2, 1.0, 2, 1), "distribution", "gain")
    assert other.x_cut is None and other.title == "Gain in Fisher information × distribution"
