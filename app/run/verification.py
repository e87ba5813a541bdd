"""Verify: work a run out again in a process of its own, and say whether it agrees."""

from __future__ import annotations

import os
import re
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

# Of the bar that `acl verify` draws: the share, the time left, and where it is.
BAR = re.compile(r"(\d+)%\|.*\| (\S+) left ?(?:, )?(task \d+, round \d+)?")
NEWEST = 4_000
"""Bytes of what it said last that hold the newest bar."""


@dataclass
class Check:
    process: subprocess.Popen[bytes]
    said: IO[bytes]
    cancelled: bool = False

    @property
    def busy(self) -> bool:
        return self.process.poll() is None

    @property
    def progress(self) -> str:
        """How far it is, as its bar says; empty where it has not begun."""
        bars = [found for line in self._newest().splitlines() if (found := BAR.search(line))]
        if not bars:
            return ""
        share, left, where = bars[-1].groups()
        return ", ".join(filter(None, [f"{share} %", where, "" if "?" in left else f"{left} left"]))

    def _newest(self) -> str:
        # Not by seek and read: the process writes where the same open file stands.
        file = self.said.fileno()
        return os.pread(file, NEWEST, max(os.fstat(file).st_size - NEWEST, 0)).decode("utf-8", "replace")

    def cancel(self) -> None:
        # What has ended meanwhile has found its verdict.
        self.cancelled = self.busy
        self.process.terminate()

    @property
    def last_words(self) -> str:
        if self.cancelled:
            return "Cancelled, nothing of the run was changed."
        lines = self._newest().strip().splitlines()
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
        if check is not None and check.busy:
            st.button("Cancel", icon=":material/close:", key=f"verify-cancel-{run.id}", on_click=check.cancel)
            st.caption(f"Working the run out again: {words.plain(check.progress or '…')}", width="content")
        elif check is not None and (check.cancelled or check.process.returncode not in (0, 1)):
            icon = "cancel" if check.cancelled else "error"
            st.caption(f":material/{icon}: {words.plain(check.last_words)}", width="content")
        else:
            st.caption(_verdict(run), width="content")


def _start(run: Run) -> None:
    # Not in the run folder: that may be read-only. A file without a name is nobody else's.
    if last := _checks().get(run.id):
        last.said.close()
    said = tempfile.TemporaryFile()
    command = [sys.executable, "-m", "acl", "verify", str(run.path)]
    _checks()[run.id] = Check(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said), said)


def _verdict(run: Run) -> str:
    verdict = kept(run)
    if verdict is None:
        return ""
    icon = "check_circle" if not verdict.difference else "info" if verdict.elsewhere else "error"
    return f":material/{icon}: {words.plain(verdict.sentence)}"
