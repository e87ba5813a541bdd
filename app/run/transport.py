"""The transport: Play, Step, Pause, Stop and pace, each a change of what is wanted of a run."""

from __future__ import annotations

from typing import Unpack

import streamlit as st

from acl.config import RunConfig
from acl.events import History, Scored
from acl.runs.control import Control, Status, Wanted
from acl.runs.folder import Run
from app import words
from app.run import by_hand, steering
from app.widgets.shared_select import mirror
from app.widgets.wishes import PACES, target, wish


def transport(
    run: Run, config: RunConfig, history: History, control: Control, status: Status | None, query: Scored | None
) -> None:
    """The row of buttons. What a press means is decided when it is pressed, from what is shown. query: one that waits
    for its samples to be bought."""
    state = status.state if status else "queued"
    moving = state in {"playing", "queued", "starting"}

    def button(label: str, icon: str, key: str, help_: str, disabled: bool, **wanted: Unpack[Wanted]) -> None:
        st.button(
            label,
            icon=f":material/{icon}:",
            key=f"{key}-{run.id}",
            help=help_,
            disabled=disabled,
            on_click=wish,
            args=(run,),
            kwargs=dict(wanted),
            type="primary" if key == "play" and not moving else "secondary",
            shortcut={"pause" if moving else "play": "Space", "round": "Right"}.get(key),
        )

    def step(label: str, icon: str, name: str, help_: str) -> None:
        button(label, icon, name, help_, False, mode="play", until=target(config, status, name))

    with st.container(horizontal=True, vertical_alignment="bottom", key="transport"):
        playing_on = moving and control.mode == "play" and control.until is None
        button("Play", "play_arrow", "play", "Go on to the end of the run.", playing_on, mode="play", until=None)
        step("Step phase", "step", "phase", "Play to the end of this phase (choose, label, train or test), then pause.")
        step("Step query round", "skip_next", "round", "Play to the end of this query round, then pause.")
        step("Step task", "fast_forward", "task", "Play to the end of this task, then pause.")
        button("Pause", "pause", "pause", "Hold as soon as possible; nothing is lost.", state == "paused", mode="pause")
        button(
            "Stop",
            "power_settings_new",
            "stop",
            "End the worker. Play takes the run up again.",
            state == "stopped",
            mode="stop",
        )
        steering.popover(run, config, history, control)
        by_hand.button(run, query)
        _pace(run, control)


def _pace(run: Run, control: Control) -> None:
    pace = mirror(
        "Pace",
        f"pace-{run.id}",
        sorted({*PACES, control.pace}),
        control.pace,
        lambda pace: PACES.get(pace, f"{pace:g} s a phase"),
        width=170,
        help_=words.HELP["pace"],
    )
    if pace != control.pace:
        wish(run, pace=pace)
