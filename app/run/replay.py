"""A run that is over, played again: the rewound page goes on by itself, an event at a time, at a chosen pace.

Nothing is worked out and no worker is asked: only the place in the run's own history moves, and each tab has its own.
"""

from __future__ import annotations

import time

import streamlit as st

from acl.events import History
from acl.results.replay import replay as page_of
from acl.runs.folder import Run
from app import words
from app.run import rewind
from app.widgets.browser.download import download
from app.widgets.wishes import PACES, WATCH

# As fast as a browser draws is no pace to watch.
CHOICES = [pace for pace in PACES if pace > 0]


def rhythm(run: Run) -> float | None:
    """Seconds after which the page must be drawn again; None while nothing is played."""
    return _pace(run) if _playing(run) else None


def advance(run: Run, history: History) -> None:
    """Before the page is drawn: one event further, if it plays and the time has come."""
    if not _playing(run):
        return
    now, due = time.monotonic(), st.session_state.get(f"replayed-{run.id}", 0.0) + 0.8 * _pace(run)
    if now >= due:
        st.session_state[f"replayed-{run.id}"] = now
        _step(run, history)


def controls(run: Run, history: History) -> None:
    """Play or Pause, one step, and the pace."""
    facts = rewind.facts(history)
    if len(facts) < rewind.FEWEST:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="transport"):
        if _playing(run):
            st.button(
                "Pause", icon=":material/pause:", key=f"replay-pause-{run.id}", type="primary",
                on_click=_play, args=(run, history, False), help="Hold here.", shortcut="Space",
            )  # fmt: skip
        else:
            st.button(
                "Play", icon=":material/play_arrow:", key=f"replay-play-{run.id}", type="primary",
                on_click=_play, args=(run, history, True), shortcut="Space",
                help="Watch the run again as it went, from here, or from its beginning if this is its end.",
            )  # fmt: skip
        st.button(
            "Step", icon=":material/skip_next:", key=f"replay-step-{run.id}", on_click=_one, args=(run, history),
            shortcut="Right",
            help="To the next event: a choice, labels, a training, a test.",
        )  # fmt: skip
        st.selectbox(
            "Pace", CHOICES, CHOICES.index(WATCH), key=f"replay-pace-{run.id}", width=170, label_visibility="collapsed",
            format_func=PACES.__getitem__, help=words.HELP["pace"],
        )  # fmt: skip
        download(
            "Export → replay", lambda: page_of(run), f"{run.id}.html", "text/html", f"take-replay-{run.id}",
            icon="movie", help_="One page that plays this run in any browser, without a server or a network.",
        )  # fmt: skip


def _playing(run: Run) -> bool:
    return bool(st.session_state.get(f"replay-{run.id}"))


def _pace(run: Run) -> float:
    return float(st.session_state.get(f"replay-pace-{run.id}", WATCH))


def _play(run: Run, history: History, on: bool) -> None:
    seqs = [row.seq for row in rewind.facts(history)]
    if on and rewind.place(run) in (None, seqs[-1]):
        rewind.go(run, history, seqs[0])
    st.session_state[f"replay-{run.id}"] = on
    st.session_state[f"replayed-{run.id}"] = time.monotonic()


def _one(run: Run, history: History) -> None:
    st.session_state[f"replay-{run.id}"] = False
    _step(run, history)


def _step(run: Run, history: History) -> None:
    """To the next event; from the end of the run, which is where nobody has rewound, to the first. It pauses at the
    end."""
    seqs = [row.seq for row in rewind.facts(history)]
    here = rewind.place(run)
    rewind.go(run, history, next((seq for seq in seqs if here is not None and seq > here), seqs[-1 if here else 0]))
    if rewind.place(run) == seqs[-1]:
        st.session_state[f"replay-{run.id}"] = False
