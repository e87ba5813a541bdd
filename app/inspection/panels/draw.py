"""How the panels draw a figure."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

SAVES = ("SVG", "PNG")


def draw(figure: go.Figure, key: str, alt: str = "") -> None:
    """With only the camera, which takes the figure as it stands. alt: its numbers in words, for who cannot see it."""
    saves = {"format": st.session_state.get("camera", SAVES[0]).lower(), "filename": key, "scale": 2}
    config = {"displaylogo": False, "modeBarButtons": [["toImage"]], "toImageButtonOptions": saves}
    st.plotly_chart(figure, key=key, config=config, alt=alt or None)
