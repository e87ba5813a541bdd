"""The backend for real: processes that are killed, hang, fail, wait for a slot; and backends that come and go."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from safetensors.torch import save_file

from acl.config import UserError
from acl.events import Scored, to_line
from acl.loop import Loop
from acl.plugins.registry import prepare
from acl.presets import preset_config
from acl.runs.control import read_status, request
from acl.runs.folder import create, resolved
from acl.service import backend
from acl.service.backend import Backend
from acl.service.engines.local import LocalEngine
from tests.tools import facts, history_facts, run_config, state_of, wait_for


def demo_config(seed: int = 0):
    config = preset_config("digits-demo", seed=seed)
    return resolved(config, prepare(config))


@pytest.fixture(scope="module")
def reference():
    return facts(run_config(demo_config()))


@pytest.fixture
def served(runs: Path):
    """A backend in a thread of this process, on a fresh runs folder."""
    with Served(runs) as served:
        yield served


class Served:
    def __init__(self, runs: Path, slots: int = 2) -> None:
        self.backend = Backend(runs, LocalEngine(slots))
        self.thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        signal_call = signal.signal
        signal.signal = lambda *_: None  # only a main thread may set one
        try:
            self.backend.serve()
        finally:
            signal.signal = signal_call

    def __enter__(self) -> Backend:
        self.thread.start()
        return self.backend

    def __exit__(self, *_: object) -> None:
        self.backend.stopping = True
        self.thread.join(30)
        for seen in self.backend.watched.values():
            if seen.job:
                seen.job.kill()


def test_a_run_goes_on_while_the_backend_is_replaced(runs, reference):
    backend.ensure(runs)
    first = wait_for(lambda: backend.running(runs))
    backend.ensure(runs)
    run = create(demo_config(), runs)
    request(run.path, mode="play", pace=0.1)
    wait_for(lambda: state_of(run.path) == "playing")
    pid = read_status(run.path).pid
    first.kill()
    wait_for(lambda: backend.running(runs) is None)
    wait_for(lambda: (s := read_status(run.path)) and s.task >= 2)
    backend.ensure(runs)
    wait_for(lambda: backend.running(runs))
    assert read_status(run.path).pid == pid
    request(run.path, pace=0.0)
    wait_for(lambda: state_of(run.path) == "finished")
    assert read_status(run.path).pid == pid and history_facts(run) == reference
    assert backend.stop(runs) == "The backend has ended."
    assert "No backend" in backend.stop(runs)


def test_a_second_backend_says_one_sentence(served, runs):
    wait_for(lambda: (backend.home(runs) / "backend.json").exists())
    other = subprocess.run(
        [sys.executable, "-m", "acl", "backend", "--runs", str(runs)], capture_output=True, text=True
    )
    assert other.returncode == 2 and "already serves" in other.stderr and other.stderr.count("\n") == 1


def test_runs_wait_for_a_slot_and_paused_ones_do_not_take_one(runs):
    with Served(runs, slots=1):
        created = [create(demo_config(seed), runs) for seed in (0, 1)]
        for run in created:
            request(run.path, mode="play", pace=0.2)
        first, second = created
        wait_for(lambda: state_of(first.path) == "playing")
        wait_for(lambda: state_of(second.path) == "queued")
        request(first.path, mode="pause")
        wait_for(lambda: state_of(second.path) == "playing")
        request(second.path, mode="stop")
        wait_for(lambda: state_of(second.path) == "stopped")
        request(first.path, mode="play", pace=0.0)
        wait_for(lambda: state_of(first.path) == "finished")


def test_a_worker_that_hangs_is_replaced(served, runs, reference, monkeypatch):
    monkeypatch.setattr("acl.service.decide.DEFAULT_PATIENCE_S", 1.5)
    monkeypatch.setattr("acl.service.decide.PATIENCE_S", {"starting": 300.0})
    run = create(demo_config(), runs)
    request(run.path, mode="play", pace=0.05)
    wait_for(lambda: len(run.history().rows) > 200)
    pid = read_status(run.path).pid
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: (s := read_status(run.path)) and s.pid not in {0, pid})
    wait_for(lambda: state_of(run.path) == "finished")
    assert history_facts(run) == reference


def test_a_worker_that_hangs_before_its_first_word_is_replaced(served, runs, monkeypatch):
    monkeypatch.setattr("acl.service.decide.PATIENCE_S", {"starting": 2.0})
    spare = wait_for(lambda: served.engine.spare).popen.pid
    os.kill(spare, signal.SIGSTOP)
    run = create(demo_config(), runs)
    request(run.path, mode="play")
    wait_for(lambda: gone(spare))
    monkeypatch.setattr("acl.service.decide.PATIENCE_S", {"starting": 300.0})
    wait_for(lambda: state_of(run.path) == "finished")


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_paused_worker_that_no_longer_listens_is_replaced(served, runs, monkeypatch):
    monkeypatch.setattr("acl.service.decide.DEFAULT_PATIENCE_S", 1.5)
    run = create(demo_config(), runs)
    request(run.path, mode="play", until=(1, 1, "evaluate"))
    wait_for(lambda: state_of(run.path) == "paused")
    pid = read_status(run.path).pid
    os.kill(pid, signal.SIGSTOP)
    request(run.path, mode="play", until=None)
    wait_for(lambda: state_of(run.path) == "finished")
    assert read_status(run.path).pid != pid


def test_a_run_that_cannot_work_fails_with_the_reason_and_can_be_tried_again(served, runs):
    run = create(demo_config(), runs)
    config = (run.path / "config.json").read_text()
    (run.path / "config.json").write_text(config.replace('"digits"', '"nothing"'))
    request(run.path, mode="play")
    wait_for(lambda: state_of(run.path) == "failed")
    assert "Unknown dataset 'nothing'" in read_status(run.path).error
    (run.path / "config.json").write_text(config)
    request(run.path, mode="play")
    wait_for(lambda: state_of(run.path) == "finished")


def test_a_worker_that_dies_at_the_same_place_is_given_up_after_three_more_tries(served, runs):
    run = create(demo_config(), runs)
    # Chosen is what does not exist: no sentence covers that, so the worker just breaks.
    loop, events = Loop(demo_config(), prepare(demo_config())), []
    while not isinstance(events[-1] if events else None, Scored):
        events += [event for event in [loop.step()] if event is not None]
    events[-1] = replace(events[-1], ids=[10**9])
    run.events.write_text("".join(to_line(event, seq, 0.0) for seq, event in enumerate(events)))
    run.base(1).parent.mkdir(parents=True)
    save_file(loop.base_state(), run.base(1))
    request(run.path, mode="play")
    wait_for(lambda: state_of(run.path) == "failed", 120)
    error = read_status(run.path).error
    assert "4 times" in error and "IndexError" in error and "Press Play" in error


def test_it_ends_by_itself_when_nothing_is_left_to_do(runs):
    served = Backend(runs, LocalEngine(1), idle_s=0.3)
    thread = threading.Thread(target=served.serve)
    signal_call, signal.signal = signal.signal, lambda *_: None
    try:
        attached = backend.attach(runs)
        thread.start()
        wait_for(lambda: (backend.home(runs) / "backend.json").exists())
        assert attached is not None
        attached.close()
        thread.join(20)
        assert not thread.is_alive() and backend.running(runs) is None
    finally:
        served.stopping = True
        signal.signal = signal_call


def test_an_attached_app_is_seen_from_another_process(runs):
    runs.mkdir()
    code = (
        "import sys, time; from pathlib import Path; from acl.service import backend\n"
        "held = backend.attach(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    app = subprocess.Popen([sys.executable, "-c", code, str(runs)], stdout=subprocess.PIPE)
    assert app.stdout and app.stdout.readline() == b"held\n"
    assert backend.app_attached(runs)
    app.kill()
    app.wait()
    app.stdout.close()
    assert not backend.app_attached(runs)


def test_the_backend_starts_without_torch():
    code = "import sys, acl.service.backend; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_copy_of_a_served_folder_is_not_served(runs, tmp_path):
    with Served(runs, slots=1):
        wait_for(lambda: backend.running(runs))
        shutil.copytree(runs, tmp_path / "copy")
        assert backend.running(tmp_path / "copy") is None and backend.running(runs)


def test_a_runs_folder_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be used"):
        Backend(tmp_path / "file").serve()
    started = time.monotonic()
    assert backend.running(tmp_path) is None and time.monotonic() - started < 5


def test_while_runs_wait_a_worker_takes_the_next_one_in_the_order_they_were_made(runs, reference):
    wanted = [create(demo_config(seed), runs) for seed in (3, 0, 1)]
    for run in reversed(wanted):
        request(run.path, mode="play")
    with Served(runs, slots=1):
        wait_for(lambda: all(state_of(run.path) == "finished" for run in wanted))
    assert len({read_status(run.path).pid for run in wanted}) == 1
    ends = [run.history().rows[-1].t for run in wanted]
    assert ends == sorted(ends)
    # What came before leaves no trace: the second run of a process is the same as the only one.
    assert history_facts(wanted[1]) == reference


def test_a_process_that_has_worked_is_not_taken_again_for_other_code(runs, monkeypatch):
    engine = LocalEngine(1)
    wanted = [create(demo_config(seed), runs) for seed in (0, 1)]
    jobs = []
    try:
        for run, code in zip(wanted, (1, 2), strict=True):
            monkeypatch.setattr("acl.service.engines.local._state_of_code", lambda code=code: code)
            jobs.append(engine.start(run))
            wait_for(lambda: jobs[-1].poll() == 0)
        assert jobs[0].process is not jobs[1].process and jobs[0].process.popen.poll() is not None
        monkeypatch.setattr("acl.service.engines.local._state_of_code", lambda: 2)
        jobs.append(engine.start(wanted[0]))
        assert jobs[2].process is jobs[1].process
    finally:
        engine.end()
        for job in jobs:
            job.kill()


def test_a_run_that_waits_for_a_slot_can_be_stopped(runs):
    with Served(runs, slots=1):
        first, second = created = [create(demo_config(seed), runs) for seed in (0, 1)]
        for run in created:
            request(run.path, mode="play", pace=0.2)
        wait_for(lambda: state_of(second.path) == "queued")
        request(second.path, mode="stop")
        wait_for(lambda: state_of(second.path) == "stopped")
        request(second.path, mode="play")
        wait_for(lambda: state_of(second.path) == "queued")
        request(first.path, mode="stop")
        wait_for(lambda: state_of(second.path) == "playing")
        request(second.path, mode="stop")
