"""What AccuACL trades: differences with their intervals, four samples' Fisher profiles, differences over λ.

Functions from tables to an Apache ECharts option.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.charts.ends import APART
from app.charts.palette import FORGOTTEN, KEPT, LEARNED, strategy_colour
from app.charts.run import FIXED, Spec
from app.charts.score_plane import FAINT, HERO

COLOURS = {"LA": LEARNED, "forgotten": FORGOTTEN, "A": KEPT}
NAMES = {"LA": "learned ↑", "forgotten": "forgotten ↓", "A": "kept ↑"}
CAP_PX = 9
EVERY = 2
"""Points between two lines of the chart over λ."""


# -- differences ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One paired difference in points: the mean with its 95 % interval, each seed's; said: what is written above it."""

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
    """A sample: what is said above it, its picture as a data URL ("" without), p_x [kept], and whether it is bought."""

    title: str
    lines: str
    picture: str
    spread: np.ndarray
    chosen: bool


LEFT, WIDE, TOPS, TALL = (10.5, 61.5), 37.0, (21.0, 71.0), 22.0
"""Places of the four in percent of the picture, two by two."""
PICTURE_PX, HALF = 48, 50


def profiles_chart(four: Sequence[Profile], target: np.ndarray, names: Sequence[str]) -> Spec:
    """How the Fisher information of each of four samples is spread over the classes, as coloured bars, beside the
    target's q, in grey. names: the class of each kept entry; the shares of a class's entries are summed."""
    where = [(LEFT[place % 2], TOPS[place // 2]) for place in range(len(four))]
    spec: Spec = {"animation": False, "tooltip": {"show": False}}
    spec["grid"] = [
        {"left": f"{x}%", "top": f"{y}%", "width": f"{WIDE}%", "height": f"{TALL}%", **FIXED} for x, y in where
    ]
    spec["title"] = [
        {"left": f"{x + 1.5}%", "top": f"{y - 19}%", "text": one.title, "subtext": one.lines, "itemGap": 5,
         "padding": 0,
         "textStyle": {"fontSize": 15, "fontWeight": "bold", "lineHeight": 18,
                       **({"color": strategy_colour(HERO)} if one.chosen else {})},
         "subtextStyle": {"fontSize": 13, "lineHeight": 17}}
        for one, (x, y) in zip(four, where, strict=True)
    ]  # fmt: skip
    spec["graphic"] = [
        {"type": "image", "left": f"{x - 9.5}%", "top": f"{y - 19}%", "silent": True,
         "style": {"image": one.picture, "width": PICTURE_PX, "height": PICTURE_PX}}
        for one, (x, y) in zip(four, where, strict=True) if one.picture
    ]  # fmt: skip
    spec["xAxis"] = [
        {"type": "category", "gridIndex": k, "data": list(dict.fromkeys(names)),
         "axisTick": {"show": False}, "axisLabel": {"interval": 0, "fontSize": 12}}
        for k in range(len(four))
    ]  # fmt: skip
    spec["yAxis"] = [
        {"type": "value", "gridIndex": k, "min": 0, "max": 110, "interval": HALF,
         "axisLabel": {"formatter": "{value} %", "fontSize": 12, "showMaxLabel": False}, "splitLine": {"show": False}}
        for k in range(len(four))
    ]  # fmt: skip
    spec["series"] = [
        series for k, one in enumerate(four)
        for series in (
            _bars(k, one.title, by_class(one.spread, names), strategy_colour(HERO)),
            _bars(k, "target", by_class(target, names), FAINT),
        )
    ]  # fmt: skip
    return spec


def _bars(place: int, name: str, shares: np.ndarray, colour: str) -> Spec:
    return {
        "type": "bar", "name": name, "xAxisIndex": place, "yAxisIndex": place, "silent": True, "barGap": "0%",
        "barCategoryGap": "15%", "itemStyle": {"color": colour}, "data": np.round(100 * shares, 3).tolist(),
    }  # fmt: skip


def by_class(shares: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """[classes], in the order in which they are named first: the sums of the shares [kept] of each one's entries."""
    return pd.Series(shares).groupby(list(names), sort=False).sum().to_numpy()


# -- over λ --------------------------------------------------------------------------------------------


def lambda_chart(table: pd.DataFrame) -> Spec:
    """Differences in points over λ (columns λ, figure: a key of NAMES, mean, error): a line for each figure, with ± one
    standard error."""
    series: list[Spec] = []
    for name, colour in COLOURS.items():
        rows = table[table["figure"] == name].sort_values("λ")
        series.append({
            "type": "line", "name": NAMES[name], "color": colour, "symbol": "circle", "symbolSize": 10, "z": 3,
            "lineStyle": {"width": 2.5}, "data": rows[["λ", "mean"]].to_numpy().tolist(), APART: True,
            "endLabel": {"show": True, "formatter": NAMES[name], "color": "inherit", "distance": 8, "fontSize": 12},
        })  # fmt: skip
        series += [
            {
                "type": "line", "name": f"{NAMES[name]} ± at λ = {row['λ']:g}", "color": colour, "silent": True,
                "symbol": "none", "lineStyle": {"width": 5, "opacity": 0.35},
                "data": [[row["λ"], row["mean"] - row["error"]], [row["λ"], row["mean"] + row["error"]]],
            }
            for row in rows.to_dict("records")
        ]  # fmt: skip
    series.append({
        "type": "line", "name": "no difference", "silent": True, "data": [],
        "markLine": {"silent": True, "symbol": "none", "data": [{"yAxis": 0}], "label": {"show": False},
                     "lineStyle": {"color": FAINT, "type": "solid", "width": 2}},
    })  # fmt: skip
    low, high = (table["mean"] - table["error"]).min(), (table["mean"] + table["error"]).max()
    return {
        "animation": False,
        "grid": {"left": 52, "right": 100, "top": 14, "bottom": 46, **FIXED},
        "tooltip": {"show": False},
        "xAxis": {
            "type": "value", "min": 0, "max": 1, "interval": 0.25, "name": "λ, weight of the past",
            "nameLocation": "middle", "nameGap": 26, "splitLine": {"show": False},
            "axisLine": {"onZero": False},
        },
        "yAxis": {
            "type": "value", "name": "points", "nameLocation": "middle", "nameGap": 34, "interval": EVERY,
            "min": EVERY * math.floor(low / EVERY), "max": EVERY * math.ceil(high / EVERY),
        },
        "series": series,
    }  # fmt: skip
