"""Figures that change rarely: functions from arrays to a Plotly figure. No streamlit, no run folder in here."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.charts.palette import OTHER, ink, strategy_colour
from app.charts.score_plane import HERO, ROLES, Mark, View
from app.charts.written import whole_percent

MOST_DIMS = 60
DIVERGING = [[0, "#2166AC"], [0.5, "rgba(140,150,160,0.12)"], [1, "#E08214"]]
AMOUNT = [[0, "rgba(11,127,194,0.03)"], [1, "#0B6FB0"]]
DECADES = 4
CLIP = 3.0
WIDE = 20
MOST_NAMED_ROWS = 120
TALL_ROWS = 20
"""With more of them an axis below is out of sight."""
UNNAMED_HEIGHT = 720
MOST_NAMED_CLASSES = 20
FAINT = "rgba(128,138,150,0.35)"
STYLE: dict[str, Any] = {
    "margin": {"l": 10, "r": 10, "t": 30, "b": 10},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "hoverlabel": {"align": "left"},
}


def _figure(height: int, **layout: object) -> go.Figure:
    figure = go.Figure()
    return _styled(figure, height, **layout)


def _styled(figure: go.Figure, height: int, **layout: object) -> go.Figure:
    figure.update_layout(height=height, **STYLE, **layout)
    figure.update_xaxes(automargin=True, zeroline=False)
    figure.update_yaxes(automargin=True, zeroline=False)
    return figure


def as_text(name: str) -> str:
    """A name in a figure, where Plotly would read some HTML, and places for values."""
    return html.escape(name, quote=False).replace("%{", "% {")


def for_paper(figure: go.Figure) -> go.Figure:
    """The same on white, in dark letters, for a file."""
    copy = go.Figure(figure)
    copy.update_layout(
        paper_bgcolor="#FFFFFF", plot_bgcolor="#FFFFFF", font={"color": ink(dark=False)}, template="none"
    )
    return copy


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
    values = [top - d for d in range(DECADES + 1)]
    layout |= STYLE | {
        "height": 300 + 2 * min(12 * len(names), 420),
        "annotations": titles,
        "legend": {"orientation": "h", "x": 0, "y": -0.12, "yanchor": "top"},
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
    return go.Figure({"data": traces, "layout": layout})


def _significant(values: np.ndarray) -> np.ndarray:
    """Three digits are enough for a hover, and travel lighter."""
    with np.errstate(divide="ignore"):
        step = 10.0 ** (np.floor(np.log10(values)) - 2)
    return np.where(values > 0, np.round(values / np.where(step > 0, step, 1)) * step, 0.0)


def sample_against_target(spread: np.ndarray, target: np.ndarray, names: Sequence[str]) -> go.Figure:
    """How one sample's and the target's Fisher information are spread over the kept entries, class by class."""
    x, names = np.arange(len(target)), [as_text(name) for name in names]
    figure = _figure(190, bargap=0, legend={"orientation": "h", "y": 1.25, "x": 0})
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
    figure = _figure(260, bargap=0.25, legend={"orientation": "h", "y": 1.2, "x": 0})
    for label, share, colour in (("the past", past, FAINT), ("the memory", memory, strategy_colour(HERO))):
        figure.add_trace(
            go.Bar(x=list(range(len(names))), y=[100 * value for value in share], name=label, customdata=names,
                   marker={"color": colour}, hovertemplate=f"%{{customdata}}: %{{y:.1f}} % of {label}<extra></extra>")
        )  # fmt: skip
    every = -(-len(names) // MOST_NAMED_CLASSES)
    figure.update_xaxes(tickvals=list(range(0, len(names), every)), ticktext=names[::every], showgrid=False)
    figure.update_yaxes(ticksuffix=" %", nticks=5, rangemode="tozero")
    return figure


def objective_bars(rows: pd.DataFrame, band: np.ndarray, greedy: float) -> go.Figure:
    """J of each strategy's picks (columns name, label, past, new), beside random subsets and the greedy one."""
    rows = rows.assign(total=rows["past"] + rows["new"]).sort_values("total", ascending=False)
    # Bars stacked on a logarithmic axis would lie about their parts: there they stand side by side.
    wide = rows["total"].max() > WIDE * min(rows["total"].min(), greedy)
    figure = _figure(
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


def _hatched(shape: str) -> dict[str, Any]:
    return {"shape": shape, "size": 6, "solidity": 0.35}


def over_queries(
    lines: Mapping[str, Sequence[tuple[str, float | None]]], strategies: Mapping[str, str], first: str, title: str,
    percent: bool, log: bool = False,
) -> go.Figure:  # fmt: skip
    """A line for each name over the queries (task.round, value), `first` strongest and on top. strategies: by which of
    them a name is coloured; log: for values that span orders of magnitude, none of them 0."""
    figure = _figure(320, legend={"orientation": "h", "y": 1.12, "x": 0})
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
    figure = _figure(80 + 34 * len(labels))
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
    figure = _figure(80 + 34 * len(order), barmode="stack", bargap=0.35, showlegend=len(names) <= MOST_NAMED_CLASSES,
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


def ribbon(
    lambdas: np.ndarray, picked: np.ndarray, names: Sequence[str], recorded: float, shown: float,
    pictures: Callable[[list[int]], list[str]] = lambda places: [],
) -> go.Figure:  # fmt: skip
    """Who is picked at each λ (bool [λ, sample]): a row for each sample picked anywhere, ordered by where it enters.

    `pictures` gives the URLs of those samples' pictures; they are asked for only where the rows have room for them.
    """
    ever = np.nonzero(picked.any(0))[0]
    first = picked[:, ever].argmax(0)
    last = len(lambdas) - picked[::-1, ever].argmax(0)
    ever = ever[np.lexsort((ever, last, first))]
    rows = [names[i] for i in ever.tolist()]
    room = len(rows) <= MOST_NAMED_ROWS
    images = pictures(ever.tolist()) if room else []
    figure = _figure(110 + ((18 if images else 12) * len(rows) if room else UNNAMED_HEIGHT))
    figure.add_trace(
        go.Heatmap(
            z=picked[:, ever].T.astype(np.int8), x=np.round(lambdas, 4), y=rows, zmin=0, zmax=1, showscale=False,
            colorscale=[[0, "rgba(128,138,150,0.07)"], [1, strategy_colour(HERO)]], ygap=1,
            hovertemplate="%{y}: picked at λ = %{x}: %{z}<extra></extra>",
        )
    )  # fmt: skip
    tall = len(rows) > TALL_ROWS
    lines = [(recorded, "recorded", "#D55E00")] + ([] if shown == recorded else [(shown, "shown", OTHER)])
    for value, text, colour in lines:
        said = {"text": f"{text} λ = {value:.2f}", "yshift": 44 if tall else 0}
        figure.add_vline(x=value, line={"color": colour, "width": 2}, annotation=said, annotation_position="top")
    for row, url in zip(rows, images, strict=bool(images)):
        figure.add_layout_image(source=url, xref="x", yref="y", x=-0.012, y=row, sizex=0.05, sizey=0.9,
                                xanchor="right", yanchor="middle")  # fmt: skip
    axis = {"title": {"text": "λ, weight of the past"}, "range": [-0.045 if images else -0.01, 1.01], "showgrid": False}
    figure.update_xaxes(**axis)
    if tall:
        # One axis has its numbers at one side: a second one, of a trace without points, has them at the other too.
        figure.add_trace(go.Scatter(x=[None], y=[None], xaxis="x2", showlegend=False, hoverinfo="skip"))
        figure.update_layout(xaxis2=axis | {"overlaying": "x", "side": "top", "matches": "x", "zeroline": False},
                             margin={"t": 80})  # fmt: skip
    figure.update_yaxes(autorange="reversed", type="category", showticklabels=room, dtick=1, showgrid=False)
    return figure


def scatter(frame: pd.DataFrame, view: View, colours: Sequence[str]) -> go.Figure:
    """One of the two linked pictures, to take away: a trace for each role, with its count (columns id, role)."""
    x_name, y_name = as_text(view.x_name), as_text(view.y_name)
    figure = _figure(
        520, title={"text": as_text(view.title)}, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    )
    figure.update_layout(margin={"t": 80})
    for role, mark in ROLES.items():
        here = (frame["role"] == role).to_numpy() & view.shown
        if here.any():
            colour = [c or mark.colour for c, wanted in zip(colours, here, strict=True) if wanted]
            figure.add_trace(
                go.Scatter(
                    x=view.x[here], y=view.y[here], mode="markers", name=f"{role} {here.sum():,}",
                    marker=_marker(mark) | {"color": colour}, text=[f"sample {i}" for i in frame["id"][here]],
                    hovertemplate=f"%{{text}}<br>{x_name} %{{x:.4g}}<br>{y_name} %{{y:.4g}}<extra></extra>",
                )
            )  # fmt: skip
    line = {"dash": "dash", "color": view.cut_colour, "width": 1.5}
    if view.x_cut is not None:
        figure.add_vline(x=view.x_cut, line=line)
    if view.y_cut is not None:
        figure.add_hline(y=view.y_cut, line=line)
    figure.update_xaxes(title={"text": x_name}, showticklabels=view.ticks)
    figure.update_yaxes(title={"text": y_name}, type="log" if view.log_y else "linear", showticklabels=view.ticks)
    return figure


def _marker(mark: Mark) -> dict[str, Any]:
    if mark.shape == "hollow diamond":
        return {"size": mark.size, "symbol": "diamond-open", "line": {"width": 2}}
    return {"size": mark.size, **({"line": {"color": ink(dark=False), "width": mark.edge}} if mark.edge else {})}
