"""A comparison as one HTML file that works without a network: figures that can be hovered and zoomed, sentences, table.

Functions from tables to figures, and a template (report.html) that they stand in; no streamlit in here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from acl.results.significance import Paired, sentence
from acl.results.spread import over_seeds
from app.charts.inspection.figure import as_text
from app.charts.palette import Look

DASH = {"solid": "solid", "dashed": "dash", "dotted": "dot"}
CURVES = {"A": "Kept: accuracy on all tasks so far (A ↑)", "LA": "Learned: accuracy right after learning (LA ↑)",
          "F": "Forgetting: from the best each task had (F ↓)"}  # fmt: skip
HEADS = {"learner": "CL method", "strategy": "Strategy", "dataset": "Data", "memory": "Memory", "A_mean": "A ↑",
         "A_std": "± (A)", "F_mean": "F ↓", "F_std": "± (F)"}  # fmt: skip
BAND = 0.14


def report(
    runs: pd.DataFrame, tasks: pd.DataFrame, matrix: pd.DataFrame, looks: Sequence[Look], results: Sequence[Paired],
    baseline: str, differs: pd.DataFrame, paper: pd.DataFrame, left_out: Sequence[str],
) -> str:  # fmt: skip
    """The whole file. runs, tasks, matrix: as in acl.results.frames, with cohort; differs, paper: tables to print;
    results: against `baseline`."""
    return _pages.get_template("report.html").render(
        plotly=get_plotlyjs(), looks=looks, seeds=runs["cohort"].value_counts(), differs=differs,
        curves=[curve(tasks, looks, metric) for metric in CURVES], plane=plane(tasks, looks), baseline=baseline,
        results=results, paper=paper.rename(columns=HEADS), heat_maps=[heat_map(matrix, look) for look in looks],
        runs=_percent(runs), left_out=left_out,
    )  # fmt: skip


def _table(frame: pd.DataFrame) -> str:
    return str(frame.to_html(index=False, border=0, na_rep="–", escape=True))


def _drawing(figure: go.Figure) -> str:
    return str(figure.to_html(full_html=False, include_plotlyjs=False))


# Whatever is no table and no figure of ours is text, and escaped.
_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_pages.filters.update(table=_table, drawn=_drawing, sentence=sentence)


def _percent(runs: pd.DataFrame) -> pd.DataFrame:
    shown = runs[["run", "cohort", "seed"]].rename(columns={"run": "Run", "cohort": "Strategy", "seed": "Seed"})
    return shown.assign(**{name: (100 * runs[name].astype(float)).round(2) for name in ("A", "F", "LA")})


def _drawn(data: list[dict[str, Any]], title: str, x: str, y: str, height: int = 360, **more: Any) -> go.Figure:
    layout: dict[str, Any] = {
        "title": {"text": title, "font": {"size": 15}}, "template": "plotly_white", "height": height,
        "margin": {"l": 60, "r": 20, "t": 48, "b": 50}, "xaxis": {"title": {"text": x}},
        "yaxis": {"title": {"text": y}}, **more,
    }  # fmt: skip
    return go.Figure({"data": data, "layout": layout})


def curve(tasks: pd.DataFrame, looks: Sequence[Look], metric: str) -> go.Figure:
    """Mean and 95 % band of each cohort after each task."""
    bands = over_seeds(tasks, ["cohort", "task"], metric)
    traces: list[dict[str, Any]] = []
    for look in looks:
        of = bands[bands["cohort"] == look.name].sort_values("task")
        x, y, half = of["task"].tolist(), 100 * of["mean"], 100 * of["half"].fillna(0)
        # As on the page: beyond 0 and 100 % a band says nothing, and would leave the lines no room.
        top, bottom = (y + half).clip(upper=y.clip(lower=100)), (y - half).clip(lower=y.clip(upper=0))
        edge = [*top, *bottom[::-1]]
        traces += [
            {"type": "scatter", "x": [*x, *x[::-1]], "y": edge, "fill": "toself", "mode": "none", "hoverinfo": "skip",
             "fillcolor": _faint(look.colour), "showlegend": False, "legendgroup": look.name},
            {"type": "scatter", "x": x, "y": y.tolist(), "mode": "lines+markers", "name": as_text(look.name),
             "legendgroup": look.name, "line": {"color": look.colour, "dash": DASH[look.dash], "width": 2.5},
             "hovertemplate": "%{y:.1f} %"},
        ]  # fmt: skip
    figure = _drawn(traces, CURVES[metric], "tasks learned", "%", hovermode="x unified")
    figure.update_xaxes(dtick=max(1, len(bands["task"].unique()) // 10))
    return figure


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{BAND})"


def plane(tasks: pd.DataFrame, looks: Sequence[Look]) -> go.Figure:
    """Learning accuracy against −BWT after the last task, with 95 % intervals and lines of equal A."""
    last = tasks[tasks["task"] == tasks["task"].max()]
    t = int(last["task"].max())
    found = {name: over_seeds(last, ["cohort"], name).set_index("cohort") for name in ("F_diag", "LA")}
    traces: list[dict[str, Any]] = [
        {"type": "scatter", "x": [-20, 120], "y": [a + (t - 1) / t * f for f in (-20, 120)], "mode": "lines",
         "line": {"color": "#C5CAD1", "width": 1, "dash": "dot"}, "hoverinfo": "skip", "showlegend": False}
        for a in range(0, 101, 10)
    ]  # fmt: skip
    for look in looks:
        if look.name not in found["LA"].index:
            continue
        x, y = (100 * found[name].loc[look.name] for name in ("F_diag", "LA"))
        traces.append({
            "type": "scatter", "x": [x["mean"]], "y": [y["mean"]], "mode": "markers", "name": as_text(look.name),
            "marker": {"color": look.colour, "size": 12}, "error_x": {"array": [x["half"]], "thickness": 1.2},
            "error_y": {"array": [y["half"]], "thickness": 1.2},
            "hovertemplate": "forgotten %{x:.1f} %, learned %{y:.1f} %",
        })  # fmt: skip
    xs, ys = (100 * found[name]["mean"] for name in ("F_diag", "LA"))
    axes = [[float(v.min()) - 12, float(v.max()) + 12] for v in (xs, ys)]
    figure = _drawn(traces, f"Each strategy after task {t}; dotted lines: equal A, ten points apart",
                    "forgotten since learned, −BWT (%) ↓", "learned, LA (%) ↑", 440)  # fmt: skip
    figure.update_xaxes(range=axes[0])
    figure.update_yaxes(range=[axes[1][0], min(axes[1][1], 101.0)])
    return figure


def heat_map(matrix: pd.DataFrame, look: Look) -> go.Figure:
    """R of one cohort, mean over seeds."""
    cells = over_seeds(matrix[matrix["cohort"] == look.name], ["after", "on"], "accuracy")
    table = (100 * cells.pivot(index="after", columns="on", values="mean")).round(1)
    small = len(table) <= 12
    trace = {
        "type": "heatmap", "z": table.to_numpy(), "x": list(map(str, table.columns)), "y": list(map(str, table.index)),
        "zmin": 0, "zmax": 100, "colorscale": [[0, "#F4F9FC"], [1, "#5FAAD8"]], "showscale": False,
        "texttemplate": "%{z:.0f}" if small else "",
        "hovertemplate": "after task %{y}, on task %{x}: %{z:.1f} %<extra></extra>",
    }  # fmt: skip
    figure = _drawn([trace], as_text(look.name), "on task", "after task", 90 + min(30 * len(table), 420), width=420)
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(type="category")
    return figure
