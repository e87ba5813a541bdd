"""Changing a run while it plays: λ, strategy and budgets from the next query on, and what would have happened."""

from __future__ import annotations

from typing import Any

import streamlit as st

from acl.config import FULL, METHOD, RunConfig, UserError
from acl.events import History, Steered
from acl.runs.control import Control, request
from acl.runs.folder import Run
from acl.runs.fork import fork, settings_after
from acl.steering import differences, steered
from app import words
from app.store import runs as data
from app.store.session import RUNS, ensure_backend
from app.widgets.steering_form import WIDTH, steering_form


def wanted(config: RunConfig, history: History, control: Control) -> RunConfig:
    """The settings as they will be at the next query: what holds, and what was asked for."""
    now = settings_after(config, history.rows)
    try:
        return steered(now, differences(now, control.changes), at_task_start=False)
    except UserError:
        return now


def pending(config: RunConfig, history: History, control: Control) -> str:
    """What was asked for and waits for the next query, in words; empty if nothing does."""
    now = settings_after(config, history.rows)
    later = wanted(config, history, control).model_dump(by_alias=True)
    return (
        ""
        if history.finished
        else words.changes(differences(now, {name: later[name] for name in control.changes if name in later}))
    )


def popover(run: Run, config: RunConfig, history: History, control: Control) -> None:
    """Beside the transport: what shall be otherwise from the next query on."""
    now = wanted(config, history, control)
    if now.strategy == FULL:
        return
    with (
        st.popover("Change", icon=":material/tune:", help="λ, strategy and budgets, from the next query on."),
        st.container(width=WIDTH),
    ):
        # Fresh widgets once a change was asked for, here or in another tab: they begin at what holds then.
        chosen = steering_form(f"steer-{run.id}-{sorted(control.changes.items())}", now)
        changes = differences(now, chosen)
        waits = pending(config, history, control)
        if waits:
            st.caption(f"Asked for, and waiting for the next query: {words.plain(waits)}.")
        idle = "Nothing more is changed" if waits else "Nothing is changed yet"
        said = f"Change: {words.plain(words.changes(changes))}" if changes else idle
        st.button(said, key=f"steer-{run.id}", type="primary", disabled=not changes, on_click=_ask, args=(run, changes))


def _ask(run: Run, changes: dict[str, Any]) -> None:
    try:
        request(run.path, changes=changes)
        ensure_backend()
    except UserError as error:
        st.session_state["trouble"] = str(error)


def notes(run: Run, history: History) -> None:
    """What was changed last, and the offer of a ghost: the same run without that change."""
    changes = history.of(Steered)
    if not changes or run.recorded:
        return
    last = changes[-1]
    st.caption(
        f":material/tune: From task {last.task}{f', round {last.round}' if last.round else ''} on: "
        f"{words.plain(words.changes(last.changes))}.",
        width="content",
    )
    if not _haunted(run, last):
        st.button(
            "What would have happened?", icon=":material/blur_on:", key=f"ghost-{run.id}", type="tertiary",
            disabled=run.config.method != METHOD,
            help="A ghost: a fork without this change runs along and is drawn dashed.",
            on_click=_haunt, args=(run, last),
        )  # fmt: skip


def _haunted(run: Run, change: Steered) -> bool:
    """Whether a ghost shows the run without this change already."""
    parents = filter(None, map(data.parent_of, data.ghosts_of(run, RUNS)))
    return any((p.task, p.round) == (change.task, change.round) for p in parents)


def _haunt(run: Run, change: Steered) -> None:
    # Pressed twice before the page is drawn anew, it is still one ghost.
    if _haunted(run, change):
        return
    try:
        ghost = fork(run, (change.task, change.round), {}, RUNS, ghost=True)
        request(ghost.path, mode="play")
        ensure_backend()
    except UserError as error:
        st.session_state["trouble"] = str(error)
