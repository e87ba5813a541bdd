"""Which panel is shown, and what the camera of its figures saves."""

from __future__ import annotations

import streamlit as st

from acl.analysis.what_if import Settings
from acl.events import History
from app.inspection.panels import bought, every_strategy, outcomes, ribbon, target
from app.inspection.panels.draw import SAVES
from app.inspection.samples import Choice
from app.inspection.source import Sight

TABS = ("Target", "Every strategy on this pool", "λ ribbon", outcomes.TITLE, "Everything bought")


def tabs(sight: Sight, choice: Choice, settings: Settings, history: History | None) -> None:
    """Only the chosen one is worked out."""
    shown = TABS if history else TABS[:-1]
    with st.container(horizontal=True, vertical_alignment="center", key="panels"):
        tab = st.segmented_control(
            "Panel", shown, default=TABS[0], required=True, key="panel", label_visibility="collapsed"
        )
        st.space("stretch")
        st.segmented_control(
            "The camera saves", SAVES, default=SAVES[0], required=True, key="camera", label_visibility="collapsed",
            help="What the camera at the corner of each figure below saves.",
        )  # fmt: skip
    if tab == TABS[0]:
        target.panel(sight, choice, settings)
    elif tab == TABS[1]:
        every_strategy.panel(sight, settings)
    elif tab == TABS[2]:
        ribbon.panel(sight, settings)
    elif tab == TABS[3]:
        outcomes.panel(sight, history)
    elif history:
        bought.panel(sight, history)
