"""Every chart passes one door that makes its type and lines as large as the room needs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from app.charts.sized import DESK, ROOM, Spec, sized

ROOT = Path(__file__).resolve().parent.parent
SPEC: Spec = {
    "grid": {"left": 48, "top": "10%"},
    "xAxis": {"type": "value", "name": "tasks", "nameGap": 24, "axisLabel": {"formatter": "{value}"}},
    "yAxis": [{"type": "value"}, {"axisLabel": {"fontSize": 10, "width": 60, "lineHeight": 12}}],
    "legend": {"textStyle": {"color": "red"}},
    "series": [
        {
            "type": "line",
            "lineStyle": {"width": 2.2, "type": "dashed"},
            "symbolSize": 6,
            "endLabel": {"fontSize": 11, "distance": 6},
        },
        {"type": "line", "lineStyle": {"width": 1}, "markLine": {"label": {"fontSize": 11}}},
        {"type": "scatter", "symbolSize": "function", "data": [[1, 2]]},
    ],
}


@pytest.mark.parametrize("size", [DESK, ROOM])
def test_type_and_lines_reach_the_least_size(size):
    made = sized(SPEC, size)
    axes = [made["xAxis"], *made["yAxis"]]
    types = [axis[part]["fontSize"] for axis in axes for part in ("axisLabel", "nameTextStyle")]
    types += [made["series"][0]["endLabel"]["fontSize"], made["series"][1]["markLine"]["label"]["fontSize"]]
    assert min([*types, made["legend"]["textStyle"]["fontSize"]]) >= size.type_px
    assert made["series"][0]["lineStyle"] == {"width": 2.5 * size.thick, "type": "dashed"}
    assert made["series"][1]["lineStyle"]["width"] == size.thick < 2.5
    assert made["series"][0]["symbolSize"] == 6 * size.thick and made["series"][2] == SPEC["series"][2]
    # A name at a line's end keeps away from its last point, which grows too.
    assert made["series"][0]["endLabel"]["distance"] == size.type_px / 2
    assert made["grid"] == {"left": 48 * size.type_px / 12, "top": "10%"}
    assert made["xAxis"]["nameGap"] == 2 * size.type_px and made["yAxis"][1]["axisLabel"]["width"] == 5 * size.type_px
    assert made["xAxis"]["axisLabel"]["formatter"] == "{value}"


def test_what_shares_its_room_keeps_its_places_and_the_spec_is_not_changed():
    grids = {"grid": [{"left": 10}, {"left": 200}], "series": []}
    assert sized(grids, ROOM)["grid"] == grids["grid"]
    before = repr(SPEC)
    sized(SPEC, ROOM)
    assert repr(SPEC) == before


def test_no_chart_goes_past_the_door():
    for path in [*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]:
        calls = {node.func.attr for node in ast.walk(ast.parse(path.read_text("utf-8")))
                 if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}  # fmt: skip
        assert "echarts_chart" not in calls or path.name == "projector.py", path


def test_every_table_has_a_dash_where_there_is_nothing():
    for path in [*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "dataframe":
                assert "placeholder" in {keyword.arg for keyword in node.keywords}, f"{path}:{node.lineno}"
