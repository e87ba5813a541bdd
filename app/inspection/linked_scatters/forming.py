"""The right one of the linked scatters while its layout forms: only its points are sent, the page stays as it is."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.charts.score_plane import View
from app.inspection.linked_scatters.component import in_browser

_component = st.components.v2.component(
    "acl_forming",
    css="div:has(> .st-key-forming) { display: none; }",
    js=(Path(__file__).parent / "forming.js").read_text("utf-8"),
    isolate_styles=False,  # what is hidden is the page's
)


def show(of: str, view: View) -> None:
    """`of`: the name of the pictures of the samples shown, by which the scatters know that it is theirs."""
    with st.container(key="forming"):
        _component(key="forming-view", data={"of": of, "view": in_browser(view)})
