"""The plane of what sets of labels did: how well the new task is learned against how well the old ones are kept.

Functions from tables to an Apache ECharts option. Both axes have the same scale: a point is a point. Without a past
(task 1) there is one axis, and a row for each kind of set.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from app.charts.comparison import STEPS, plain
from app.charts.run import FIXED, Spec
from app.charts.score_plane import FAINT

WIDTH = 620
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 12, 50
ACROSS, LEAST_UP, MOST_UP = WIDTH - LEFT - RIGHT, 220, 470
"""Pixels of the plane itself; its height follows from the scale."""
MOST_STEPS = 14
ROW = 26
CLOUD = "rgba(128,138,150,0.45)"
CURVE = "#7A869A"
STAR = "path://M0 -10 L2.9 -3.6 L9.5 -3.1 L4.5 1.4 L6 8.1 L0 4.6 L-6 8.1 L-4.5 1.4 L-9.5 -3.1 L-2.9 -3.6 Z"
MARKS: dict[str, tuple[str, float]] = {
    "strategy": ("circle", 12), "lambda": ("diamond", 9), "distribution": ("rect", 11), "magnitude": ("triangle", 12),
    "true_past": ("pin", 19), "dims_per_class": ("roundRect", 8), "oversample": ("arrow", 9), "n": ("triangle", 8),
    "seed": ("circle", 6), "own": (STAR, 20), "recorded": ("emptyCircle", 21), "random": ("circle", 5),
    "classes": ("triangle", 6), "losses": ("rect", 5),
}  # fmt: skip
"""Symbol and width in pixels of each kind of set."""
PATHS = {
    "lambda": "solid", "dims_per_class": "dashed", "oversample": "dotted", "n": "solid", "seed": "none",
}  # fmt: skip
"""Kinds whose sets are one series, in the order of their values, and how they are joined; seeds have no order."""
PLACES = {"lambda": "top", "dims_per_class": "top", "oversample": "bottom", "n": "bottom", "own": "left"}
"""Where a name stands that is not to the right of its dot."""


@dataclass(frozen=True)
class Picture:
    """What is drawn, in points. task: of the query, from 1; absolute: values in percent instead of differences.

    dots: sets that have a name, with the columns kind, name, label, mark (what stands beside the dot), colour, n, ids,
    x (new), y (past), net, x_se, y_se, net_se, said (a line about the set); clouds: by kind (random, classes, losses),
    each with n, ids, x, y, net; curves: "random" and "equal_steps", the means of random sets of every size, smallest
    first: n, x, y, net, sets; centre: x, y, net of the mean of random sets of the query's size.
    """

    task: int
    absolute: bool
    unit: str
    dots: pd.DataFrame
    clouds: dict[str, pd.DataFrame]
    curves: dict[str, pd.DataFrame]
    centre: tuple[float, float, float]


def selectable(picture: Picture) -> dict[str, list[tuple[int, ...]]]:
    """The samples of each dot, by the id of its series, in the order of its data."""
    found = {kind: list(cloud["ids"]) for kind, cloud in picture.clouds.items()}
    return found | {series: list(rows["ids"]) for series, rows in _series_of(picture)}


def plane(picture: Picture) -> tuple[Spec, int]:
    """x: the new task, y: the past; lines at zero, and the line on which sets are equal overall (weights 1/t and
    (t − 1)/t). And how many pixels high it is, at a width of WIDTH, so that the scales are equal."""
    (x0, x1), (y0, y1), step = window(picture)
    series: list[Spec] = [_lines(picture, (x0, x1), (y0, y1))]
    series += [_cloud(kind, cloud) for kind, cloud in picture.clouds.items()]
    series += [_curve(kind, curve) for kind, curve in picture.curves.items() if len(curve)]
    for id_, rows in _series_of(picture):
        records = rows.to_dict("records")
        series += [_bars(row) for row in records]
        series.append(_marks(id_, records))
    axis = {
        "type": "value", "interval": step, "splitLine": {"show": False}, "nameLocation": "middle",
        "axisLabel": {"formatter": f"{{value}}{_percent(picture)}"},
        "axisLine": {"show": True, "onZero": False},
    }  # fmt: skip
    up = round(ACROSS * (y1 - y0) / (x1 - x0))
    spec = {
        "animation": False,
        "grid": {"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM, **FIXED},
        "tooltip": {"trigger": "item", "confine": True},
        "xAxis": {**axis, "min": x0, "max": x1, "name": f"→ the new is learned better ({picture.unit})", "nameGap": 28},
        "yAxis": {**axis, "min": y0, "max": y1, "name": f"↑ the old is kept better ({picture.unit})", "nameGap": 38},
        "series": series,
    }  # fmt: skip
    return spec, TOP + up + BOTTOM


def line(picture: Picture) -> tuple[Spec, int]:
    """Task 1: how well the new is learned, a row for each set; and how many pixels high it is."""
    clouds = {name: picture.clouds[kind] for kind, name in CLOUDS.items() if len(picture.clouds.get(kind, ()))}
    fewer = picture.curves["random"]
    names = [*clouds, *([FEWER] if len(fewer) else []), *dict.fromkeys(picture.dots["label"])]
    series = [_in_row(_cloud(kind, clouds[name]), name) for kind, name in CLOUDS.items() if name in clouds]
    if len(fewer):
        series.append(_in_row(_curve("random", fewer), FEWER))
    for id_, rows in _series_of(picture):
        for row in rows.to_dict("records"):
            name, x, se = row["label"], row["x"], row["x_se"]
            ends = [] if math.isnan(se) else [[x - se, name], [x + se, name]]
            series += [{**_bars(row), "data": ends}, _in_row(_marks(id_, [row]), name)]
    if not picture.absolute and series:
        series[0]["markLine"] = {
            "silent": True, "symbol": "none", "label": {"show": False}, "data": [{"xAxis": 0}],
            "lineStyle": {"color": FAINT, "type": "solid"},
        }  # fmt: skip
    spec = {
        "animation": False,
        "grid": {"left": 190, "right": RIGHT, "top": TOP, "bottom": BOTTOM, **FIXED},
        "tooltip": {"trigger": "item", "confine": True},
        "xAxis": {
            "type": "value", "scale": True, "name": f"→ the new is learned better ({picture.unit})", "nameGap": 28,
            "nameLocation": "middle", "axisLabel": {"formatter": f"{{value}}{_percent(picture)}"},
        },
        "yAxis": {"type": "category", "data": names, "inverse": True, "axisTick": {"show": False},
                  "axisLabel": {"width": 176, "overflow": "truncate"}},
        "series": series,
    }  # fmt: skip
    return spec, TOP + BOTTOM + ROW * len(names)


def _in_row(series: Spec, name: str) -> Spec:
    """The same on the one axis, in the row of this name, which says what a label would."""
    data = [each if isinstance(each, dict) else {"value": each} for each in series["data"]]
    data = [{**each, "value": [each["value"][0], name, *each["value"][2:]], "label": {"show": False}} for each in data]
    return {**series, "data": data}


FEWER = "fewer labels, their means"
CLOUDS = {
    "random": "random sets",
    "classes": "random, same class counts",
    "losses": "random, same losses",
}


# -- the window ----------------------------------------------------------------------------------------


def window(picture: Picture) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Both axes' ends and the distance of their ticks, on which they begin and end. ACROSS pixels wide, and with as
    many points a pixel upwards, it is LEAST_UP to MOST_UP pixels high, give or take a tick."""
    tables = [picture.dots, *picture.clouds.values(), *picture.curves.values()]
    spans = []
    for name, centre in zip("xy", picture.centre, strict=False):
        values = [v for table in tables if len(table) for v in table[name].dropna().tolist()]
        values += [0.0 if math.isnan(centre) else centre]
        spans.append((min(values), max(values)))
    step = next((float(s) for s in STEPS if spans[0][1] - spans[0][0] < (MOST_STEPS - 2) * s), float(STEPS[-1]))
    x, y = ((math.floor(low / step - 0.2), math.ceil(high / step + 0.2)) for low, high in spans)
    x = _widened(*x, math.ceil((y[1] - y[0]) * ACROSS / MOST_UP))
    y = _widened(*y, math.ceil((x[1] - x[0]) * LEAST_UP / ACROSS))
    return (step * x[0], step * x[1]), (step * y[0], step * y[1]), step


def _widened(low: int, high: int, least: int) -> tuple[int, int]:
    """To either side alike, so that they are `least` apart."""
    lacking = max(least - (high - low), 0)
    return low - lacking // 2, high + lacking - lacking // 2


def _lines(picture: Picture, x: tuple[float, float], y: tuple[float, float]) -> Spec:
    """Zero lines through the mean of random sets, and the line of equal net through it."""
    mx, my, _ = picture.centre
    if math.isnan(mx):
        return {"type": "scatter", "data": []}
    slope = -1 / (picture.task - 1)
    ends = [(v, my + slope * (v - mx)) for v in x] + [(mx + (v - my) / slope, v) for v in y]
    inside = sorted({e for e in ends if x[0] <= e[0] <= x[1] and y[0] <= e[1] <= y[1]})
    rule: Spec = {"lineStyle": {"color": FAINT, "type": "solid", "width": 1}, "label": {"show": False}}
    data: list[Any] = [{"xAxis": mx, **rule}, {"yAxis": my, **rule}]
    if len(inside) > 1:
        words = {"show": True, "formatter": "on this line: equal overall", "position": "insideStartTop"}
        start = {
            "coord": list(inside[0]), "lineStyle": {"color": FAINT, "type": "dashed", "width": 1.5},
            "label": {**words, "color": CURVE, "fontSize": 11},
        }  # fmt: skip
        data.append([start, {"coord": list(inside[-1])}])
    marks = {"silent": True, "symbol": "none", "data": data}
    return {"type": "scatter", "data": [], "markLine": marks, "z": 0}


# -- the marks -----------------------------------------------------------------------------------------


def _series_of(picture: Picture) -> Iterable[tuple[str, pd.DataFrame]]:
    """The rows of each series and its id: in the plane a path over a setting is one, every other set its own. The ring
    of what was bought lies around its strategy's dot, and one's own sets on top."""
    dots = picture.dots
    paths = dots["kind"].isin(PATHS) & (picture.task > 1)
    for kind, path in dots[paths].groupby("kind", sort=False):
        yield str(kind), path.sort_values("name", key=lambda names: names.astype(float))
    rest = dots[~paths]
    order = rest["kind"].map({"recorded": 1, "own": 2}).fillna(0).to_numpy()
    for place in order.argsort(kind="stable"):
        row = rest.iloc[place]
        yield f"{row['kind']}:{row['name']}:{place}", rest.iloc[[place]]


def _cloud(kind: str, cloud: pd.DataFrame) -> Spec:
    symbol, size = MARKS[kind]
    colour = {"random": CLOUD, "classes": "#44AA99", "losses": "#AA4499"}[kind]
    return {
        "type": "scatter", "id": kind, "name": CLOUDS[kind], "symbol": symbol, "symbolSize": size, "z": 1,
        "data": [[row["x"], row["y"], row["net"], row["n"]] for row in _rounded(cloud)],
        "itemStyle": {"color": colour, "opacity": 1 if kind == "random" else 0.6},
        "tooltip": {"formatter": f"{CLOUDS[kind]}: {{@[3]}} labels<br>{_values()}"}, **_choosing(),
    }  # fmt: skip


def _rounded(table: pd.DataFrame) -> list[dict[Hashable, Any]]:
    return table.round({"x": 2, "y": 2, "net": 2}).to_dict("records")


def _values() -> str:
    return "new {@[0]}, past {@[1]}, net <b>{@[2]}</b>"


def _choosing() -> Spec:
    """A click shows a dot's samples."""
    return {"selectedMode": "single", "select": {"itemStyle": {"borderColor": "#D5572B", "borderWidth": 2.5}}}


def _curve(kind: str, curve: pd.DataFrame) -> Spec:
    """Means of random sets of every size, joined; each is named by its number of labels."""
    rows = _rounded(curve)
    plural = "with as many gradient steps as the full set" if kind == "equal_steps" else ""
    return {
        "type": "line", "name": f"{kind} curve", "symbol": "circle", "symbolSize": 7, "z": 3, "color": CURVE,
        "data": [
            {"value": [row["x"], row["y"], row["net"], row["n"]], "name": f"{row['n']}{' labels' if last else ''}"}
            for row, last in zip(rows, [*[False] * (len(rows) - 1), True], strict=True)
        ],
        "lineStyle": {"width": 1.5, "type": "dotted" if kind == "equal_steps" else "solid"},
        "label": {"show": kind == "random", "formatter": "{b}", "position": "bottom", "color": "inherit",
                  "fontSize": 11},
        "tooltip": {"formatter": f"mean of random sets of {{@[3]}} labels {plural}<br>{_values()}"},
    }  # fmt: skip


def _bars(row: Mapping[Hashable, Any]) -> Spec:
    """One standard error to either side, across and up."""
    x, y, dx, dy = row["x"], row["y"], row["x_se"], row["y_se"]
    ends: list[Any] = []
    if not math.isnan(dx):
        ends += [[x - dx, y], [x + dx, y], [None, None]]
    if not (math.isnan(dy) or math.isnan(y)):
        ends += [[x, y - dy], [x, y + dy]]
    return {
        "type": "line", "data": ends, "symbol": "none", "silent": True, "color": row["colour"], "z": 4,
        "lineStyle": {"width": 1.5, "opacity": 0.8}, "tooltip": {"show": False},
    }  # fmt: skip


def _marks(id_: str, rows: Sequence[Mapping[Hashable, Any]]) -> Spec:
    first = rows[0]
    kind, colour = first["kind"], first["colour"]
    symbol, size = MARKS[kind]
    path = kind in PATHS and len(rows) > 1
    line = path and PATHS[kind] != "none"
    data = []
    for place, row in enumerate(rows):
        value = [round(row["x"], 2), None if math.isnan(row["y"]) else round(row["y"], 2)]
        named = not path or place in {0, len(rows) - 1}
        data.append(
            {"value": value, "name": row["mark"], "label": {"show": bool(row["mark"]) and named},
             "tooltip": {"formatter": f"<b>{plain(row['label'])}</b><br>{plain(row['said'])}"}}
        )  # fmt: skip
    look: Spec = {"color": colour}
    if symbol == "emptyCircle":
        symbol, look = "circle", {"color": "transparent", "borderColor": colour, "borderWidth": 2.5}
    if kind == "own":
        look |= {"borderColor": "#FFFFFF", "borderWidth": 1}
    return {
        "type": "line" if line else "scatter", "id": id_, "name": id_, "symbol": symbol, "symbolSize": size,
        "data": data, "itemStyle": look, "color": colour, "z": 7 if kind in {"own", "recorded"} else 5,
        "label": {"formatter": "{b}", "position": PLACES.get(kind, "right"), "color": "inherit",
                  "fontSize": 12, "distance": 7},
        "labelLayout": {"moveOverlap": "shiftY"},
        **({"lineStyle": {"width": 1, "opacity": 0.5, "type": PATHS[kind]}} if line else {}), **_choosing(),
    }  # fmt: skip


def _percent(picture: Picture) -> str:
    return " %" if picture.absolute else ""
