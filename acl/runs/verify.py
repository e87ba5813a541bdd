"""Re-run a run beside its folder and compare: is what stands there what its settings give?

What was decided (ids, labels, memory, accuracies, order) is compared exactly. What was measured (losses, likelihoods,
weights, h, p, scores) is compared bit for bit where processor and libraries are the recorded ones, else to 1e-6.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from acl.config import UserError, check_method
from acl.events import (
    INCIDENTAL,
    Bought,
    Epoch,
    Evaluated,
    Event,
    Finished,
    History,
    Resumed,
    Scored,
    Started,
    Steered,
    TaskStarted,
)
from acl.loop import Loop
from acl.network.predictions import Predictions
from acl.plugins.registry import prepare
from acl.runs.event_file import EventReader
from acl.runs.folder import Run
from acl.runs.fork import led_by_hand
from acl.runs.recording import is_kept, score_table
from acl.runs.verdict import Verdict
from acl.snapshots.snapshot import load_snapshot
from acl.steering import Choice
from acl.system import machine
from acl.system.device import cuda_devices
from acl.system.files import read_json
from acl.system.numerics import settle

TOLERANCE = 1e-6
MEASURED = {"loss", "likelihood", "L"}
"""What of an event is measured; all else is decided, accuracies too."""


class _Differs(Exception):
    """The sentence that says how."""


def verify(run: Run, on_event: Callable[[Loop, Event], None] | None = None) -> Verdict:
    """Works the run out again, as far as it went, steered and chosen by hand as it was, and compares every event,
    every task's base, every snapshot and every table of scores. UserError where it cannot be worked out again here."""
    config = run.config
    check_method(config)
    if config.device == "cuda" and not cuda_devices():
        raise UserError(f"{run.id} was made on a GPU, and here is none: bits agree only on the same kind of device.")
    settle(config)
    history, damaged = _facts(run)
    elsewhere = _elsewhere(history, config.device)
    recorded: list[Event] = [row.event for row in history.rows if not isinstance(row.event, Epoch | Resumed)]
    compared, where = 0, (0, 0)
    loop = Loop(config, prepare(config))
    try:
        for event in recorded:
            where = getattr(event, "task", where[0]), getattr(event, "round", 0)
            again = _again(loop, event)
            _compare(event, again, exact=not elsewhere)
            _compare_files(run, loop, event, exact=not elsewhere)
            compared += 1
            if on_event:
                on_event(loop, again)
        if damaged:
            return Verdict(compared, damaged, *where, elsewhere)
    except _Differs as difference:
        found = Verdict(compared, str(difference), *where, elsewhere)
        return replace(found, figures=_figures(loop, history, on_event)) if elsewhere else found
    return Verdict(compared, elsewhere=elsewhere)


def _facts(run: Run) -> tuple[History, str]:
    """What the run says happened, and what of it cannot be read."""
    reader = EventReader(run.events)
    history = History(reader.poll())
    return history, f"events.jsonl {reader.trouble}" if reader.trouble else ""


def _elsewhere(history: History, device: str) -> tuple[str, ...]:
    """What was another where the run was begun or taken up again."""
    here = machine.described(device)
    told = [event.machine for event in history.of(Started)] + [event.machine for event in history.of(Resumed)]
    return tuple(dict.fromkeys(phrase for each in told for phrase in machine.differences(each, here)))


def _figures(loop: Loop, history: History, on_event: Callable[[Loop, Event], None] | None) -> str:
    """A sentence with the final figures of both; empty where the run has none, or was led by hand."""
    if history.finished is None or led_by_hand(history):
        return ""
    ending: Event | None = None
    try:
        while not loop.done:
            ending = loop.step()
            if ending is not None and on_event:
                on_event(loop, ending)
    except UserError as error:
        return f" It does not end here: {error}"
    assert isinstance(ending, Finished)
    here, there = ending.summary, history.finished.summary
    said = [f"{name} {100 * here[name]:.1f} % (recorded {100 * there[name]:.1f} %)" for name in ("A", "F", "LA")]
    return f" It ends here with {', '.join(said)}."


def _again(loop: Loop, recorded: Event) -> Event:
    """The next fact of the loop, led where a human led the run."""
    try:
        if isinstance(recorded, Steered):
            return loop.steer(recorded.changes)
        if isinstance(recorded, Bought) and recorded.by == "human":
            hand = set(recorded.by_hand)
            labels = [y if i in hand else None for i, y in zip(recorded.ids, recorded.labels, strict=True)]
            loop.choice = Choice(recorded.task, recorded.round, recorded.ids, labels)
        while not loop.done:
            event = loop.step()
            if event is not None and not isinstance(event, Epoch):
                return event
    except UserError as error:
        raise _Differs(f"{_place(recorded)}: it cannot be worked out again ({error})") from None
    raise _Differs(f"{_place(recorded)}: the run ends earlier when it is worked out again")


def _compare(recorded: Event, again: Event, exact: bool) -> None:
    if type(recorded) is not type(again):
        raise _Differs(f"{_place(recorded)}: the run says {recorded.kind}, worked out again it is {again.kind}")
    old, new = asdict(recorded), asdict(again)
    for name in old:
        if name not in INCIDENTAL and not _same(name, old[name], new[name], exact):
            raise _Differs(f"{_place(recorded)}: {name} differ{_first(name, old[name], new[name], exact)}")


def _same(name: str, old: Any, new: Any, exact: bool) -> bool:
    """Equal; what is measured, to the tolerance where `exact` is not asked for."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_same(key, old[key], new[key], exact) for key in old)
    return bool(old == new) if exact or name not in MEASURED else _close(old, new)


def _close(old: Any, new: Any) -> bool:
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_close, old, new))
    # A forged summary may hold anything in the place of a number.
    numbers = isinstance(old, int | float) and isinstance(new, int | float)
    return math.isclose(old, new, rel_tol=TOLERANCE, abs_tol=TOLERANCE) if numbers else bool(old == new)


def _first(name: str, old: Any, new: Any, exact: bool) -> str:
    """Where two values first differ."""
    if isinstance(old, list) and isinstance(new, list):
        for place, (a, b) in enumerate(zip(old, new, strict=False), start=1):
            if not _same(name, a, b, exact):
                return f" at place {place}: recorded {_short(a)}, now {_short(b)}"
        return f" in length: recorded {len(old)}, now {len(new)}"
    return f": recorded {_short(old)}, now {_short(new)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _compare_files(run: Run, loop: Loop, event: Event, exact: bool) -> None:
    """The files that belong to an event, as acl.service.worker writes them."""
    match event:
        case TaskStarted():
            _compare_tensors(event, run.base(event.task), loop.base_state(), exact)
        case Scored():
            _compare_query(run, loop, event, exact)
        case Bought():
            _compare_labels(run, event, exact)
        case Evaluated():
            _compare_predictions(run, loop, event)
        case Finished():
            summary = read_json(run.path / "summary.json")
            if summary != event.summary:  # both are recorded, on one machine
                said = "is gone or cannot be read" if summary is None else "holds other figures than the last event"
                raise _Differs(f"{_place(event)}: summary.json {said}")
        case _:
            pass  # the event itself says it all


def _compare_predictions(run: Run, loop: Loop, event: Evaluated) -> None:
    path, now = run.predictions(event.task, event.round), loop.predictions
    # Runs from before they were kept have none.
    if now is None or not path.exists():
        return
    kept = Predictions.load(path)
    if kept is None:
        raise _Differs(f"{_place(event)}: {path.relative_to(run.path)} cannot be read")
    for name in ("ids", "said", "own"):
        if not np.array_equal(getattr(kept, name), getattr(now, name)):
            raise _Differs(f"{_place(event)}: {path.relative_to(run.path)} holds other predictions ({name})")


def _compare_query(run: Run, loop: Loop, event: Scored, exact: bool) -> None:
    if loop.query is None or not is_kept(loop.config, loop.last_round):
        return
    path, context, selection = run.snapshot(event.task, event.round), loop.query.context, loop.query.selection
    assert context is not None and selection is not None
    tensors = {f"{role}.{n}": getattr(s, n) for role, s in context.roles().items() for n in ("ids", "h", "p")}
    _compare_tensors(event, path, tensors, exact)
    try:
        kept = load_snapshot(path).context
    except UserError as error:
        raise _Differs(f"{_place(event)}: {error}") from None
    for name in ("classes", "n", "lambda_", "task", "round", "seed", "n_classes"):
        if getattr(kept, name) != getattr(context, name):
            raise _Differs(f"{_place(event)}: the snapshot's {name.rstrip('_')} differs")
    again = score_table(context, selection, loop.config.dims_per_class)
    _compare_columns(event, run.scores(event.task, event.round), again.drop_columns("label"), exact)


def _compare_labels(run: Run, event: Bought, exact: bool) -> None:
    path = run.scores(event.task, event.round)
    if not path.exists():
        return
    label = dict(zip(event.ids, event.labels, strict=True))
    bought = pa.table({"label": pa.array([label.get(id_) for id_ in _table(event, path)["id"].to_pylist()])})
    _compare_columns(event, path, bought, exact)


def _table(event: Event, path: Path) -> pa.Table:
    if not path.exists():
        raise _Differs(f"{_place(event)}: {path.parent.name}/{path.name} is gone")
    try:
        return pq.read_table(path)
    except (OSError, ValueError) as error:
        raise _Differs(f"{_place(event)}: {path.name} cannot be read ({error})") from None


def _compare_columns(event: Event, path: Path, again: pa.Table, exact: bool) -> None:
    """The columns of `again` stand in the table at `path`."""
    kept = _table(event, path)
    for name in again.column_names:
        if name not in kept.column_names or not _equal_columns(kept[name], again[name], exact):
            raise _Differs(f"{_place(event)}: {name} differs in {path.parent.name}/{path.name}")


def _equal_columns(a: pa.ChunkedArray, b: pa.ChunkedArray, exact: bool) -> bool:
    if exact or not pa.types.is_floating(a.type):
        return bool(a.equals(b))
    kept, again = (torch.from_numpy(column.to_numpy().copy()) for column in (a, b))
    return a.type == b.type and _equal(kept, again, exact)


def _compare_tensors(event: Event, path: Path, again: dict[str, Tensor], exact: bool) -> None:
    if not path.exists():
        raise _Differs(f"{_place(event)}: {path.parent.name}/{path.name} is gone")
    try:
        kept = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _Differs(f"{_place(event)}: {path.name} cannot be read ({error})") from None
    for name in sorted(kept.keys() | again.keys()):
        if name not in kept or name not in again or not _equal(kept[name], again[name].cpu(), exact):
            raise _Differs(f"{_place(event)}: {name} differs in {path.parent.name}/{path.name}")


def _equal(a: Tensor, b: Tensor, exact: bool) -> bool:
    """Bit for bit (a missing score is NaN, which equals nothing), or floating-point numbers to the tolerance."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if exact or not a.is_floating_point():
        return a.numpy().tobytes() == b.contiguous().numpy().tobytes()
    return torch.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)


def _place(event: Event) -> str:
    if isinstance(event, Started):
        return "At the start"
    task, round_ = getattr(event, "task", 0), getattr(event, "round", 0)
    where = f"Task {task}, round {round_}" if hasattr(event, "round") else f"Task {task}" if task else "At the end"
    return f"{where} ({event.kind})"
