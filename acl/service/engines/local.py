"""Workers as processes of this machine: one warm spare, and those that finished a run take the next.

Importing torch takes longer than a small run. The spare has imported torch, never acl, so that it cannot run old
code; a process that has worked is taken again only while runs wait and no file of the engine has changed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from acl.runs.control import Status
from acl.runs.folder import Run
from acl.service.engines import Job
from acl.system.files import try_lock
from acl.system.processes import OUT_OF_MEMORY, kill_group, killed_for_memory, memory_sentence

HERE = Path(__file__).resolve().parent
LEAST_SLOTS = 4


def default_slots() -> int:
    """One a core; at least four, so that the columns of a race move together."""
    return max(LEAST_SLOTS, os.cpu_count() or 1)


@dataclass
class Process:
    """A worker process; code: the state of the engine's files that it has imported, None while it has imported none."""

    popen: subprocess.Popen[bytes]
    code: int | None = None

    def give(self, run: Run, code: int) -> None:
        assert self.popen.stdin
        line = json.dumps({"run": str(run.path), "log": str(_log(run))})
        self.popen.stdin.write(line.encode() + b"\n")
        self.popen.stdin.flush()
        self.code = code

    @property
    def waits(self) -> bool:
        """Whether it has said, since it was last asked, that it is done with its run."""
        assert self.popen.stdout
        try:
            return os.read(self.popen.stdout.fileno(), 1) == b"."
        except BlockingIOError:
            return False


@dataclass
class LocalJob:
    """kills: what the kernel had ended for want of memory when the job began."""

    process: Process
    done: list[Process]
    log: Path
    kills: int = field(default_factory=killed_for_memory)

    def poll(self) -> int | None:
        code = self.process.popen.poll()
        if code is not None:
            end(self.process.popen)
            if code == -signal.SIGKILL and killed_for_memory() > self.kills:
                return self._out_of_memory()
        elif self.process.waits:
            self.done.append(self.process)
            return 0
        return code

    def _out_of_memory(self) -> int:
        """The kernel lets a worker say no last word: it is said here."""
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"{memory_sentence('the system ended the worker')}\n")
        return OUT_OF_MEMORY

    def kill(self) -> None:
        if self.process.popen.poll() is None:
            os.killpg(self.process.popen.pid, signal.SIGKILL)
        end(self.process.popen)


@dataclass
class LocalEngine:
    name = "local"
    slots: int = field(default_factory=default_slots)
    paused_takes_slot: bool = False
    spare: Process | None = None
    done: list[Process] = field(default_factory=list)

    def start(self, run: Run) -> LocalJob:
        code = _state_of_code()
        process = self._used(code) or self._warm() or _new()
        process.give(run, code)
        return LocalJob(process, self.done, _log(run))

    def lacks(self, run: Run) -> str:
        return ""

    def _used(self, code: int) -> Process | None:
        """One that has worked before, on this code."""
        while self.done:
            process = self.done.pop()
            if process.code == code and process.popen.poll() is None:
                return process
            end(process.popen)
        return None

    def _warm(self) -> Process | None:
        process, self.spare = self.spare, None
        if process and process.popen.poll() is not None:
            end(process.popen)
            return None
        return process

    def alive(self, run: Run) -> bool:
        # Only here is a worker's lock ever tried: trying it from the worker's own process would free it.
        if not (run.path / "worker.lock").exists():
            return False
        lock = try_lock(run.path / "worker.lock")
        if lock is None:
            return True
        lock.close()
        return False

    def kill(self, job: Job | None, status: Status) -> None:
        # One that hangs before its first word has said no pid.
        if job:
            job.kill()
        else:
            kill_group(status.pid, status.born)

    def tick(self, waiting: bool) -> None:
        if not waiting:
            self._dismiss()
        self.spare = self._warm() or _new()

    def _dismiss(self) -> None:
        while self.done:
            end(self.done.pop().popen)

    def end(self) -> None:
        self._dismiss()
        if self.spare:
            end(self.spare.popen)


def _log(run: Run) -> Path:
    return run.path / "worker.log"


def _new() -> Process:
    process = popen([sys.executable, "-m", "acl.service.engines.warm"], subprocess.PIPE, subprocess.PIPE)
    assert process.stdout
    os.set_blocking(process.stdout.fileno(), False)
    return Process(process)


def _state_of_code() -> int:
    return max(path.stat().st_mtime_ns for path in HERE.parents[1].rglob("*.py"))


def popen(command: list[str], stdin: int, stdout: int | IO[bytes]) -> subprocess.Popen[bytes]:
    """A process in a session of its own, so that it outlives us and can be ended with all its children."""
    return subprocess.Popen(
        command,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.DEVNULL if stdout == subprocess.PIPE else subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_be_nice,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def _be_nice() -> None:
    """Training must not make the page wait."""
    os.nice(5)


def end(process: subprocess.Popen[bytes]) -> None:
    """Close what connects us with it, end it if it still lives, and wait for that."""
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
