"""Whatever is killed, full, damaged or read-only: no finished round is lost, and the run ends as it would have."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from safetensors.numpy import save_file
from streamlit.testing.v1 import AppTest

from acl.cli import entry as cli
from acl.config import UserError
from acl.events import Resumed
from acl.plugins.blame import is_out_of_memory
from acl.plugins.registry import prepare
from acl.presets import preset_config
from acl.runs.control import Target, read_control, read_status, request, write_status
from acl.runs.damage import damage
from acl.runs.event_file import EventWriter
from acl.runs.folder import Run, create, resolved
from acl.service import backend, recorder, reporting, worker
from acl.service.backend import Backend
from acl.service.engines.local import LocalEngine, LocalJob, Process
from acl.service.reporting import ENDS_PHASE
from acl.service.worker import execute
from acl.system.files import is_full
from acl.system.processes import born, lives
from app.store import runs as data
from app.store import session as state
from tests.browser import App
from tests.conftest import small_config
from tests.tools import every_page_looks_into, facts, history_facts, run_config, state_of, wait_for

ROOT = Path(__file__).resolve().parent.parent
PHASE_OF = {kind.kind: phase for kind, phase in ENDS_PHASE.items()}
PATIENCE_S = 300.0  # a loaded machine may take minutes to start fifty workers one after the other


def demo_config():
    config = preset_config("digits-demo")
    return resolved(config, prepare(config))


@pytest.fixture(scope="module")
def reference():
    return facts(run_config(demo_config()))


@pytest.fixture(scope="module")
def small_reference():
    return facts(run_config(small_config()))


# -- killed ------------------------------------------------------------------------------------------


def kill_worker(run: Run) -> None:
    """SIGKILL to whoever works on `run` now, or holds it; what the run does next needs another."""

    def somebody() -> int | None:
        status = read_status(run.path)
        if status is None or status.state not in {"starting", "playing", "paused"} or not status.pid:
            return None
        return status.pid if psutil.pid_exists(status.pid) else None

    os.kill(wait_for(somebody, PATIENCE_S), signal.SIGKILL)


def kill_backend(runs: Path) -> None:
    """SIGKILL; then what every page does when it is drawn."""
    process = wait_for(lambda: backend.running(runs), PATIENCE_S)
    process.kill()
    wait_for(lambda: backend.running(runs) is None, PATIENCE_S)
    backend.ensure(runs)
    wait_for(lambda: backend.running(runs), PATIENCE_S)


def kill_app(app: App) -> None:
    assert app.process
    app.process.kill()
    app.process.wait(20)
    app.start()


def n_facts_of(run: Run) -> int:
    return sum(not isinstance(row.event, Resumed) for row in run.history().rows)


def instants(reference: list[dict[str, Any]], kills: int, seed: int) -> list[tuple[int, Target]]:
    """Drawn from the seed: after how many facts to kill, each in a phase of its own, and the end of that phase."""
    ends = [(place, fact) for place, fact in enumerate(reference, start=1) if fact["kind"] in PHASE_OF]
    drawn = random.Random(seed)
    made = []
    for i in sorted(drawn.sample(range(len(ends) - 1), kills)):
        (begins, _), (stops, end) = ends[i], ends[i + 1]
        made.append((drawn.randrange(begins, stops), (end["task"], end["round"], PHASE_OF[end["kind"]])))
    return made


def kill_at_seeded_instants(runs: Path, tmp_path: Path, reference, kills: int, seed: int) -> None:
    """The kills go round worker, backend and app. The run plays on to the end of the phase that a kill falls into, and
    holds there until the next: however long a machine takes to start what was killed, no kill comes too late."""
    runs.mkdir(exist_ok=True)
    app = App(runs, tmp_path)
    app.start()
    run = create(demo_config(), runs)
    try:
        backend.ensure(runs)
        for place, (n_facts, end) in enumerate(instants(reference, kills, seed)):
            request(run.path, mode="play", until=end, pace=1.0)
            wait_for(lambda n_facts=n_facts: n_facts_of(run) >= n_facts, PATIENCE_S)
            (lambda: kill_worker(run), lambda: kill_backend(runs), lambda: kill_app(app))[place % 3]()
        request(run.path, mode="play", until=None, pace=0.0)
        wait_for(lambda: state_of(run.path) == "finished", PATIENCE_S)
    finally:
        app.stop()
        backend.stop(runs)
    assert history_facts(run) == reference
    assert run.summary == reference[-1]["summary"]
    assert sum(isinstance(row.event, Resumed) for row in run.history().rows) >= (kills + 2) // 3


def test_kill_9_of_worker_backend_and_app_at_six_instants(runs, tmp_path, reference):
    kill_at_seeded_instants(runs, tmp_path, reference, kills=6, seed=20)


@pytest.mark.soak
def test_kill_9_of_worker_backend_and_app_at_fifty_instants(runs, tmp_path, reference):
    kill_at_seeded_instants(runs, tmp_path, reference, kills=50, seed=21)


# -- full --------------------------------------------------------------------------------------------


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[None]:
    path.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(path)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, pytest.raises(OSError) as caught:
        while True:
            file.write(b"x" * 4096)
    assert is_full(caught.value)


@pytest.mark.skipif(not shutil.which("mount"), reason="no mount here")
def test_a_run_on_a_full_disk_holds_and_goes_on_when_there_is_room(runs, small_reference):
    with small_disk(runs, 6):
        run = create(small_config(), runs)
        request(run.path, mode="play", pace=0.05)
        thread = threading.Thread(target=execute, args=(run,), daemon=True)
        thread.start()
        wait_for(lambda: len(run.history().rows) > 8)
        fill(runs / "ballast")

        def holds() -> bool:
            status = read_status(run.path)
            return status is not None and status.state == "paused" and "The disk is full" in status.error

        wait_for(holds)
        known = len(run.history().rows)
        time.sleep(1.5)
        assert holds() and len(run.history().rows) == known
        (runs / "ballast").unlink()
        request(run.path, mode="play", pace=0.0)
        thread.join(60)
        assert state_of(run.path) == "finished" and read_status(run.path).error == ""
        assert history_facts(run) == small_reference
        assert not (run.path / ".reserve").exists()


FULL = OSError(28, "No space left on device")


@pytest.mark.parametrize("what", ["append", "replace_file", "save_query", "save_labels", "write_json"])
def test_every_thing_a_worker_writes_may_meet_a_full_disk(what, runs, small_reference, monkeypatch):
    owner = EventWriter if what == "append" else recorder
    write, calls = getattr(owner, what), []

    def now_and_then(*args, **kwargs):
        calls.append(what)
        # The first of every few fails, half done where it can be.
        if len(calls) % 7 == 1:
            raise FULL
        return write(*args, **kwargs)

    monkeypatch.setattr(owner, what, now_and_then)
    monkeypatch.setattr(reporting, "HELD_BEAT_S", 0.01)
    run = create(small_config(), runs)
    execute(run)
    assert len(calls) > 1 and history_facts(run) == small_reference
    assert run.summary == small_reference[-1]["summary"]


def test_a_run_that_waits_for_room_can_be_stopped(runs, monkeypatch):
    def full(self, event):
        raise FULL

    append = EventWriter.append
    monkeypatch.setattr(EventWriter, "append", full)
    run = create(small_config(), runs)
    request(run.path, mode="play")
    thread = threading.Thread(target=execute, args=(run,), daemon=True)
    thread.start()
    wait_for(lambda: (s := read_status(run.path)) and s.error)
    request(run.path, mode="stop")
    thread.join(30)
    assert state_of(run.path) == "stopped"
    monkeypatch.setattr(EventWriter, "append", append)
    request(run.path, mode="play")
    assert execute(run).state == "finished"


def test_a_status_that_finds_no_room_does_not_end_the_run(runs, small_reference, monkeypatch, capfd):
    written = []

    def full(path, status):
        written.append(status)
        if len(written) % 2:
            raise FULL
        write_status(path, status)

    monkeypatch.setattr(reporting, "write_status", full)
    run = create(small_config(), runs)
    execute(run)
    assert history_facts(run) == small_reference


# -- out of memory -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: not enough memory: you tried"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error, is_memory):
    assert is_out_of_memory(error) == is_memory


def test_a_worker_out_of_memory_says_the_numbers_and_ends_with_its_own_code(runs, monkeypatch, capfd):
    def asks_too_much(self):
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes.")

    monkeypatch.setattr("acl.loop.learning.begin", asks_too_much)
    run = create(small_config(), runs)
    assert worker.main(str(run.path)) == worker.OUT_OF_MEMORY == backend.OUT_OF_MEMORY
    last = capfd.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("Out of memory (DefaultCPUAllocator") and "99 bytes" in last and "GiB of host memory" in last


def test_a_worker_that_the_system_ended_for_want_of_memory_is_one_out_of_memory(tmp_path, monkeypatch):
    kills = 4
    monkeypatch.setattr("acl.service.engines.local.killed_for_memory", lambda: kills)
    for rises, code in ((False, -signal.SIGKILL), (True, backend.OUT_OF_MEMORY)):
        process = subprocess.Popen(["sleep", "600"], stdout=subprocess.PIPE, start_new_session=True)
        job = LocalJob(Process(process), [], Run(tmp_path), kills=kills)
        process.kill()
        process.wait()
        kills += rises
        assert job.poll() == code
    said = (tmp_path / "worker.log").read_text()
    assert said.startswith("Out of memory (the system ended the worker)") and "GiB of host memory" in said


def test_a_run_out_of_memory_is_tried_once_more_alone_and_then_failed_with_the_numbers(runs, monkeypatch):
    """The backend's own decisions, with processes that only end."""
    runs.mkdir()
    greedy, other = create(demo_config(), runs), create(demo_config(), runs)
    started: list[str] = []

    def start(self, run: Run) -> LocalJob:
        started.append(run.id)
        (run.path / "worker.log").write_text("Out of memory (asked for 99 GiB); 1.0 of 2.0 GiB are free.\n")
        code = "import sys; sys.exit(3)" if run.id == greedy.id else "import time; time.sleep(600)"
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
        os.set_blocking(process.stdout.fileno(), False)
        return LocalJob(Process(process), self.done, run)

    monkeypatch.setattr(LocalEngine, "start", start)
    monkeypatch.setattr(LocalEngine, "tick", lambda self, waiting: None)
    served = Backend(runs, LocalEngine(2))
    for run in (greedy, other):
        request(run.path, mode="play")

    def ticks_until(what) -> None:
        def tick():
            served.tick()
            return what()

        wait_for(tick, 30)

    try:
        ticks_until(lambda: started.count(greedy.id) == 1 and other.id in started)
        served.watched[greedy.id].job.process.popen.wait(20)
        # The other plays: the greedy one waits in the queue.
        ticks_until(lambda: state_of(greedy.path) == "queued")
        for _ in range(5):
            served.tick()
        assert started.count(greedy.id) == 1
        request(other.path, mode="stop")
        served.watched[other.id].job.kill()
        ticks_until(lambda: state_of(greedy.path) == "failed")
        assert started.count(greedy.id) == 2
        assert "99 GiB" in read_status(greedy.path).error
        # Play begins anew.
        request(greedy.path, mode="play")
        ticks_until(lambda: started.count(greedy.id) == 3)
    finally:
        for seen in served.watched.values():
            if seen.job:
                seen.job.kill()


# -- damaged -----------------------------------------------------------------------------------------


@pytest.fixture
def pages(monkeypatch, runs):
    runs.mkdir(exist_ok=True)
    every_page_looks_into(runs, monkeypatch)


def middle_garbage(run: Run) -> None:
    lines = run.events.read_bytes().splitlines(keepends=True)
    run.events.write_bytes(b"".join([*lines[:20], b"\xff\xfe garbage\n", *lines[20:]]))


def forged(first: str, **values: object) -> Callable[[Run], None]:
    """The first event of that kind says something else."""

    def change(run: Run) -> None:
        lines = run.events.read_text().splitlines()
        place = next(i for i, line in enumerate(lines) if json.loads(line)["kind"] == first)
        lines[place] = json.dumps({**json.loads(lines[place]), **values})
        run.events.write_text("\n".join(lines) + "\n")

    return change


def of_parent(**values: object) -> Callable[[Run], None]:
    """As an archive may say: the parent of a run, which is no run or itself."""

    def change(run: Run) -> None:
        raw = json.loads((run.path / "config.json").read_text())
        parent = {"run": run.id, "task": 1, "round": 1, "changes": {}, "ghost": True, **values}
        (run.path / "config.json").write_text(json.dumps({**raw, "parent": parent}))

    return change


ZEROS = np.zeros(3, dtype=np.int64)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGE = {
    "garbage in the events": middle_garbage,
    "events gone": lambda run: run.events.unlink(),
    "snapshots gone": lambda run: shutil.rmtree(run.path / "queries"),
    "one snapshot gone": lambda run: run.snapshot(2, 3).unlink(),
    "snapshot cut": lambda run: truncated(run.snapshot(2, 3)),
    "table cut": lambda run: truncated(run.scores(2, 3)),
    "base cut": lambda run: truncated(run.base(2)),
    "base gone": lambda run: run.base(2).unlink(),
    "config garbage": lambda run: (run.path / "config.json").write_bytes(b"\xff{"),
    "config of another kind": lambda run: (run.path / "config.json").write_text("[1]"),
    "status garbage": lambda run: (run.path / "status.json").write_text('{"state": 7, "pid": "x"}'),
    "control garbage": lambda run: (run.path / "control.json").write_text('{"mode": "dance", "changes": 3}'),
    "summary garbage": lambda run: (run.path / "summary.json").write_text("no"),
    "verdict garbage": lambda run: (run.path / "verified.json").write_text('{"compared": "x"}'),
    "empty folder": lambda run: [shutil.rmtree(run.path), run.path.mkdir()],
    "events is a folder": lambda run: [run.events.unlink(), run.events.mkdir()],
    "a task that is none": forged("scored", task=99),
    "a sequence that is infinite": forged("scored", seq=float("inf")),
    "fewer labels than samples": forged("bought", labels=[]),
    "accuracies of tasks to come": forged("evaluated", accuracy=[0.5] * 9),
    "classes without a name": forged("started", class_names=[]),
    "an end without figures": forged("finished", summary={"A": "x"}),
    "steered to what is none": forged("trained", kind="steered", changes={"strategy": ["x"], "n_end": -1}),
    "control of no kind": lambda run: (run.path / "control.json").write_text('{"mode": {}}'),
    "nested without end": lambda run: (run.path / "status.json").write_text("[" * 100_000),
    "summary of words": lambda run: (run.path / "summary.json").write_text('{"A": "x", "F": []}'),
    "scores of another query": lambda run: shutil.copy(run.scores(1, 1), run.scores(2, 3)),
    "no features in a snapshot": lambda run: save_file({"pool.ids": ZEROS}, run.snapshot(2, 3)),
    "no pictures in the thumbs": lambda run: save_file(dict.fromkeys(("ids", "images", "labels"), ZEROS), run.thumbs),
    "parent is itself": of_parent(),
    "parent is elsewhere": of_parent(run="../../etc"),
    "parent is no record": of_parent(task=[1], changes=7),
}


# What the Run page says of it.
SAID = {
    "garbage in the events": "is damaged in . place",
    "events gone": "events.jsonl is gone or holds nothing",
    "snapshots gone": r"queries/01-01.safetensors, .* more are gone",
    "one snapshot gone": r"queries/02-03.safetensors is gone",
    "snapshot cut": r"queries/02-03.safetensors is damaged",
    "table cut": r"queries/02-03.parquet is damaged",
    "base cut": r"tasks/02/base.safetensors is damaged",
    "base gone": r"tasks/02/base.safetensors is gone",
    "a task that is none": "is damaged in 1 place",
    "steered to what is none": "steered at 1.0, which cannot be",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_run_is_listed_and_nothing_raises(name, runs, pages, capsys):
    run = create(small_config(), runs)
    execute(run)
    healthy = create(small_config(seed=1), runs)
    DAMAGE[name](run)
    for page in ("run", "library", "inspect"):
        test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
        test.query_params["run"] = run.id
        test.switch_page(str(ROOT / "pages" / f"{page}.py")).run()
        assert not test.exception, page
        if page == "library":
            assert {run.id, healthy.id} <= set(test.dataframe[0].value["id"])
        if page == "run" and name in SAID:
            assert re.search(SAID[name], " ".join(w.value for w in test.warning)), [w.value for w in test.warning]
    for command in (["table"], ["resume", run.id, "--quiet"], ["fork", run.id, "--at", "2.1", "--quiet"],
                    ["verify", run.id, "--quiet"], ["export", run.id, "-o", str(runs / f"{name}.zip")]):  # fmt: skip
        capsys.readouterr()
        try:
            code = cli.main([*command, "--runs", str(runs)])
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr().err
        assert code in {0, 1, 2} and (code == 0 or said.splitlines()[-1].startswith("acl: ")), (command, said)


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    for command in (["mount", "--bind", path, path], ["mount", "-o", "remount,bind,ro", path]):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no folder can be made read-only here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.mark.skipif(not shutil.which("mount"), reason="no mount here")
def test_a_run_in_a_read_only_folder_can_be_looked_at_and_says_why_it_cannot_go_on(runs, pages):
    run = create(small_config(), runs)
    execute(run)
    half = create(small_config(seed=2), runs)
    with read_only(runs):
        for page in ("run", "library", "inspect"):
            test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
            test.query_params["run"] = run.id
            test.switch_page(str(ROOT / "pages" / f"{page}.py")).run()
            assert not test.exception, page
        with pytest.raises(UserError, match="read-only"):
            execute(half)
        with pytest.raises(UserError, match="read-only"):
            request(half.path, mode="play")


@pytest.mark.parametrize("recording", sorted(p.name for p in state.RECORDED.iterdir()))
def test_a_recording_lacks_nothing(recording):
    run = Run(state.RECORDED / recording)
    assert not damage(run, run.config, run.history())


# -- clocks and tabs ---------------------------------------------------------------------------------


def test_a_clock_that_jumps_back_changes_nothing(runs, small_reference, monkeypatch):
    real, calls = time.time, []

    def jumping() -> float:
        calls.append(1)
        return real() - (3600 if len(calls) > 40 else 0)

    run = create(small_config(), runs)
    monkeypatch.setattr(time, "time", jumping)
    execute(run)
    assert len(calls) > 40 and history_facts(run) == small_reference
    assert data.silent_s(run) == 0.0


@pytest.mark.skipif(sys.platform != "linux", reason="psutil asks the wall clock on Linux only")
def test_after_the_clock_was_set_a_process_is_still_the_one_it_was(monkeypatch):
    birth, told = born(os.getpid()), psutil.Process().create_time()
    earlier = psutil.boot_time() - 3600
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: earlier)
    assert abs(psutil.Process().create_time() - told) > 3000
    assert lives(os.getpid(), birth) and not lives(os.getpid(), birth + 1)


def test_of_two_tabs_the_last_wish_wins_and_no_number_is_given_twice(runs):
    run = create(small_config(), runs)
    seqs: list[int] = []

    def tab(mode: str, strategy: str) -> None:
        for _ in range(40):
            seqs.append(request(run.path, mode=mode, changes={"strategy": strategy}).seq)

    tabs = [threading.Thread(target=tab, args=args) for args in (("play", "badge"), ("pause", "entropy"))]
    for thread in tabs:
        thread.start()
    for thread in tabs:
        thread.join(60)
    assert sorted(seqs) == list(range(1, 81))
    request(run.path, mode="pause", changes={"strategy": "uniform"})
    control = read_control(run.path)
    assert (control.seq, control.mode, control.changes) == (81, "pause", {"strategy": "uniform"})
