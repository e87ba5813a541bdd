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

FEWEST = 3
"""With fewer events there is no past to go to."""


def facts(history: History) -> list[Row]:
    """The events that one can rewind to."""
    return [row for row in history.rows if not isinstance(row.event, Epoch | Resumed)]


def place(run: Run) -> int | None:
    """The line number of the event that the page shows the run after; None where nobody has rewound."""
    stop: int | None = st.session_state.get(_key(run))
    return stop


def go(run: Run, history: History, stop: int | None) -> None:
    """Show the run as it was after the event with this line number, or as it is now. The slider keeps the events it
    began with: its ends must not move under the hand."""
    if st.session_state.get(_key(run)) is None:
        st.session_state[f"{_key(run)}-end"] = facts(history)[-1].seq
    st.session_state[_key(run)] = stop


def shown(run: Run, history: History) -> History:
    """The history up to the event that the scrubber stands at; all of it where nobody has rewound."""
    stop = place(run)
    if stop is None:
        return history
    return History(row for row in history.rows if row.seq <= stop)


def note(run: Run, seen: History, history: History) -> None:
    """Says at the top of the page that it shows the past."""
    if seen is not history and seen.rows:
        last = facts(seen)[-1].event
        with st.container(horizontal=True, vertical_alignment="center", key="rewound"):
            st.badge(f"As it was after {words.event_name(last)}", icon=":material/history:", color="violet")
            st.button("Back to now", key=f"now-above-{run.id}", type="tertiary", on_click=go, args=(run, history, None))


def scrubber(run: Run, history: History) -> None:
    """Below the curves: a slider over what happened. While it is used the past stands still; the run goes on."""
    there = facts(history)
    if len(there) < FEWEST:
        return
    stop = place(run)
    with st.container(horizontal=True, vertical_alignment="bottom", key="rewind"):
        if stop is None:
            st.button(
                "Rewind", icon=":material/history:", key=f"rewind-{run.id}", on_click=go,
                args=(run, history, there[-1].seq), help="See the run as it was after any event.",
            )  # fmt: skip
            return
        there = [row for row in there if row.seq <= st.session_state[f"{_key(run)}-end"]]
        by_text = {_label(number, row): row for number, row in enumerate(there, start=1)}
        here = next((text for text, row in by_text.items() if row.seq == stop), list(by_text)[-1])
        key = f"scrub-{run.id}-{len(there)}"
        # It follows what plays the run again; what a hand has moved is left to the hand.
        if st.session_state.get(key) != here:
            st.session_state[key] = here

        def moved() -> None:
            # A slider's last word may come after "Back to now".
            if place(run) is not None:
                go(run, history, by_text[st.session_state[key]].seq)

        st.select_slider("As it was after", list(by_text), key=key, width="stretch", on_change=moved)
        st.button(
            "Back to now", icon=":material/last_page:", key=f"now-{run.id}", on_click=go, args=(run, history, None)
        )
        at = place_after(by_text[here].event)
        # A fork begins before its query, and so before what was changed there: what has happened by now goes along.
        made = changes_at(at, [row.event for row in there if row.seq <= by_text[here].seq])
        st.button(
            "Play from here", icon=":material/fork_right:", key=f"from-here-{run.id}", type="primary",
            disabled=at not in places(history), on_click=forking.ask, args=(run, at, made),
            help="Forks the run before the next query: what happened stays, the rest can go another way.",
        )  # fmt: skip


def _key(run: Run) -> str:
    return f"rewound-{run.id}"


def _label(number: int, row: Row) -> str:
    return f"{number} · {words.event_name(row.event)}"
