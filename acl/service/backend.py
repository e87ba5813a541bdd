"""The backend: watches a runs folder, gives every wanted run a worker, replaces workers that die or hang.

It holds `.backend/lock` in the runs folder and keeps, while somebody asks for maps or outcomes, who makes them.
Where workers come from is the engine's business (acl.service.engines). It ends by itself after ten idle minutes with
no app attached, and starts without torch. Local workers live in sessions of their own: they go on when the backend
goes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import psutil

from acl.config import UserError
from acl.runs.control import ACTIVE, Control, Status, as_position, read_control, read_status, write_status
from acl.runs.folder import Run, check_folder, list_runs
from acl.service import measurer, projector
from acl.service.engines import Engine, Job
from acl.service.engines.local import LocalEngine, popen
from acl.system.files import Retried, read_json, try_lock, write_json
from acl.system.processes import OUT_OF_MEMORY, born, kill_group, lives

TICK_S = 0.05
IDLE_S = 600.0
MAX_TRIES = 3
PATIENCE_S = {"starting": 300.0, "score": 600.0}
DEFAULT_PATIENCE_S = 60.0


def home(runs: Path) -> Path:
    return runs / ".backend"


@dataclass
class Watched:
    """What the backend remembers of one run between two looks."""

    run: Run
    created: int
    marks: tuple[int, int] = (-1, -1)
    control: Control | None = None
    status: Status | None = None
    job: Job | None = None
    tries: int = 0
    tried_at: object = None
    beat: tuple[int, float] = (-1, 0.0)
    exit_code: int | None = None
    alone: bool = False


@dataclass
class Backend:
    """`serve()` runs until stopped."""

    runs: Path
    engine: Engine = field(default_factory=LocalEngine)
    idle_s: float = IDLE_S
    watched: dict[str, Watched] = field(default_factory=dict)
    stopping: bool = False
    retried: Retried = field(default_factory=Retried)

    def serve(self) -> None:
        """UserError if another backend serves this folder."""
        check_folder(self.runs)
        home(self.runs).mkdir(exist_ok=True)
        lock = try_lock(home(self.runs) / "lock")
        if lock is None:
            raise UserError(f"Another backend already serves {self.runs}: nothing to do.")
        record = {"pid": os.getpid(), "born": born(os.getpid()), "slots": self.engine.slots, "engine": self.engine.name}
        record["runs"] = str(self.runs.resolve())
        write_json(home(self.runs) / "backend.json", record)
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stopping", True))
        busy_at = time.monotonic()
        keepers = [projector.Keeper(self.runs), *measurer.keepers(self.runs)]
        try:
            while not self.stopping:
                busy = self.tick()
                for keeper in keepers:
                    with self.retried.at(f"The {keeper.name}"):
                        keeper.tick()
                with self.retried.at("The backend"):
                    # What was asked for is worked off, also when nobody looks on.
                    if busy or measurer.asked(self.runs) or app_attached(self.runs):
                        busy_at = time.monotonic()
                if time.monotonic() - busy_at > self.idle_s:
                    break
                time.sleep(TICK_S)
        finally:
            for keeper in keepers:
                keeper.end()
            self._end_paused()
            self.engine.end()
            with self.retried.at("The backend"):
                (home(self.runs) / "backend.json").unlink(missing_ok=True)
            lock.close()

    def tick(self) -> bool:
        """Look at every run once and do what it needs. True if any run plays or waits for a slot."""
        with self.retried.at("The runs"):
            self._find_runs()
        busy = False
        waiting: list[Watched] = []
        playing = 0
        for seen in self.watched.values():
            with self.retried.at(seen.run.id):
                self._look(seen)
                if not self._concerns(seen):
                    continue
                if self._alive(seen):
                    # One that has just said "finished" gives its process to the next in a moment.
                    works = seen.status is None or seen.status.state != "paused"
                    playing += works or self.engine.paused_takes_slot
                    self._replace_if_silent(seen)
                elif self._wanted(seen):
                    waiting.append(seen)
                elif seen.status and seen.status.state == "queued":
                    # Nobody waits for it any more; no worker is there to say so.
                    self._say(seen, replace(seen.status, state="stopped", seq=_heard(seen)))
        lonely = any(seen.alone and seen.job for seen in self.watched.values())
        for seen in sorted(waiting, key=lambda seen: (seen.created, seen.run.id)):
            busy = True
            # A run that had too little memory gets all there is, once.
            room = playing == 0 if seen.exit_code == OUT_OF_MEMORY else playing < self.engine.slots and not lonely
            with self.retried.at(f"{seen.run.id} waits"):
                lack = self.engine.lacks(seen.run) if room else ""
                if room and not lack:
                    playing += self._start(seen)
                elif seen.status is None or (seen.status.state, seen.status.error) != ("queued", lack):
                    self._say(seen, replace(seen.status or Status("queued"), state="queued", error=lack))
        with self.retried.at("The workers"):
            self.engine.tick(waiting=busy)
        return busy or playing > 0

    # -- looking ---------------------------------------------------------------------------------------

    def _find_runs(self) -> None:
        for run in list_runs(self.runs):
            if run.id not in self.watched:
                self.watched[run.id] = Watched(run, _mark(run.path / "config.json"))
        for id_ in [id_ for id_, seen in self.watched.items() if not seen.run.path.exists()]:
            gone = self.watched.pop(id_)
            if gone.job:
                gone.job.kill()

    def _look(self, seen: Watched) -> None:
        """Read control and status again if they changed; let go of the worker if it ended."""
        code = seen.job.poll() if seen.job else None
        if code is not None:
            seen.exit_code, seen.job = code, None
        marks = (_mark(seen.run.path / "control.json"), _mark(seen.run.path / "status.json"))
        if marks != seen.marks:
            seen.marks = marks
            seen.control, seen.status = read_control(seen.run.path), read_status(seen.run.path)
            if seen.status and seen.status.beat != seen.beat[0]:
                seen.beat = (seen.status.beat, time.monotonic())

    def _concerns(self, seen: Watched) -> bool:
        """A run nobody asked to play, or that is over, needs no look at its lock."""
        if seen.job:
            return True
        return seen.control is not None and (seen.status is None or seen.status.state != "finished")

    def _wanted(self, seen: Watched) -> bool:
        control, status = seen.control, seen.status
        if control is None or control.mode != "play":
            return False
        if status is None:
            return True
        if status.state in {"failed", "stopped"}:
            return control.seq > status.seq
        until, completed = as_position(control.until), as_position(status.completed)
        return not (until is not None and completed is not None and completed >= until)

    def _alive(self, seen: Watched) -> bool:
        return seen.job is not None or self.engine.alive(seen.run)

    def _replace_if_silent(self, seen: Watched) -> None:
        """Kill a worker that has not said anything for longer than its phase may take; a later tick restarts it."""
        status = seen.status
        if status is None or not (seen.job or status.pid):
            return
        deaf = status.state == "paused" and _heard(seen) > status.seq
        if status.state not in {"starting", "playing"} and not deaf:
            return
        known = (status.state,) if deaf else (status.state, status.phase)
        patience = next((PATIENCE_S[name] for name in known if name in PATIENCE_S), DEFAULT_PATIENCE_S)
        if time.monotonic() - seen.beat[1] > patience:
            self.engine.kill(seen.job, status)

    # -- acting ----------------------------------------------------------------------------------------

    def _start(self, seen: Watched) -> bool:
        """Give the run a worker, unless it has used up its tries where it stands. True if one was started."""
        status = seen.status
        crashed = status is not None and status.state in {"starting", "playing", "paused"}
        # A run that had too little memory waits in the queue until it can be alone.
        crashed |= status is not None and status.state == "queued" and seen.exit_code == OUT_OF_MEMORY
        if not crashed:
            seen.tries, seen.exit_code, seen.alone = 0, None, False
        elif status is not None:
            if seen.tried_at != status.completed:
                seen.tries, seen.tried_at = 0, status.completed
            spent = seen.exit_code == OUT_OF_MEMORY and seen.alone
            if seen.exit_code == 2 or spent or seen.tries >= MAX_TRIES:
                self._give_up(seen, status)
                return False
            seen.tries += 1
        seen.alone = seen.exit_code == OUT_OF_MEMORY
        try:
            seen.job = self.engine.start(seen.run)
        except OSError as error:
            self._say(seen, Status("failed", seq=_heard(seen), error=f"No worker could be started: {error}."))
            return False
        seen.beat = (seen.beat[0], time.monotonic())
        self._say(seen, replace(status or Status("starting"), state="starting", error="", pid=0))
        return True

    def _give_up(self, seen: Watched, status: Status) -> None:
        last_words = _last_line(seen.run.path / "worker.log")
        reason = (
            last_words
            if seen.exit_code in {2, OUT_OF_MEMORY} and last_words
            else (
                f"The worker ended {seen.tries + 1} times at the same place (exit code {seen.exit_code}): "
                f"{last_words or 'it left no word'}. Press Play to try again."
            )
        )
        self._say(seen, replace(status, state="failed", error=reason, seq=_heard(seen)))

    def _say(self, seen: Watched, status: Status) -> None:
        with self.retried.at(f"{seen.run.id}: its status"):
            write_status(seen.run.path, replace(status, beat=status.beat + 1))

    def _end_paused(self) -> None:
        """Workers of this machine that hold still; those that play go on alone."""
        for seen in self.watched.values():
            with self.retried.at(seen.run.id):
                self._look(seen)
            if seen.status and seen.status.state == "paused":
                kill_group(seen.status.pid, seen.status.born, signal.SIGTERM)


def _heard(seen: Watched) -> int:
    return seen.control.seq if seen.control else 0


def _mark(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][:500] if lines else ""


# -- for others ----------------------------------------------------------------------------------------


def app_attached(runs: Path) -> bool:
    """Does a living app process hold its (shared) lock?"""
    path = home(runs) / "app.lock"
    if not path.exists():
        return False
    lock = try_lock(path)
    if lock:
        lock.close()
    return lock is None


def attach(runs: Path) -> IO[str] | None:
    """For the app: keep the returned file open as long as the app lives."""
    home(runs).mkdir(parents=True, exist_ok=True)
    return try_lock(home(runs) / "app.lock", shared=True)


def running(runs: Path) -> psutil.Process | None:
    """The living backend of this folder."""
    record = read_json(home(runs) / "backend.json", {"runs"})
    # A copy of a folder brings the record of the backend that serves the original.
    if record is None or record.get("runs") != str(runs.resolve()):
        return None
    try:
        process = psutil.Process(record["pid"])
        there = lives(record["pid"], record["born"]) and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError, TypeError, ValueError):
        return None
    return process if there else None


def engine_of(runs: Path) -> str | None:
    """The engine of the backend that serves this folder; None where none does."""
    record = read_json(home(runs) / "backend.json", {"runs"}) if running(runs) else None
    return str(record.get("engine")) if record else None


# Kept so that a backend that ended is reaped, and not warned about while it lives.
_started: dict[Path, subprocess.Popen[bytes]] = {}


def ensure(runs: Path, options: Sequence[str] = ()) -> None:
    """Start a backend for `runs` if none lives, with these options of `acl backend`. It outlives the caller."""
    starting = [folder for folder, process in _started.items() if process.poll() is None]
    # One that we started needs a while before it serves: a cluster takes seconds to connect to.
    if running(runs) is None and runs not in starting:
        check_folder(runs)
        home(runs).mkdir(exist_ok=True)
        with open(home(runs) / "backend.log", "ab") as log:
            command = [sys.executable, "-m", "acl", "backend", "--runs", str(runs), *options]
            _started[runs] = popen(command, subprocess.DEVNULL, log)


def refused(runs: Path) -> str:
    """The sentence with which the backend that we started for `runs` would not serve; "" if it did not refuse."""
    ours = _started.get(runs)
    if running(runs) is not None or ours is None or ours.poll() != 2:
        return ""
    return _last_line(home(runs) / "backend.log").removeprefix("acl: ")


def stop(runs: Path, timeout_s: float = 15.0) -> str:
    """End the backend of `runs`; says what happened and what goes on."""
    process = running(runs)
    if process is None:
        return f"No backend serves {runs}."
    process.terminate()
    patience = time.monotonic() + timeout_s
    while running(runs) is not None:
        if time.monotonic() > patience:
            raise UserError(f"The backend (process {process.pid}) did not end in {timeout_s:.0f} s: end it by hand.")
        time.sleep(0.05)
    left = active_runs(runs)
    return "The backend has ended." + (f" Still playing: {', '.join(left)}." if left else "")


def active_runs(runs: Path) -> list[str]:
    """Ids of the runs that play."""
    found = []
    for run in list_runs(runs):
        status = read_status(run.path)
        # Those that a cluster worked on ended with the backend.
        if status and status.state in ACTIVE - {"paused"} and LocalEngine().alive(run):
            found.append(run.id)
    return found


def main(runs: Path, engine: Engine | None = None) -> None:
    Backend(runs, engine or LocalEngine()).serve()
