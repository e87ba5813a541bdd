"""Reads of run folders, cached: what was appended since the last look, and files that never change."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from safetensors import SafetensorError
from safetensors.numpy import load_file

from acl.analysis import plane
from acl.config import RunConfig, UserError
from acl.events import Bought, Evaluated, History, Remembered, Scored, Started, Steered
from acl.metrics import average_accuracy, backward_transfer, balance, forgetting, learning_accuracy
from acl.names import distinct
from acl.plugins.description import Kind
from acl.plugins.registry import choices, prepare
from acl.runs.control import Control, Status, read_control, read_status
from acl.runs.damage import damage
from acl.runs.event_file import EventReader
from acl.runs.folder import Parent, Run, list_runs
from acl.runs.fork import settings_after
from acl.stream.types import TaskStream


class LiveRun:
    """A run's events, read on as they come. One for each run, shared by every tab."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.reader = EventReader(run.events)
        self._history = History()
        self._lock = threading.Lock()

    def history(self) -> History:
        with self._lock:
            for row in self.reader.poll():
                self._history.add(row)
            return self._history


@st.cache_resource(max_entries=64)
def live_run(path: Path) -> LiveRun:
    return LiveRun(Run(path))


def status_of(run: Run) -> Status | None:
    return read_status(run.path)


def silent_s(run: Run) -> float:
    """Seconds since the run's status was last written."""
    try:
        return max(time.time() - (run.path / "status.json").stat().st_mtime, 0.0)
    except OSError:
        return 0.0


def damage_of(run: Run, config: RunConfig, history: History) -> list[str]:
    """What of the run's files is gone or broken, in sentences."""
    files = [path for folder in ("tasks", "queries") for path in sorted((run.path / folder).rglob("*.*"))]
    marks = tuple((path.name, *mark(path)) for path in files)
    return _damage(str(run.path), (len(history.rows), *marks), _config=config, _history=history)


def mark(path: Path) -> tuple[int, int]:
    """Size and time (ns) of a file, by which what was read of it is kept; zeros where there is none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


@st.cache_data(max_entries=200, show_spinner=False)
def _damage(path: str, marks: tuple[object, ...], _config: RunConfig, _history: History) -> list[str]:
    return damage(Run(Path(path)), _config, _history)


def control_of(run: Run) -> Control:
    return read_control(run.path) or Control()


@st.cache_data(max_entries=1000, show_spinner=False)
def _parent(path: str, changed_ns: int) -> Parent | None:
    try:
        return Run(Path(path).parent).parent
    except UserError:
        return None


def parent_of(run: Run) -> Parent | None:
    """Of a fork: which run it left, where, and with what changes."""
    path = run.path / "config.json"
    return _parent(str(path), mark(path)[1])


def ghosts_of(run: Run, runs: Path) -> list[Run]:
    """Forks that exist to show what would have happened to `run` without a change."""
    return [other for other in list_runs(runs) if (p := parent_of(other)) and p.ghost and p.run == run.id]


@st.cache_data(max_entries=4000, show_spinner=False)
def _interventions(path: str, size: int) -> list[Steered | Bought]:
    text = Path(path).read_bytes()
    # Most runs are led by nobody: that is seen without reading their events.
    if b'"steered"' not in text and b'"human"' not in text:
        return []
    return interventions(Run(Path(path).parent).history())


def interventions_of(run: Run) -> list[Steered | Bought]:
    """`interventions` of a run in a list, whose events nobody has read yet."""
    return _interventions(str(run.events), run.events.stat().st_size) if run.events.is_file() else []


def interventions(history: History) -> list[Steered | Bought]:
    """What a human did to the run: settings changed, samples chosen or labelled; oldest first."""
    events = [row.event for row in history.rows]
    return [e for e in events if isinstance(e, Steered) or (isinstance(e, Bought) and e.by == "human")]


SCORED = {"id", "predicted", "rank", "picked", "label", "magnitude", "distribution"}


@st.cache_data(max_entries=32)
def score_table(path: str, changed_ns: int) -> pd.DataFrame:
    """The scores of one query; `changed_ns` is the file's time, so that new labels are seen."""
    table = pd.read_parquet(path)
    return table.set_axis(list(distinct(map(str, table.columns))), axis=1)


def scores_of(run: Run, query: Scored) -> pd.DataFrame | None:
    """One row for each pool sample of `query`; None where the run kept none, or the file is damaged."""
    path = run.scores(query.task, query.round)
    try:
        table = score_table(str(path), path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return None
    return table if _is_of(table, query) else None


def _is_of(table: pd.DataFrame, query: Scored) -> bool:
    """A run from elsewhere may hold any table."""
    named = SCORED <= set(table.columns) and table["id"].is_unique and set(query.ids) <= set(table["id"])
    numbers = all(pd.api.types.is_numeric_dtype(table[name]) for name in table.columns if name not in {"rank", "label"})
    return named and numbers and bool(np.isfinite(table[["magnitude", "distribution"]].astype(float)).all(axis=None))


@st.cache_data(max_entries=32)
def feature_map(path: str, changed_ns: int) -> tuple[pd.DataFrame, str] | None:
    """The first two principal components of pool, labelled and memory: columns id, role, x, y; and in a sentence what
    keeps them from being more than a point or a line, empty if nothing does."""
    try:
        return _plane(load_file(path))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        # Damaged, or of a run from elsewhere, which may hold any tensors.
        return None


def _plane(tensors: dict[str, np.ndarray]) -> tuple[pd.DataFrame, str]:
    roles = [role for role in ("pool", "labelled", "memory") if len(tensors.get(f"{role}.ids", ()))]
    h = np.concatenate([tensors[f"{role}.h"] for role in roles])
    if not np.isfinite(h).all():
        raise ValueError("no map of what is no number")
    x, y = plane.pca(h).T
    ids = np.concatenate([tensors[f"{role}.ids"] for role in roles])
    role = np.repeat(roles, [len(tensors[f"{role}.ids"]) for role in roles])
    return pd.DataFrame({"id": ids, "role": role, "x": x, "y": y}), plane.why_flat(h)


def map_of(run: Run, query: Scored) -> tuple[pd.DataFrame, str] | None:
    path = run.snapshot(query.task, query.round)
    return feature_map(str(path), path.stat().st_mtime_ns) if path.exists() else None


@st.cache_resource(max_entries=4)
def stream_of(config_json: str) -> TaskStream:
    """The task stream of a config (given as its JSON, which can be hashed)."""
    return prepare(RunConfig.from_json(config_json))


@dataclass(frozen=True)
class Thumbs:
    """The pictures that a run brings along; row: of each sample id."""

    row: dict[int, int]
    images: np.ndarray
    labels: np.ndarray


@st.cache_resource(max_entries=8)
def _thumbs(path: str) -> Thumbs:
    tensors = load_file(path)
    ids, images, labels = (tensors[name] for name in ("ids", "images", "labels"))
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in {1, 3} or not images.size:
        raise UserError(f"{path} holds no pictures.")
    return Thumbs({int(id_): i for i, id_ in enumerate(ids)}, images, labels.reshape(len(ids)))


def pictures(run: Run, ids: list[int]) -> np.ndarray | None:
    """uint8 [n, height, width, channel] of these samples; None where the run brings none and its data is not here."""
    try:
        if run.thumbs.exists():
            thumbs = _thumbs(str(run.thumbs))
            return np.asarray(thumbs.images[[thumbs.row[id_] for id_ in ids]])
        return stream_of(run.config.to_json()).images[ids]
    except (UserError, SafetensorError, KeyError, IndexError, ValueError, OSError):
        return None


def true_labels(run: Run, ids: list[int]) -> np.ndarray | None:
    """The classes of these samples, labelled or not; None where neither the run nor this machine knows them."""
    try:
        if run.thumbs.exists():
            thumbs = _thumbs(str(run.thumbs))
            return np.asarray(thumbs.labels[[thumbs.row[id_] for id_ in ids]])
        return np.asarray(stream_of(run.config.to_json()).labels[ids])
    except (UserError, SafetensorError, KeyError, IndexError, ValueError, OSError):
        return None


# -- tables for the charts -----------------------------------------------------------------------------


def rounds_of_tasks(history: History, config: RunConfig) -> dict[int, int]:
    """Query rounds of each task: as they were, and for a task not yet over as its budget says now."""
    over = {event.task: event.round for event in history.of(Evaluated) if event.final}
    seen = {event.task: event.round for event in history.of(Bought)}
    planned = settings_after(config, history.rows).rounds
    return {t: over.get(t, max(planned, seen.get(t, 0))) for t in range(1, n_tasks(history) + 1)}


def place(task: int, round_: int, rounds: Mapping[int, int]) -> float:
    """Where on the axis of tasks the end of a round stands: task t ends at t, its rounds come evenly before."""
    return task - 1 + (round_ + 1) / (rounds[task] + 1)


def began(task: int, round_: int, rounds: Mapping[int, int]) -> float:
    """Where on that axis a round begins, which is where the one before it ended."""
    return place(task, round_ - 1, rounds)


def accuracies(event: Evaluated, own: bool) -> list[float]:
    """On each task seen: among any class seen so far, or among the task's own classes alone (told the task)."""
    return event.accuracy_aware if own else event.accuracy


def accuracy_table(history: History, rounds: Mapping[int, int], own: bool = False) -> pd.DataFrame:
    """A row for each evaluation: x, its label, whether it ends a task, and a column task_j in percent."""
    rows = []
    for event in history.of(Evaluated):
        row = _moment(event, rounds) | {f"task_{j}": 100 * a for j, a in enumerate(accuracies(event, own), start=1)}
        rows.append(row)
    return pd.DataFrame(rows, columns=["x", "final", "when", *(f"task_{j}" for j in range(1, n_tasks(history) + 1))])


def _moment(event: Evaluated, rounds: Mapping[int, int]) -> dict[str, Any]:
    within = f"task {event.task}, " + (f"round {event.round}" if event.round else "first labels")
    return {"x": place(event.task, event.round, rounds), "final": event.final,
            "when": f"after task {event.task}" if event.final else within}  # fmt: skip


def n_tasks(history: History) -> int:
    """0 until the run has begun."""
    started = history.of(Started)
    return len(started[0].tasks) if started else 0


def task_of_memory(history: History, task: int) -> dict[int, int]:
    """For each sample in the memory during `task`: the task it comes from."""
    held = [event for event in history.of(Remembered) if event.task < task]
    task_of = {i: event.task for event in history.of(Bought) for i in event.ids}
    return {i: task_of[i] for i in held[-1].ids if i in task_of} if held else {}


def matrix(history: History, own: bool = False) -> list[list[float]]:
    """R, rows after each finished task, fractions."""
    return [accuracies(event, own) for event in history.finals()]


def balance_table(history: History, rounds: Mapping[int, int], own: bool = False) -> pd.DataFrame:
    """A row for each evaluation: x, its label, whether it ends a task, and in percent what was learned, kept and
    forgotten by then (acl.metrics.balance). Those that lack the end of an earlier task (damaged events) are left out.
    """
    r = matrix(history, own)
    rows = [
        _moment(event, rounds) | {name: 100 * v for name, v in balance(r, accuracies(event, own))._asdict().items()}
        for event in history.of(Evaluated)
        if event.task - 1 <= len(r)
    ]
    return pd.DataFrame(rows, columns=["x", "final", "when", "learned", "kept", "forgotten"])


def figures_table(history: History, own: bool = False) -> pd.DataFrame:
    """After each task, in percent: LA, A, what was forgotten between them, and F as the maximum and as −BWT."""
    r = matrix(history, own)
    rows = [
        {"task": t, "LA": learning_accuracy(r, t), "A": average_accuracy(r, t),
         "forgotten": balance(r, r[t - 1]).forgotten, "F": forgetting(r, t), "F_diag": -backward_transfer(r, t)}
        for t in range(1, len(r) + 1)
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["task", "LA", "A", "forgotten", "F", "F_diag"]).set_index("task")
    return 100 * table.astype(float)


def label_of(kind: Kind, name: str) -> str:
    """The literature's name of a plug-in; its own name if it is not installed here."""
    found = choices(kind).get(name)
    return found.label if found else name
