"""Numbers from outside: whatever stands where a file has a number is read as one that there can be, or as damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from acl.cli import main
from acl.config import UserError
from acl.names import LATEST, from_json, moment
from acl.results import sweep
from acl.runs.control import Control, Status, read_control, read_status, request
from acl.runs.folder import Run, create, list_runs
from acl.runs.verdict import Verdict, kept
from acl.service import backend
from acl.service.backend import Backend
from acl.service.engines.local import LocalEngine
from acl.service.lease import current
from acl.service.worker import execute
from acl.system.processes import born, lives
from app import launch
from app.store import session
from tests.conftest import small_config
from tests.house import ROOT
from tests.tools import every_page_looks_into

ODD = {
    "5,000 digits": "9" * 5000,
    "400 digits": "9" * 400,
    "18 digits": "9" * 18,
    "minus one": "-1",
    "half": "0.5",
    "larger than any": "1e400",
    "large": "1e308",
    "minus a large": "-1e308",
    "no number": "NaN",
    "true": "true",
    "a text": '"7"',
    "nothing": "null",
    "a list": "[1]",
}
"""What may stand where a number should, as JSON says it."""
READABLE = ("18 digits", "minus one", "half", "large", "true", "a text", "nothing")
HOLE = "a number stood here"
SWEEP = "20260101-000000-0000"


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Run:
    run = create(small_config(), tmp_path_factory.mktemp("good"))
    execute(run)
    return run


def filled(good: Run, runs: Path) -> Run:
    """A copy in which every file that holds numbers is there, and a sweep and the records of processes beside it."""
    run = Run(runs / good.id)
    shutil.copytree(good.path, run.path)
    parent = {"run": run.id, "task": 1, "round": 1, "changes": {"lambda": 0.5, "n_query": 3}, "ghost": False}
    config = json.loads((run.path / "config.json").read_text())
    write(run.path / "config.json", {**config, "parent": parent})
    status = Status("playing", completed=(1, 1, "buy"), busy=1.0, eta_s=3.0, images_per_s=4.0, pid=2**22 - 1, born=1.0)
    write(run.path / "status.json", asdict(status))
    choice = {"task": 1, "round": 1, "ids": [1], "labels": [1]}
    control = asdict(Control(1, "play", until=(1, 1, "buy"), changes={"lambda": 0.5, "n_query": 3}))
    write(run.path / "control.json", {**control, "choice": choice})
    verdict = {**asdict(Verdict(1, "difference", 1, 1)), "t": 0.0, "events_bytes": run.events.stat().st_size}
    write(run.path / "verified.json", verdict)
    write(run.path / "lease.json", {"epoch": 1})
    (runs / ".sweeps").mkdir()
    record = {"format": "1", "kind": "sweep", "title": "t", "created": 0.0}
    write(runs / ".sweeps" / f"{SWEEP}.json", {**record, "members": [{"run": run.id, "config": config["config"]}]})
    (runs / ".backend").mkdir()
    process = {"pid": 2**22 - 1, "born": 1.0, "runs": str(runs.resolve())}
    write(runs / ".backend" / "backend.json", {**process, "slots": 4, "engine": "local"})
    write(runs / ".backend" / "app.json", {**process, "port": 1})
    return run


def write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), "utf-8")


def holes(value: Any) -> Iterator[Any]:
    """The value, each time with another of its numbers taken out; of a list of numbers only the first."""
    if isinstance(value, int | float):
        yield HOLE
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from ({**value, name: each} for each in holes(inner))
    if isinstance(value, list):
        numbers = bool(value) and isinstance(value[0], int | float)
        for place, inner in enumerate(value[:1] if numbers else value):
            yield from ([*value[:place], each, *value[place + 1 :]] for each in holes(inner))


def settings(run: Run, runs: Path) -> None:
    """Who reads them says UserError, as a sentence, or takes them."""
    for look in (lambda: run.config, lambda: run.parent):
        try:
            look()
        except UserError as error:
            assert str(error).endswith(".") and len(str(error)) <= 1000


def state(run: Run, runs: Path) -> None:
    status = read_status(run.path)
    if status:
        lives(status.pid, status.born)
    sweep.eta_s(sweep.progress(sweep.load(SWEEP, runs), runs), 2)
    kept(run)
    current(run.path)
    Backend(runs, Nobody()).tick()


def wishes(run: Run, runs: Path) -> None:
    Backend(runs, Nobody()).tick()
    request(run.path, mode="pause")
    assert read_control(run.path).mode == "pause"


def record(run: Run, runs: Path) -> None:
    try:
        sweep.progress(sweep.load(SWEEP, runs), runs)
    except UserError as error:
        assert str(error).endswith(".") and len(str(error)) <= 1000


def processes(run: Run, runs: Path) -> None:
    backend.running(runs)
    backend.engine_of(runs)
    session.slots()
    launch._there()


FILES: dict[str, Callable[[Run, Path], None]] = {
    "config.json": settings,
    "status.json": state,
    "summary.json": state,
    "verified.json": state,
    "lease.json": state,
    "control.json": wishes,
    f"../.sweeps/{SWEEP}.json": record,
    "../.backend/backend.json": processes,
    "../.backend/app.json": processes,
}
"""Each with all that reads it, but for pages and commands."""


class Nobody(LocalEngine):
    """An engine that starts nothing."""

    def __init__(self) -> None:
        super().__init__(slots=0)

    def tick(self, waiting: bool) -> None:
        pass


@pytest.fixture
def here(runs, monkeypatch) -> Path:
    runs.mkdir()
    every_page_looks_into(runs, monkeypatch)
    monkeypatch.setattr("app.launch._healthy", lambda port: False)
    return runs


@pytest.mark.parametrize("name", FILES)
def test_every_number_of_every_file_may_be_any(name, good, here):
    run = filled(good, here)
    path = run.path / name
    before = {each: (run.path / each).read_text() for each in (name, "status.json")}
    changed = list(holes(json.loads(before[name])))
    assert changed
    for odd in ODD.values():
        for value in changed:
            path.write_text(json.dumps(value).replace(f'"{HOLE}"', odd))
            FILES[name](Run(run.path), here)
            for each, text in before.items():
                (run.path / each).write_text(text)


@pytest.mark.parametrize("odd", READABLE)
def test_pages_and_commands_take_them(odd, good, here):
    """In every place at once where the file is still read with it."""
    run = filled(good, here)
    readers = {
        "config.json": lambda: Run(run.path).config and Run(run.path).parent,
        "status.json": lambda: read_status(run.path),
        "control.json": lambda: read_control(run.path),
        "summary.json": lambda: run.summary,
        "verified.json": lambda: kept(run),
        f"../.sweeps/{SWEEP}.json": lambda: sweep.load(SWEEP, here),
    }
    for name, is_read in readers.items():
        path = run.path / name
        n = len(list(holes(json.loads(path.read_text()))))
        for place in range(n):
            before = path.read_text()
            value = list(holes(json.loads(before)))
            if len(value) > place:
                path.write_text(json.dumps(value[place]).replace(f'"{HOLE}"', ODD[odd]))
            try:
                taken = is_read()
            except UserError:
                taken = None
            if taken is None:
                path.write_text(before)
    for page, query in (("run", {"run": run.id}), ("library", {}), ("compare", {"view": "sweeps"})):
        test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
        for key, value in query.items():
            test.query_params[key] = value
        test.switch_page(str(ROOT / "pages" / f"{page}.py")).run()
        assert not test.exception, (page, [each.value for each in test.exception])
    for command in (["table"], ["resume", run.id, "--quiet"], ["verify", run.id, "--quiet"]):
        try:
            code = main([*command, "--runs", str(here)])
        except SystemExit as ended:
            code = ended.code
        assert code in {0, 1, 2}, command


def test_an_event_happened_at_a_time_that_a_clock_shows(good, here):
    run = filled(good, here)
    lines = run.events.read_text().splitlines()
    for odd in ODD.values():
        line = json.dumps({**json.loads(lines[3]), "t": HOLE}).replace(f'"{HOLE}"', odd)
        run.events.write_text("\n".join([*lines[:3], line, *lines[4:]]) + "\n")
        assert all(0 <= row.t <= LATEST for row in run.history().rows)
    assert moment(5) == 5.0 and list_runs(here) == [run]


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, str(2**63), str(-(2**63))])
def test_a_whole_number_that_fits_nowhere_is_no_json(number):
    with pytest.raises(ValueError, match="^it holds a whole number that is too large$"):
        from_json(f'{{"a": [{number}]}}')


def test_numbers_that_there_can_be_are_what_they_are():
    assert from_json(f"[{2**63 - 1}, {-(2**63) + 1}, 1.5, -0.0]") == [2**63 - 1, -(2**63) + 1, 1.5, 0.0]
    assert lives(0, 0.0) is False and born(1) >= 0
