"""What a chapter plays: a recording at once, and a run of one's own as soon as somebody presses the button.

Each chapter remembers by its name, each tab for itself, which run it shows and how far the recording has been played.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial

import streamlit as st

from acl.config import RunConfig, UserError
from acl.events import Evaluated, History
from acl.runs.control import ACTIVE, request
from acl.runs.folder import Run, create
from acl.runs.tags import keep_tags
from app import words
from app.store import runs as data
from app.store.session import POLL_S, RECORDED, RUNS, ensure_backend, open_run
from app.widgets.one_press import once
from app.widgets.wishes import wish

RECORDING_S = 0.5
"""Between two evaluations of a recording: a whole one takes about 12 s."""
LIVE_S = 0.2
"""The least time of a phase of a live run: a whole one takes about 20 s."""
TAG = "lesson"


@dataclass
class _State:
    """run: the live one's folder name, "" while the recording is shown; stop: the evaluations of the recording seen so
    far, or the pictures of a chapter without one; seed: of the newest live run (the recordings have 0)."""

    run: str = ""
    stop: int = 0
    playing: bool = True
    due: float = field(default_factory=time.monotonic)
    seed: int = 0


@dataclass(frozen=True)
class Shown:
    """A run and what of it has happened so far. live: it is the student's own; moving: more is to come."""

    run: Run
    history: History
    live: bool
    moving: bool


def _state(chapter: str) -> _State:
    state: _State = st.session_state.setdefault(f"playing-{chapter}", _State())
    return state


def forget(chapter: str) -> None:
    """From the beginning: the recording again. A live run stays in the Library, and the next has another seed."""
    st.session_state[f"playing-{chapter}"] = _State(seed=_state(chapter).seed)


def rhythm(chapter: str) -> float | None:
    """Seconds after which the chapter must be drawn again; None while it stands still."""
    state = _state(chapter)
    if state.run:
        return POLL_S if _moves(Run(RUNS / state.run)) else None
    return RECORDING_S if state.playing else None


def _moves(run: Run) -> bool:
    """Whether more is to come of it by itself."""
    return _goes_on(run) and not _held(run)


def _goes_on(run: Run) -> bool:
    status = data.status_of(run)
    return run.path.is_dir() and (status is None or status.state in ACTIVE)


def _held(run: Run) -> bool:
    """Paused by somebody, here or on the Run page; or about to be."""
    control, status = data.control_of(run), data.status_of(run)
    return control.mode == "pause" or (status is not None and status.state == "paused" and control.until is not None)


def shown(chapter: str, recording: str) -> Shown:
    """The chapter's live run as it is now, or its recording, one evaluation further where the time has come."""
    state = _state(chapter)
    live = Run(RUNS / state.run)
    if state.run and live.path.is_dir():
        return Shown(live, data.live_run(live.path).history(), True, _moves(live))
    run = Run(RECORDED / recording)
    rows = data.live_run(run.path).history().rows
    facts = [row for row in rows if isinstance(row.event, Evaluated)]
    stop = step(chapter, len(facts), RECORDING_S)
    seen = History(row for row in rows if row.seq <= facts[stop - 1].seq)
    return Shown(run, seen, False, state.playing)


def step(chapter: str, n: int, period_s: float) -> int:
    """How many of `n` pictures that follow each other are shown by now, from 1: one more where the time has come."""
    state, now = _state(chapter), time.monotonic()
    if state.playing and now >= state.due:
        state.stop, state.due = min(state.stop + 1, n), now + 0.8 * period_s
        state.playing = state.stop < n
    return min(state.stop, n)


def controls(chapter: str, found: Shown, config: RunConfig) -> None:
    """Run it live, pause it, go on; `config`: of the run that the button starts, with a seed of its own."""
    state = _state(chapter)
    status = data.status_of(found.run) if found.live else None
    if found.moving and found.live:
        st.button(
            "Pause", icon=":material/pause:", key=f"pause-{chapter}", type="primary", width="stretch",
            on_click=_ask, args=(found.run, False), shortcut="Space",
        )  # fmt: skip
    elif found.live and _goes_on(found.run):
        st.button(
            "Play on", icon=":material/play_arrow:", key=f"on-{chapter}", type="primary", width="stretch",
            on_click=_ask, args=(found.run, True), shortcut="Space",
        )  # fmt: skip
    else:
        pressed = st.button(
            "Run it live" if not found.live else "Run it once more", icon=":material/play_arrow:",
            key=f"live-{chapter}", type="primary", width="stretch", shortcut="Space",
            help="A run of your own on this machine, with another seed each time: other first labels, another network.",
        )  # fmt: skip
        try:
            made = once(f"lesson-{chapter}", pressed, partial(_made, config.changed(seed=state.seed + 1)))
        except UserError as error:
            st.caption(f":material/warning: {words.plain(str(error))} The recording stands in.")
            return
        if made is not None and state.run != made.id:
            state.run, state.seed = made.id, state.seed + 1
            st.rerun()
    if trouble := st.session_state.pop("trouble", "") or (status.error if status else ""):
        st.caption(f":material/warning: {words.plain(trouble)}")
    with st.container(horizontal=True, vertical_alignment="center"):
        if not found.live:
            st.badge("recorded", icon=":material/movie:", color="violet")
            if not found.moving:
                st.button("Again", icon=":material/replay:", key=f"again-{chapter}", type="tertiary",
                          on_click=forget, args=(chapter,), help="Play the recording again.")  # fmt: skip
        else:
            st.badge(f"live, seed {found.run.config.seed}", icon=":material/sensors:", color="green")
            if st.button("Open", icon=":material/show_chart:", key=f"open-{chapter}", type="tertiary",
                         help="This run on the Run page, with everything it has."):  # fmt: skip
                open_run(found.run)


def _ask(run: Run, play: bool) -> None:
    if play:
        wish(run, mode="play", until=None)
    else:
        wish(run, mode="pause")


def _made(config: RunConfig) -> Run:
    ensure_backend()
    run = create(config, RUNS)
    keep_tags(run, [TAG])
    request(run.path, mode="play", pace=LIVE_S)
    return run
