"""The panel itself: what stands where, and when it looks again."""

from __future__ import annotations

import streamlit as st

from acl.analysis.outcomes.asked import About
from acl.config import UserError
from acl.events import Bought, History
from app import words
from app.inspection import worth
from app.inspection.panels.outcomes import sensitivity
from app.inspection.panels.outcomes.asked import PLANS, active_wishes, ask
from app.inspection.panels.outcomes.controls import controls
from app.inspection.panels.outcomes.known import rows_of, sentences
from app.inspection.panels.outcomes.picture import picture
from app.inspection.panels.outcomes.predicted import predicted
from app.inspection.panels.outcomes.progress import progress, trouble
from app.inspection.panels.outcomes.switches import switches
from app.inspection.source import Sight
from app.store.session import POLL_S, ensure_backend

TITLE = "What did it do?"
NO_BASE = (
    "A snapshot file holds scores, not the network and its training: what its labels do can be measured for the "
    "queries of a run only."
)


def open_here() -> None:
    """From another panel, in a button's callback."""
    st.session_state["panel"] = TITLE


def panel(sight: Sight, history: History | None) -> None:
    if sight.run is None or sight.query is None or history is None:
        st.caption(NO_BASE)
        return
    at = (sight.query.task, sight.query.round)
    about = About.of(sight.run.id, sight.run.config, history, at)
    by = next((e.by for e in history.of(Bought) if (e.task, e.round) == at), sight.strategy)
    # What polls is one container: what comes and goes in it moves nothing else.
    active = active_wishes(switches(sight, about, by, draw=False))
    if active:
        # What was asked before this app began is gone on with.
        try:
            ensure_backend()
        except UserError as error:
            st.session_state["outcome-trouble"] = str(error)
    rhythm = POLL_S if active else None
    st.fragment(_live, run_every=rhythm)(sight, about, by, rhythm is not None)


def _live(sight: Sight, about: About, by: str, polls: bool) -> None:
    if st.session_state.pop("outcome-picked", False):
        # Its samples are marked in the pictures above.
        st.rerun(scope="app")
    top = st.container()
    with top:
        headline = st.container()
        buttons = st.container(horizontal=True, vertical_alignment="center", key="outcome-controls")
    with buttons:
        shown = switches(sight, about, by)
    active = active_wishes(shown)
    rows = rows_of(shown)
    with headline:
        for said in sentences(shown, rows, bool(active)):
            st.markdown(words.plain(said))
    progress(shown, active)
    trouble(shown)
    picture(shown, rows)
    controls(shown, rows, active)
    sensitivity.row(
        sight, rows, lambda name: shown.wish(PLANS[name]) in active, lambda name: ask(shown, name, PLANS[name])
    )
    if not active:
        predicted(sight, rows, shown.measure)
        worth.said(sight)
    # A small network may be done between the first look and the last.
    now = bool(active_wishes(shown))
    if now != polls or now != bool(active):
        st.rerun(scope="app")
