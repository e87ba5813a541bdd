"""Processes that the backend keeps for work that is asked for through files: started when there is a wish, started
again when they die, a few times; they end by themselves when nobody has asked for a while."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from acl.system.files import Retried

MAX_TRIES = 3
IDLE_S = 300.0
LOOK_S = 0.1
RETRY_S = 2.0


def waiting(folder: Path) -> list[Path]:
    """The requests that wait in `folder`, the newest first."""
    found = []
    for path in folder.glob("[!.]*.json"):
        try:
            found.append((path.stat().st_mtime_ns, path))
        except FileNotFoundError:
            continue
    return [path for _, path in sorted(found, reverse=True)]


def serve(runs: Path, step: Callable[[], bool], idle_s: float = IDLE_S) -> None:
    """In such a process: `step` again and again (False: there was nothing to do), until nobody asked for `idle_s`, or
    the runs folder, or whoever started this process, is gone. What a disk refuses is tried again."""
    parent, busy_at, retried = os.getppid(), time.monotonic(), Retried()
    while time.monotonic() - busy_at < idle_s and runs.exists() and os.getppid() == parent:
        wait_s = RETRY_S
        with retried.at("The disk"):
            wait_s = 0.0 if step() else LOOK_S
        busy_at = busy_at if wait_s else time.monotonic()
        time.sleep(wait_s)


class Keeper(ABC):
    """Of one process, `python -m` `module`. home: where its log lies; requests: what waits for it."""

    module: str

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.process: subprocess.Popen[bytes] | None = None
        self.tries = 0

    @property
    @abstractmethod
    def home(self) -> Path:
        """The folder of its log, and of requests/."""

    @property
    def requests(self) -> list[Path]:
        """The files that wait, the newest first."""
        return waiting(self.home / "requests")

    @abstractmethod
    def refuse(self, request: Path, why: str) -> None:
        """Take the request away, and leave word why for whoever asked."""

    @property
    def name(self) -> str:
        """The last part of `module`."""
        return self.module.rsplit(".", 1)[1]

    @property
    def log(self) -> Path:
        """Where the process writes what it prints."""
        return self.home / f"{self.name}.log"

    def tick(self) -> None:
        """To be called again and again: starts the process where something waits and none runs. After MAX_TRIES that
        ended with an error in a row, what waits is refused instead. OSError where its log cannot be
        written or no process can be had."""
        if self.process and self.process.poll() is not None:
            self.tries = self.tries + 1 if self.process.returncode else 0
            self.process = None
        asked = self.requests if self.process is None else []
        if not asked:
            return
        if self.tries >= MAX_TRIES:
            self.tries = 0
            for path in asked:
                self.refuse(path, f"The {self.name} ended {MAX_TRIES} times at it (see {self.log.name}).")
            return
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", self.module, str(self.runs)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def end(self) -> None:
        """Kill the process, if there is one, and wait for its end."""
        if self.process:
            self.process.kill()
            self.process.wait()
