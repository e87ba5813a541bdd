"""Which scores of a set go with what it does: a row a score and a dot for each part of the outcome, as an Apache
ECharts option. Between the grey edges lies what chance alone gives."""

from __future__ import annotations

import pandas as pd

from acl.analysis.outcomes.predictors import PREDICTORS
from app.charts.comparison import plain
from app.charts.palette import KEPT, LEARNED, OTHER
from app.charts.run import FIXED, Spec
from app.charts.written import signed

PARTS = {"new": (LEARNED, "circle"), "past": (KEPT, "triangle"), "net": (OTHER, "diamond")}
ROW, TOP, BOTTOM = 25, 34, 46
BAND = "rgba(128,138,150,0.16)"


def chart(found: pd.DataFrame) -> tuple[Spec, int]:
    """found: of acl.analysis.outcomes.predictors.predictors, of one query; and how many pixels high it is. The score
    that goes most with any part stands on top."""
    order = found.groupby("score")["rho"].agg(lambda rho: rho.abs().max()).sort_values(kind="stable").index
    labels = [PREDICTORS[name].label for name in order]
    chance = float(found["chance"].iloc[0])
    parts = [part for part in PARTS if part in set(found["part"])]
    series = [_dots(part, found[found["part"] == part].set_index("score"), list(order)) for part in parts]
    series[0]["markArea"] = {
        "silent": True, "itemStyle": {"color": BAND}, "data": [[{"xAxis": -chance}, {"xAxis": chance}]],
    }  # fmt: skip
    spec = {
        "animation": False,
        "grid": {"left": 190, "right": 16, "top": TOP, "bottom": BOTTOM, **FIXED},
        "legend": {"top": 0, "left": 182, "selectedMode": False, "data": parts, "itemGap": 18,
                   "itemWidth": 12, "itemHeight": 12, "textStyle": {"fontSize": 12}},
        "tooltip": {"trigger": "item", "confine": True},
        "xAxis": {"type": "value", "min": -1, "max": 1, "interval": 0.5, "name": "rank correlation within this query",
                  "nameLocation": "middle", "nameGap": 28},
        "yAxis": {"type": "category", "data": labels, "axisTick": {"show": False}, "splitLine": {"show": True}},
        "series": series,
    }  # fmt: skip
    return spec, TOP + ROW * len(labels) + BOTTOM


def _dots(part: str, rows: pd.DataFrame, order: list[str]) -> Spec:
    colour, symbol = PARTS[part]
    data, found = [], rows["rho"].to_dict()
    for place, name in enumerate(order):
        if name in found:
            rho, score = found[name], PREDICTORS[name]
            written = signed(rho, 2)
            said = f"<b>{plain(score.label)}</b> with {part}: {written}<br>{plain(score.meaning)}"
            data.append({"value": [round(rho, 3), place], "tooltip": {"formatter": said}})
    return {
        "type": "scatter", "name": part, "symbol": symbol, "symbolSize": 10, "data": data,
        "itemStyle": {"color": colour, "opacity": 0.9},
    }  # fmt: skip
