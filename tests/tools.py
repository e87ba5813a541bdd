"""What several tests need: run a loop to its end, compare runs, wait for something."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from acl.config import RunConfig
from acl.events import INCIDENTAL, Epoch, Event, History, Resumed
from acl.loop import Loop
from acl.plugins.registry import prepare
from acl.runs.control import read_status
from acl.runs.folder import Run
from tests.house import ROOT, modules


def play(loop: Loop) -> list[Event]:
    """Every fact from here to the end."""
    events = []
    while not loop.done:
        event = loop.step()
        if event is not None:
            events.append(event)
    return events


def run_config(config: RunConfig) -> list[Event]:
    return play(Loop(config, prepare(config)))


def facts(events: list[Event]) -> list[dict[str, Any]]:
    """What two runs of one config must agree in."""
    return [
        {"kind": event.kind, **{k: v for k, v in asdict(event).items() if k not in INCIDENTAL}}
        for event in events
        if not isinstance(event, Resumed)
    ]


def history_facts(run: Run) -> list[dict[str, Any]]:
    return facts([row.event for row in run.history().rows])


def durable(history: History) -> list[Event]:
    return [row.event for row in history.rows if not isinstance(row.event, Epoch | Resumed)]


def wait_for(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first truthy answer of `what`; fails the test when it does not come."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = what()
        if answer:
            return answer
        time.sleep(0.005)
    raise AssertionError(f"nothing came of {what} in {seconds:.0f} s")


def state_of(path: Path) -> str:
    status = read_status(path)
    return status.state if status else ""


def every_page_looks_into(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs folder of all of app/, wherever it was imported to; no backend is started for it."""
    monkeypatch.setattr("acl.service.backend.ensure", lambda runs: None)
    monkeypatch.setattr("acl.service.backend.attach", lambda runs: None)
    for path in modules("app"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name not in {"app.contents", "app.main"}:
            module = importlib.import_module(name)
            if hasattr(module, "RUNS"):
                monkeypatch.setattr(module, "RUNS", runs)
