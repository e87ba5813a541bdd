"""Checks, one after another in a process that is replaced when it dies or hangs: one failure hides no other.

A check is a function of the Setting. It returns what it Found, raises Wrong with a sentence, NeedsGPU where only a GPU
can show it, or anything else, which counts as a failure too.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from typing import Literal

import torch

from acl.config import UserError

PATIENCE, PATIENCE_S = 4, 60
"""A check may take so many times as long as is usual, and this much more, before it counts as hanging."""
LEAVE_S = 5
"""So long a process may take to leave when it is told to."""
SMALL_S = 2
"""What one check of a rehearsal is thought to take."""


class Wrong(Exception):
    """What the check found is not as it must be; the message says how."""


class NeedsGPU(Exception):
    """Nothing to see without a CUDA GPU."""


@dataclass(frozen=True)
class Setting:
    """device: cuda, or cpu for a rehearsal; small: tiny sizes; data: folder of CIFAR-10's Parquet files, or empty;
    folder: for temporary files; deadline: by time.monotonic(), when everything must be over."""

    device: str
    small: bool
    data: str
    folder: str
    deadline: float


@dataclass(frozen=True)
class Figure:
    """One measured figure, and what was aimed at."""

    what: str
    value: str
    target: str = ""


@dataclass(frozen=True)
class Found:
    said: str
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True)
class Check:
    """about_s: seconds it takes on an H100; it is not begun where less time is left."""

    name: str
    about_s: float
    work: Callable[[Setting], Found]


@dataclass(frozen=True)
class Outcome:
    """usable: whether its process can go on with other checks."""

    name: str
    state: Literal["ok", "FAILED", "skipped"]
    said: str
    seconds: float = 0.0
    figures: tuple[Figure, ...] = ()
    usable: bool = True

    @property
    def line(self) -> str:
        return f"{self.state} {self.name}: {self.said} ({self.seconds:.1f} s)"


def outcomes(checks: Sequence[Check], setting: Setting) -> Iterator[Outcome]:
    """What became of each check, in order, as far as the time allows."""
    child: Child | None = None
    try:
        for check in checks:
            needed = SMALL_S if setting.small else check.about_s
            left = setting.deadline - time.monotonic()
            if needed > left:
                yield Outcome(check.name, "skipped", f"takes about {needed:.0f} s, and {max(left, 0):.0f} s are left")
                continue
            child = child or Child(setting)
            outcome = child.perform(check)
            if not outcome.usable:
                child.end(at_once=True)
                child = None
            yield outcome
    finally:
        if child:
            child.end()


class Child:
    """A process that performs checks, leader of a group of its own: whatever it started ends with it."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        context = get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(setting, there))
        self._process.start()
        there.close()

    def perform(self, check: Check) -> Outcome:
        began, deadline = time.monotonic(), self.setting.deadline
        hangs_at = began + PATIENCE * check.about_s + PATIENCE_S
        try:
            self._send(check)
            if self._here.poll(max(min(hangs_at, deadline) - began, 0)):
                outcome: Outcome = self._here.recv()
                return outcome
            seconds = time.monotonic() - began
            if hangs_at > deadline:
                return Outcome(check.name, "skipped", "cut off, because the time was over", seconds, usable=False)
            return Outcome(check.name, "FAILED", "it hangs, and was ended", seconds, usable=False)
        except (EOFError, OSError):
            self._process.join()
            said = f"its process died with exit code {self._process.exitcode}"
            return Outcome(check.name, "FAILED", said, time.monotonic() - began, usable=False)

    def end(self, at_once: bool = False) -> None:
        """End it, and what it has started and left behind; at_once: without letting it finish."""
        assert self._process.pid is not None
        if not at_once:
            self._send(None)
            self._process.join(LEAVE_S)
        self._process.kill()
        self._process.join()
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # nobody is left

    def _send(self, check: Check | None) -> None:
        try:
            self._here.send(check)
        except OSError:
            return  # it has died, which is seen where its answer is awaited


def _serve(setting: Setting, connection: Connection) -> None:
    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while check := connection.recv():
        connection.send(_performed(check, setting))


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os.killpg(0, signal.SIGKILL)


def _performed(check: Check, setting: Setting) -> Outcome:
    began, usable = time.monotonic(), True
    state: Literal["ok", "FAILED", "skipped"] = "FAILED"
    figures: tuple[Figure, ...] = ()
    try:
        found = check.work(setting)
        state, said, figures = "ok", found.said, found.figures
    except NeedsGPU:
        state, said = "skipped", "needs a CUDA GPU"
    except (Wrong, UserError) as error:
        said = str(error)
    except Exception as error:  # noqa: BLE001 - one failure hides no other
        traceback.print_exc()
        said = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
        # After a fault on the GPU every later call of this process fails.
        usable = "CUDA error" not in str(error)
    gc.collect()
    if usable and torch.cuda.is_initialized():
        torch.cuda.empty_cache()  # for other processes
    return Outcome(check.name, state, said, time.monotonic() - began, figures, usable)
