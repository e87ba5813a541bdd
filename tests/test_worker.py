"""The worker in this process: obeys, steps, pauses, stops, takes up again; always the same run."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from acl.config import UserError
from acl.events import PHASES, Evaluated, Resumed, TaskStarted
from acl.runs.control import read_status, request
from acl.runs.folder import create
from acl.service import reporting
from acl.service.backend import Backend
from acl.service.worker import Worker, execute
from tests.conftest import small_config
from tests.tools import facts, history_facts, run_config, state_of, wait_for


@pytest.fixture(scope="module")
def reference():
    return facts(run_config(small_config()))


def in_thread(run):
    thread = threading.Thread(target=execute, args=(run,))
    thread.start()
    return thread


def test_played_through(config, runs, reference):
    run = create(config, runs)
    status = execute(run)
    assert status.state == "finished" and status.progress == 1 and history_facts(run) == reference
    assert run.summary == reference[-1]["summary"]
    assert execute(run).state == "finished" and history_facts(run) == reference


def test_stepped_phase_by_phase(config, runs, reference):
    run = create(config, runs)
    request(run.path, mode="pause")
    thread = in_thread(run)
    wait_for(lambda: state_of(run.path) == "paused")
    for task in (1, 2):
        for round_ in range(4):
            for phase in PHASES if round_ else PHASES[1:]:
                target = (task, round_, phase)
                asked = request(run.path, mode="play", until=target)
                # A second press of the same step changes nothing.
                request(run.path, mode="play", until=target)
                last = target == (2, 3, "evaluate")
                wanted = {"paused", "finished"} if last else {"paused"}

                def arrived(asked=asked, target=target, wanted=wanted):
                    status = read_status(run.path)
                    return status.seq > asked.seq and status.state in wanted and status.completed == target

                wait_for(arrived)
    request(run.path, mode="play", until=None)
    thread.join(30)
    assert history_facts(run) == reference


def test_paused_in_a_training_and_stopped_and_taken_up(config, runs, reference):
    run = create(config, runs)
    request(run.path, mode="play", until=(1, 2, "buy"))
    thread = in_thread(run)
    wait_for(lambda: read_status(run.path) and read_status(run.path).completed == (1, 2, "buy"))
    request(run.path, mode="stop")
    thread.join(30)
    assert state_of(run.path) == "stopped"
    request(run.path, mode="play", until=None)
    execute(run)
    assert history_facts(run) == reference
    assert [row.event for row in run.history().rows if isinstance(row.event, Resumed)]


def test_a_pace_changes_nothing_but_the_time(config, runs, reference):
    run = create(config, runs)
    request(run.path, mode="play", pace=0.02)
    execute(run)
    assert history_facts(run) == reference


def test_killed_between_file_and_event(config, runs, reference):
    """Cut the events after every kind of line, with artifacts of what came later still there."""
    whole = create(config, runs)
    execute(whole)
    lines = whole.events.read_bytes().splitlines(keepends=True)
    for cut in (0, 1, 2, 4, 9, len(lines) // 2, len(lines) - 1):
        run = create(config, runs)
        for folder in ("tasks", "queries", "predictions"):
            (whole.path / folder).rename(run.path / folder)
        run.events.write_bytes(b"".join(lines[:cut]) + lines[min(cut, len(lines) - 1)][:11])
        execute(run)
        assert history_facts(run) == reference, cut
        for folder in ("tasks", "queries", "predictions"):
            (run.path / folder).rename(whole.path / folder)


def test_a_worker_that_reads_images_for_long_is_heard(config, runs, monkeypatch):
    monkeypatch.setattr(reporting, "HELD_BEAT_S", 0.01)
    run, beats = create(config, runs), []

    def slow(config):
        wait_for(lambda: read_status(run.path).beat > 5)
        beats.append(read_status(run.path).state)
        raise UserError("enough")

    monkeypatch.setattr("acl.service.worker.prepare", slow)
    with pytest.raises(UserError, match="enough"):
        execute(run)
    assert beats == ["starting"] and read_status(run.path).state == "failed"


def test_one_worker_a_run(config, runs):
    run = create(config, runs)
    worker = Worker(run)
    other = subprocess.run([sys.executable, "-m", "acl.service.worker", str(run.path)], capture_output=True, text=True)
    worker.close()
    assert other.returncode == 0 and "another process" in other.stderr and other.stderr.count("\n") == 1


def test_a_missing_base_is_said(config, runs):
    run = create(config, runs)
    request(run.path, mode="play", until=(1, 0, "evaluate"))
    thread = in_thread(run)
    wait_for(lambda: run.history().of(Evaluated))
    request(run.path, mode="stop")
    thread.join(30)
    assert run.history().of(TaskStarted)
    run.base(1).write_bytes(b"no")
    request(run.path, mode="play", until=None)
    with pytest.raises(UserError, match="missing or damaged"):
        execute(run)
    status = read_status(run.path)
    assert status.state == "failed" and "missing or damaged" in status.error


def test_a_loss_that_explodes_is_said(runs):
    run = create(small_config(lr=1e30, lr_end=1e30), runs)
    with pytest.raises(UserError, match="lower the learning rate"):
        execute(run)


def test_of_two_workers_for_one_run_the_second_ends_and_nothing_has_failed(runs, reference, monkeypatch):
    """As when a backend is killed that has just given the run a worker, and the next one gives it another."""
    run = create(small_config(), runs)
    request(run.path, mode="play")
    holds = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    first = subprocess.Popen(
        [sys.executable, "-c", holds, str(run.path / "worker.lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    first.stdout.readline()
    served = Backend(runs)
    alive = served.engine.alive
    try:
        # The first has not taken its lock yet when the second is started.
        monkeypatch.setattr(served.engine, "alive", lambda run: False)
        served.tick()
        monkeypatch.setattr(served.engine, "alive", alive)

        def second_ended():
            served.tick()
            return served.watched[run.id].job is None

        wait_for(second_ended, 60)
        assert "is being worked on by another process" in (run.path / "worker.log").read_text()
        first.communicate(b"\n", timeout=20)

        def finished():
            served.tick()
            return state_of(run.path) in {"finished", "failed"}

        wait_for(finished, 120)
        assert read_status(run.path).error == "" and history_facts(run) == reference
    finally:
        if first.poll() is None:
            first.communicate(b"\n", timeout=20)
        if job := served.watched[run.id].job:
            job.kill()
        served.engine.end()
