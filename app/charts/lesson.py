"""Charts of the lesson that no other page has: functions from a table to an Apache ECharts option."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from app.charts.ends import APART
from app.charts.palette import KEPT, OTHER
from app.charts.run import GRID, PERCENT, tasks_axis

Spec = dict[str, Any]


def kept_chart(seen_before: Mapping[str, pd.DataFrame], mine: pd.DataFrame, chosen: str, n_tasks: int) -> Spec:
    """What is kept after each task. seen_before: of each group of runs its name and the columns task, kept, low, high
    (the mean and its range over the seeds); mine: the run that plays, columns x, kept, final; chosen: its group."""
    series: list[Spec] = []
    tables = list(seen_before.values())
    for place, name in enumerate(seen_before):
        here = name == chosen
        series.append(
            {
                "type": "line", "name": name, "datasetIndex": place, "color": KEPT if here else OTHER, "silent": True,
                "encode": {"x": "task", "y": "kept"}, "showSymbol": False, "z": 2, APART: True,
                "lineStyle": {"type": "dashed", "width": 1.8, "opacity": 0.9 if here else 0.7},
                "endLabel": {"show": True, "formatter": name, "color": "inherit", "distance": 6},
            }
        )  # fmt: skip
    ends = mine[mine["final"]].reset_index(drop=True) if len(mine) else mine
    common = {"color": KEPT, "name": "this run", "encode": {"x": "x", "y": "kept", "tooltip": ["kept"]}, "z": 3}
    series += [
        {**common, "type": "line", "datasetIndex": len(tables), "symbol": "circle", "symbolSize": 4,
         "lineStyle": {"width": 3}},
        {**common, "type": "scatter", "datasetIndex": len(tables) + 1, "symbolSize": 11, "tooltip": {"show": False}},
    ]  # fmt: skip
    return {
        "animation": False,
        "grid": {**GRID, "right": 120},
        "dataset": [{"source": table} for table in (*tables, mine, ends)],
        "tooltip": {"trigger": "axis", "valueFormatter": "%.1f %%"},
        "xAxis": tasks_axis(n_tasks, "tasks learned"),
        "yAxis": PERCENT,
        "series": series,
    }
