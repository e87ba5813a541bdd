"""For a room: a switch on every page that makes type large and lines thick, and shows one figure at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from app.charts.ends import labels_apart, told
from app.charts.sized import DESK, ROOM, Spec, sized

KEY = "projector"
PLACE = """<style>
div:has(> .st-key-projector-switch) { position: fixed; top: .9rem; right: 1.2rem; z-index: 999991; width: auto; }
</style>"""
STYLE = """<style>
html { font-size: 20px !important; }
.stMainBlockContainer { padding: 4.5rem 2rem 2rem; }
/* The way to the pages stays as small as at a desk: beside it stand the glossary and the switch. */
[data-testid="stHeader"] { zoom: .75; }
</style>"""


def switch() -> None:
    """In the head of every page."""
    with st.container(key="projector-switch"):
        st.toggle(
            "Projector", key=KEY, bind="query-params",
            help="For a room: large type, thick lines, one figure at a time.",
        )  # fmt: skip
    st.html(PLACE)
    if on():
        st.html(STYLE)


def on() -> bool:
    return bool(st.session_state.get(KEY))


def chart(spec: Spec, key: str, height: int, alt: str) -> None:
    """An ECharts figure: the one door of all, so that all are as large as the room needs and say their numbers."""
    size = ROOM if on() else DESK
    high, said = round(height * size.high), told(spec)
    st.echarts_chart(labels_apart(sized(spec, size), high), key=key, height=high, alt=f"{alt}: {said}" if said else alt)


def scaled_chart(spec: Spec, key: str, width: int, height: int, alt: str, on_select: Callable[[], None]) -> None:
    """One whose two axes have the same scale: its type is readable, its places stay. `on_select` hears of a click."""
    same_places = {**sized(spec, DESK), "grid": spec["grid"]}
    st.echarts_chart(same_places, key=key, width=width, height=height, on_select=on_select, alt=alt)


def one_of(name: str, figures: Mapping[str, Callable[[], object]]) -> bool:
    """Before a room, draws the one of these figures that is chosen, and True; else nothing, and False."""
    if not on():
        return False
    figures[chosen(name, list(figures))]()
    return True


def chosen(name: str, titles: list[str]) -> str:
    """Which of these figures is to be drawn."""
    found = st.segmented_control(
        "Figure", titles, default=titles[0], required=True, key=f"figure-{name}", label_visibility="collapsed"
    )
    return found or titles[0]
