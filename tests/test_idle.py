"""What a backend does with the many runs where nothing goes on: next to nothing, until somebody asks for something."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from acl.runs.control import Status, nudge, request, write_status
from acl.runs.folder import Run, create
from acl.service import watching
from acl.service.backend import Backend
from acl.service.engines.local import LocalEngine, LocalJob
from tests.conftest import small_config


class Engine(LocalEngine):
    """One that only says which runs it was given."""

    def __init__(self) -> None:
        super().__init__(slots=2)
        self.given: list[str] = []

    def start(self, run: Run) -> LocalJob:
        self.given.append(run.id)
        return SimpleNamespace(poll=lambda: None, kill=lambda: None)  # type: ignore[return-value]

    def tick(self, waiting: bool) -> None:
        pass


def folder_of(runs: Path, n: int, state: str = "stopped") -> list[Run]:
    """Runs that somebody played, and that are over now."""
    first = create(small_config(), runs)
    made = [Run(runs / f"{first.id}-{i:03x}") for i in range(n)]
    for run in made:
        run.path.mkdir()
        (run.path / "config.json").write_bytes((first.path / "config.json").read_bytes())
        (run.path / "worker.lock").touch()
        (run.path / "control.json").write_text(json.dumps({"seq": 1, "mode": "play"}))
        write_status(run.path, Status(state, seq=1))  # type: ignore[arg-type]
    return made


def served(runs: Path) -> tuple[Backend, Engine]:
    """A backend that is ticked by hand, and has seen all runs."""
    nudge(runs).parent.mkdir()
    nudge(runs).touch()
    engine = Engine()
    backend = Backend(runs, engine)
    backend.tick()
    backend.tick()
    return backend, engine


def looks_of_a_tick(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often the disk is asked about a file, a folder or a lock."""
    asked: list[object] = []
    with monkeypatch.context() as patch:
        for name in ("stat", "lstat", "open", "listdir", "scandir"):
            patch.setattr(os, name, partial(_counted, getattr(os, name), asked))
        backend.tick()
    return len(asked)


def _counted(real: Callable[..., Any], asked: list[object], path: object, *rest: Any, **kwargs: Any) -> Any:
    asked.append(path)
    return real(path, *rest, **kwargs)


@pytest.mark.parametrize("state", ["finished", "stopped"])
def test_an_idle_tick_costs_the_same_however_many_runs_there_are(state, tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "LIST_S", 1e9)
    cost = {}
    for n in (100, 300):
        folder_of(tmp_path / str(n), n, state)
        backend, _ = served(tmp_path / str(n))
        cost[n] = looks_of_a_tick(backend, monkeypatch)
        assert len(backend.watched) == n + 1
    assert 0 < cost[300] <= cost[100] <= 10 * watching.AT_A_TICK


def test_the_folder_is_listed_without_asking_for_each_run(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "LIST_S", 0.0)
    cost = {}
    for n in (100, 300):
        folder_of(tmp_path / str(n), n)
        backend, _ = served(tmp_path / str(n))
        cost[n] = looks_of_a_tick(backend, monkeypatch)
    assert cost[300] <= cost[100]


def test_a_request_to_one_of_many_idle_runs_is_taken_at_the_next_tick(runs):
    made = folder_of(runs, 300)
    backend, engine = served(runs)
    for run in (made[7], made[250]):
        request(run.path, mode="play")
        backend.tick()
        assert engine.given[-1:] == [run.id]


def test_one_that_was_written_by_hand_is_taken_in_a_second_or_two(runs):
    made = folder_of(runs, 300)
    backend, engine = served(runs)
    (made[7].path / "control.json").write_text(json.dumps({"seq": 2, "mode": "play"}))
    ticks = 0
    while not engine.given:
        backend.tick()
        ticks += 1
    assert engine.given == [made[7].id] and ticks * 0.05 < 2


def test_a_new_run_is_taken_at_once_and_one_that_is_gone_forgotten(runs, monkeypatch):
    monkeypatch.setattr(watching, "LIST_S", 1e9)
    made = folder_of(runs, 100)
    backend, engine = served(runs)
    time.sleep(0.02)  # the time of a folder is told in steps
    new = create(small_config(seed=1), runs)
    request(new.path, mode="play")
    backend.tick()
    assert engine.given == [new.id]
    time.sleep(0.02)
    made[3].path.rename(runs / ".gone")
    backend.tick()
    assert made[3].id not in backend.watched and len(backend.watched) == 101


def test_what_goes_on_is_looked_at_at_every_tick(runs):
    made = folder_of(runs, 100)
    backend, engine = served(runs)
    for run in made[:3]:
        request(run.path, mode="play")
    backend.tick()
    assert set(engine.given) == {run.id for run in made[:2]}  # the third waits
    backend.watched[made[0].id].job.poll = lambda: 0  # type: ignore[union-attr, method-assign]
    write_status(made[0].path, Status("finished", seq=2))
    backend.tick()
    assert engine.given[2:] == [made[2].id]


def test_a_folder_that_never_had_a_backend_gets_nothing_from_a_request(runs):
    run = create(small_config(), runs)
    request(run.path, mode="play")
    assert [path.name for path in runs.iterdir()] == [run.id]
