"""What the Inspect page looks at: one query, of a run or of a snapshot file that somebody dropped in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from safetensors import SafetensorError
from safetensors.numpy import load

from acl.config import FULL, RunConfig, UserError
from acl.events import Bought, History, Remembered, Scored, Started, Steered
from acl.files import replace_file
from acl.fork import settings_after
from acl.query import QueryContext, load_snapshot
from acl.runs import Run
from acl.whatif import Microscope, Settings
from app import data, words
from app.state import RUNS

DROPPED = RUNS / ".snapshots"
DEFAULTS = RunConfig()
MOST_NAME = 40


@dataclass(frozen=True)
class Sight:
    """One query. `picks` are the recorded ones, best first; of a file that was dropped in AccuACL's at its settings.

    series: task and snapshot of every query of the run that has one, in order.
    """

    path: Path
    strategy: str
    picks: tuple[int, ...]
    class_names: dict[int, str]
    tasks: tuple[tuple[int, ...], ...]
    labels: dict[int, int]
    config: RunConfig
    run: Run | None = None
    query: Scored | None = None
    series: tuple[tuple[int, Path], ...] = ()

    @property
    def mark(self) -> tuple[str, int]:
        """Names the file and its state, for caches."""
        return str(self.path), self.path.stat().st_mtime_ns

    @property
    def name(self) -> str:
        return f"{self.run.id}-{self.query.task}-{self.query.round}" if self.run and self.query else self.path.stem

    @cached_property
    def context(self) -> QueryContext:
        return microscope(*self.mark).context

    @property
    def recorded(self) -> Settings:
        context = self.context
        return Settings(context.lambda_, context.n, self.config.dims_per_class, self.config.oversample)

    def pictures(self, ids: list[int]) -> np.ndarray | None:
        if self.run:
            return data.pictures(self.run, ids)
        return _pick(dropped_pictures(self.path), "images", ids)

    def truth(self, ids: list[int]) -> np.ndarray | None:
        """The true classes of these samples, also of those never labelled; None where nobody here knows them."""
        if self.run:
            return data.true_labels(self.run, ids)
        return _pick(dropped_pictures(self.path), "labels", ids)

    def class_name(self, label: int) -> str:
        return self.class_names.get(label, f"class {label}")


@st.cache_resource(max_entries=3)
def microscope(path: str, changed_ns: int) -> Microscope:
    return Microscope(load_snapshot(Path(path)))


def queries_of(run: Run, history: History) -> list[Scored]:
    """The queries of `run` whose snapshot is there."""
    return [q for q in history.of(Scored) if run.snapshot(q.task, q.round).exists()]


def why_none(run: Run, config: RunConfig, history: History) -> str:
    """Why there is no query to look at, and what to do."""
    if config.strategy == FULL:
        return "This run labels every sample of a task at once: there is no query to look at. Choose another run."
    if not history.of(Scored):
        return "No query yet: the first one follows the training on the first labels. Play the run, or choose another."
    if config.snapshots == "off":
        return "This run kept no snapshots of its queries (its setting Snapshots is off): run it again with snapshots."
    return "The snapshots of this run's queries are gone: run it again, or choose another run."


def sight_of_run(run: Run, config: RunConfig, history: History, query: Scored) -> Sight:
    started = history.of(Started)
    tasks = tuple(tuple(task["classes"]) for task in started[0].tasks) if started else ()
    bought = {i: label for e in history.of(Bought) for i, label in zip(e.ids, e.labels, strict=True)}
    held = {i: label for e in history.of(Remembered) for i, label in zip(e.ids, e.labels, strict=True)}
    series = tuple((q.task, run.snapshot(q.task, q.round)) for q in queries_of(run, history))
    steered = [row for row in history.rows if isinstance(row.event, Steered) and _at(row.event) <= _at(query)]
    return Sight(
        run.snapshot(query.task, query.round), query.strategy, tuple(query.ids), words.class_names(history), tasks,
        held | bought, settings_after(config, steered), run, query, series,
    )  # fmt: skip


def _at(event: Scored | Steered) -> tuple[int, int]:
    return event.task, event.round


# -- files that were dropped in ------------------------------------------------------------------------


def keep_dropped(snapshot: bytes, pictures: bytes | None) -> str:
    """Check and keep a snapshot file and, if given, its pictures; its name, for the URL. UserError if it is none."""
    name = hashlib.blake2b(snapshot, digest_size=6).hexdigest()
    DROPPED.mkdir(parents=True, exist_ok=True)
    path = DROPPED / f"{name}.safetensors"
    draft = DROPPED / f".{name}.draft"
    try:
        draft.write_bytes(snapshot)
        context = load_snapshot(draft)
        _check_ids(context)
        if pictures is not None:
            _check_pictures(pictures, {int(i) for samples in context.roles().values() for i in samples.ids})
            replace_file(_pictures_path(path), lambda temporary: temporary.write_bytes(pictures))
        draft.replace(path)
    except UserError as error:
        raise UserError(str(error).replace(str(draft), "The dropped file")) from None
    except OSError as error:
        raise UserError(f"The file could not be kept in {DROPPED}: {error.strerror}.") from None
    finally:
        draft.unlink(missing_ok=True)
    return name


def sight_of_file(name: str) -> Sight:
    path = DROPPED / f"{name}.safetensors"
    if not name.isalnum() or len(name) > MOST_NAME or not path.exists():
        raise UserError("There is no snapshot file of this name here: drop the file in again.")
    context = microscope(str(path), path.stat().st_mtime_ns).context
    _check_ids(context)
    tables = dropped_pictures(path)
    labels = dict(zip(tables["ids"].tolist(), tables["labels"].tolist(), strict=True)) if "labels" in tables else {}
    names = {c: f"class {c}" for c in context.classes}
    config = DEFAULTS.changed(**{"lambda": context.lambda_})
    return Sight(
        path,
        "",
        _usual_picks(str(path), path.stat().st_mtime_ns),
        names,
        tuple((c,) for c in context.classes),
        labels,
        config,
    )


@st.cache_data(max_entries=8, show_spinner=False)
def _usual_picks(path: str, changed_ns: int) -> tuple[int, ...]:
    scope = microscope(path, changed_ns)
    context = scope.context
    usual = Settings(context.lambda_, context.n, DEFAULTS.dims_per_class, DEFAULTS.oversample)
    return tuple(context.pool.ids[scope.rank(usual).picked].tolist())


def _pictures_path(snapshot: Path) -> Path:
    return snapshot.with_suffix(".pictures.safetensors")


def dropped_pictures(snapshot: Path) -> dict[str, np.ndarray]:
    path = _pictures_path(snapshot)
    return _tensors(str(path), path.stat().st_mtime_ns) if path.exists() else {}


@st.cache_resource(max_entries=3)
def _tensors(path: str, changed_ns: int) -> dict[str, np.ndarray]:
    return dict(load(Path(path).read_bytes()))


def _check_pictures(content: bytes, ids: set[int]) -> None:
    try:
        tensors: dict[str, Any] = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"The pictures are not a readable safetensors file ({error}).") from None
    if "ids" not in tensors or not {"images", "labels"} & set(tensors):
        raise UserError("The pictures file needs a tensor ids [N] and images [N, H, W, 1 or 3], labels [N], or both.")
    if tensors["ids"].ndim != 1 or not np.issubdtype(tensors["ids"].dtype, np.integer):
        raise UserError("The pictures file needs ids that are a list of whole numbers [N].")
    n = len(tensors["ids"])
    images, labels = tensors.get("images"), tensors.get("labels")
    wrong = images is not None and (
        images.ndim != 4 or images.shape[-1] not in (1, 3) or images.dtype != np.uint8 or not images.size
    )
    wrong |= labels is not None and (labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer))
    if wrong or any(values is not None and len(values) != n for values in (images, labels)):
        raise UserError("The pictures file needs images uint8 [N, H, W, 1 or 3] and labels [N] for its N ids.")
    if not ids & set(tensors["ids"].tolist()):
        raise UserError("The pictures file names none of the snapshot's samples: their ids must agree.")


def _check_ids(context: QueryContext) -> None:
    """On the page an id stands for one sample, whatever its role."""
    for role in ("labelled", "memory"):
        both = set(context.pool.ids.tolist()) & set(context.roles()[role].ids.tolist())
        if both:
            raise UserError(
                f"Pool and {role} of the snapshot both have a sample {min(both)}: give each sample an id of its own, "
                "for example by numbering all roles together."
            )


def _pick(tensors: dict[str, np.ndarray], name: str, ids: Iterable[int]) -> np.ndarray | None:
    """Rows of these ids; a sample the file does not know is black, its label -1."""
    if name not in tensors:
        return None
    row = {int(i): place for place, i in enumerate(tensors["ids"])}
    # Labels may come as bytes, which hold no -1.
    values = tensors[name] if name == "images" else tensors[name].astype(np.int64)
    blank = np.zeros_like(values[0]) if name == "images" else np.int64(-1)
    return np.stack([values[row[i]] if i in row else blank for i in ids])
