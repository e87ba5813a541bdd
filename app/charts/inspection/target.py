"""The target, what picks give of it, and how samples and classes share in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.charts.inspection.figure import AMOUNT, FAINT, MOST_NAMED_CLASSES, STYLE, as_text, new_figure
from app.charts.palette import strategy_colour
from app.charts.score_plane import HERO

MOST_DIMS = 60
DIVERGING = [[0, "#2166AC"], [0.5, "rgba(140,150,160,0.12)"], [1, "#E08214"]]
DECADES = 4
CLIP = 3.0


def target_map(
    past: np.ndarray, new: np.ndarray, kept: np.ndarray, names: Sequence[str], picks: np.ndarray
) -> go.Figure:
    """The target class × feature dimension: its past part, its new part, their sum, and F(picks) against the sum."""
    total, names = past + new, [as_text(name) for name in names]
    order = np.argsort(-total.sum(0), kind="stable")[:MOST_DIMS]
    n_kept, kept = int(kept.sum()), kept[:, order]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.clip(np.log2(picks / total), -CLIP, CLIP)[:, order]
    # Where the target asks for nothing there is nothing to compare.
    ratio = np.where(total[:, order] > 0, ratio, np.nan)
    dims = [str(i) for i in order]
    panels = ("Past: λ F(memory)", "New: (1 − λ) F(pool)", "Target F*: their sum", "Picks against the target")
    top = float(np.log10(total.max())) if total.max() > 0 else 0.0
    hover = "%{y}, feature %{x}<br>Fisher information %{customdata:.3g}<extra></extra>"
    traces: list[dict[str, Any]] = []
    for part in (past, new, total):
        part = part[:, order]
        with np.errstate(divide="ignore"):
            logs = np.maximum(np.log10(part), top - DECADES)
        traces.append(
            {"z": np.round(logs, 3), "coloraxis": "coloraxis", "customdata": _significant(part), "hovertemplate": hover}
        )
    hover = "%{y}, feature %{x}<br>F(picks) is 2^%{z:.2f} times the target<extra></extra>"
    traces.append({"z": np.round(ratio, 3), "coloraxis": "coloraxis2", "hovertemplate": hover})
    for place, trace in enumerate(traces):
        trace |= {"type": "heatmap", "x": dims, "y": list(names), **_cell(place)}
    rows, columns = np.nonzero(kept)
    rest = f" of {n_kept}, the others in features not shown" if len(rows) < n_kept else ""
    marks = {
        "type": "scatter", "mode": "markers", "hoverinfo": "skip", "name": f"kept entries {len(rows)}{rest}",
        "x": [dims[c] for c in columns], "y": [names[r] for r in rows],
        "marker": {"size": 4, "color": "#D55E00", "line": {"width": 0}},
    }  # fmt: skip
    traces += [marks | _cell(2), marks | _cell(3) | {"showlegend": False}]
    shown = (
        f"the {len(order)} of {total.shape[1]} features with the most" if len(order) < total.shape[1] else "features"
    )
    return _grid(traces, panels, f"{shown}, largest first", names, top, len(order) <= 30)


def _cell(place: int) -> dict[str, str]:
    """Axes of one of the four panels."""
    number = str(place + 1) if place else ""
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"}


def _grid(
    traces: list[dict[str, Any]], panels: Sequence[str], x_title: str, names: Sequence[str], top: float, ticks: bool
) -> go.Figure:
    """Two by two panels that share their axes. One dict, checked once: a figure put together by calls takes ten
    times as long, too long for a slider."""
    layout: dict[str, Any] = {}
    titles = []
    for place, title in enumerate(panels):
        column, low = place % 2, (0.0 if place > 1 else 0.57)
        number = str(place + 1) if place else ""
        x, y = [0.52 * column, 0.48 + 0.52 * column], [low, low + 0.43]
        layout[f"xaxis{number}"] = {
            "anchor": f"y{number}", "domain": x, "type": "category", "showgrid": False, "zeroline": False,
            "automargin": True, "showticklabels": ticks and place > 1, "matches": None if place == 2 else "x3",
            "title": {"text": x_title if place > 1 else ""},
        }  # fmt: skip
        layout[f"yaxis{number}"] = {
            "anchor": f"x{number}", "domain": y, "type": "category", "showgrid": False, "zeroline": False,
            "automargin": True, "showticklabels": column == 0, "matches": None if place == 0 else "y",
            "autorange": "reversed", "nticks": min(len(names), 20),
        }  # fmt: skip
        titles.append({
            "text": title, "showarrow": False, "x": sum(x) / 2, "y": y[1], "xref": "paper", "yref": "paper",
            "yanchor": "bottom", "font": {"size": 16},
        })  # fmt: skip
    layout |= STYLE | _colour_axes(top) | {
        "height": 300 + 2 * min(12 * len(names), 420),
        "annotations": titles,
        "legend": {"orientation": "h", "x": 0, "y": -0.12, "yanchor": "top"},
    }  # fmt: skip
    return go.Figure({"data": traces, "layout": layout})


def _colour_axes(top: float) -> dict[str, Any]:
    """Of the Fisher information, its largest power of ten `top`, and of the picks against the target."""
    values = [top - d for d in range(DECADES + 1)]
    return {
        "coloraxis": {
            "colorscale": AMOUNT, "cmin": top - DECADES, "cmax": top,
            "colorbar": {
                "len": 0.42, "y": 0.79, "thickness": 10, "title": {"text": "Fisher<br>information"},
                "tickvals": values, "ticktext": [f"{10**v:.0e}" for v in values],
            },
        },
        "coloraxis2": {
            "colorscale": DIVERGING, "cmin": -CLIP, "cmax": CLIP,
            "colorbar": {
                "len": 0.42, "y": 0.21, "thickness": 10, "title": {"text": "picks /<br>target"},
                "tickvals": [-3, -1, 0, 1, 3], "ticktext": ["⅛", "½", "equal", "2×", "8×"],
            },
        },
    }  # fmt: skip


def _significant(values: np.ndarray) -> np.ndarray:
    """Three digits are enough for a hover, and travel lighter."""
    with np.errstate(divide="ignore"):
        step = 10.0 ** (np.floor(np.log10(values)) - 2)
    return np.where(values > 0, np.round(values / np.where(step > 0, step, 1)) * step, 0.0)


def sample_against_target(spread: np.ndarray, target: np.ndarray, names: Sequence[str]) -> go.Figure:
    """How one sample's and the target's Fisher information are spread over the kept entries, class by class."""
    x, names = np.arange(len(target)), [as_text(name) for name in names]
    figure = new_figure(190, bargap=0, legend={"orientation": "h", "y": 1.25, "x": 0})
    figure.add_trace(go.Bar(x=x, y=100 * target, name="target", marker={"color": FAINT}, customdata=list(names),
                            hovertemplate="%{customdata}: target %{y:.2f} %<extra></extra>"))  # fmt: skip
    figure.add_trace(
        go.Scatter(x=x, y=100 * spread, name="this sample", mode="lines", customdata=list(names),
                   line={"color": strategy_colour(HERO), "width": 2, "shape": "hvh"},
                   hovertemplate="%{customdata}: this sample %{y:.2f} %<extra></extra>")
    )  # fmt: skip
    starts = [i for i in range(len(names)) if i == 0 or names[i] != names[i - 1]]
    middle = [(a + b - 1) / 2 for a, b in zip(starts, [*starts[1:], len(names)], strict=True)]
    every = -(-len(starts) // MOST_NAMED_CLASSES)
    figure.update_xaxes(tickvals=middle[::every], ticktext=[names[i] for i in starts[::every]], showgrid=False)
    figure.update_yaxes(ticksuffix=" %", nticks=4, rangemode="tozero")
    return figure


def shares_of_classes(names: Sequence[str], memory: Sequence[float], past: Sequence[float]) -> go.Figure:
    """The share (0..1) of each class in the information of the memory and in that of the whole past."""
    names = [as_text(name) for name in names]
    figure = new_figure(260, bargap=0.25, legend={"orientation": "h", "y": 1.2, "x": 0})
    for label, share, colour in (("the past", past, FAINT), ("the memory", memory, strategy_colour(HERO))):
        figure.add_trace(
            go.Bar(x=list(range(len(names))), y=[100 * value for value in share], name=label, customdata=names,
                   marker={"color": colour}, hovertemplate=f"%{{customdata}}: %{{y:.1f}} % of {label}<extra></extra>")
        )  # fmt: skip
    every = -(-len(names) // MOST_NAMED_CLASSES)
    figure.update_xaxes(tickvals=list(range(0, len(names), every)), ticktext=names[::every], showgrid=False)
    figure.update_yaxes(ticksuffix=" %", nticks=5, rangemode="tozero")
    return figure
