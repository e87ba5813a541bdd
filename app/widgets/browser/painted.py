"""Asks for what is slow to draw once the browser has painted what it has."""

from __future__ import annotations

import streamlit as st

from app.widgets.browser import sent

_component = st.components.v2.component(
    "acl_painted",
    js="""export default function ({ data, parentElement, setTriggerValue }) {
  if (parentElement.asked === data.mark) return;
  parentElement.asked = data.mark;
  // A frame is painted after its callbacks: what is put off in one runs when the picture is there.
  requestAnimationFrame(() => setTimeout(() => setTriggerValue("painted", data.mark)));
}
""",
)


def painted(mark: str, key: str) -> None:
    """In a fragment, which the browser draws again (once for each `mark`) when it has painted the page."""
    _component(key=key, data={"mark": mark}, on_painted_change=lambda: None)


def was_painted(mark: str, key: str) -> bool:
    """Whether that is why the fragment is drawn."""
    return bool(sent.value(st.session_state.get(key), "painted") == mark)
