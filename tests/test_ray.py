"""Runs on a real Ray cluster of several raylets on this machine, one of which is killed."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from acl.cli import main as cli
from acl.events import Resumed
from acl.results import sweep
from acl.runs.control import request
from acl.runs.folder import Run, create
from acl.service import lease
from acl.service.backend import _started, ensure, refused, running, stop
from acl.service.engines.ray import Needs, RayEngine, RayJob
from acl.service.lease import Superseded
from acl.service.worker import Worker, execute, main
from tests.conftest import small_config
from tests.test_sweep import two
from tests.tools import facts, history_facts, run_config, state_of, wait_for

PATIENT = 240.0


def test_a_superseded_worker_writes_nothing_more(runs):
    run = create(small_config(), runs)
    old = Worker(run, epoch=lease.renew(run.path))
    request(run.path, mode="play")
    seen = []
    new = lease.current(run.path) + 1

    def look(loop, event):
        seen.append(event)
        if len(seen) == 20:
            assert lease.renew(run.path) == new

    old.on_event = look
    with pytest.raises(Superseded):
        old.work()
    old.close()
    assert len(seen) == 20 and len(run.history().rows) == 20
    before = (run.path / "status.json").read_bytes()
    assert main(str(run.path), epoch=new - 1) == 0  # it sees at once that it is late
    assert (run.path / "status.json").read_bytes() == before
    execute(run, epoch=new)
    assert history_facts(run) == facts(run_config(small_config()))


def test_a_local_worker_and_one_of_a_cluster_give_way_to_each_other(runs):
    run = create(small_config(), runs)
    local = Worker(run)
    request(run.path, mode="play")
    seen = []
    local.on_event = lambda loop, event: seen.append(event) or len(seen) == 20 and lease.renew(run.path)
    with pytest.raises(Superseded):
        local.work()
    local.close()
    assert len(run.history().rows) == 20
    far = Worker(run, epoch=lease.current(run.path))
    execute(run)
    assert lease.current(run.path) == 2 and history_facts(run) == facts(run_config(small_config()))
    with pytest.raises(Superseded):
        far.work()
    far.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Ray needs the address"),
        (["--address", "127.0.0.1:1", "--gpu-share", "2"], "--gpu-share must be"),
        (["--address", "nonsense"], "There is no Ray cluster at nonsense"),
        (["--address", "127.0.0.1:1"], "There is no Ray cluster at 127.0.0.1:1"),
        (["--address", "127.0.0.1:99999"], "There is no Ray cluster at 127.0.0.1:99999"),
    ],
)
@pytest.mark.parametrize("command", ["backend", "sweep"])
def test_bad_options_are_one_sentence(runs, command, options, said, capsys):
    assert cli([command, "--engine", "ray", "--runs", str(runs), *options]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1 and not runs.exists()


def test_without_ray_it_is_one_sentence(runs, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "acl.service.engines.ray", raising=False)
    assert cli(["backend", "--engine", "ray", "--address", "127.0.0.1:1", "--runs", str(runs)]) == 2
    assert capsys.readouterr().err == "acl: Ray is not installed: pip install -r requirements-ray.txt.\n"


def test_a_backend_that_will_not_serve_is_started_once_and_its_sentence_is_kept(runs):
    ensure(runs, ["--slots", "0"])
    started = _started[runs]
    ensure(runs, ["--slots", "0"])
    assert _started[runs] is started
    assert wait_for(lambda: refused(runs)) == "--slots must be at least 1, got 0."


def test_runs_take_the_node_that_has_room_for_them(runs):
    engine = RayEngine.__new__(RayEngine)
    engine.gpu_share, engine.jobs = 0.4, []
    engine.nodes = {"head": Needs(0, 0.0), "small": Needs(2, 0.0), "gpu": Needs(6, 2.0)}
    cpu, gpu = Needs(1, 0.0), Needs(1, 0.4)

    def take(needs):
        node = engine._node_for(needs)
        if node:
            engine.jobs.append(RayJob(None, node, needs, runs))
        return node

    # Two runs of 0.4 on each of two GPUs, and not five on both together.
    assert [take(gpu) for _ in range(5)] == ["gpu"] * 4 + [None]
    assert sorted(str(take(cpu)) for _ in range(5)) == ["None", "gpu", "gpu", "small", "small"]
    assert engine._node_for(Needs(3, 0.0)) is None
    engine.jobs[0].code = 0
    assert take(gpu) == "gpu"
    run = create(small_config().changed(threads=8), runs)
    assert engine.lacks(run) == "No node of the Ray cluster has 8 CPUs free."
    (run.path / "config.json").write_text("{}")
    assert "1 CPU free" in engine.lacks(Run(run.path))  # for the worker to say what is wrong with it


@pytest.fixture
def cluster(monkeypatch):
    """A head without CPUs and two nodes with one each, in a short folder of their own (socket paths are limited)."""
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    # A dead node refuses at once; one that is slow to answer on a loaded machine is not dead.
    monkeypatch.setenv("RAY_health_check_period_ms", "1000")
    monkeypatch.setenv("RAY_health_check_failure_threshold", "3")
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp", ignore_cleanup_errors=True) as folder:
        made = Cluster(Path(folder))
        try:
            made.start()
            yield made
        finally:
            made.end()


@dataclass
class Cluster:
    """As the README says to start one, by `ray start`."""

    folder: Path
    address: str = ""
    nodes: list[psutil.Process] = field(default_factory=list)

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        here = "--node-ip-address=127.0.0.1"
        quiet = ["--include-dashboard=false", "--disable-usage-stats"]
        self._ray("--head", here, f"--port={port}", "--num-cpus=0", f"--temp-dir={self.folder}/r", *quiet)
        for _ in range(2):
            before = self._raylets()
            self._ray(f"--address={self.address}", here, "--num-cpus=1")
            self.nodes += self._raylets() - before

    def _ray(self, *options: str) -> None:
        ray = [str(Path(sys.executable).with_name("ray")), "start", "--object-store-memory=80000000", *options]
        done = subprocess.run(ray, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stdout + done.stderr

    def _raylets(self) -> set[psutil.Process]:
        return {process for process in self._processes() if process.name() == "raylet"}

    def _processes(self) -> list[psutil.Process]:
        found = psutil.process_iter(["cmdline"])
        return [process for process in found if str(self.folder) in " ".join(process.info["cmdline"] or ())]

    def kill_a_node(self) -> None:
        self.nodes.pop().kill()

    def objects(self) -> str:
        """What Ray says lies in its object stores."""
        ray = [str(Path(sys.executable).with_name("ray")), "memory", "--stats-only", f"--address={self.address}"]
        return subprocess.run(ray, capture_output=True, text=True, timeout=120).stdout

    def end(self) -> None:
        for process in self._processes():
            process.kill()


@pytest.fixture
def backend(cluster, runs: Path):
    command = [sys.executable, "-W", "ignore", "-m", "acl", "backend", "--engine", "ray"]
    process = subprocess.Popen(
        [*command, "--address", cluster.address, "--runs", str(runs)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: running(runs), PATIENT)
    yield process
    stop(runs)
    process.wait(60)


@pytest.mark.slow
def test_a_sweep_survives_the_loss_of_a_node_with_the_same_results(cluster, backend, runs):
    configs = two()
    started = sweep.start(configs, runs, "on Ray", pace=1.0)
    members = [Run(runs / m.run) for m in started.members]

    def those(state):
        return [run for run in members if state_of(run.path) == state]

    playing = wait_for(lambda: len(here := those("playing")) == 2 and here, PATIENT)
    # Waiting, stopping, pausing and going on work as locally, by the run folder alone.
    waits = wait_for(lambda: len(here := those("queued")) == 2 and here, PATIENT)[0]
    request(waits.path, mode="stop")
    wait_for(lambda: state_of(waits.path) == "stopped", PATIENT)
    request(waits.path, mode="play")
    request(playing[0].path, mode="pause")
    wait_for(lambda: state_of(playing[0].path) == "paused", PATIENT)
    request(playing[0].path, mode="play")
    wait_for(lambda: all(len(r.history().rows) > 10 and state_of(r.path) == "playing" for r in playing), PATIENT)
    assert "Plasma memory usage 0 MiB, 0 objects" in cluster.objects()
    cluster.kill_a_node()
    lost = wait_for(lambda: [run for run in playing if lease.current(run.path) > 1], PATIENT)
    for run in members:
        request(run.path, pace=0.0)
    wait_for(lambda: len(those("finished")) == len(members), PATIENT)
    assert len(lost) == 1 and lost[0].history().of(Resumed)
    for run, config in zip(members, configs, strict=True):
        assert history_facts(run) == facts(run_config(config))
