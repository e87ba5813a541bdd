"""What all of them share: an empty figure in our style, names as they are written in it, and the same on paper."""

from __future__ import annotations

import html
from typing import Any

import plotly.graph_objects as go

from app.charts.palette import ink

AMOUNT = [[0, "rgba(11,127,194,0.03)"], [1, "#0B6FB0"]]
MOST_NAMED_CLASSES = 20
FAINT = "rgba(128,138,150,0.35)"
STYLE: dict[str, Any] = {
    "margin": {"l": 10, "r": 10, "t": 30, "b": 10},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "hoverlabel": {"align": "left"},
}


def new_figure(height: int, **layout: object) -> go.Figure:
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
