"""Learned − forgotten = kept as three bars a group over several seeds: an Apache ECharts option from tables."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from app.charts.palette import FORGOTTEN, KEPT, LEARNED
from app.charts.run import FIXED, PERCENT, Spec, forgotten

PLACES = 4
"""On the axis for each group: three bars, and a gap."""
NUMBER: Spec = {"show": True, "fontSize": 12, "position": "insideBottom"}
"""All numbers stand in one row, that of forgotten on the ground below its bar."""
BARS = (("LA", "learned ↑", LEARNED), ("forgotten", "− forgotten ↓", FORGOTTEN), ("A", "= kept ↑", KEPT))


def balance_bars(groups: Mapping[str, pd.DataFrame | None]) -> Spec:
    """By the name of each group, in turn, its figures: a row a seed, the columns LA, forgotten and A in percent; None
    leaves its place empty. Bars are means; forgotten hangs from what was learned, down to what is kept. Dots: seeds."""
    names = [name if place == 1 else "" for name in groups for place in range(PLACES)][:-1]
    drawn = [(PLACES * k, table) for k, table in enumerate(groups.values()) if table is not None]
    series: list[Spec] = [
        {
            "type": "bar", "name": "below", "stack": "bars", "silent": True, "tooltip": {"show": False},
            "itemStyle": {"color": "transparent"}, "data": [_bar(x + 1, table, "A", "forgotten") for x, table in drawn],
            "label": {**NUMBER, "color": FORGOTTEN},
        }
    ]  # fmt: skip
    for place, (column, name, colour) in enumerate(BARS):
        series.append(
            {
                "type": "bar", "name": name, "stack": "bars", "color": colour, "barWidth": "92%",
                "tooltip": {"valueFormatter": "%.1f %%"},
                "label": {**NUMBER, "color": "#FFFFFF", "show": column != "forgotten"},
                "data": [_bar(x + place, table, column, column) for x, table in drawn],
            }
        )  # fmt: skip
        series.append(
            {
                "type": "scatter", "name": f"{name}, seeds", "symbolSize": 5, "silent": True, "z": 4,
                "tooltip": {"show": False},
                "itemStyle": {"color": "#FFFFFF", "borderColor": colour, "borderWidth": 1.5, "opacity": 0.9},
                "data": [[x + place, value] for x, table in drawn for value in _ends(table, column)],
            }
        )  # fmt: skip
    return {
        "animation": False,
        "grid": {"left": 48, "right": 12, "top": 40, "bottom": 28, **FIXED},
        "legend": {"top": 0, "left": 40, "selectedMode": False, "data": [name for _, name, _ in BARS],
                   "itemWidth": 12, "itemHeight": 12, "textStyle": {"fontSize": 12}},
        "tooltip": {"trigger": "item", "confine": True},
        "xAxis": {"type": "category", "data": names, "axisTick": {"show": False}, "axisLabel": {"interval": 0}},
        "yAxis": {"type": "value", **PERCENT},
        "series": series,
    }  # fmt: skip


def _bar(x: int, table: pd.DataFrame, column: str, said: str) -> Spec:
    """One bar as high as a column, and the number of another: as they are written, too, learned − forgotten = kept."""
    mean = table.mean()
    written = forgotten(mean.rename({"LA": "learned", "A": "kept"})) if said == "forgotten" else mean[said]
    return {"value": [x, mean[column]], "label": {"formatter": f"{written:.1f}"}}


def _ends(table: pd.DataFrame, column: str) -> pd.Series:
    """Where each seed's bar would end."""
    return table["LA"].mean() - table["forgotten"] if column == "forgotten" else table[column]
