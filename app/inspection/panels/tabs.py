"""Which panel is shown, and what the camera of its figures saves."""

from __future__ import annotations

import hashlib

import streamlit as st

from acl.analysis.what_if import Settings
from acl.events import History
from app.inspection.panels import bought, every_query, every_strategy, ribbon, stand_in, target
from app.inspection.panels.draw import SAVES
from app.inspection.panels.outcomes import panel as outcomes
from app.inspection.samples import Choice
from app.inspection.source import Sight
from app.widgets.browser.fading import fading
from app.widgets.browser.painted import painted, was_painted

TABS = (
    "Target", "Every strategy on this pool", "Every query", "λ ribbon", stand_in.TITLE, outcomes.TITLE,
    "Everything bought",
)  # fmt: skip
OF_RUNS = {"Every query", "Everything bought"}
DRAWN = "panel-drawn"
HEIGHT = 320


def tabs(sight: Sight, choice: Choice, settings: Settings, history: History | None) -> None:
    """A fragment: another panel is chosen without asking the strategy again."""
    st.fragment(_tabs)(sight, choice, settings, history)


def _tabs(sight: Sight, choice: Choice, settings: Settings, history: History | None) -> None:
    """Only the chosen one is worked out; of other settings than before, when their picks have been painted."""
    shown = [tab for tab in TABS if history or tab not in OF_RUNS]
    with st.container(horizontal=True, vertical_alignment="center", key="panels"):
        tab = st.segmented_control(
            "Panel", shown, default=TABS[0], required=True, key="panel", label_visibility="collapsed"
        )
        st.space("stretch")
        st.segmented_control(
            "The camera saves", SAVES, default=SAVES[0], required=True, key="camera", label_visibility="collapsed",
            help="What the camera at the corner of each figure below saves.",
        )  # fmt: skip
    asked = repr((*sight.mark, settings, choice.strategy))
    mark = hashlib.blake2b(asked.encode(), digest_size=8).hexdigest()
    tab_before, mark_before = st.session_state.get(DRAWN, (tab, mark))
    if tab == tab_before and mark != mark_before and not was_painted(mark, "picks-painted"):
        st.skeleton(height=HEIGHT)
        painted(mark, "picks-painted")
        return
    st.session_state[DRAWN] = tab, mark
    with fading("panel-body", (tab, mark)), st.container(key="panel-body"):
        if tab == "Target":
            target.panel(sight, choice, settings)
        elif tab == "Every strategy on this pool":
            every_strategy.panel(sight, settings)
        elif tab == "λ ribbon":
            ribbon.panel(sight, settings)
        elif tab == outcomes.TITLE:
            outcomes.panel(sight, history)
        elif tab == stand_in.TITLE:
            stand_in.panel(sight, history)
        elif history and tab == "Every query":
            every_query.panel(sight, history)
        elif history:
            bought.panel(sight, history)
