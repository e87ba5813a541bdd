"""Runs on a real Ray cluster of several raylets on this machine, one of which is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from acl import lease, sweep
from acl.backend import running, stop
from acl.control import read_status, request
from acl.lease import Superseded
from acl.runs import Run, create
from acl.worker import Worker, execute, main
from tests.conftest import small_config
from tests.test_sweep import two
from tests.tools import facts, history_facts, run_config, state_of, wait_for


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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Ray needs the address"),
        (["--address", "127.0.0.1:1", "--gpu-share", "2"], "--gpu-share must be"),
        (["--address", "nonsense"], "There is no Ray cluster at nonsense"),
    ],
)
def test_bad_options_are_one_sentence(runs, options, said):
    command = [sys.executable, "-W", "ignore", "-m", "acl", "backend", "--engine", "ray", "--runs", str(runs), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and said in done.stderr.splitlines()[-1]


@pytest.fixture
def cluster(monkeypatch):
    """A head without CPUs and two nodes with one each, in a short folder of their own (socket paths are limited)."""
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    monkeypatch.setenv("RAY_health_check_period_ms", "500")
    monkeypatch.setenv("RAY_health_check_timeout_ms", "500")
    monkeypatch.setenv("RAY_health_check_failure_threshold", "2")
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as folder:
        made = Cluster(folder)
        try:
            yield made
        finally:
            made.end()


class Cluster:
    """Driven by a process of its own: ray in this one would outlive the test."""

    CODE = """
import sys
from ray.cluster_utils import Cluster
made = Cluster()
made.add_node(num_cpus=0, _temp_dir=sys.argv[1], include_dashboard=False, object_store_memory=80_000_000)
nodes = [made.add_node(num_cpus=1, object_store_memory=80_000_000) for _ in range(2)]
print("address", made.address, flush=True)
for line in sys.stdin:
    made.remove_node(nodes.pop(), allow_graceful=False)
    print("killed", flush=True)
made.shutdown()
"""

    def __init__(self, folder: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", self.CODE, folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self.address = self._hear("address").split()[1]

    def _hear(self, word: str) -> str:
        assert self.process.stdout
        return next(line for line in self.process.stdout if line.startswith(word))

    def kill_a_node(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("kill\n")
        self.process.stdin.flush()
        self._hear("killed")

    def end(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


@pytest.fixture
def backend(cluster, runs: Path):
    command = [sys.executable, "-W", "ignore", "-m", "acl", "backend", "--engine", "ray"]
    process = subprocess.Popen(
        [*command, "--address", cluster.address, "--runs", str(runs)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: running(runs))
    yield process
    stop(runs)
    process.wait(30)


@pytest.mark.slow
def test_a_sweep_survives_the_loss_of_a_node_with_the_same_results(cluster, backend, runs):
    configs = two()
    started = sweep.start(configs, runs, "on Ray", pace=0.3)
    members = [Run(runs / m.run) for m in started.members]
    playing = wait_for(
        lambda: (here := [r for r in members if state_of(r.path) == "playing"]) and len(here) == 2 and here
    )
    # Pause and go on work as locally, by the run folder alone.
    request(playing[0].path, mode="pause")
    wait_for(lambda: state_of(playing[0].path) == "paused")
    request(playing[0].path, mode="play")
    wait_for(lambda: all(read_status(r.path).task >= 1 and len(r.history().rows) > 10 for r in playing))
    cluster.kill_a_node()
    for run in members:
        request(run.path, pace=0.0)
    wait_for(lambda: all(state_of(r.path) == "finished" for r in members), 120)
    assert any(lease.current(r.path) > 1 for r in playing)
    for run, config in zip(members, configs, strict=True):
        assert history_facts(run) == facts(run_config(config))
