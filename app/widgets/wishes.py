"""What a page may want of a run: where a step ends, at which pace it plays, and the wish written down."""

from __future__ import annotations

from typing import Unpack

import streamlit as st

from acl.config import RunConfig, UserError
from acl.runs.control import Status, Target, Wanted, request
from acl.runs.folder import Run
from app.store.session import ensure_backend

PACES = {0.0: "as fast as it can", 0.1: "0.1 s a phase", 0.3: "0.3 s a phase", 1.0: "1 s a phase", 5.0: "5 s a phase"}
WATCH = 0.3


def target(config: RunConfig, status: Status | None, step: str) -> Target | None:
    """Where a step ends: the end of this phase, of this query round, or of this task; None for the end of the run,
    when the last phase is done."""
    task, round_, phase = (status.task, status.round, status.phase) if status and status.task else (1, 0, "buy")
    rounds = status.rounds if status and status.rounds else config.rounds
    ends: dict[str, Target] = {
        "phase": (task, round_, phase), "round": (task, round_, "evaluate"), "task": (task, rounds, "evaluate")
    }  # fmt: skip
    return None if status and status.completed == ends[step] else ends[step]


def wish(run: Run, **wanted: Unpack[Wanted]) -> None:
    """Write the wish down and see that somebody is there to fulfil it."""
    try:
        request(run.path, **wanted)
        ensure_backend()
    except UserError as error:
        st.session_state["trouble"] = str(error)
