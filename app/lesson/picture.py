"""The size of a chapter's figures: the whole chapter is one screen, at a desk and before a room."""

from __future__ import annotations

from app.charts.sized import ROOM, Spec
from app.widgets import projector

BEFORE_A_ROOM = 0.85
"""Type grows there, and what is beside the figures with it: they become lower, where other pages' become higher."""


def figure(spec: Spec, key: str, height: int, alt: str) -> None:
    """An ECharts figure of the lesson, `height` pixels high at a desk."""
    projector.chart(spec, key, round(height * BEFORE_A_ROOM / ROOM.high) if projector.on() else height, alt)
