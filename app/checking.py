"""Verify: work a run out again in a process of its own, and say whether every bit agrees."""

from __future__ import annotations

import subprocess
import sys

import streamlit as st

from acl.runs import Run
from acl.verdict import kept


@st.cache_resource
def _running() -> dict[str, subprocess.Popen[bytes]]:
    """The checks under way, by run."""
    return {}


def panel(run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="verify"):
        process = _running().get(run.id)
        busy = process is not None and process.poll() is None
        st.button(
            "Verify", icon=":material/fact_check:", key=f"verify-{run.id}", disabled=busy, on_click=_start, args=(run,),
            help="Works the run out again from its settings and compares every event, model and snapshot bit for bit.",
        )  # fmt: skip
        if busy:
            st.caption("Working the run out again…", width="content")
        elif process is not None and process.returncode not in (0, 1):
            st.caption(f":material/error: {_last_words(process)}", width="content")
        else:
            st.caption(_verdict(run), width="content")


def _start(run: Run) -> None:
    _running()[run.id] = subprocess.Popen(
        [sys.executable, "-m", "acl", "verify", str(run.path), "--quiet"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def _last_words(process: subprocess.Popen[bytes]) -> str:
    words = process.stderr.read().decode("utf-8", "replace").strip() if process.stderr else ""
    if words:
        st.session_state[f"verify-words-{process.pid}"] = words.splitlines()[-1].removeprefix("acl: ")
    return str(st.session_state.get(f"verify-words-{process.pid}", "The check ended without a word."))


def _verdict(run: Run) -> str:
    verdict = kept(run)
    if verdict is None:
        return ""
    if verdict.difference:
        return f":material/error: It differs. {verdict.difference}."
    return f":material/check_circle: Bit for bit the same: {verdict.compared} events, their models and snapshots."
