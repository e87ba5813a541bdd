"""Strategies side by side: the objective of their picks, what they share, and how they go over the queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.charts.inspection.figure import AMOUNT, MOST_NAMED_CLASSES, as_text, new_figure
from app.charts.palette import OTHER, strategy_colour
from app.charts.written import whole_percent

WIDE = 20


def objective_bars(rows: pd.DataFrame, band: np.ndarray, greedy: float) -> go.Figure:
    """J of each strategy's picks (columns name, label, past, new), beside random subsets and the greedy one."""
    rows = rows.assign(total=rows["past"] + rows["new"]).sort_values("total", ascending=False)
    # Bars stacked on a logarithmic axis would lie about their parts: there they stand side by side.
    wide = rows["total"].max() > WIDE * min(rows["total"].min(), greedy)
    figure = new_figure(
        130 + 40 * len(rows), barmode="group" if wide else "stack", bargap=0.3,
        legend={"orientation": "h", "y": 1.2, "x": 0},
    )  # fmt: skip
    figure.add_vrect(x0=band.min(), x1=band.max(), fillcolor=OTHER, opacity=0.13, line_width=0, layer="below")
    low, high = np.quantile(band, [0.05, 0.95])
    figure.add_vrect(x0=low, x1=high, fillcolor=OTHER, opacity=0.22, line_width=0, layer="below")
    figure.add_vline(x=greedy, line={"color": "#2E9E6B", "width": 2, "dash": "dash"})
    for x, side, text in ((low, "left", f"{len(band)} random subsets, 5–95 %"), (greedy, "right", "greedy J")):
        # Plotly wants places on a logarithmic axis as powers of ten, but only for what is written.
        figure.add_annotation(x=np.log10(x) if wide else x, y=1, yref="paper", text=text, showarrow=False,
                              xanchor=side, yanchor="bottom", font={"size": 11})  # fmt: skip
    colours = [strategy_colour(name) for name in rows["name"]]
    _add_parts(figure, rows, colours)
    # The band and greedy J are whole sums: so there must be a mark for the whole sum of each strategy too.
    figure.add_trace(
        go.Scatter(
            x=rows["total"], y=rows["label"], mode="markers", name="J, their sum",
            marker={"symbol": "diamond", "size": 11, "color": colours, "line": {"color": OTHER, "width": 1.5}},
            hovertemplate="%{y}: J = %{x:,.0f}<extra></extra>",
        )
    )  # fmt: skip
    axis = {"type": "log", "dtick": 1} if wide else {"rangemode": "tozero"}
    figure.update_xaxes(title={"text": "trace objective J" + (", logarithmic" if wide else "") + ", ↓ better"}, **axis)
    return figure


def _add_parts(figure: go.Figure, rows: pd.DataFrame, colours: Sequence[str]) -> None:
    """The past term of each strategy filled, the new one hatched."""
    for part, look, opacity, shape in (("past", "filled", 0.95, ""), ("new", "hatched", 0.45, "/")):
        # Bars of several colours have none in the legend: there an empty bar stands for them, in one.
        figure.add_trace(
            go.Bar(
                y=rows["label"][:1], x=[None], orientation="h", name=f"{part} term ({look})", legendgroup=part,
                marker={"color": OTHER, "opacity": opacity, "pattern": _hatched(shape)}, hoverinfo="skip",
            )
        )  # fmt: skip
        figure.add_trace(
            go.Bar(
                y=rows["label"], x=rows[part], orientation="h", legendgroup=part, showlegend=False,
                marker={"color": colours, "opacity": opacity, "pattern": _hatched(shape)},
                hovertemplate="%{y}: " + part + " term %{x:,.0f}<extra></extra>",
            )
        )  # fmt: skip


def _hatched(shape: str) -> dict[str, Any]:
    return {"shape": shape, "size": 6, "solidity": 0.35}


def over_queries(
    lines: Mapping[str, Sequence[tuple[str, float | None]]], strategies: Mapping[str, str], first: str, title: str,
    percent: bool, log: bool = False,
) -> go.Figure:  # fmt: skip
    """A line for each name over the queries (task.round, value), `first` strongest and on top. strategies: by which of
    them a name is coloured; log: for values that span orders of magnitude, none of them 0."""
    figure = new_figure(320, legend={"orientation": "h", "y": 1.12, "x": 0})
    for name in sorted(lines, key=lambda each: each == first):
        x, y = zip(*lines[name], strict=True)
        strategy = strategies.get(name) or strategies[name.rpartition(",")[0]]
        width, size = (3, 8) if name == first else (1.5, 5)
        figure.add_trace(
            go.Scatter(
                x=x, y=y, mode="lines+markers", name=as_text(name), marker={"size": size},
                line={"color": strategy_colour(strategy), "width": width},
                hovertemplate="query %{x}: %{y:.4g}" + (" %" if percent else "") + "<extra>%{fullData.name}</extra>",
            )
        )  # fmt: skip
    figure.update_xaxes(type="category", title={"text": "query: task.round"}, showgrid=False)
    written = as_text(title) + (", logarithmic" if log else "")
    axis = {"type": "log", "dtick": "D2"} if log else {"rangemode": "tozero"}
    figure.update_yaxes(title={"text": written}, ticksuffix=" %" if percent else "", **axis)
    return figure


def overlap(labels: Sequence[str], matrix: np.ndarray) -> go.Figure:
    """Jaccard overlap of the strategies' picks, in percent."""
    figure = new_figure(80 + 34 * len(labels))
    # That each shares all of its picks with itself says nothing.
    shares = np.where(np.eye(len(labels), dtype=bool), np.nan, 100 * matrix)
    said = [["" if np.isnan(share) else as_text(whole_percent(share)) for share in row] for row in shares]
    figure.add_trace(
        go.Heatmap(
            z=shares, x=list(labels), y=list(labels), zmin=0, zmax=250, showscale=False, customdata=said,
            colorscale=AMOUNT, hovertemplate="%{y} and %{x} share %{customdata} of their picks<extra></extra>",
        )
    )  # fmt: skip
    # A heat map guesses its letters' colour as if it were opaque; a trace of text takes the theme's.
    across, down = np.meshgrid(labels, labels)
    figure.add_trace(
        go.Scatter(x=across.ravel(), y=down.ravel(), text=sum(said, []),
                   mode="text", showlegend=False, hoverinfo="skip")
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=False)
    return figure


def class_balance(rows: pd.DataFrame, names: dict[int, str], colours: dict[int, str]) -> go.Figure:
    """How many picks of each class each strategy takes (columns label, class, count)."""
    order = list(dict.fromkeys(rows["label"]))
    figure = new_figure(80 + 34 * len(order), barmode="stack", bargap=0.35, showlegend=len(names) <= MOST_NAMED_CLASSES,
                     legend={"orientation": "h", "y": 1.15, "x": 0})  # fmt: skip
    for label, name in sorted(names.items()):
        group = rows[rows["class"] == label]
        figure.add_trace(
            go.Bar(
                y=group["label"], x=group["count"], orientation="h", name=as_text(name),
                marker={"color": colours.get(label, OTHER)},
                hovertemplate="%{y}: %{x} of %{fullData.name}<extra></extra>",
            )
        )  # fmt: skip
    figure.update_xaxes(title={"text": "picks"})
    figure.update_yaxes(autorange="reversed", categoryorder="array", categoryarray=order)
    return figure
