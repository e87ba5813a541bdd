"""Where the lines of a chart end: what its alternative text says of them, and places for their labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from app.charts.written import number

Spec = dict[str, Any]
APART = "apart"
"""A series that has this moves its label apart from others (labels_apart)."""
MOST_SAID = 40
LINE = 1.25
"""Height of a line of type, in sizes of it."""


def told(spec: Spec) -> str:
    """The numbers of a chart in words, for those who do not see it: where each line ends, each point, the last row of
    a table. Of what is drawn for the eye alone (bands, thin lines, helpers) nothing."""
    said = [one for series in spec["series"] if not series.get("silent") for one in _told(spec, series)]
    more = [f"{len(said) - MOST_SAID} more"] if len(said) > MOST_SAID else []
    return ", ".join([*said[:MOST_SAID], *more])


def _told(spec: Spec, series: Spec) -> Iterator[str]:
    name = series.get("name", series.get("encode", {}).get("y", ""))
    if series["type"] == "heatmap":
        yield from _last_row(series)
    elif series["type"] == "scatter":
        points = series.get("data", [])
        yield " ".join([name, *(f"{_number(v)}" for point in points for v in point if not isinstance(v, str))])
    elif series["type"] == "bar":
        yield " ".join([name, *(_number(bar["value"][1]) for bar in series["data"])])
    elif not math.isnan(end := last(spec, series)):
        title = f"{spec['title'][series['xAxisIndex']]['text']}: " if "xAxisIndex" in series else ""
        axis = spec["yAxis"][series.get("yAxisIndex", 0)] if isinstance(spec["yAxis"], list) else spec["yAxis"]
        unit = " %" if "%" in axis.get("axisLabel", {}).get("formatter", "") else ""
        yield f"{title}{name} {_number(end)}{unit}"


def _last_row(series: Spec) -> Iterator[str]:
    """Cells are [column, row, value], or have names that say all of it."""
    cells = series["data"]
    named = [cell for cell in cells if isinstance(cell, dict)]
    if named and "name" not in series:
        yield from (cell["name"] for cell in named)
    elif named:
        row = max(cell["value"][1] for cell in named)
        yield from (f"{series['name']} {cell['name']}" for cell in named if cell["value"][1] == row)
    elif cells:
        row = max(i for _, i, _ in cells)
        yield from (f"after task {row + 1}, on task {j + 1}: {value} %" for j, i, value in cells if i == row)


def _number(value: float) -> str:
    return number(value) if abs(value) >= 1 or not value else f"{value:.3g}"


def last(spec: Spec, series: Spec) -> float:
    """The last value of a line that there is; NaN where there is none."""
    if "data" in series:
        values = [point[1] for point in series["data"]]
    else:
        found = spec["dataset"]
        table = (found[series.get("datasetIndex", 0)] if isinstance(found, list) else found)["source"]
        column = series["encode"]["y"]
        values = list(table[column]) if column in table else []
    return next((float(value) for value in reversed(values) if value is not None and not math.isnan(value)), math.nan)


def labels_apart(spec: Spec, height: int) -> Spec:
    """The same chart, `height` pixels high, with the names at its lines' ends moved apart, none of them below the axis
    as long as there is room above it. ECharts itself would move them downwards, over the axis's numbers."""
    ends = {
        k: last(spec, one) for k, one in enumerate(spec["series"])
        if one.get("endLabel", {}).get("show") and APART in one
    }  # fmt: skip
    ends = {k: end for k, end in ends.items() if not math.isnan(end)}
    moved = _moves(spec, ends, height) if ends else {}
    return {**spec, "series": [_moved(one, moved.get(k)) for k, one in enumerate(spec["series"])]}


def _moves(spec: Spec, ends: dict[int, float], height: int) -> dict[int, float]:
    """How many pixels down the label of each of these series goes."""
    grid, axis = spec["grid"], spec["yAxis"]
    top, bottom = grid["top"], height - grid["bottom"]
    a_percent = (bottom - top) / (axis["max"] - axis["min"])
    order = sorted(ends, key=lambda k: -ends[k])
    wanted = [top + a_percent * (axis["max"] - ends[k]) for k in order]
    gap = max(_line(spec["series"][k]["endLabel"]) for k in order)
    room = bottom - gap / 2
    if gap * (len(order) - 1) > room - top:
        room = height - gap / 2
    places = _apart(wanted, gap, top, room)
    return {k: place - there for k, place, there in zip(order, places, wanted, strict=True)}


def _line(label: Spec) -> float:
    return float(label.get("lineHeight", LINE * label["fontSize"]))


def _apart(wanted: list[float], gap: float, top: float, bottom: float) -> list[float]:
    """Rising places as near to the wanted ones as they can be, `gap` apart and between top and bottom."""
    places: list[float] = []
    for place in wanted:
        places.append(max(place, places[-1] + gap if places else top))
    limit = bottom
    for k in reversed(range(len(places))):
        places[k] = min(places[k], limit)
        limit = places[k] - gap
    return places


def _moved(series: Spec, by: float | None) -> Spec:
    kept = {name: value for name, value in series.items() if name != APART}
    return kept if by is None else {**kept, "endLabel": {**series["endLabel"], "offset": [0, by]}}
