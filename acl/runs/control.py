"""What the user wants of a run (control.json) and what its worker says (status.json).

Control is desired state, not a queue of commands: a step raises the target `until`, so a double click, two
tabs or a missed look change nothing. Every request raises `seq`; the worker reports the seq it has seen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from acl.events import PHASES, Position
from acl.steering import Choice
from acl.system.files import disk_trouble, locked, read_json, write_json

Mode = Literal["play", "pause", "stop"]
State = Literal["queued", "starting", "playing", "paused", "finished", "stopped", "failed"]
ACTIVE = frozenset({"queued", "starting", "playing", "paused"})
MAX_PACE = 5.0
Target = tuple[int, int, str]


def as_position(target: Target | None) -> Position | None:
    """(task, round, phase) as a comparable Position."""
    return None if target is None else Position(target[0], target[1], PHASES.index(target[2]))


@dataclass(frozen=True)
class Control:
    """until: hold when this (task, round, phase) is done; pace: least seconds a phase takes, for the eye.

    changes: settings as they shall be from the next query on (acl.steering says which); choice: what a human
    wants bought in one query.
    """

    seq: int = 0
    mode: Mode = "pause"
    until: Target | None = None
    pace: float = 0.0
    changes: Mapping[str, Any] = field(default_factory=dict)
    choice: Choice | None = None


@dataclass(frozen=True)
class Status:
    """A heartbeat. completed: the last phase done; seq: the control request the worker has seen; error: why
    it failed, or what it could not do, in a sentence; details: the line of a plug-in that raised; rounds: query
    rounds the task will have; worked_s: seconds of work so far, pauses left out; born: when the process began
    (acl.system.processes); gpu: which one it works on, as CUDA_VISIBLE_DEVICES names it; device_name, memory_used
    (bytes), memory_total and busy (percent): acl.system.gauge, empty while nothing is known."""

    state: State
    seq: int = 0
    pid: int = 0
    born: float = 0.0
    device: str = ""
    gpu: str = ""
    device_name: str = ""
    memory_used: int = 0
    memory_total: int = 0
    busy: float | None = None
    task: int = 0
    round: int = 0
    phase: str = ""
    completed: Target | None = None
    epoch: int = 0
    epochs: int = 0
    progress: float = 0.0
    eta_s: float | None = None
    worked_s: float = 0.0
    images_per_s: float | None = None
    pool: int = 0
    n: int = 0
    rounds: int = 0
    error: str = ""
    details: str = ""
    beat: int = 0


# Made once: making one takes many times as long as what it checks.
_STATUS, _CHOICE = TypeAdapter(Status), TypeAdapter(Choice)


def _choice(value: Any) -> Choice | None:
    try:
        return _CHOICE.validate_python(value) if value else None
    except ValidationError:
        return None


def _target(value: Any) -> Target | None:
    try:
        task, round_, phase = value
        return (int(task), int(round_), phase) if phase in PHASES else None
    except (TypeError, ValueError, OverflowError):
        return None


def read_control(run: Path) -> Control | None:
    """None where nobody ever asked anything of this run, or what stands there cannot be read."""
    raw = read_json(run / "control.json")
    if raw is None or raw.get("mode") not in ("play", "pause", "stop"):
        return None
    try:
        pace = float(raw.get("pace", 0))
        pace = 0.0 if math.isnan(pace) else min(max(pace, 0.0), MAX_PACE)
        changes = raw.get("changes", {})
        changes = changes if isinstance(changes, dict) else {}
        return Control(
            int(raw.get("seq", 0)), raw["mode"], _target(raw.get("until")), pace, changes, _choice(raw.get("choice"))
        )
    except (TypeError, ValueError, OverflowError):
        return None


def request(run: Path, **changes: Any) -> Control:
    """Change what is wanted: mode=, until=, pace=, changes= (added to those asked for before), choice=.

    Returns the new state, its seq raised by one.
    """
    with disk_trouble("The run", run), locked(run / "control.lock"):
        # Where the file was lost or broken, what the worker has heard goes on counting: it listens to higher ones only.
        heard = read_status(run)
        control = read_control(run) or Control(seq=heard.seq if heard else 0)
        if "changes" in changes:
            changes["changes"] = {**control.changes, **changes["changes"]}
        control = replace(control, **changes, seq=control.seq + 1)
        write_json(run / "control.json", asdict(control))
    return control


def read_status(run: Path) -> Status | None:
    raw = read_json(run / "status.json")
    if raw is None or "state" not in raw:
        return None
    known = {f.name for f in fields(Status)}
    values = {name: value for name, value in raw.items() if name in known}
    try:
        return _STATUS.validate_python({**values, "completed": _target(values.get("completed"))})
    except ValidationError:
        return None


def write_status(run: Path, status: Status) -> None:
    """Not synced to the disk: a heartbeat is no fact, the next one replaces it."""
    write_json(run / "status.json", {**asdict(status), "t": time.time()}, sync=False)
