"""Charts of what ten of sixty digits did: functions from tables to an Apache ECharts option."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from app.charts.outcomes_plane import CLOUD, CURVE, STAR
from app.charts.palette import FORGOTTEN, strategy_colour
from app.charts.run import FIXED, Spec

MARGIN = 0.4
"""Percentage points around what is drawn."""
CLOSE = 0.3
"""Percentage points, across and up, within which marks share one name."""
OWN = FORGOTTEN
GREY = {"color": CLOUD}
YOURS = "yours"


def plane(
    blind: pd.DataFrame, sizes: pd.DataFrame, strategies: pd.DataFrame, yours: tuple[float, float] | None
) -> Spec:
    """The new task against the old ones, columns new and past, in percent (app.lesson.choosing.shipped). blind: a row a
    set; sizes: means of blind choices of n labels each; strategies: with name and label; yours: a star."""
    points = [
        *(tuple(row) for table in (blind, sizes, strategies) for row in table[["new", "past"]].to_numpy().tolist()),
        *([yours] if yours else []),
    ]
    series: list[Spec] = [
        {"type": "scatter", "name": "blind choices", "symbolSize": 6, "z": 1, "itemStyle": GREY, "silent": True,
         "data": [[round(x, 2), round(y, 2)] for x, y in blind[["new", "past"]].to_numpy().tolist()]},
        {"type": "line", "name": "fewer labels, chosen blindly", "symbol": "circle", "symbolSize": 7, "z": 2,
         "color": CURVE, "lineStyle": {"width": 1.5},
         "data": [[round(row["new"], 2), round(row["past"], 2), row["n"]] for row in _rows(sizes)],
         "label": {"show": True, "formatter": "{@[2]}", "position": "left", "color": "inherit"},
         "tooltip": {"formatter": "{@[2]} labels, chosen blindly"}},
        *_strategies(strategies, [[round(row["new"], 2), round(row["past"], 2)] for row in _rows(strategies)],
                     _names(strategies)),
    ]  # fmt: skip
    if yours:
        series.append(_star(list(yours)))
    return {
        "animation": False,
        "grid": {"left": 64, "right": 24, "top": 34, "bottom": 52, **FIXED},
        "tooltip": {"trigger": "item", "confine": True},
        "legend": {"top": 0, "left": 60, "data": ["blind choices", "fewer labels, chosen blindly"]},
        "xAxis": _axis("→ how sure of new digits", [x for x, _ in points], 28),
        "yAxis": _axis("↑ how sure of old digits", [y for _, y in points], 44),
        "series": series,
    }


def later(blind: pd.DataFrame, strategies: pd.DataFrame) -> Spec:
    """Accuracy on a task after the next one, in percent: column known; a row for blind choices and one for each
    strategy, with name and label."""
    names = [*strategies["label"], "blind choices"]
    data = [[round(row["known"], 2), row["label"]] for row in _rows(strategies)]
    mean = float(blind["known"].mean())
    series: list[Spec] = [
        {"type": "scatter", "name": "blind choices", "symbolSize": 9, "itemStyle": GREY, "silent": True,
         "data": [[round(x, 2), "blind choices"] for x in blind["known"]],
         "markLine": {"silent": True, "symbol": "none", "data": [{"xAxis": mean}], "label": {"show": False},
                      "lineStyle": {"type": "dashed", "color": CURVE}}},
        *_strategies(strategies, data, [""] * len(strategies)),
    ]  # fmt: skip
    values = [*blind["known"], *strategies["known"]]
    return {
        "animation": False,
        "grid": {"left": 120, "right": 24, "top": 12, "bottom": 52, **FIXED},
        "tooltip": {"trigger": "item", "confine": True},
        "xAxis": _axis("→ digits of this task that get their name after the next", values, 28),
        "yAxis": {"type": "category", "inverse": True, "data": names, "axisTick": {"show": False}},
        "series": series,
    }


def _rows(table: pd.DataFrame) -> Iterable[Mapping[Any, Any]]:
    return table.to_dict("records")


def _names(strategies: pd.DataFrame) -> list[str]:
    """What stands beside each mark in the plane: the first of those that lie on each other names them all."""
    names: list[list[str]] = []
    first: list[tuple[float, float]] = []
    for row in _rows(strategies):
        here = row["new"], row["past"]
        near = [k for k, there in enumerate(first) if max(abs(here[0] - there[0]), abs(here[1] - there[1])) < CLOSE]
        owner = next((k for k in near if names[k]), len(names))
        names.append([])
        first.append(here)
        names[owner].append(row["label"])
    return [", ".join(each) for each in names]


def _strategies(table: pd.DataFrame, data: list[Any], names: list[str]) -> list[Spec]:
    return [
        {"type": "scatter", "name": row["label"], "symbolSize": 14, "z": 5, "data": [place],
         "itemStyle": {"color": strategy_colour(row["name"])},
         "label": {"show": bool(name), "formatter": name, "position": "right", "color": "inherit", "distance": 7},
         "labelLayout": {"moveOverlap": "shiftY"},
         "tooltip": {"formatter": f"{row['label']}: " + ", ".join(f"{v} %" for v in place if not isinstance(v, str))}}
        for row, place, name in zip(_rows(table), data, names, strict=True)
    ]  # fmt: skip


def _star(place: list[float]) -> Spec:
    x, y = (round(value, 2) for value in place)
    return {
        "type": "scatter", "name": YOURS, "symbol": STAR, "symbolSize": 24, "z": 9, "data": [[x, y]],
        "itemStyle": {"color": OWN, "borderColor": "#FFFFFF", "borderWidth": 1},
        "label": {"show": True, "formatter": YOURS, "position": "top", "color": "inherit", "fontWeight": "bold"},
        "tooltip": {"formatter": f"your ten: {x} % new, {y} % old"},
    }  # fmt: skip


def _axis(name: str, values: list[float], gap: int) -> Spec:
    return {
        "type": "value", "min": math.floor(min(values) - MARGIN), "max": min(100.4, math.ceil(max(values) + MARGIN)),
        "name": name, "nameLocation": "middle", "nameGap": gap, "splitLine": {"show": False},
        "axisLabel": {"formatter": "{value} %", "showMaxLabel": max(values) + MARGIN < 100},
        "axisLine": {"show": True, "onZero": False},
    }  # fmt: skip
