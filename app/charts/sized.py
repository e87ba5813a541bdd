"""How large a chart's type and lines are, for all of them: on a screen at a desk, and projected for a room."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]
TYPE_PX = 12.0
"""What ECharts writes with where nothing is said; distances in our charts are made for it."""
AXES = ("xAxis", "yAxis")
SIDES = ("left", "right", "bottom", "top")
NAMED = ("axisLabel", "nameTextStyle", "textStyle", "label", "endLabel")


@dataclass(frozen=True)
class Size:
    """type_px: the least size of type; thick: how much wider than drawn lines and points are; high: the same of the
    whole chart."""

    type_px: float
    thick: float
    high: float


DESK = Size(14, 1.0, 1.0)
ROOM = Size(20, 1.7, 1.6)


def sized(spec: Spec, size: Size) -> Spec:
    """The same chart with type, lines, points and the room around them of this size."""
    wider = size.type_px / TYPE_PX
    axes: Spec = {name: _each(spec[name], lambda axis: _axis(axis, size)) for name in AXES if name in spec}
    series = {"series": [_series(one, size) for one in spec["series"]]} if "series" in spec else {}
    # Where there are several grids, they share the room by places of their own.
    grids = {"grid": _wider(spec["grid"], wider)} if isinstance(spec.get("grid"), dict) else {}
    legend = {"legend": _each(spec["legend"], lambda one: _typed(one, size))} if "legend" in spec else {}
    return {**spec, **axes, **series, **grids, **legend}


def _each(found: Any, change: Any) -> Any:
    """An option that may be given once or several times."""
    return [change(one) for one in found] if isinstance(found, list) else change(found)


def _axis(axis: Spec, size: Size) -> Spec:
    gap = {"nameGap": round(axis["nameGap"] * size.type_px / TYPE_PX)} if "nameGap" in axis else {}
    named = {"axisLabel": {}, "nameTextStyle": {}, **axis}
    return {**_typed(named, size), **gap}


def _typed(part: Spec, size: Size) -> Spec:
    """With every kind of type in it at least as large."""
    return {**part, **dict(_type(part, size))}


def _type(part: Spec, size: Size) -> Iterator[tuple[str, Spec]]:
    for name in NAMED:
        if isinstance(part.get(name), dict):
            wider = size.type_px / TYPE_PX
            larger = {"fontSize": max(part[name].get("fontSize", TYPE_PX), TYPE_PX) * wider}
            around = {
                what: part[name][what] * wider for what in ("lineHeight", "width", "distance") if what in part[name]
            }
            yield name, {**part[name], **larger, **around}


def _series(one: Spec, size: Size) -> Spec:
    """A line drawn boldly is bold in every size; points grow with it."""
    found = _typed(one, size)
    if isinstance(one.get("lineStyle"), dict) and "width" in one["lineStyle"]:
        width = one["lineStyle"]["width"]
        found["lineStyle"] = {**one["lineStyle"], "width": max(width, 2.5 if width >= 2 else 0) * size.thick}
    if isinstance(one.get("symbolSize"), int | float):
        found["symbolSize"] = one["symbolSize"] * size.thick
    if isinstance(one.get("markLine"), dict):
        found["markLine"] = _typed(one["markLine"], size)
    return found


def _wider(grid: Spec, wider: float) -> Spec:
    return {**grid, **{side: grid[side] * wider for side in SIDES if isinstance(grid.get(side), int | float)}}
