"""What a worker says of its run: status.json, a heartbeat, also where the disk is full."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from acl.config import UserError
from acl.events import Bought, Evaluated, Event, Scored, Trained
from acl.loop import Loop
from acl.plugins.blame import PluginError
from acl.runs.control import State, Status, Target, read_status, write_status
from acl.runs.folder import Run
from acl.service import lease
from acl.system.files import is_full
from acl.system.gauge import Gauge
from acl.system.processes import born

BEAT_S, HELD_BEAT_S = 0.25, 1.0
# Room for the status on a disk that is full, so that it can be said.
RESERVE_BYTES = 2**16
ENDS_PHASE = {Scored: "score", Bought: "buy", Trained: "train", Evaluated: "evaluate"}


class Reporter:
    """The words of one worker. The others leave here what the next one holds: `completed`, the last phase done; `seq`,
    the request that was heard; `note`, what of it could not be done; `trouble`, what the run waits for."""

    loop: Loop

    def __init__(self, run: Run, epoch: int) -> None:
        self.run, self.epoch = run, epoch
        self.pid, self.born = os.getpid(), born(os.getpid())
        self.completed: Target | None = None
        self.seq, self.note, self.trouble, self.device = 0, "", "", ""
        self._gauge: Gauge | None = None
        before = read_status(run.path) or Status("starting")
        self._beat, self._worked = before.beat, before.worked_s
        self._said, self._said_at, self._last_beat = "", time.monotonic(), 0.0
        self._playing_since, self._progress_then = time.monotonic(), 0.0

    # -- the words -------------------------------------------------------------------------------------

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Heartbeats from a thread of their own: a large set, or a backbone's first look at it, takes minutes."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(HELD_BEAT_S):
                # What hinders this hinders the next word of the worker too, which says so.
                with suppress(OSError, lease.Superseded):
                    self.write(Status("starting"))

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def begin(self, loop: Loop, gauge: Gauge) -> None:
        """From now on `say` has something to tell."""
        self.loop, self._gauge = loop, gauge

    def heartbeat(self) -> None:
        """Say that the worker is at work, where nothing was said for BEAT_S seconds."""
        if self.silent_s >= BEAT_S:
            self.say("playing")

    def say(self, state: State) -> Status:
        """How far the loop is."""
        loop, position = self.loop, self.loop.next_phase
        training = loop.training
        status = Status(
            state,
            task=position.task,
            round=position.round,
            phase=position.phase,
            epoch=training.epoch if training else 0,
            epochs=loop.config.epochs,
            progress=loop.progress,
            eta_s=self._eta() if state == "playing" else None,
            images_per_s=loop.images_per_s,
            pool=0 if loop.done else len(loop.pool),
            n=0 if loop.done else loop.n_wanted,
            rounds=loop.rounds,
            error=self.trouble or self.note,
        )
        return self.write(status)

    def write(self, status: Status) -> Status:
        """Say `status`, and who works on the run since when. Superseded if another worker has taken it over."""
        lease.check(self.run.path, self.epoch)
        self._last_beat = now = time.monotonic()
        self._beat += 1
        self._worked += now - self._said_at if self._said == "playing" else 0.0
        self._said, self._said_at = status.state, now
        status = replace(
            status,
            worked_s=round(self._worked, 3),
            seq=self.seq,
            pid=self.pid,
            born=self.born,
            device=self.device,
            gpu=_gpu() if self.device == "cuda" else "",
            **(asdict(self._gauge.read()) if self._gauge else {}),
            completed=self.completed,
            beat=self._beat,
        )
        try:
            write_status(self.run.path, status)
        except OSError as error:
            if not is_full(error):
                raise
            self.drop_reserve()
            self._try_again(status)
        return status

    def _try_again(self, status: Status) -> None:
        try:
            write_status(self.run.path, status)
        except OSError as error:
            # The run matters more than what is said of it.
            to_log(f"The status could not be written: {error}")

    def fail(self, error: UserError) -> None:
        """Leave the reason where the app finds it, if the disk still takes it."""
        status = read_status(self.run.path) or Status("failed")
        details = error.details if isinstance(error, PluginError) else ""
        try:
            self.write(replace(status, state="failed", error=str(error), details=details))
        except OSError as trouble:
            to_log(f"The status of {self.run.id} could not be written: {trouble}")

    # -- what they are about ---------------------------------------------------------------------------

    def complete(self, event: Event) -> None:
        """`event` has happened: it may have ended a phase."""
        phase = ENDS_PHASE.get(type(event))
        if phase is not None and isinstance(event, Scored | Bought | Trained | Evaluated):
            self.completed = (event.task, event.round, phase)

    @property
    def silent_s(self) -> float:
        """Seconds since the last word."""
        return time.monotonic() - self._last_beat

    def speak_soon(self) -> None:
        """With the next heartbeat, however short ago the last was."""
        self._last_beat = 0.0

    def measure_from_here(self) -> None:
        """The time that is left is told from what is done from now on."""
        self._playing_since, self._progress_then = time.monotonic(), self.loop.progress

    def _eta(self) -> float | None:
        gained = self.loop.progress - self._progress_then
        spent = time.monotonic() - self._playing_since
        return spent / gained * (1 - self.loop.progress) if gained > 0.005 else None

    # -- room for them ---------------------------------------------------------------------------------

    @property
    def _reserve(self) -> Path:
        return self.run.path / ".reserve"

    def keep_reserve(self) -> None:
        """Take RESERVE_BYTES of the disk, which a last status can have when it is full."""
        try:
            self._reserve.write_bytes(os.urandom(RESERVE_BYTES))
        except OSError as error:
            self.drop_reserve()
            to_log(f"No room is kept for the status: {error}")

    def drop_reserve(self) -> None:
        """Give them back."""
        # Where the disk lets go of nothing, more than this file is amiss, and is said.
        with suppress(OSError):
            self._reserve.unlink()


def to_log(text: str) -> None:
    """On stderr, which is worker.log in a worker: on the disk that may be full."""
    with suppress(OSError):
        print(text, file=sys.stderr)


def _gpu() -> str:
    """The GPU this process works on, as CUDA_VISIBLE_DEVICES names it: of those it is shown torch takes the first."""
    return (os.environ.get("CUDA_VISIBLE_DEVICES") or "0").split(",")[0].strip()
