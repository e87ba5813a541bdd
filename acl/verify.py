"""Re-run a run beside its folder and compare bit for bit: is what stands there what its settings give?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from acl.config import UserError
from acl.device import cuda_devices
from acl.events import TIMING, Bought, Epoch, Event, Finished, History, Resumed, Scored, Started, Steered, TaskStarted
from acl.files import read_json
from acl.loop import Loop
from acl.recording import is_kept, score_table
from acl.registry import prepare
from acl.runs import EventReader, Run
from acl.snapshot import load_snapshot
from acl.steering import Choice
from acl.verdict import Verdict


class _Differs(Exception):
    """The sentence that says how."""


def verify(run: Run, on_event: Callable[[Loop, Event], None] | None = None) -> Verdict:
    """Works the run out again, as far as it went, steered and chosen by hand as it was, and compares every event,
    every task's base, every snapshot and every table of scores. UserError where it cannot be worked out again here."""
    config = run.config
    if config.device == "cuda" and not cuda_devices():
        raise UserError(f"{run.id} was made on a GPU, and here is none: bits agree only on the same kind of device.")
    torch.set_num_threads(config.threads)
    torch.use_deterministic_algorithms(True)
    recorded, damaged = _facts(run)
    compared, where = 0, (0, 0)
    loop = Loop(config, prepare(config))
    try:
        for event in recorded:
            where = getattr(event, "task", where[0]), getattr(event, "round", 0)
            again = _again(loop, event)
            _compare(event, again)
            _compare_files(run, loop, event)
            compared += 1
            if on_event:
                on_event(loop, again)
        if damaged:
            return Verdict(compared, damaged, *where)
    except _Differs as difference:
        return Verdict(compared, str(difference), *where)
    return Verdict(compared)


def _facts(run: Run) -> tuple[list[Event], str]:
    """What the run says happened, and what of it cannot be read."""
    reader = EventReader(run.events)
    history = History(reader.poll())
    events: list[Event] = [row.event for row in history.rows if not isinstance(row.event, Epoch | Resumed)]
    return events, f"events.jsonl is damaged in {reader.damaged} places" if reader.damaged else ""


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


def _compare(recorded: Event, again: Event) -> None:
    if type(recorded) is not type(again):
        raise _Differs(f"{_place(recorded)}: the run says {recorded.kind}, worked out again it is {again.kind}")
    old, new = asdict(recorded), asdict(again)
    for name in old:
        if name not in TIMING and old[name] != new[name]:
            raise _Differs(f"{_place(recorded)}: {name} differ{_first(old[name], new[name])}")


def _first(old: Any, new: Any) -> str:
    """Where two values first differ."""
    if isinstance(old, list) and isinstance(new, list):
        for place, (a, b) in enumerate(zip(old, new, strict=False), start=1):
            if a != b:
                return f" at place {place}: recorded {_short(a)}, now {_short(b)}"
        return f" in length: recorded {len(old)}, now {len(new)}"
    return f": recorded {_short(old)}, now {_short(new)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _compare_files(run: Run, loop: Loop, event: Event) -> None:
    if isinstance(event, TaskStarted):
        _compare_tensors(event, run.base(event.task), loop.base_state())
    if isinstance(event, Finished):
        summary = read_json(run.path / "summary.json")
        if summary != event.summary:
            said = "is gone or cannot be read" if summary is None else "holds other figures than the last event"
            raise _Differs(f"{_place(event)}: summary.json {said}")
    if isinstance(event, Scored) and loop.query and is_kept(loop.config, loop.last_round):
        path, context = run.snapshot(event.task, event.round), loop.query.context
        assert context is not None
        tensors = {f"{role}.{n}": getattr(s, n) for role, s in context.roles().items() for n in ("ids", "h", "p")}
        _compare_tensors(event, path, tensors)
        try:
            kept = load_snapshot(path).context
        except UserError as error:
            raise _Differs(f"{_place(event)}: {error}") from None
        for name in ("classes", "n", "lambda_", "task", "round", "seed", "n_classes"):
            if getattr(kept, name) != getattr(context, name):
                raise _Differs(f"{_place(event)}: the snapshot's {name.rstrip('_')} differs")
        assert loop.query.selection is not None
        again = score_table(context, loop.query.selection, loop.config.dims_per_class)
        _compare_columns(event, run.scores(event.task, event.round), again.drop_columns("label"))
    if isinstance(event, Bought) and (path := run.scores(event.task, event.round)).exists():
        label = dict(zip(event.ids, event.labels, strict=True))
        bought = pa.table({"label": pa.array([label.get(id_) for id_ in _table(event, path)["id"].to_pylist()])})
        _compare_columns(event, path, bought)


def _table(event: Event, path: Path) -> pa.Table:
    if not path.exists():
        raise _Differs(f"{_place(event)}: {path.parent.name}/{path.name} is gone")
    try:
        return pq.read_table(path)
    except (OSError, ValueError) as error:
        raise _Differs(f"{_place(event)}: {path.name} cannot be read ({error})") from None


def _compare_columns(event: Event, path: Path, again: pa.Table) -> None:
    """The columns of `again` stand in the table at `path`."""
    kept = _table(event, path)
    for name in again.column_names:
        if name not in kept.column_names or not kept[name].equals(again[name]):
            raise _Differs(f"{_place(event)}: {name} differs in {path.parent.name}/{path.name}")


def _compare_tensors(event: Event, path: Path, again: dict[str, Tensor]) -> None:
    if not path.exists():
        raise _Differs(f"{_place(event)}: {path.parent.name}/{path.name} is gone")
    try:
        kept = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _Differs(f"{_place(event)}: {path.name} cannot be read ({error})") from None
    for name in sorted(kept.keys() | again.keys()):
        if name not in kept or name not in again or not _equal(kept[name], again[name].cpu()):
            raise _Differs(f"{_place(event)}: {name} differs in {path.parent.name}/{path.name}")


def _equal(a: Tensor, b: Tensor) -> bool:
    """Bit for bit: a missing score is NaN, which equals nothing."""
    return a.dtype == b.dtype and a.shape == b.shape and a.numpy().tobytes() == b.contiguous().numpy().tobytes()


def _place(event: Event) -> str:
    if isinstance(event, Started):
        return "At the start"
    task, round_ = getattr(event, "task", 0), getattr(event, "round", 0)
    where = f"Task {task}, round {round_}" if hasattr(event, "round") else f"Task {task}" if task else "At the end"
    return f"{where} ({event.kind})"
