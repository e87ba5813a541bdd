"""Where things are, and which run a page shows: the URL says so, the session remembers it between pages."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from acl.config import UserError
from acl.runs.folder import ID, Run, find_run
from acl.service import backend
from acl.system.files import read_json

ROOT = Path(__file__).resolve().parent.parent.parent
RUNS = Path(os.environ.get("ACL_RUNS") or ROOT / "runs").resolve()
RECORDED = ROOT / "assets" / "runs"
PAGES = ROOT / "pages"
POLL_S = float(os.environ.get("ACL_UI_POLL", "0.5"))


@st.cache_resource
def _attachment(runs: Path) -> object:
    """Held as long as the app lives, so that the backend knows that somebody is there."""
    return backend.attach(runs)


def ensure_backend() -> None:
    """A backend is running for RUNS, and knows this app. UserError where the folder cannot be used."""
    backend.ensure(RUNS)
    _attachment(RUNS)


def slots() -> int:
    """Runs the backend of RUNS lets play at once."""
    record = read_json(backend.home(RUNS) / "backend.json")
    return int(record["slots"]) if record and isinstance(record.get("slots"), int) else 1


def shown_run() -> Run | None:
    """The run named in the URL (?run=…), else the last one this tab showed. UserError for an unknown one."""
    name = st.query_params.get("run") or st.session_state.get("run")
    if not name:
        return None
    if not ID.fullmatch(name):
        raise UserError(f"'{name[:100]}' is not the name of a run: choose one in the Library.")
    try:
        run = find_run(name, RUNS, RECORDED)
    except UserError:
        if st.session_state.get("run") != name:
            raise
        raise UserError(f"The run {name} was deleted: open another in the Library, or start a new one.") from None
    st.session_state["run"] = run.id
    if st.query_params.get("run") != run.id:
        st.query_params["run"] = run.id
    return run


def forget_run() -> None:
    st.session_state.pop("run", None)
