"""Charts of the Compare page: functions from tables to an Apache ECharts option. No streamlit, no run folder here.

Cohorts are the lines: each is a strategy (and what else differs) over its seeds, and looks the same everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from app.charts.ends import APART
from app.charts.palette import Look
from app.charts.run import FIXED, Spec, tasks_axis
from app.charts.score_plane import FAINT
from app.charts.written import percent

BAND = 0.13
FEW = 8
"""So many bands on top of each other are as dark as they may be together."""
STEPS = (1, 2, 5, 10, 20, 50, 100)
AFTER = {"axisPointer": {"label": {"formatter": "after task {value}", "precision": 0}}}
LEARNED = {"axisPointer": {"label": {"formatter": "{value} tasks learned", "precision": 2}}}
"""What the head of a tooltip says."""


def percent_axis(means: Iterable[float], ends: Iterable[float]) -> Spec:
    """Whole tens (twenties where there are many) around everything that is drawn at any time, so that nothing jumps
    while it is scrubbed."""
    low, high = _tens(means, ends)
    return {"type": "value", "min": low, "max": high, "interval": _interval(low, high),
            "axisLabel": {"formatter": "{value} %"}}  # fmt: skip


def _interval(low: float, high: float) -> int:
    """Between two ticks, so that the ends are ticks too."""
    return next((step for step in (2, 5, 10) if high - low <= 6 * step), 20)


def _tens(means: Iterable[float], ends: Iterable[float]) -> tuple[float, float]:
    # A band of two or three seeds may end far beyond 0 and 100 %: it is cut there, and leaves the means their room.
    known = [value for value in (*means, *(min(max(end, 0.0), 100.0) for end in ends)) if not math.isnan(value)]
    if not known:
        return 0, 100
    step = 20 if max(known) - min(known) > 60 else 10
    low, high = step * math.floor(min(known) / step), step * math.ceil(max(known) / step)
    return min(low, high - 10), high


def wide(bands: pd.DataFrame, looks: Sequence[Look], x: str, spread: str) -> pd.DataFrame:
    """A row for each x; of cohort k the columns m{k} (mean), l{k} (lower end) and w{k} (width of its band), in percent.

    bands: cohort, x, mean, std, half as fractions; spread: "std", "half" or "" for no band."""
    table = pd.DataFrame({x: sorted(bands[x].unique())})
    for k, look in enumerate(looks):
        of = bands[bands["cohort"] == look.name].set_index(x)
        half = of[spread].fillna(0) if spread else 0 * of["mean"]
        columns = pd.DataFrame({f"m{k}": of["mean"], f"l{k}": of["mean"] - half, f"w{k}": 2 * half})
        table = table.merge(100 * columns, left_on=x, right_index=True, how="left")
    return table


def curves(table: pd.DataFrame, looks: Sequence[Look], n_tasks: int, until: int) -> Spec:
    """Mean and band of each cohort after each task (`wide` over column task), as far as task `until`."""
    ends = range(len(looks))
    means = [value for k in ends for value in table[f"m{k}"]]
    bands = [value for k in ends for end in (table[f"l{k}"], table[f"l{k}"] + table[f"w{k}"]) for value in end]
    return {
        "animation": False,
        "grid": {"left": 50, "right": 14, "top": 12, "bottom": 42, **FIXED},
        "dataset": {"source": table[table["task"] <= until].reset_index(drop=True)},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.1f %%", "confine": True},
        "xAxis": {**tasks_axis(n_tasks, "tasks learned"), "min": min(1, n_tasks - 1), **AFTER},
        "yAxis": percent_axis(means, bands),
        "series": [one for k, look in enumerate(looks) for one in banded(k, look, "task", len(looks))],
    }


def banded(k: int, look: Look, x: str, n: int, **place: Any) -> list[Spec]:
    """The line of cohort k of n, and its band: an invisible line below, and a filled one stacked on it."""
    opacity = BAND * min(1.0, FEW / n)
    hidden = {
        "type": "line", "stack": f"band {k}", "stackStrategy": "all", "symbol": "none", "silent": True,
        "lineStyle": {"opacity": 0}, "color": look.colour, "tooltip": {"show": False}, "z": 1, **place,
    }  # fmt: skip
    line = {
        "type": "line", "name": look.name, "encode": {"x": x, "y": f"m{k}", "tooltip": [f"m{k}"]},
        "color": look.colour, "symbol": "circle", "symbolSize": 6, "showSymbol": True, "z": 3,
        "lineStyle": {"width": 2.2, "type": look.dash}, **place,
    }  # fmt: skip
    return [
        {**hidden, "name": f"low {k}", "encode": {"x": x, "y": f"l{k}"}},
        {**hidden, "name": f"band {k}", "encode": {"x": x, "y": f"w{k}"}, "areaStyle": {"opacity": opacity}},
        line,
    ]


def plane(points: pd.DataFrame, looks: Sequence[Look], t: int, window: pd.DataFrame, spread: str) -> Spec:
    """Each cohort's learning accuracy against what it forgot, with error bars and lines of equal A.

    points: cohort, LA, F_diag, A and for LA and F_diag their std and half, as fractions, after task t. window: the
    same after every task; the axes hold all of it.
    """
    x0, x1 = _tens(100 * window["F_diag"], _ends(window, "F_diag", spread))
    y0, y1 = _tens(100 * window["LA"], _ends(window, "LA", spread))
    by_name = {row["cohort"]: row for row in points.to_dict("records")}
    series: list[Spec] = [_equal_a(a, t, (x0, x1), (y0, y1)) for a in range(0, 101, 10)]
    for look in looks:
        if look.name in by_name:
            series += _point(by_name[look.name], look, spread)
    return {
        "animation": False,
        "grid": {"left": 50, "right": 50, "top": 18, "bottom": 42, **FIXED},
        "tooltip": {"trigger": "item", "confine": True},
        "xAxis": {
            "type": "value", "min": x0, "max": x1, "interval": _interval(x0, x1), "nameLocation": "middle",
            "name": "forgotten since learned, −BWT ↓", "nameGap": 26,
            "axisLabel": {"formatter": "{value} %"}, "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "value", "min": y0, "max": y1, "interval": _interval(y0, y1), "splitLine": {"show": False},
            "axisLabel": {"formatter": "{value} %"},
        },
        "series": series,
    }  # fmt: skip


def _ends(points: pd.DataFrame, name: str, spread: str) -> list[float]:
    half = points[f"{name}_{spread}"].fillna(0) if spread else 0 * points[name]
    return [*100 * (points[name] - half), *100 * (points[name] + half)]


def _equal_a(a: float, t: int, x: tuple[float, float], y: tuple[float, float]) -> Spec:
    """The line LA = A + (t − 1)/t · forgotten, within the window."""
    slope = (t - 1) / t
    ends = [(f, a + slope * f) for f in x]
    if slope:
        ends += [((la - a) / slope, la) for la in y]
    inside = sorted({(f, la) for f, la in ends if x[0] <= f <= x[1] and y[0] <= la <= y[1]})
    return {
        "type": "line", "name": f"A = {a} %", "data": [list(end) for end in inside], "symbol": "none", "silent": True,
        "lineStyle": {"color": FAINT, "width": 1, "type": "dotted"}, "z": 0, "tooltip": {"show": False},
        "endLabel": {"show": len(inside) > 1, "formatter": f"A {a} %", "color": FAINT, "fontSize": 10, "distance": 2},
    }  # fmt: skip


def _point(row: Mapping[Hashable, Any], look: Look, spread: str) -> list[Spec]:
    x, y = 100 * row["F_diag"], 100 * row["LA"]
    half = [100 * row[f"{name}_{spread}"] if spread else math.nan for name in ("F_diag", "LA")]
    ends = [[[x - half[0], y], [x + half[0], y]], [[x, y - half[1]], [x, y + half[1]]]]
    bars = [
        {"type": "line", "data": data, "symbol": "none", "silent": True, "color": look.colour, "z": 2,
         "lineStyle": {"width": 1.5, "opacity": 0.7}, "tooltip": {"show": False}, "name": f"{look.name} bar"}
        for data in ends if not any(math.isnan(value) for end in data for value in end)
    ]  # fmt: skip
    said = f"<b>{plain(look.name)}</b><br>{plain(f'learned {percent(y)}, forgotten {percent(x)}')}<br>" + plain(
        f"kept {percent(100 * row['A'])}"
    )
    hollow = look.dash != "solid"
    mark = {
        "type": "scatter", "name": look.name, "data": [[x, y]], "symbolSize": 13, "z": 5,
        "symbol": "diamond" if look.dash == "dotted" else "circle",
        "itemStyle": {
            "color": "transparent" if hollow else look.colour, "borderColor": look.colour,
            "borderWidth": 2.5 if hollow else 0,
        },
        "tooltip": {"formatter": said},
    }  # fmt: skip
    return [*bars, mark]


def plain(text: str) -> str:
    """A tooltip is HTML, and a template: a name must be neither."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("{", "(").replace("}", ")")


def against(points: pd.DataFrame, families: Sequence[Look], level: Mapping[str, float], x: str, spread: str) -> Spec:
    """A metric against labels per task or seconds of a query, on a logarithmic axis; points of one family are joined.

    points: family, x, mean, std, half (mean in percent); level: families without an x, as lines across.
    """
    series: list[Spec] = []
    half = points[spread].fillna(0) if spread else 0 * points["mean"]
    for look in families:
        here = points[points["family"] == look.name].sort_values("x")
        if look.name in level:
            series.append({
                "type": "line", "name": look.name, "data": [], "color": look.colour, "symbol": "none",
                "markLine": {"symbol": "none", "data": [{"yAxis": level[look.name]}], "label": {
                    "formatter": "{a}", "position": "insideEndTop", "color": "inherit"},
                    "lineStyle": {"type": look.dash, "color": look.colour}},
            })  # fmt: skip
        if len(here) == 0:
            continue
        for row in here.to_dict("records"):
            if spread and not math.isnan(row[spread]):
                ends = [[row["x"], row["mean"] - row[spread]], [row["x"], row["mean"] + row[spread]]]
                series.append({
                    "type": "line", "name": f"{look.name} bar", "data": ends, "symbol": "none", "silent": True,
                    "color": look.colour, "lineStyle": {"width": 1.5, "opacity": 0.6}, "tooltip": {"show": False},
                })  # fmt: skip
        series.append({
            "type": "line", "name": look.name, "data": here[["x", "mean"]].to_numpy().tolist(), "color": look.colour,
            "symbol": "circle", "symbolSize": 10, "lineStyle": {"width": 2, "type": look.dash}, "z": 4,
            "tooltip": {"formatter": f"<b>{plain(look.name)}</b><br>{{c}}"},
        })  # fmt: skip
    return {
        "animation": False,
        "grid": {"left": 50, "right": 24, "top": 12, "bottom": 42, **FIXED},
        "tooltip": {"trigger": "item", "confine": True, "valueFormatter": "%.3g"},
        "xAxis": {"type": "log", "name": x, "nameLocation": "middle", "nameGap": 26, **_log_ends(points["x"]),
                  "splitLine": {"show": False}},
        "yAxis": percent_axis(
            [*points["mean"], *level.values()], [*(points["mean"] - half), *(points["mean"] + half)]
        ),
        "series": series,
    }  # fmt: skip


def row_height(names: Sequence[str], low: int = 28) -> int:
    """Pixels of a row with such names at its left: long ones are broken into lines of about 22 characters."""
    return max(low, 16 * -(-max(map(len, names), default=0) // 22))


def _width(names: Sequence[str]) -> float:
    """Pixels of such names at the left of rows, broken into lines of about 22 characters."""
    return 6.5 * min(max(map(len, names), default=0) + 1, 22)


def _log_ends(values: pd.Series) -> Spec:
    known = values[values > 0]
    if known.empty:
        return {}
    return {"min": float(f"{known.min() / 1.6:.1g}"), "max": float(f"{known.max() * 1.6:.1g}")}


def forest(rows: Sequence[Mapping[str, Any]], looks: Mapping[str, Look]) -> Spec:
    """Mean paired difference from the baseline with its 95 % interval: a row each (label, one, mean, low, high)."""
    names = [row["label"] for row in rows]
    series: list[Spec] = []
    for row in rows:
        colour = looks[row["one"]].colour
        if not math.isnan(row["low"]):
            series.append({
                "type": "line", "data": [[row["low"], row["label"]], [row["high"], row["label"]]], "color": colour,
                "symbol": "none", "silent": True, "lineStyle": {"width": 3, "opacity": 0.65},
                "tooltip": {"show": False},
            })  # fmt: skip
        series.append({
            "type": "scatter", "name": row["label"], "data": [[row["mean"], row["label"]]], "symbolSize": 12,
            "color": colour, "tooltip": {"formatter": plain(row["said"])},
        })  # fmt: skip
    known = [abs(v) for row in rows for v in (row["mean"], row["low"], row["high"]) if not math.isnan(v)]
    step = next((step for step in STEPS if 3 * step > max(known, default=1.0)), STEPS[-1])
    # Half a step more, so that no mark touches the name of its row.
    reach = step * math.ceil(max(known, default=1.0) / step + 0.5)
    if series:
        series[-1]["markLine"] = {
            "silent": True, "symbol": "none", "data": [{"xAxis": 0}], "label": {"show": False},
            "lineStyle": {"color": FAINT, "type": "solid"},
        }  # fmt: skip
    return {
        "animation": False,
        "grid": {"left": 14 + _width(names), "right": 20, "top": 6, "bottom": 42, **FIXED},
        "tooltip": {"trigger": "item", "confine": True},
        "xAxis": {"type": "value", "min": -reach, "max": reach, "interval": step, "name": "points of difference",
                  "nameLocation": "middle", "nameGap": 26},
        "yAxis": {"type": "category", "data": names, "inverse": True, "axisTick": {"show": False},
                  "axisLabel": {"width": _width(names), "overflow": "break", "lineHeight": 14}},
        "series": series,
    }  # fmt: skip


def _end_label() -> Spec:
    """The line's name where it ends; names that would lie on each other move apart."""
    return {
        "endLabel": {"show": True, "formatter": "{a}", "color": "inherit", "fontSize": 12, "distance": 6, "width": 84,
                     "overflow": "truncate"},
        APART: True,
    }  # fmt: skip


def race(table: pd.DataFrame, looks: Sequence[Look], seeds: Mapping[str, Sequence[int]], n_tasks: int) -> Spec:
    """Accuracy over the tasks seen, at every evaluation: a thin line for each seed, a bold mean for each cohort.

    table: x, and columns m{k} (mean of cohort k) and s{k}_{seed}, in percent.
    """
    lowest = table.drop(columns="x").min().min()
    series: list[Spec] = []
    for k, look in enumerate(looks):
        for seed in seeds[look.name]:
            series.append({
                "type": "line", "name": f"{look.name} seed {seed}", "encode": {"x": "x", "y": f"s{k}_{seed}"},
                "color": look.colour, "symbol": "none", "silent": True, "lineStyle": {"width": 1.5, "opacity": 0.5},
                "connectNulls": True, "tooltip": {"show": False}, "z": 1,
            })  # fmt: skip
        series.append({
            "type": "line", "name": look.name, "encode": {"x": "x", "y": f"m{k}", "tooltip": [f"m{k}"]},
            "color": look.colour, "symbolSize": 5, "lineStyle": {"width": 3, "type": look.dash}, "connectNulls": True,
            "z": 4, **(_end_label() if table[f"m{k}"].notna().any() else {}),
        })  # fmt: skip
    low = 40 if lowest >= 40 else 0
    return {
        "animation": False,
        "grid": {"left": 50, "right": 96, "top": 26 if low else 12, "bottom": 42, **FIXED},
        "dataset": {"source": table},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.1f %%", "confine": True},
        "xAxis": {**tasks_axis(n_tasks, "tasks learned"), **LEARNED},
        # Two windows only: at most once does it change while a race goes on.
        "yAxis": {
            "min": low, "max": 100, "interval": 20, "axisLabel": {"formatter": "{value} %"},
            "name": f"the axis begins at {low} %" if low else "", "nameLocation": "end",
            "nameTextStyle": {"align": "left"}, "nameGap": 8,
        },
        "series": series,
    }  # fmt: skip
