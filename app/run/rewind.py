"""Rewind: the Run page as it was after any event, and from there another way."""

from __future__ import annotations

import streamlit as st

from acl.events import (
    Epoch,
    History,
    Resumed,
    Row,
    place_after,
)
from acl.runs.folder import Run
from acl.runs.fork import changes_at, places
from app import words
from app.widgets import fork_dialog as forking


def shown(run: Run, history: History) -> History:
    """The history up to the event that the scrubber stands at; all of it where nobody has rewound."""
    stop = st.session_state.get(_key(run))
    if stop is None:
        return history
    return History(row for row in history.rows if row.seq <= stop)


def note(run: Run, seen: History, history: History) -> None:
    """Says at the top of the page that it shows the past."""
    if seen is not history and seen.rows:
        facts = [row.event for row in seen.rows if not isinstance(row.event, Epoch | Resumed)]
        with st.container(horizontal=True, vertical_alignment="center", key="rewound"):
            st.badge(f"As it was after {words.event_name(facts[-1])}", icon=":material/history:", color="violet")
            st.button("Back to now", key=f"now-above-{run.id}", type="tertiary", on_click=_go, args=(run, None))


def scrubber(run: Run, history: History) -> None:
    """Below the curves: a slider over what happened. While it is used the past stands still; the run goes on."""
    facts = [row for row in history.rows if not isinstance(row.event, Epoch | Resumed)]
    if len(facts) < 3:
        return
    stop = st.session_state.get(_key(run))
    with st.container(horizontal=True, vertical_alignment="bottom", key="rewind"):
        if stop is None:
            st.button(
                "Rewind", icon=":material/history:", key=f"rewind-{run.id}", on_click=_go, args=(run, facts[-1].seq),
                help="See the run as it was after any event.",
            )  # fmt: skip
            return
        # The slider keeps the facts it began with: its ends must not move under the hand.
        facts = [row for row in facts if row.seq <= st.session_state[f"{_key(run)}-end"]]
        by_text = {_label(place, row): row for place, row in enumerate(facts, start=1)}
        here = next((text for text, row in by_text.items() if row.seq == stop), list(by_text)[-1])
        key = f"scrub-{run.id}-{len(facts)}"

        def moved() -> None:
            # A slider's last word may come after "Back to now".
            if st.session_state.get(_key(run)) is not None:
                st.session_state[_key(run)] = by_text[st.session_state[key]].seq

        st.select_slider("As it was after", list(by_text), here, key=key, width="stretch", on_change=moved)
        st.button("Back to now", icon=":material/last_page:", key=f"now-{run.id}", on_click=_go, args=(run, None))
        place = place_after(by_text[here].event)
        # A fork begins before its query, and so before what was changed there: what has happened by now goes along.
        made = changes_at(place, [row.event for row in facts if row.seq <= by_text[here].seq])
        st.button(
            "Play from here", icon=":material/fork_right:", key=f"from-here-{run.id}", type="primary",
            disabled=place not in places(history), on_click=forking.ask, args=(run, place, made),
            help="Forks the run before the next query: what happened stays, the rest can go another way.",
        )  # fmt: skip


def _go(run: Run, stop: int | None) -> None:
    st.session_state[_key(run)] = stop
    st.session_state[f"{_key(run)}-end"] = stop


def _key(run: Run) -> str:
    return f"rewound-{run.id}"


def _label(number: int, row: Row) -> str:
    return f"{number} · {words.event_name(row.event)}"
