"""Who is picked at each λ."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import plotly.graph_objects as go

from app.charts.inspection.figure import new_figure
from app.charts.palette import OTHER, strategy_colour
from app.charts.score_plane import HERO

MOST_NAMED_ROWS = 120
TALL_ROWS = 20
"""With more of them an axis below is out of sight."""
UNNAMED_HEIGHT = 720


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
    figure = new_figure(110 + ((18 if images else 12) * len(rows) if room else UNNAMED_HEIGHT))
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
