"""Verify: work a run out again in a process of its own, and say whether it agrees."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import IO

import streamlit as st

from acl.config import METHOD
from acl.runs.folder import Run
from acl.runs.verdict import kept
from app import words


@dataclass
class Check:
    process: subprocess.Popen[bytes]
    said: IO[bytes]

    @property
    def busy(self) -> bool:
        return self.process.poll() is None

    @property
    def last_words(self) -> str:
        self.said.seek(0)
        lines = self.said.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1].removeprefix("acl: ") if lines else "The check ended without a word."


@st.cache_resource
def _checks() -> dict[str, Check]:
    """The newest check of each run."""
    return {}


def busy(run: Run) -> bool:
    check = _checks().get(run.id)
    return check is not None and check.busy


def panel(run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="verify"):
        check = _checks().get(run.id)
        st.button(
            "Verify", icon=":material/fact_check:", key=f"verify-{run.id}",
            disabled=busy(run) or run.config.method != METHOD, on_click=_start, args=(run,),
            help="Works the run out again from its settings and compares every event, model and snapshot.",
        )  # fmt: skip
        if busy(run):
            st.caption("Working the run out again…", width="content")
        elif check is not None and check.process.returncode not in (0, 1):
            st.caption(f":material/error: {words.plain(check.last_words)}", width="content")
        else:
            st.caption(_verdict(run), width="content")


def _start(run: Run) -> None:
    # Not in the run folder: that may be read-only. A file without a name is nobody else's.
    if last := _checks().get(run.id):
        last.said.close()
    said = tempfile.TemporaryFile()
    command = [sys.executable, "-m", "acl", "verify", str(run.path), "--quiet"]
    _checks()[run.id] = Check(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said), said)


def _verdict(run: Run) -> str:
    verdict = kept(run)
    if verdict is None:
        return ""
    icon = "check_circle" if not verdict.difference else "info" if verdict.elsewhere else "error"
    return f":material/{icon}: {words.plain(verdict.sentence)}"
