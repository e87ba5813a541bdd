"""The buttons above a race, said to all of its runs, and why some of them failed."""

from __future__ import annotations

import streamlit as st

from acl.config import UserError, check_method
from acl.results import sweep
from acl.runs.control import request
from acl.runs.folder import Run
from app import errors, words
from app.compare import new_seeds
from app.compare.race.moments import Lane
from app.store import runs as data
from app.store.session import RUNS, ensure_backend
from app.widgets.url import go
from app.widgets.wishes import target


def controls(chosen: sweep.Sweep, lanes: list[Lane], active: bool) -> None:
    def button(label: str, icon: str, key: str, disabled: bool) -> None:
        st.button(label, icon=f":material/{icon}:", key=f"race-{key}", disabled=disabled, on_click=wish,
                  args=(chosen, key))  # fmt: skip

    states = [each.state for each in sweep.progress(chosen, RUNS)]
    over = all(state == "finished" for state in states)
    if not over:
        button("Play", "play_arrow", "play", "playing" in states and "paused" not in states)
        if len({lane.config.seed for lane in lanes}) == 1:
            button("Step round", "skip_next", "round", False)
            button("Step task", "fast_forward", "task", False)
        button("Pause", "pause", "hold", not active or set(states) <= {"paused", "finished"})
        button("Stop", "stop", "cancel", not active)
    st.caption(f"All {len(states)} runs finished" if over else _count(states), width="content")
    if over:
        new_seeds.button(chosen)
    if over and st.button("How sure is that?", icon=":material/query_stats:", key="race-sure", type="primary"):
        go(view="significance", **{"from": f"sweep:{chosen.id}"})


def _count(states: list[str]) -> str:
    """E.g. "15 of 20 runs finished · 4 failed · 1 deleted: Play runs them again"."""
    lost = [f"{states.count(state)} {state}" for state in ("failed", "stopped", "deleted") if state in states]
    again = ": Play runs them again" if lost else ""
    return " · ".join([f"{states.count('finished')} of {len(states)} runs finished", *lost]) + again


def failures(chosen: sweep.Sweep) -> None:
    """Why runs failed, each reason once."""
    for error in dict.fromkeys(each.error for each in sweep.progress(chosen, RUNS) if each.error):
        st.error(words.plain(error), icon=":material/error:")


def wish(chosen: sweep.Sweep, what: str) -> None:
    """A button's callback, said to every run of the race."""
    try:
        if what in {"round", "task"}:
            _step(chosen, what)
        else:
            {"play": sweep.retry, "hold": sweep.hold, "cancel": sweep.cancel}[what](chosen, RUNS)
        ensure_backend()
    except UserError as error:
        errors.pass_by(error)


def _step(chosen: sweep.Sweep, what: str) -> None:
    """All go to the end of the round (or task) that the last of them is in."""
    open_ = [each.member for each in sweep.progress(chosen, RUNS) if each.state not in {"finished", "deleted"}]
    targets = [target(m.config, data.status_of(Run(RUNS / m.run)), what) for m in open_]
    until = min((found for found in targets if found), default=None)
    for member in open_:
        check_method(member.config)
        request(RUNS / member.run, mode="play", until=until)
