"""What an open page says when the app behind it has ended: that, and what brings it back."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

SENTENCE = (
    "The app has ended on the machine that runs it: the command make app brings it back, and no finished round is lost."
)
COMMAND = "make app"

_component = st.components.v2.component(
    "acl_ended",
    css=".st-key-ended { display: none; }",
    js=(Path(__file__).parent / "ended.js").read_text("utf-8"),
    isolate_styles=False,  # what is hidden is the page's
)


def watch() -> None:
    """On every page, unseen."""
    with st.container(key="ended"):
        _component(key="ended-watch", data={"sentence": SENTENCE, "command": COMMAND})
