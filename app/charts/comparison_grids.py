"""Small charts side by side for the Compare page: each task, each matrix, each class. Apache ECharts options, as in
arena_charts.py; no streamlit, no run folder here."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence

import pandas as pd

from app.charts.comparison import AFTER, banded, plain
from app.charts.palette import Look
from app.charts.run import FIXED, Spec
from app.charts.written import number

BELOW, ABOVE = "rgba(213,87,43,.75)", "rgba(11,127,194,.75)"
TITLE_WIDTH = 112
"""Characters of titles that fit side by side on the narrowest page."""
LITTLE, MUCH = "rgba(11,127,194,0.04)", "rgba(11,127,194,0.62)"


def each_task(
    tables: Sequence[pd.DataFrame], looks: Sequence[Look], n_tasks: int, until: int, columns: int, height: int
) -> Spec:
    """One small chart for each task, `height` pixels high: its accuracy after each later task (tables: `wide` over
    column after)."""
    grids, xs, ys, titles, series = [], [], [], [], []
    for j in range(len(tables)):
        grid, title = _cell(j, columns, height, f"Task {j + 1}", 5, 24)
        grids.append(grid)
        titles.append(title)
        show_y, show_x = j % columns == 0, j + columns >= len(tables)
        xs.append({"type": "value", "gridIndex": j, "min": 1, "max": max(n_tasks, 2), "interval": 1,
                   "axisLabel": {"show": show_x}, "splitLine": {"show": False}, **AFTER})  # fmt: skip
        ys.append({"type": "value", "gridIndex": j, "min": 0, "max": 100, "interval": 50,
                   "axisLabel": {"show": show_y, "formatter": "{value} %"}})  # fmt: skip
        for k, look in enumerate(looks):
            place = {"xAxisIndex": j, "yAxisIndex": j, "datasetIndex": j, "symbolSize": 4}
            series += [{**one, "stack": f"{j} {one['stack']}"} if "stack" in one else one
                       for one in banded(k, look, "after", len(looks), **place)]  # fmt: skip
    return {
        "animation": False, "grid": grids, "xAxis": xs, "yAxis": ys, "title": titles, "series": series,
        "dataset": [{"source": table[table["after"] <= until].reset_index(drop=True)} for table in tables],
        "tooltip": {"trigger": "axis", "valueFormatter": "%.1f %%", "confine": True},
    }  # fmt: skip


def _cell(place: int, columns: int, height: int, title: str, left: float, foot: int) -> tuple[Spec, Spec]:
    """Where small chart number `place` stands among `columns`, and its title; left in percent, the rest in pixels."""
    width = (99 - left) / columns
    x, y = f"{left + place % columns * width:.2f}%", place // columns * height
    head = 14 + 14 * (title.count("\n") + 1)
    grid = {"left": x, "width": f"{width - 2:.2f}%", "top": y + head, "height": height - head - foot, **FIXED}
    text = {"fontSize": 12, "fontWeight": 600, "lineHeight": 14}
    return grid, {"text": title, "left": x, "top": y + 6, "textStyle": text, "padding": 0}


def matrices(
    cells: Mapping[str, pd.DataFrame], n_tasks: int, ink: str, columns: int, height: int, difference: bool
) -> Spec:  # fmt: skip
    """A heat map for each cohort (after, on, value in percent): R, or how far it lies from the baseline's."""
    names = [str(t) for t in range(1, n_tasks + 1)]
    # In many small cells only whole numbers have room.
    numbers, digits = n_tasks <= 10, 1 if n_tasks * columns <= 24 else 0
    unit = "points" if difference else "%"
    grids, xs, ys, titles, series = [], [], [], [], []
    for k, (name, table) in enumerate(cells.items()):
        grid, title = _cell(k, columns, height, textwrap.fill(name, TITLE_WIDTH // columns), 3, 26)
        grids.append(grid)
        titles.append(title)
        bare = {"type": "category", "data": names, "gridIndex": k, "splitLine": {"show": False},
                "axisLine": {"show": False}, "axisTick": {"show": False}, "axisLabel": {"fontSize": 10}}  # fmt: skip
        xs.append({**bare, "position": "bottom"})
        ys.append({**bare, "inverse": True})
        data = [
            {"value": [int(on) - 1, int(after) - 1, round(float(value), digits)],
             "name": f"after task {after}, on task {on}: {number(float(value))} {unit}"}
            for after, on, value in zip(table["after"], table["on"], table["value"], strict=True)
        ]  # fmt: skip
        series.append({
            "type": "heatmap", "name": name, "data": data, "xAxisIndex": k, "yAxisIndex": k,
            "label": {"show": numbers, "formatter": "{@[2]}", "color": ink, "fontSize": 10},
            "tooltip": {"formatter": f"{plain(name)}<br>{{b}}"},
        })  # fmt: skip
    if difference:
        most = max((abs(float(v)) for table in cells.values() for v in table["value"]), default=0.0)
        reach = 10 * max(math.ceil(most / 10), 1)
        scale = {"min": -reach, "max": reach, "inRange": {"color": [BELOW, "rgba(128,138,150,.04)", ABOVE]}}
    else:
        scale = {"min": 0, "max": 100, "inRange": {"color": [LITTLE, MUCH]}}
    return {
        "animation": False, "grid": grids, "xAxis": xs, "yAxis": ys, "title": titles, "series": series,
        "visualMap": {"show": False, "dimension": 2, **scale}, "tooltip": {"trigger": "item", "confine": True},
    }  # fmt: skip


def labels(table: pd.DataFrame, classes: Sequence[str], ink: str, most: float) -> Spec:
    """How many labels of each class each cohort bought, as a mean over seeds (cohort, class, mean); from `most` on
    the shade is the darkest."""
    cohorts = list(dict.fromkeys(table["cohort"]))
    row, column = {name: i for i, name in enumerate(cohorts)}, {name: i for i, name in enumerate(classes)}
    data = [
        {"value": [column[r["class"]], row[r["cohort"]], round(r["mean"], 1)],
         "name": f"{r['cohort']}: {r['mean']:.1f} labels of class {r['class']}"}
        for r in table.to_dict("records")
    ]  # fmt: skip
    bare = {"type": "category", "splitLine": {"show": False}, "axisLine": {"show": False}, "axisTick": {"show": False}}
    return {
        "animation": False,
        "grid": {"left": 150, "right": 12, "top": 8, "bottom": 44, **FIXED},
        "tooltip": {"trigger": "item", "formatter": "{b}", "confine": True},
        "xAxis": {**bare, "data": list(classes), "name": "class", "nameLocation": "middle", "nameGap": 26},
        "yAxis": {**bare, "data": cohorts, "inverse": True,
                  "axisLabel": {"width": 140, "overflow": "break", "lineHeight": 14}},
        "visualMap": {"show": False, "min": 0, "max": most, "dimension": 2,
                      "inRange": {"color": [LITTLE, MUCH]}},
        "series": [{"type": "heatmap", "data": data, "label": {
            "show": len(classes) <= 20, "formatter": "{@[2]}", "color": ink, "fontSize": 11}}],
    }  # fmt: skip
