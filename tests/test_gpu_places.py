"""Places on GPUs, for workers of this machine: who takes which, who waits, what a worker is told. The driver and the
processes are played."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from acl.cli import main as cli
from acl.runs.control import Status, read_status, request, write_status
from acl.runs.folder import Run, create
from acl.service.backend import Backend
from acl.service.engines import local, places
from acl.service.engines.local import LocalEngine, LocalJob, Process, popen
from acl.system import device
from tests.conftest import small_config
from tests.tools import state_of

TAKEN = (
    "All 4 places for runs on a GPU are taken: this one waits until a run there ends or pauses "
    "(acl backend --gpu-share 0.25 makes twice as many)."
)


class Played(Process):
    """A worker process that does nothing until it is told that its run has ended."""

    def __init__(self) -> None:
        super().__init__(popen(["cat"], subprocess.PIPE, subprocess.PIPE))
        self.gpu, self.ended = None, False

    def give(self, run: Run, code: int, gpu: str) -> None:
        self.code, self.gpu = code, gpu

    @property
    def waits(self) -> bool:
        ended, self.ended = self.ended, False
        return ended


@pytest.fixture
def served(monkeypatch, runs):
    """served(gpu_share) is a backend that is ticked by hand on a machine with two GPUs, and starts no real worker."""
    monkeypatch.setattr(device, "_driver", lambda: (0, 2))
    monkeypatch.setattr(device, "_torch_has_cuda", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(local, "_new", Played)
    made = []

    def make(gpu_share: float = 0.5) -> Served:
        made.append(Served(runs, gpu_share))
        return made[-1]

    yield make
    for each in made:
        for seen in each.backend.watched.values():
            if seen.job:
                seen.job.kill()
        each.engine.end()


class Served:
    def __init__(self, runs: Path, gpu_share: float) -> None:
        self.runs, self.engine = runs, LocalEngine(20, gpu_share)
        self.backend = Backend(runs, self.engine)

    def make(self, device: str = "cuda", **values) -> Run:
        run = create(small_config(**values).changed(device=device), self.runs)
        request(run.path, mode="play")
        return run

    def tick(self) -> Counter[str]:
        """How many of our workers are on each GPU, "" for those on none."""
        self.backend.tick()
        return Counter(seen.job.gpu for seen in self.backend.watched.values() if seen.job)

    def job(self, run: Run) -> LocalJob:
        return self.backend.watched[run.id].job

    def ends(self, run: Run) -> None:
        self.job(run).process.ended = True
        write_status(run.path, Status("finished"))


def test_runs_spread_over_the_gpus_and_the_rest_wait_with_a_sentence(served):
    backend = served()
    first = [backend.make(seed=seed) for seed in range(4)]
    late = backend.make(seed=4)
    assert backend.tick() == {"0": 2, "1": 2}
    waiting = [run for run in (*first, late) if backend.job(run) is None]
    assert len(waiting) == 1
    said = read_status(waiting[0].path)
    assert said and (said.state, said.error) == ("queued", TAKEN)
    beat = said.beat
    backend.tick()
    assert read_status(waiting[0].path).beat == beat  # nothing new is said
    playing = next(run for run in (*first, late) if backend.job(run))
    gpu = backend.job(playing).gpu
    backend.ends(playing)
    backend.tick()
    assert backend.job(waiting[0]).gpu == gpu and read_status(waiting[0].path).error == ""


def test_each_worker_is_told_its_gpu_and_one_without_is_told_none(served):
    backend = served()
    backend.make(), backend.make(device="cpu", seed=1)
    backend.tick()
    jobs = [seen.job for seen in backend.backend.watched.values()]
    assert sorted(job.process.gpu for job in jobs) == ["", "0"]


def test_runs_that_wait_for_a_gpu_hold_back_no_run_on_the_cpu(served):
    backend = served()
    for seed in range(6):
        backend.make(seed=seed)
    backend.tick()
    later = backend.make(device="cpu", seed=7)
    assert backend.tick() == {"0": 2, "1": 2, "": 1} and state_of(later.path) == "starting"


def test_a_run_that_pauses_leaves_its_place(served):
    backend = served(1.0)
    first, second = backend.make(seed=0), backend.make(seed=1)
    backend.tick()
    third = backend.make(seed=2)
    assert backend.tick() == {"0": 1, "1": 1} and "All 2 places" in read_status(third.path).error
    write_status(first.path, replace(read_status(first.path), state="paused"))
    gpu = backend.job(first).gpu
    backend.tick()
    assert backend.job(third).gpu == gpu != backend.job(second).gpu


def test_a_worker_that_another_backend_left_counts(served):
    backend = served(1.0)
    left = backend.make(seed=0)
    # A lock of this very process is no hindrance to itself: another one holds it.
    hold = (
        "import sys\nfrom acl.system.files import try_lock\nfrom pathlib import Path\n"
        "lock = try_lock(Path(sys.argv[1]))\nprint('held', flush=True)\nsys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(left.path / "worker.lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout.readline() == b"held\n"
        write_status(left.path, Status("playing", device="cuda", gpu="0"))
        backend.make(seed=1), backend.make(seed=2)
        assert backend.tick() == {"1": 1}
        write_status(left.path, Status("finished", device="cuda", gpu="0"))
        assert backend.tick() == {"0": 1, "1": 1}
    finally:
        other.communicate()


def test_one_gpu_one_place(served, monkeypatch):
    monkeypatch.setattr(device, "_driver", lambda: (0, 1))
    backend = served(0.6)
    made = [backend.make(seed=seed) for seed in (0, 1)]
    backend.tick()
    said = [status.error for run in made if (status := read_status(run.path)).state == "queued"]
    assert len(said) == 1 and said[0].startswith("The place for a run on a GPU is taken") and "0.3" in said[0]


def test_without_a_gpu_the_worker_says_what_is_wrong(served, monkeypatch):
    monkeypatch.setattr(device, "_driver", lambda: None)
    backend = served()
    run = backend.make()
    assert backend.engine.lacks(run) == "" and backend.tick() == {"": 1}


def test_the_process_shows_cuda_the_gpu_of_its_line_alone(tmp_path):
    code = (
        "import os, acl.service.worker\n"
        "acl.service.worker.main = lambda run: print(run, os.environ.get('CUDA_VISIBLE_DEVICES'), flush=True) or 0\n"
        "from acl.service.engines import warm\nwarm.main()"
    )
    log = tmp_path / "log"
    lines = [json.dumps({"run": name, "log": str(log), "gpu": gpu}) for name, gpu in (("a", ""), ("b", "1"))]
    subprocess.run([sys.executable, "-c", code], input="\n".join(lines) + "\n", text=True, check=True,
                   env={"PATH": "", "CUDA_VISIBLE_DEVICES": "0,1"}, capture_output=True)  # fmt: skip
    assert log.read_text() == "a 0,1\nb 1\n"


@pytest.mark.parametrize(("share", "n"), [(1.0, 1), (0.6, 1), (0.5, 2), (1 / 3, 3), (0.25, 4), (0.1, 10)])
def test_a_share_says_how_many_fit_on_a_gpu(share, n):
    assert places(share) == n


@pytest.mark.parametrize("command", ["backend", "sweep"])
@pytest.mark.parametrize("share", ["0", "1.5", "-1", "nan"])
def test_a_share_that_is_none_is_one_sentence(runs, command, share, capsys):
    assert cli([command, "--runs", str(runs), "--gpu-share", share]) == 2
    err = capsys.readouterr().err
    assert "--gpu-share must be above 0 and at most 1" in err and err.count("\n") == 1 and not runs.exists()


def test_the_share_of_the_command_line_reaches_the_engine(runs, monkeypatch):
    made = []
    monkeypatch.setattr("acl.service.backend.main", lambda runs, engine: made.append(engine))
    assert cli(["backend", "--runs", str(runs)]) == cli(["backend", "--runs", str(runs), "--gpu-share", "0.5"]) == 0
    assert [engine.gpu_share for engine in made] == [0.25, 0.5]
