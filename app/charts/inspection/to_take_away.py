"""One of the two linked pictures as a figure that can be hovered and zoomed without a network or an app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from app.charts.inspection.figure import as_text, new_figure
from app.charts.palette import ink
from app.charts.score_plane import ROLES, Mark, View


def scatter(frame: pd.DataFrame, view: View, colours: Sequence[str]) -> go.Figure:
    """One of the two linked pictures, to take away: a trace for each role, with its count (columns id, role)."""
    x_name, y_name = as_text(view.x_name), as_text(view.y_name)
    figure = new_figure(
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
