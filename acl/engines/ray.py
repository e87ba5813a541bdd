"""Workers as tasks of a Ray cluster: the runs folder lies on storage that every node sees under the same path.

Nothing but a run's path travels through Ray: the truth stays in the run folder. A task dies with its node and with
this backend; the run then goes on elsewhere from its last finished round. pip install -r requirements-ray.txt
"""

from __future__ import annotations

import os
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acl.config import UserError
from acl.control import Status
from acl.lease import renew
from acl.runs import Run

try:
    import ray
except ImportError:
    raise UserError("Ray is not installed: pip install -r requirements-ray.txt.") from None


def work(path: str, epoch: int) -> int:
    """In a process of some node: what `acl.worker` does here. What is printed goes into the run's worker.log."""
    from acl import worker

    with open(Path(path) / "worker.log", "a", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        return worker.main(path, epoch)


@dataclass
class RayJob:
    task: Any

    def poll(self) -> int | None:
        ready, _ = ray.wait([self.task], timeout=0)
        if not ready:
            return None
        try:
            return int(ray.get(self.task))
        except ray.exceptions.RayError:
            # Its node is gone, its process was killed, or it was cancelled.
            return 1

    def kill(self) -> None:
        ray.cancel(self.task, force=True)


class RayEngine:
    """gpu_share: the part of a GPU a run on CUDA takes. slots: None for as many as the cluster has room for."""

    # A paused worker keeps the CPU that Ray gave it.
    paused_takes_slot = True

    def __init__(self, address: str | None, gpu_share: float = 1.0, slots: int | None = None) -> None:
        if not address:
            raise UserError("Ray needs the address of its head node: --address HOST:6379.")
        if not 0 < gpu_share <= 1:
            raise UserError(f"--gpu-share must be above 0 and at most 1, got {gpu_share:g}.")
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise UserError(f"There is no Ray cluster at {address} ({reason}): start its head node first.") from None
        self.gpu_share, self.wanted_slots = gpu_share, slots

    @property
    def slots(self) -> int:
        """Nodes come and go: as many as there are CPUs now."""
        room = int(ray.cluster_resources().get("CPU", 0))
        return min(room, self.wanted_slots) if self.wanted_slots else room

    def start(self, run: Run) -> RayJob:
        config = run.config
        gpus = self.gpu_share if config.device == "cuda" else 0
        # Ray must not try again by itself: the backend counts the tries.
        task = ray.remote(max_retries=0, num_cpus=config.threads, num_gpus=gpus)(work)
        return RayJob(task.remote(os.fspath(run.path.resolve()), renew(run.path)))

    def alive(self, run: Run) -> bool:
        # The tasks of another backend ended with it.
        return False

    def kill(self, job: Any, status: Status) -> None:
        if job:
            job.kill()

    def tick(self, waiting: bool) -> None:
        """Ray keeps its own processes warm."""

    def end(self) -> None:
        ray.shutdown()
