"""Whether the window is narrow, so that a page can choose what has room in it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.widgets.browser import sent

NARROW_PX = 1200
KEY = "width"

_component = st.components.v2.component(
    "acl_width",
    css=".st-key-width-unseen { display: none; }",
    js=(Path(__file__).parent / "width.js").read_text("utf-8"),
    isolate_styles=False,  # what is hidden is the page's
)


def narrow() -> bool:
    """As the browser last told; wide before it has."""
    is_narrow = sent.value(st.session_state.get(KEY), "narrow") is True
    with st.container(key="width-unseen"):
        _component(key=KEY, data={"narrow": NARROW_PX, "told": is_narrow}, on_narrow_change=_nothing)
    return is_narrow


def _nothing() -> None:
    """The page is drawn anew: that is all."""
