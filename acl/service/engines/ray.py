"""Workers as tasks of a Ray cluster: the runs folder lies on storage that every node sees under the same path.

Nothing but a run's path travels through Ray: the truth stays in the run folder. A task dies with its node and with
this backend; the run then goes on elsewhere from its last finished round. pip install -r requirements-ray.txt
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acl.config import UserError
from acl.runs.control import Status
from acl.runs.folder import Run
from acl.service.engines import Job, places
from acl.service.lease import renew
from acl.system.processes import OUT_OF_MEMORY

try:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError:
    raise UserError("Ray is not installed: pip install -r requirements-ray.txt.") from None

GPU_SHARE = 1.0


def work(path: str, epoch: int, data: str | None) -> int:
    """In a process of some node: what `acl.service.worker` does here. What is printed goes into worker.log."""
    if not os.path.isdir(path):
        raise UserError(f"{socket.gethostname()} does not see {path}: the runs folder must lie on shared storage.")
    from acl.service import worker

    if data:
        os.environ["ACL_DATA"] = data
    with open(Path(path) / "worker.log", "a", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        return worker.main(path, epoch)


def check(address: str | None, gpu_share: float) -> str:
    """The address of a cluster that answers, or a UserError; Ray itself would wait for it for many minutes."""
    if not address:
        raise UserError("Ray needs the address of its head node: --address HOST:6379.")
    places(gpu_share)
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _no_cluster(address, error) from None
    return address


def _no_cluster(address: str, error: Exception) -> UserError:
    return UserError(f"There is no Ray cluster at {address} ({_lines(error)[0]}): start its head node first.")


def _lines(error: Exception) -> list[str]:
    """At least one: a cancelled task, for example, has nothing to say but its name."""
    return str(error).strip().splitlines() or [type(error).__name__]


@dataclass(frozen=True)
class Needs:
    """CPU cores and GPUs (the latter may be fractions): of a run, or of a node."""

    cpus: int
    gpus: float


@dataclass
class RayJob:
    """A task of Ray that works on a run. log: the run's worker.log; code: what the task returned, None while it
    works."""

    task: Any
    node: str
    needs: Needs
    log: Path
    code: int | None = None

    def poll(self) -> int | None:
        if self.code is None and ray.wait([self.task], timeout=0)[0]:
            self.code = self._ended()
        return self.code

    def _ended(self) -> int:
        try:
            return int(ray.get(self.task))
        except ray.exceptions.RayError as error:
            # Its node is gone, its process was killed, or it could not begin: it left no last word, Ray has one.
            self._note(_lines(getattr(error, "cause", None) or error)[-1])
            return OUT_OF_MEMORY if isinstance(error, ray.exceptions.OutOfMemoryError) else 1

    def _note(self, words: str) -> None:
        try:
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"Ray: {words}\n")
        except OSError as error:
            print(f"{self.log} could not be written ({error}): {words}", file=sys.stderr)

    def kill(self) -> None:
        """Ray ends it soon; until then `poll` says that it works."""
        ray.cancel(self.task, force=True)


class RayEngine:
    """gpu_share: the part of a GPU a run on CUDA takes. slots: None for as many as the cluster has room for."""

    name = "ray"
    # A paused worker keeps the CPU that Ray gave it.
    paused_takes_slot = True

    def __init__(self, address: str | None, gpu_share: float = GPU_SHARE, slots: int | None = None) -> None:
        address = check(address, gpu_share)
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise _no_cluster(address, error) from None
        self.gpu_share, self.wanted_slots = gpu_share, slots
        self.jobs: list[RayJob] = []
        self.nodes: dict[str, Needs] = {}
        self._look()

    def _look(self) -> None:
        """Nodes come and go; jobs end, also those that nobody asks after since their run was deleted."""
        nodes = {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}
        self.nodes = {id_: Needs(int(has.get("CPU", 0)), has.get("GPU", 0.0)) for id_, has in nodes.items()}
        self.jobs = [job for job in self.jobs if job.poll() is None]

    @property
    def slots(self) -> int:
        room = sum(node.cpus for node in self.nodes.values())
        return min(room, self.wanted_slots) if self.wanted_slots else room

    def lacks(self, run: Run) -> str:
        needs = self._needs(run)
        if self._node_for(needs):
            return ""
        what = f"{needs.cpus} CPU{'s' * (needs.cpus > 1)}" + (f" and {needs.gpus:g} of a GPU" if needs.gpus else "")
        return f"No node of the Ray cluster has {what} free."

    def _needs(self, run: Run) -> Needs:
        try:
            config = run.config
        except UserError:
            # The worker will say what is wrong with it.
            return Needs(1, 0.0)
        return Needs(config.threads, self.gpu_share if config.device == "cuda" else 0.0)

    def _node_for(self, needs: Needs) -> str | None:
        """The node with most CPUs free that has room. We choose, not Ray: what waits in Ray cannot be stopped."""
        free = {id_: self._free(id_, node) for id_, node in self.nodes.items()}
        fit = [id_ for id_, left in free.items() if left.cpus >= needs.cpus and left.gpus >= needs.gpus]
        return max(fit, key=lambda id_: free[id_].cpus, default=None)

    def _free(self, id_: str, node: Needs) -> Needs:
        here = [job.needs for job in self.jobs if job.code is None and job.node == id_]
        # A run's part of a GPU lies on one GPU: three runs of 0.6 need three.
        free = int(node.gpus) * places(self.gpu_share) - sum(job.gpus > 0 for job in here)
        return Needs(node.cpus - sum(job.cpus for job in here), free * self.gpu_share)

    def start(self, run: Run) -> RayJob:
        needs = self._needs(run)
        node = self._node_for(needs)
        if node is None:
            raise OSError(self.lacks(run))
        # Ray must not try again by itself, here or elsewhere: the backend counts the tries.
        task = ray.remote(max_retries=0, num_cpus=needs.cpus, num_gpus=needs.gpus)(work)
        here = task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False))
        reference = here.remote(os.fspath(run.path.resolve()), renew(run.path), os.environ.get("ACL_DATA"))
        self.jobs.append(RayJob(reference, node, needs, run.path / "worker.log"))
        return self.jobs[-1]

    def alive(self, run: Run) -> bool:
        # The tasks of another backend ended with it, and a worker of this machine gives way to the next lease.
        return False

    def kill(self, job: Job | None, status: Status) -> None:
        if job:
            job.kill()

    def tick(self, waiting: bool) -> None:
        self._look()

    def end(self) -> None:
        ray.shutdown()
