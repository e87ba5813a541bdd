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

from acl.config import UserError
from acl.runs.control import Status, read_status
from acl.runs.folder import Run
from acl.service.engines import Job, places
from acl.system.device import visible_gpus
from acl.system.files import try_lock
from acl.system.processes import OUT_OF_MEMORY, kill_group, killed_for_memory, memory_sentence

HERE = Path(__file__).resolve().parent
LEAST_SLOTS = 4
# Four runs on each GPU: small batches leave most of one idle, and its memory holds several networks.
GPU_SHARE = 0.25


def default_slots() -> int:
    """One a core; at least four, so that the columns of a race move together."""
    return max(LEAST_SLOTS, os.cpu_count() or 1)


@dataclass
class Process:
    """A worker process; code: the state of the engine's files that it has imported, None while it has imported none."""

    popen: subprocess.Popen[bytes]
    code: int | None = None

    def give(self, run: Run, code: int, gpu: str) -> None:
        """Let it work on `run`, on this GPU ("" for none); code: the state of the engine's files that it will import.
        OSError where the process is gone."""
        assert self.popen.stdin
        line = json.dumps({"run": str(run.path), "log": str(_log(run)), "gpu": gpu})
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
    """gpu: the one it works on, "" for none; kills: what the kernel had ended for want of memory when the job began."""

    process: Process
    done: list[Process]
    run: Run
    gpu: str = ""
    over: bool = False
    kills: int = field(default_factory=killed_for_memory)

    def poll(self) -> int | None:
        code = self._ended()
        self.over = code is not None
        return code

    @property
    def pauses(self) -> bool:
        """Whether the run's worker has said that it pauses."""
        status = read_status(self.run.path)
        return status is not None and status.state == "paused"

    def _ended(self) -> int | None:
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
        with _log(self.run).open("a", encoding="utf-8") as log:
            log.write(f"{memory_sentence('the system ended the worker')}\n")
        return OUT_OF_MEMORY

    def kill(self) -> None:
        self.over = True
        if self.process.popen.poll() is None:
            os.killpg(self.process.popen.pid, signal.SIGKILL)
        end(self.process.popen)


@dataclass
class LocalEngine:
    """gpu_share: the part of a GPU a run on CUDA takes while it works; one that pauses leaves its place to others, as
    it leaves its slot. left: runs that an earlier backend, or `acl run`, left a worker at. taken: the GPU of each run
    that works on one, None until it is asked for in a tick. UserError for a share that is none."""

    name = "local"
    slots: int = field(default_factory=default_slots)
    gpu_share: float = GPU_SHARE
    paused_takes_slot: bool = False
    spare: Process | None = None
    done: list[Process] = field(default_factory=list)
    jobs: list[LocalJob] = field(default_factory=list)
    left: set[Path] = field(default_factory=set)
    taken: list[str] | None = None

    def __post_init__(self) -> None:
        self.places = places(self.gpu_share)

    def start(self, run: Run) -> LocalJob:
        code = _state_of_code()
        gpu = self._gpu_for(run)
        process = self._used(code) or self._warm() or _new()
        process.give(run, code, gpu)
        job = LocalJob(process, self.done, run, gpu)
        if gpu:
            self.jobs.append(job)
            self._taken().append(gpu)
        return job

    def lacks(self, run: Run) -> str:
        gpu = self._gpu_for(run)
        if not gpu or self._taken().count(gpu) < self.places:
            return ""
        n = self.places * len(visible_gpus())
        taken = f"All {n} places for runs on a GPU are" if n > 1 else "The place for a run on a GPU is"
        return (
            f"{taken} taken: this one waits until a run there ends or pauses "
            f"(acl backend --gpu-share {self.gpu_share / 2:g} makes twice as many)."
        )

    def _gpu_for(self, run: Run) -> str:
        """The GPU with the fewest runs; "" for a run that takes none, and where there is none: its worker says so."""
        try:
            wanted = run.config.device == "cuda"
        except UserError:
            return ""  # the worker will say what is wrong with it
        return min(visible_gpus(), key=self._taken().count, default="") if wanted else ""

    def _taken(self) -> list[str]:
        if self.taken is None:
            self.jobs = [job for job in self.jobs if not job.over]
            ours = [job.gpu for job in self.jobs if not job.pauses]
            left = [said for path in self.left if (said := read_status(path)) and said.state in {"starting", "playing"}]
            self.taken = ours + [said.gpu for said in left if said.gpu]
        return self.taken

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
        there = self._is_locked(run)
        (self.left.add if there else self.left.discard)(run.path)
        return there

    def _is_locked(self, run: Run) -> bool:
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
        self.taken = None
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
