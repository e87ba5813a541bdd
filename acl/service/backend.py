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
from acl.runs.control import ACTIVE, Status, nudge, read_status, write_status
from acl.runs.folder import check_folder, list_runs
from acl.service import measurer, projector
from acl.service.decide import (
    MENDABLE,
    GiveUp,
    Kill,
    Leave,
    Load,
    Queue,
    Seen,
    Start,
    Unqueue,
    concerns,
    decide,
    has_room,
    is_active,
    takes_slot,
    waits,
)
from acl.service.engines import Engine
from acl.service.engines.local import LocalEngine, popen
from acl.service.watching import Watch, Watched
from acl.system.files import Retried, read_json, try_lock, write_json
from acl.system.processes import OUT_OF_MEMORY, born, kill_group, lives

TICK_S = 0.05
IDLE_S = 600.0


def home(runs: Path) -> Path:
    """Where the backend of a runs folder keeps what is its own."""
    return runs / ".backend"


@dataclass
class Backend:
    """`serve()` runs until stopped."""

    runs: Path
    engine: Engine = field(default_factory=LocalEngine)
    idle_s: float = IDLE_S
    stopping: bool = False
    retried: Retried = field(default_factory=Retried)

    def __post_init__(self) -> None:
        self.watch = Watch(self.runs)

    @property
    def watched(self) -> dict[str, Watched]:
        """All runs of the folder, by id."""
        return self.watch.watched

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
        nudge(self.runs).touch()
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
        """Look at the runs where something may have changed, and do what they need. True if any run plays or waits for
        a slot."""
        with self.retried.at("The runs"):
            self.watch.find()
        looks = [(run, seen) for run in self.watch.due() if (seen := self._look(run)) is not None]
        load = self._load(looks)
        # What waits for a slot comes last, in the order in which it was made.
        for run, seen in sorted(looks, key=lambda look: (waits(look[1]), look[0].created, look[0].run.id)):
            with self.retried.at(f"{run.run.id}: its worker"):
                load = self._act(run, seen, load)
        busy = any(waits(seen) for _, seen in looks)
        with self.retried.at("The workers"):
            self.engine.tick(waiting=busy)
        return busy or load.playing > 0

    # -- looking ---------------------------------------------------------------------------------------

    def _look(self, run: Watched) -> Seen | None:
        """None where the disk does not let it be seen."""
        with self.retried.at(run.run.id):
            seen = run.look()
            if not seen.ours and concerns(seen):
                seen = replace(seen, alive=self.engine.alive(run.run))
            run.active = is_active(seen)
            return seen
        return None

    def _load(self, looks: list[tuple[Watched, Seen]]) -> Load:
        playing = sum(takes_slot(seen, self.engine.paused_takes_slot) for _, seen in looks)
        lonely = any(run.attempts.alone and run.job for run in self.watched.values())
        return Load(playing, self.engine.slots, lonely)

    # -- acting ----------------------------------------------------------------------------------------

    def _act(self, run: Watched, seen: Seen, load: Load) -> Load:
        """Do what is decided; the load after it."""
        asks = waits(seen) and has_room(seen, load)
        action = decide(seen, replace(load, lack=self.engine.lacks(run.run)) if asks else load)
        match action:
            case Start(attempts):
                run.attempts = attempts
                return replace(load, playing=load.playing + self._start(run))
            case Queue(lack):
                self._say(run, replace(run.status or Status("queued"), state="queued", error=lack))
            case Unqueue(status):
                self._say(run, replace(status, state="stopped", seq=seen.heard))
            case GiveUp(attempts, status):
                run.attempts = attempts
                self._give_up(run, status, seen.heard)
            case Kill(status):
                self.engine.kill(run.job, status)
            case Leave():
                pass
        return load

    def _start(self, run: Watched) -> bool:
        """Whether a worker was to be had."""
        try:
            run.job = self.engine.start(run.run)
        except OSError as error:
            heard = run.control.seq if run.control else 0
            self._say(run, Status("failed", seq=heard, error=f"No worker could be started: {error}."))
            return False
        run.beat = (run.beat[0], time.monotonic())
        self._say(run, replace(run.status or Status("starting"), state="starting", error="", pid=0))
        return True

    def _give_up(self, run: Watched, status: Status, heard: int) -> None:
        attempts, last_words = run.attempts, _last_line(run.run.path / "worker.log")
        reason = (
            last_words
            if attempts.exit_code in {MENDABLE, OUT_OF_MEMORY} and last_words
            else (
                f"The worker ended {attempts.n + 1} times at the same place (exit code {attempts.exit_code}): "
                f"{last_words or 'it left no word'}. Press Play to try again."
            )
        )
        self._say(run, replace(status, state="failed", error=reason, seq=heard))

    def _say(self, run: Watched, status: Status) -> None:
        with self.retried.at(f"{run.run.id}: its status"):
            write_status(run.run.path, replace(status, beat=status.beat + 1))

    def _end_paused(self) -> None:
        """Workers of this machine that hold still; those that play go on alone."""
        for run in self.watched.values():
            with self.retried.at(run.run.id):
                run.look()
            if run.status and run.status.state == "paused":
                kill_group(run.status.pid, run.status.born, signal.SIGTERM)


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
    """Serve `runs` until stopped. UserError where another backend does, or the folder cannot be used."""
    Backend(runs, engine or LocalEngine()).serve()
