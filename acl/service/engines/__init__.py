"""Where workers run: the backend decides what plays, an engine gives it a process, here or elsewhere."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from acl.config import UserError
from acl.runs.control import Status
from acl.runs.folder import Run


@runtime_checkable
class Job(Protocol):
    """A worker on one run."""

    def poll(self) -> int | None:
        """What acl.service.worker.main returned (0 where the process waits for another run); None while it works."""

    def kill(self) -> None:
        """End it at once, and wait for that."""


@runtime_checkable
class Engine(Protocol):
    """Gives runs their workers: processes of this machine, or tasks of a cluster."""

    name: str
    """As on the command line."""
    paused_takes_slot: bool

    @property
    def slots(self) -> int:
        """Runs that may play at once."""

    def start(self, run: Run) -> Job:
        """A worker for `run`. OSError if none can be had."""

    def lacks(self, run: Run) -> str:
        """What is missing for a worker on `run` to start now, in a sentence; "" if nothing is."""

    def alive(self, run: Run) -> bool:
        """Does a worker that another backend started still work on `run`?"""

    def kill(self, job: Job | None, status: Status) -> None:
        """End a worker that has been silent for too long; `job` is None if another backend started it."""

    def tick(self, waiting: bool) -> None:
        """Called again and again; waiting: whether any run waits for a slot."""

    def end(self) -> None:
        """The backend ends. Workers that play go on where they can."""


def places(gpu_share: float) -> int:
    """Runs on one GPU where each takes this part of it: a run's part lies on one GPU. UserError for no such part."""
    if not 0 < gpu_share <= 1:
        raise UserError(f"--gpu-share must be above 0 and at most 1, got {gpu_share:g}.")
    return int(1 / gpu_share + 1e-9)
