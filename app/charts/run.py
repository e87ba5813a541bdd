"""Charts: functions from a table to an Apache ECharts option. No streamlit, no run folder in here.

Live charts do not animate and have fixed axes, so that nothing jumps while a run plays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from app.charts.ends import APART
from app.charts.palette import FORGOTTEN, KEPT, LEARNED, ink, task_colours
from app.charts.score_plane import FAINT, PLANE, ROLES, View, role_colours
from app.charts.written import percent

Spec = dict[str, Any]
# outerBoundsMode none: the grid stays where it is, whatever the labels are.
FIXED = {"outerBoundsMode": "none"}
GRID = {"left": 48, "right": 60, "top": 12, "bottom": 44, **FIXED}
SLIM_GRID = {"left": 46, "right": 10, "top": 8, "bottom": 24, **FIXED}
PERCENT = {"min": 0, "max": 100, "axisLabel": {"formatter": "{value} %"}, "interval": 25}
# The inner square runs the other way round, which leaves a hole.
HOLLOW_DIAMOND = "path://M0 -10 L10 0 L0 10 L-10 0 Z M0 -6 L-6 0 L0 6 L6 0 Z"
MARK = "#D5572B"
NO_LABEL: Spec = {"endLabel": {"show": False}}
SEEN_POINTS = 1.0


def tasks_axis(n_tasks: int, name: str) -> Spec:
    return {
        "type": "value", "min": 0, "max": n_tasks, "interval": 1, "name": name, "nameLocation": "middle",
        "nameGap": 26, "splitLine": {"show": True}, "axisTick": {"show": False},
        "axisPointer": {"label": {"formatter": "tasks learned: {value}"}},
    }  # fmt: skip


def _end_label(table: pd.DataFrame, column: str, text: str = "{a}") -> Spec:
    """The name of a line, where it ends. A line without points says so: ECharts would keep the label it had."""
    if column not in table or not table[column].notna().any():
        return NO_LABEL
    return {
        "endLabel": {
            "show": True,
            "formatter": text,
            "color": "inherit",
            "fontSize": 12,
            "lineHeight": 15,
            "distance": 6,
        }
    }


Marks = Sequence[tuple[float, str]]


def _marks(marks: Marks) -> Spec:
    """Upright lines where the run was steered, with what was changed."""
    if not marks:
        return {}
    return {
        "markLine": {
            "silent": True, "symbol": "none", "data": [{"xAxis": x, "name": text} for x, text in marks],
            "label": {"formatter": "{b}", "position": "insideStartTop", "fontSize": 11, "color": "inherit"},
            "lineStyle": {"type": "dotted", "color": MARK, "width": 1.5},
        }
    }  # fmt: skip


def _faint(column: str, x: str, dataset: int, colour: str) -> Spec:
    """The same line of another run: dashed and thin, without a word of its own."""
    return {
        "type": "line", "datasetIndex": dataset, "encode": {"x": x, "y": column}, "color": colour, "silent": True,
        "showSymbol": False, "lineStyle": {"width": 1.3, "type": "dashed", "opacity": 0.6}, "tooltip": {"show": False},
        "name": f"other {dataset} {column}", "z": 1,
    }  # fmt: skip


def accuracy_chart(
    table: pd.DataFrame, n_tasks: int, marks: Marks = (), others: Sequence[pd.DataFrame] = (), slim: bool = False
) -> Spec:
    """A line for each task: its accuracy at every evaluation, large marks where a task ends. `others`: tables of
    runs to compare with, drawn faint. slim: for a narrow column, without labels at the ends."""
    ends = table[table["final"]].reset_index(drop=True) if len(table) else table
    series: list[Spec] = []
    small, large = (3, 7) if slim else (5, 11)
    for j, colour in enumerate(task_colours(n_tasks), start=1):
        common = {"encode": {"x": "x", "y": f"task_{j}", "tooltip": [f"task_{j}"]}, "name": f"Task {j}"}
        series.append(
            {
                **common, "type": "line", "datasetIndex": 0, "color": colour, "symbol": "circle", "symbolSize": small,
                "lineStyle": {"width": 2.5}, APART: True,
                **({} if slim else _end_label(table, f"task_{j}")),
                **(_marks(marks) if j == 1 else {}),
            }
        )  # fmt: skip
        series += [_faint(f"task_{j}", "x", 2 + k, colour) for k in range(len(others))]
        series.append(
            {
                **common, "type": "scatter", "datasetIndex": 1, "color": colour, "symbolSize": large,
                "tooltip": {"show": False}, "silent": True,
            }
        )  # fmt: skip
    return {
        "animation": False,
        "grid": SLIM_GRID if slim else GRID,
        "dataset": [{"source": table}, {"source": ends}, *({"source": other} for other in others)],
        "tooltip": {"trigger": "axis", "valueFormatter": "%.1f %%"},
        "xAxis": tasks_axis(n_tasks, "" if slim else "tasks learned"),
        "yAxis": PERCENT,
        "series": series,
    }


def balance_chart(table: pd.DataFrame, n_tasks: int, marks: Marks = (), others: Sequence[pd.DataFrame] = ()) -> Spec:
    """What was learned and what is kept at every evaluation, large marks where a task ends; the shaded gap between
    the lines is what was forgotten. `others` as in accuracy_chart."""
    ends = table[table["final"]].reset_index(drop=True) if len(table) else table
    lines = (("learned", "learned ↑", LEARNED), ("kept", "kept ↑", KEPT))
    # Along one line and back along the other: filled down to the axis, nothing but what lies between them remains.
    there = [*zip(table["x"], table["learned"], strict=True)]
    back = [*zip(table["x"], table["kept"], strict=True)][::-1]
    unseen = {"type": "line", "symbol": "none", "silent": True, "lineStyle": {"opacity": 0}, "color": FORGOTTEN, "z": 1}
    series: list[Spec] = [
        {
            **unseen, "name": "gap", "data": [list(point) for point in (*there, *back)], "areaStyle": {"opacity": 0.22},
            "tooltip": {"show": False},
        },
        {
            **unseen, "name": "forgotten ↓", "datasetIndex": 0,
            "encode": {"x": "x", "y": "forgotten", "tooltip": ["forgotten"]},
        },
    ]  # fmt: skip
    for column, name, colour in lines:
        common = {"encode": {"x": "x", "y": column, "tooltip": [column]}, "name": name, "color": colour}
        series.append(
            {
                **common, "type": "line", "datasetIndex": 0, "lineStyle": {"width": 2.5}, "symbol": "circle",
                "symbolSize": 4, APART: True, "z": 3, **_end_label(table, column),
                **(_marks([(x, "") for x, _ in marks]) if column == "learned" else {}),
            }
        )  # fmt: skip
        series.append(
            {
                **common, "type": "scatter", "datasetIndex": 1, "symbolSize": 10, "silent": True,
                "tooltip": {"show": False}, "z": 3,
            }
        )  # fmt: skip
    # The gap is named where it ends, halfway up, if it is wide enough to be seen.
    last = table.iloc[-1:]
    named = len(last) > 0 and abs(last["forgotten"].iloc[0]) >= SEEN_POINTS
    series.append(
        {
            **unseen, "name": "size of the gap",
            "data": [[row["x"], (row["learned"] + row["kept"]) / 2] for row in last.to_dict("records")],
            "tooltip": {"show": False}, APART: True,
            **(_end_label(table, "kept", f"{percent(forgotten(last.iloc[0]))} forgotten ↓") if named else NO_LABEL),
        }
    )  # fmt: skip
    series += [_faint(column, "x", 2 + k, colour) for k in range(len(others)) for column, _, colour in lines]
    return {
        "animation": False,
        "grid": {**GRID, "right": 112},
        "dataset": [{"source": table}, {"source": ends}, *({"source": other} for other in others)],
        "tooltip": {"trigger": "axis", "valueFormatter": "%.1f %%"},
        "xAxis": tasks_axis(n_tasks, "tasks learned"),
        "yAxis": PERCENT,
        "series": series,
    }


def forgotten(row: pd.Series) -> float:
    """As it is written everywhere: the difference of what is written for learned and kept, in points."""
    return float(round(round(row["learned"], 1) - round(row["kept"], 1), 1)) + 0.0  # never −0.0


def loss_chart(table: pd.DataFrame, boundaries: list[float]) -> Spec:
    """Mean loss of each epoch over the whole run; a line where a task begins."""
    marks = [{"xAxis": x} for x in boundaries]
    return {
        "animation": False,
        "grid": {**GRID, "right": 24, "left": 56},
        "dataset": {"source": table},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", "name": "epochs", "nameLocation": "middle", "nameGap": 26, "min": 0},
        "yAxis": {"type": "value", "name": "loss", "min": 0},
        "series": [
            {
                "type": "line", "showSymbol": False, "color": KEPT, "lineStyle": {"width": 1.5},
                "encode": {"x": "epoch", "y": "loss", "tooltip": ["when", "loss"]},
                "markLine": {
                    "silent": True, "symbol": "none", "data": marks, "label": {"show": False},
                    "lineStyle": {"type": "dotted", "color": FAINT},
                },
            }
        ],
    }  # fmt: skip


def plane_chart(scores: pd.DataFrame, view: View, strategy: str, dark: bool) -> Spec:
    """A pool, picks on top: `view` is the plane of its scores (columns id, picked, magnitude, distribution)."""
    table = scores[["id", *PLANE]]
    picks, rest = (table[view.shown & mask].reset_index(drop=True) for mask in (scores["picked"], ~scores["picked"]))
    room = 26 if view.y.min() < 1e-4 else 0  # for ticks such as 0.000001
    lines = [] if view.x_cut is None else [{"xAxis": view.x_cut}, {"yAxis": view.y_cut}]
    return {
        "animation": False,
        "grid": {"left": 68 + room, "right": 12, "top": 30, "bottom": 44, **FIXED},
        "legend": _legend(),
        "dataset": [{"source": rest}, {"source": picks}],
        "tooltip": {"trigger": "item"},
        "xAxis": {**_scaled(view.x_name), "nameGap": 26},
        "yAxis": {
            **_scaled(view.y_name), "type": "log" if view.log_y else "value", "nameGap": 50 + room,
            "axisLabel": {"hideOverlap": True},
        },
        "series": [
            {
                "type": "scatter", "name": f"pool {len(rest):,}", "datasetIndex": 0, "large": False,
                **_mark("pool", strategy, dark), **_xy(*PLANE),
            },
            {
                "type": "scatter", "name": f"picks {len(picks):,}", "datasetIndex": 1,
                **_mark("picks", strategy, dark), **_xy(*PLANE),
                "markLine": {
                    "silent": True, "symbol": "none", "data": lines, "label": {"show": False},
                    "lineStyle": {"type": "dashed", "color": view.cut_colour, "opacity": 0.7},
                },
            },
        ],
    }  # fmt: skip


def map_chart(
    points: pd.DataFrame, picked: set[int], strategy: str, age: dict[int, int], n_tasks: int, dark: bool
) -> Spec:
    """Pool, labelled and memory in feature space, picks on top (columns id, role, x, y).

    age: the task each memory sample comes from; the memory's diamonds take the colours of their tasks.
    """
    table = points.assign(task=points["id"].map(age).fillna(0).astype(int))
    role = points["role"].where(~points["id"].isin(picked), "picks")
    groups = {name: table[role == name][["id", "x", "y", "task"]].reset_index(drop=True) for name in ROLES}
    shown = {name: group for name, group in groups.items() if len(group)}
    colours = [{"value": t, "color": colour} for t, colour in enumerate(task_colours(n_tasks), start=1)]
    by_task = {"type": "piecewise", "show": False, "dimension": "task", "pieces": colours}
    return {
        "animation": False,
        "grid": {"left": 24, "right": 8, "top": 30, "bottom": 28, **FIXED},
        "legend": _legend(),
        "dataset": [{"source": group} for group in shown.values()],
        "tooltip": {"trigger": "item"},
        "visualMap": [{**by_task, "seriesIndex": [i]} for i, name in enumerate(shown) if name == "memory"],
        "xAxis": {**_scaled("1st principal component"), "axisLabel": {"show": False}, "nameGap": 10},
        "yAxis": {**_scaled("2nd principal component"), "axisLabel": {"show": False}, "nameGap": 6},
        "series": [
            {
                "type": "scatter", "name": f"{name} {len(group):,}", "datasetIndex": i,
                **_mark(name, strategy, dark), **_xy("x", "y"),
            }
            for i, (name, group) in enumerate(shown.items())
        ],
    }  # fmt: skip


def matrix_chart(r: list[list[float]], n_tasks: int, dark: bool) -> Spec:
    """The accuracy matrix R in percent: a row after each task, a column for each task."""
    cells = [[j, i, round(100 * value, 1)] for i, row in enumerate(r) for j, value in enumerate(row)]
    tasks = [f"{t}" for t in range(1, n_tasks + 1)]
    return {
        "animation": False,
        "grid": {"left": 60, "right": 20, "top": 44, "bottom": 16, **FIXED},
        "tooltip": {"show": False},
        "xAxis": {
            "type": "category", "data": tasks, "position": "top", "name": "accuracy on task", "nameLocation": "middle",
            "nameGap": 24, "splitLine": {"show": False}, "axisLine": {"show": False}, "axisTick": {"show": False},
        },
        "yAxis": {
            "type": "category", "data": tasks, "inverse": True, "name": "after task", "nameLocation": "middle",
            "nameGap": 28, "splitLine": {"show": False}, "axisLine": {"show": False}, "axisTick": {"show": False},
        },
        "visualMap": {
            "show": False, "min": 0, "max": 100, "dimension": 2,
            "inRange": {"color": ["rgba(11,127,194,0.04)", "rgba(11,127,194,0.62)"]},
        },
        "series": [
            {"type": "heatmap", "data": cells, "label": {"show": True, "formatter": "{@[2]} %", "color": ink(dark)}}
        ],
    }  # fmt: skip


def _legend() -> Spec:
    return {"top": 0, "left": 0, "itemWidth": 10, "itemHeight": 10, "textStyle": {"fontSize": 12}}


def _scaled(name: str) -> Spec:
    return {
        "type": "value", "scale": True, "name": name, "nameLocation": "middle", "splitLine": {"show": False},
        "axisTick": {"show": False},
    }  # fmt: skip


def _xy(x: str, y: str) -> Spec:
    return {"encode": {"x": x, "y": y, "tooltip": ["id", x, y]}}


def _mark(role: str, strategy: str, dark: bool) -> Spec:
    mark = ROLES[role]
    style: Spec = {"color": role_colours(strategy).get(role, mark.colour)}
    if mark.edge:
        style |= {"borderColor": ink(dark), "borderWidth": mark.edge, "opacity": 0.95}
    diamond = {"symbol": HOLLOW_DIAMOND} if mark.shape == "hollow diamond" else {}
    return {"symbolSize": mark.size, "z": 2 + list(ROLES).index(role), "itemStyle": style, **diamond}
