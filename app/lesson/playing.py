"""What a chapter plays: a recording at once, and a run of one's own as soon as somebody presses the button.

Each chapter remembers by its name, each tab for itself, which run it shows and how far the recording has been played.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import streamlit as st

from acl.config import RunConfig, UserError
from acl.events import Evaluated, History
from acl.runs.control import ACTIVE, Status, request
from acl.runs.folder import Run, create
from acl.runs.tags import keep_tags
from app import words
from app.store import runs as data
from app.store.session import POLL_S, RUNS, ensure_backend
from app.widgets.browser.leaving import open_run
from app.widgets.wishes import wish

RECORDING_S = 0.5
"""Between two evaluations of a recording: a whole one takes about 12 s."""
LIVE_S = 0.2
"""The least time of a phase of a live run: a whole one takes about 20 s."""
TAG = "lesson"
WANTED = "lesson-wanted"
"""In the session: chapter and settings of a run that was asked for and is not made yet."""
WAITS_FOR = {
    "": "a process is made for it",
    "queued": "it waits for a free slot, because other runs are playing (the Library has them)",
    "starting": "its process loads PyTorch and the data",
    "playing": "it learns its first labels",
}
"""By the state of a run that has not been tested yet; "" before it has any."""


@dataclass
class _State:
    """run: the newest live one's folder name, "" while there is none; before: of the one before it; stop: the
    evaluations of the recording seen so far, or the pictures of a chapter without one; seed: of the newest live run
    (the recordings have 0); trouble: why the last press did nothing."""

    run: str = ""
    before: str = ""
    stop: int = 0
    playing: bool = True
    due: float = field(default_factory=time.monotonic)
    seed: int = 0
    trouble: str = ""


@dataclass(frozen=True)
class Shown:
    """The run whose picture is drawn, and what of it has happened so far. live: it is the student's own; moving: more
    is to come."""

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
    st.session_state.pop(WANTED, None)


def rhythm(chapter: str, recorded: bool = True) -> float | None:
    """Seconds after which the chapter must be drawn again; None while it stands still. recorded: it plays something
    before its first live run."""
    state = _state(chapter)
    if state.run:
        return POLL_S if _moves(Run(RUNS / state.run)) else None
    return RECORDING_S if recorded and state.playing else None


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


def live(chapter: str) -> Shown | None:
    """The chapter's newest live run that has a picture, as it is now. A run that is starting leaves the picture as it
    was."""
    state = _state(chapter)
    for run in (Run(RUNS / name) for name in (state.run, state.before) if name):
        history = data.live_run(run.path).history() if run.path.is_dir() else History()
        if history.of(Evaluated):
            return Shown(run, history, True, _moves(run))
    return None


def shown(chapter: str, recording: Run) -> Shown:
    """`live`; before there is one the recording, one evaluation further where the time has come."""
    if found := live(chapter):
        return found
    rows = data.live_run(recording.path).history().rows
    facts = [row for row in rows if isinstance(row.event, Evaluated)]
    stop = step(chapter, len(facts), RECORDING_S)
    seen = History(row for row in rows if row.seq <= facts[stop - 1].seq)
    return Shown(recording, seen, False, _state(chapter).playing)


def step(chapter: str, n: int, period_s: float) -> int:
    """How many of `n` pictures that follow each other are shown by now, from 1: one more where the time has come."""
    state, now = _state(chapter), time.monotonic()
    if state.playing and now >= state.due:
        state.stop, state.due = min(state.stop + 1, n), now + 0.8 * period_s
        state.playing = state.stop < n
    return min(state.stop, n)


def controls(chapter: str, found: Shown | None, config: RunConfig) -> None:
    """Run it live, pause it, go on; found: what is shown, if anything is; `config`: of the run that the button starts,
    with a seed of its own. Drawn before the picture, so that a press is answered at once."""
    state = _state(chapter)
    mine = Run(RUNS / state.run) if state.run and (RUNS / state.run).is_dir() else None
    status = data.status_of(mine) if mine else None
    if WANTED in st.session_state or (mine and _moves(mine) and (found is None or mine.id != found.run.id)):
        _starting(chapter, status)
    elif mine and _moves(mine):
        st.button(
            "Pause", icon=":material/pause:", key=f"pause-{chapter}", type="primary", width="stretch",
            on_click=_ask, args=(mine, False), shortcut="Space",
        )  # fmt: skip
    elif mine and _goes_on(mine):
        st.button(
            "Play on", icon=":material/play_arrow:", key=f"on-{chapter}", type="primary", width="stretch",
            on_click=_ask, args=(mine, True), shortcut="Space",
        )  # fmt: skip
    else:
        st.button(
            "Run it live" if not mine else "Run it once more", icon=":material/play_arrow:",
            key=f"live-{chapter}", type="primary", width="stretch", shortcut="Space", on_click=_press,
            args=(chapter, config),
            help="A run of your own on this machine, with another seed each time: other first labels, another network.",
        )  # fmt: skip
    # It is said until the next press, however often the chapter is drawn meanwhile.
    state.trouble = st.session_state.pop("trouble", "") or state.trouble
    if trouble := state.trouble or (status.error if status else ""):
        stands_in = " The recording stands in." if state.trouble and found and not found.live else ""
        st.caption(f":material/warning: {words.plain(trouble)}{stands_in}")
    if found:
        _about(chapter, found, waits=bool(mine and _goes_on(mine)) or WANTED in st.session_state)


def _starting(chapter: str, status: Status | None) -> None:
    """In the place of the button, until the run has a picture of its own."""
    st.button(
        "Starting …", icon=":material/hourglass_top:", key=f"starting-{chapter}", type="primary", width="stretch",
        disabled=True,
    )  # fmt: skip
    waits_for = WAITS_FOR.get(status.state if status else "", WAITS_FOR[""])
    st.caption(f"Your run is starting: {waits_for}. Until its first test the picture stays as it is.")


def _about(chapter: str, found: Shown, waits: bool) -> None:
    """What the picture is of. waits: for a run that will take its place."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if not found.live:
            st.badge("recorded", icon=":material/movie:", color="violet")
            if not found.moving and not waits:
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


def _press(chapter: str, config: RunConfig) -> None:
    """In the button's callback: the run is asked for, and made once this is said (`begin`). Of presses that were on
    their way when the first one had made its run, none makes another: it goes on."""
    state = _state(chapter)
    if state.run and _goes_on(Run(RUNS / state.run)):
        return
    state.trouble, state.playing = "", False
    st.session_state[WANTED] = (chapter, config.changed(seed=state.seed + 1))


def begin() -> None:
    """Make the run that was asked for. When all is drawn: it may take seconds, and draws nothing, so that no later
    press can break it off half-way."""
    if WANTED not in st.session_state:
        return
    chapter, config = st.session_state.pop(WANTED)
    state = _state(chapter)
    try:
        state.before, state.run, state.seed = state.run, _made(config).id, config.seed
    except UserError as error:
        state.trouble = str(error)
    st.rerun()


def _made(config: RunConfig) -> Run:
    ensure_backend()
    run = create(config, RUNS)
    keep_tags(run, [TAG])
    request(run.path, mode="play", pace=LIVE_S)
    return run
