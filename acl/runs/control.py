"""What the user wants of a run (control.json) and what its worker says (status.json).

Control is desired state, not a queue of commands: a step raises the target `until`, so a double click, two
tabs or a missed look change nothing. Every request raises `seq`; the worker reports the seq it has seen.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, Unpack

from pydantic import Field, TypeAdapter, ValidationError

from acl.events import PHASES, Position
from acl.runs.plausible import Number, Share, Whole
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
    seq: Whole = 0
    pid: Whole = 0
    born: Number = 0.0
    device: str = ""
    gpu: str = ""
    device_name: str = ""
    memory_used: Whole = 0
    memory_total: Whole = 0
    busy: Number | None = None
    task: Whole = 0
    round: Whole = 0
    phase: str = ""
    completed: Target | None = None
    epoch: Whole = 0
    epochs: Whole = 0
    progress: Share = 0.0
    eta_s: Number | None = None
    worked_s: Number = 0.0
    images_per_s: Number | None = None
    pool: Whole = 0
    n: Whole = 0
    rounds: Whole = 0
    error: str = ""
    details: str = ""
    beat: Whole = 0


# Made once: making one takes many times as long as what it checks.
_STATUS, _CHOICE = TypeAdapter(Status), TypeAdapter(Choice)
_TARGET, _WHOLE = TypeAdapter(tuple[Whole, Whole, str]), TypeAdapter(Whole)
_PACE = TypeAdapter(Annotated[float, Field(strict=True)])


def _choice(value: Any) -> Choice | None:
    try:
        return _CHOICE.validate_python(value) if value else None
    except ValidationError:
        return None


def _target(value: Any) -> Target | None:
    try:
        task, round_, phase = _TARGET.validate_python(value)
    except ValidationError:
        return None
    return (task, round_, phase) if phase in PHASES else None


def read_control(run: Path) -> Control | None:
    """None where nobody ever asked anything of this run, or what stands there cannot be read."""
    raw = read_json(run / "control.json")
    if raw is None or raw.get("mode") not in ("play", "pause", "stop"):
        return None
    try:
        seq, pace = _WHOLE.validate_python(raw.get("seq", 0)), _PACE.validate_python(raw.get("pace", 0))
    except ValidationError:
        return None
    pace = 0.0 if math.isnan(pace) else min(max(pace, 0.0), MAX_PACE)
    changes = raw.get("changes", {})
    changes = changes if isinstance(changes, dict) else {}
    return Control(seq, raw["mode"], _target(raw.get("until")), pace, changes, _choice(raw.get("choice")))


class Wanted(TypedDict, total=False):
    """What may be asked for of Control; `changes` are added to those asked for before."""

    mode: Mode
    until: Target | None
    pace: float
    changes: Mapping[str, Any]
    choice: Choice | None


def nudge(runs: Path) -> Path:
    """A file that each request for a run of this folder touches, for a backend that does not look at all runs always;
    there once the folder has had a backend."""
    return runs / ".backend" / "nudge"


def request(run: Path, **wanted: Unpack[Wanted]) -> Control:
    """Change what is wanted.

    Returns the new state, its seq raised by one.
    """
    with disk_trouble("The run", run), locked(run / "control.lock"):
        # Where the file was lost or broken, what the worker has heard goes on counting: it listens to higher ones only.
        heard = read_status(run)
        control = read_control(run) or Control(seq=heard.seq if heard else 0)
        if "changes" in wanted:
            wanted["changes"] = {**control.changes, **wanted["changes"]}
        control = replace(control, **wanted, seq=control.seq + 1)
        write_json(run / "control.json", asdict(control))
    # What is wanted is written: where this cannot be, the backend comes to it in its turn.
    with suppress(OSError):
        os.utime(nudge(run.parent))
    return control


def read_status(run: Path) -> Status | None:
    """What the worker has last said; None where it has said nothing yet, or what stands there makes no sense."""
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
