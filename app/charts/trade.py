"""What AccuACL trades: differences with their intervals, four samples' Fisher profiles, figures over λ.

Functions from tables to an Apache ECharts option.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.charts.palette import FORGOTTEN, KEPT, LEARNED, strategy_colour
from app.charts.run import FIXED, Spec
from app.charts.score_plane import FAINT, HERO

COLOURS = {"LA": LEARNED, "forgotten": FORGOTTEN, "A": KEPT}
NAMES = {"LA": "learned ↑", "forgotten": "forgotten ↓", "A": "kept ↑"}
CAP_PX = 9


# -- differences ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One paired difference in points: its name, the mean with its 95 % interval, each seed's, what is written beside."""

    name: str
    mean: float
    low: float
    high: float
    seeds: Sequence[float]
    said: str
    colour: str


def differences_chart(rows: Sequence[Row], axis: str) -> Spec:
    """A row for each, from above: faint dots are seeds, the bold dot their mean, the bar its 95 % interval."""
    series: list[Spec] = []
    for place, row in enumerate(rows):
        series += [
            {
                "type": "scatter", "name": f"{row.name}, seeds", "silent": True, "symbolSize": 7, "z": 2,
                "itemStyle": {"color": row.colour, "opacity": 0.35}, "data": [[value, place] for value in row.seeds],
            },
            {
                "type": "line", "name": f"{row.name}, interval", "silent": True, "symbol": ["rect", "rect"], "z": 3,
                "symbolSize": [2, 2 * CAP_PX], "showSymbol": True, "color": row.colour,
                "lineStyle": {"width": 3}, "data": [[row.low, place], [row.high, place]],
            },
            {
                "type": "scatter", "name": row.name, "symbolSize": 15, "z": 4, "color": row.colour,
                "data": [[row.mean, place]],
                "label": {"show": True, "position": "top", "distance": 12, "formatter": row.said, "color": "inherit",
                          "fontWeight": "bold", "fontSize": 13},
            },
        ]  # fmt: skip
    series.append({
        "type": "line", "name": "no difference", "silent": True, "data": [],
        "markLine": {"silent": True, "symbol": "none", "data": [{"xAxis": 0}], "label": {"show": False},
                     "lineStyle": {"color": FAINT, "type": "solid", "width": 2}},
    })  # fmt: skip
    return {
        "animation": False,
        "grid": {"left": 92, "right": 24, "top": 14, "bottom": 46, **FIXED},
        "tooltip": {"show": False},
        "xAxis": {
            "type": "value", "name": axis, "nameLocation": "middle", "nameGap": 28, "scale": False,
            "axisLabel": {"formatter": "{value}"},
        },
        "yAxis": {
            "type": "category", "data": [row.name for row in rows], "inverse": True, "axisTick": {"show": False},
            "axisLine": {"show": False},
        },
        "series": series,
    }  # fmt: skip


# -- four samples --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Profile:
    """A sample: what is said above it in two lines, its picture as a data URL ("" without), and p_x [kept]."""

    title: str
    line: str
    picture: str
    spread: np.ndarray
    chosen: bool


LEFT, WIDE, TOPS, TALL = (11.0, 61.0), 38.0, (15.0, 65.0), 26.0
"""Places of the four in percent of the picture, two by two."""


def profiles_chart(four: Sequence[Profile], target: np.ndarray, names: Sequence[str]) -> Spec:
    """How the Fisher information of each of four samples is spread over the kept entries, as coloured bars, against
    the target's q, in grey. names: the class of each entry, all entries of a class one after the other."""
    most = 100 * max(target.max(), *(profile.spread.max() for profile in four))
    where = [(LEFT[place % 2], TOPS[place // 2]) for place in range(len(four))]
    ticks = {middle: name for middle, name in middles(names)}
    spec: Spec = {"animation": False, "tooltip": {"show": False}}
    spec["grid"] = [
        {"left": f"{x}%", "top": f"{y}%", "width": f"{WIDE}%", "height": f"{TALL}%", **FIXED} for x, y in where
    ]
    spec["title"] = [
        {"left": f"{x}%", "top": f"{y - 14}%", "text": one.title, "subtext": one.line, "itemGap": 3, "padding": 0,
         "textStyle": {"fontSize": 15, "color": strategy_colour(HERO)} if one.chosen else {"fontSize": 15},
         "subtextStyle": {"fontSize": 13}}
        for one, (x, y) in zip(four, where, strict=True)
    ]  # fmt: skip
    spec["graphic"] = [
        {"type": "image", "left": f"{x - 10.5}%", "top": f"{y - 12}%", "silent": True,
         "style": {"image": one.picture, "width": 58, "height": 58}}
        for one, (x, y) in zip(four, where, strict=True) if one.picture
    ]  # fmt: skip
    spec["xAxis"] = [
        {"type": "category", "gridIndex": k, "data": [ticks.get(entry, "") for entry in range(len(names))],
         "axisTick": {"show": False}, "axisLabel": {"interval": 0, "fontSize": 12}}
        for k in range(len(four))
    ]  # fmt: skip
    spec["yAxis"] = [
        {"type": "value", "gridIndex": k, "min": 0, "max": float(np.ceil(most)), "splitNumber": 2,
         "axisLabel": {"formatter": "{value} %", "fontSize": 12}, "splitLine": {"show": False}}
        for k in range(len(four))
    ]  # fmt: skip
    spec["series"] = [
        series for k, one in enumerate(four)
        for series in (
            _bars(k, "target", target, FAINT, 1.0), _bars(k, one.title, one.spread, strategy_colour(HERO), 0.75)
        )
    ]  # fmt: skip
    return spec


def _bars(place: int, name: str, shares: np.ndarray, colour: str, opacity: float) -> Spec:
    return {
        "type": "bar", "name": name, "xAxisIndex": place, "yAxisIndex": place, "silent": True, "barGap": "-100%",
        "barCategoryGap": "0%", "itemStyle": {"color": colour, "opacity": opacity},
        "data": np.round(100 * shares, 3).tolist(),
    }  # fmt: skip


def middles(names: Sequence[str]) -> list[tuple[int, str]]:
    """The entry in the middle of each class, and its name."""
    starts = [i for i in range(len(names)) if i == 0 or names[i] != names[i - 1]]
    return [((a + b - 1) // 2, names[a]) for a, b in zip(starts, [*starts[1:], len(names)], strict=True)]


# -- over λ --------------------------------------------------------------------------------------------


def lambda_chart(table: pd.DataFrame, uniform: Mapping[str, float]) -> Spec:
    """LA, forgotten and A over λ (columns λ, and of each its mean and, with _error, its standard error, in percent):
    a line each, with ± one standard error; dashed, the same of Uniform, which has no λ."""
    series: list[Spec] = []
    for name, colour in COLOURS.items():
        points = table[["λ", name]].to_numpy().tolist()
        series.append({
            "type": "line", "name": NAMES[name], "color": colour, "symbol": "circle", "symbolSize": 9, "z": 3,
            "lineStyle": {"width": 2.5}, "data": points,
            "label": {"show": True, "position": "top", "distance": 8, "fontSize": 12, "color": "inherit",
                      "formatter": "{@[1]}"},
            "endLabel": {"show": True, "formatter": NAMES[name], "color": "inherit", "distance": 8, "fontSize": 12},
            "markLine": {
                "silent": True, "symbol": "none", "data": [{"yAxis": uniform[name]}], "label": {"show": False},
                "lineStyle": {"color": colour, "type": "dashed", "width": 1.5, "opacity": 0.7},
            },
        })  # fmt: skip
        series += [
            {
                "type": "line", "name": f"{NAMES[name]} ± at λ = {row['λ']:g}", "color": colour, "silent": True,
                "symbol": "none", "lineStyle": {"width": 6, "opacity": 0.35},
                "data": [[row["λ"], row[name] - row[f"{name}_error"]], [row["λ"], row[name] + row[f"{name}_error"]]],
            }
            for row in table.to_dict("records")
        ]  # fmt: skip
    return {
        "animation": False,
        "grid": {"left": 48, "right": 96, "top": 16, "bottom": 44, **FIXED},
        "tooltip": {"show": False},
        "xAxis": {
            "type": "value", "min": 0, "max": 1, "interval": 0.25, "name": "λ, weight of the past",
            "nameLocation": "middle", "nameGap": 26, "splitLine": {"show": False},
        },
        "yAxis": {"min": 0, "max": 100, "axisLabel": {"formatter": "{value} %"}, "interval": 25},
        "series": series,
    }  # fmt: skip
