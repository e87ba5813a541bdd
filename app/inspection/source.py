"""What the Inspect page looks at: one query, of a run or of a snapshot file that somebody dropped in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import streamlit as st

from acl.analysis.every_query import queries_of, settings_at
from acl.analysis.what_if import Microscope, Settings
from acl.config import FULL, RunConfig
from acl.events import Bought, History, Remembered, Scored, Started
from acl.runs.folder import Run
from acl.selection.query import QueryContext
from acl.snapshots import shelf as snapshot_shelf
from acl.snapshots.sample_pictures import SamplePictures, find_pictures
from acl.snapshots.snapshot import Snapshot, load_snapshot
from app import words
from app.store import runs as data
from app.store.session import RUNS

DEFAULTS = RunConfig()
HIDDEN = "hide-true-classes"
"""In the session: the switch that hides the true classes of what has no label."""


@dataclass(frozen=True)
class Sight:
    """One query. `picks` are the recorded ones, best first; of a file of somebody's own AccuACL's at its settings.

    series: task and snapshot of every query of the run that has one, in order; file: what a file is called;
    own_pictures: those that came with it; hidden: true classes are not to be shown.
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
    file: str = ""
    own_pictures: SamplePictures | None = None
    hidden: bool = False

    @property
    def mark(self) -> tuple[str, int]:
        """Names the file and its state, for caches."""
        return str(self.path), self.path.stat().st_mtime_ns

    @property
    def name(self) -> str:
        return f"{self.run.id}-{self.query.task}-{self.query.round}" if self.run and self.query else self.path.stem

    @property
    def title(self) -> str:
        """What files that are taken away are called."""
        return Path(self.file).stem or self.name

    @cached_property
    def context(self) -> QueryContext:
        return microscope(*self.mark).context

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of the file, in sentences."""
        return snapshot(*self.mark).notes

    @property
    def recorded(self) -> Settings:
        return Settings.recorded(self.context, self.config)

    def pictures(self, ids: Sequence[int]) -> np.ndarray | None:
        if self.run:
            return data.pictures(self.run, list(ids))
        return self.own_pictures.images(ids) if self.own_pictures else None

    def truth(self, ids: Sequence[int]) -> np.ndarray | None:
        """The true classes of these samples, also of those never labelled; None where nobody here knows them, or where
        they are hidden (a lecture asks its audience)."""
        if self.hidden:
            return None
        if self.run:
            return data.true_labels(self.run, list(ids))
        labels = self.own_pictures.labels(ids) if self.own_pictures else None
        return labels if labels is not None and (labels >= 0).any() else None

    def class_name(self, label: int) -> str:
        return self.class_names.get(label, f"class {label}" if label >= 0 else "not known")


@st.cache_resource(max_entries=3)
def snapshot(path: str, changed_ns: int, _called: str = "") -> Snapshot:
    return load_snapshot(Path(path), _called)


@st.cache_resource(max_entries=3)
def microscope(path: str, changed_ns: int) -> Microscope:
    return Microscope(snapshot(path, changed_ns).context)


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
    return Sight(
        run.snapshot(query.task, query.round), query.strategy, tuple(query.ids), words.class_names(history), tasks,
        held | bought, settings_at(config, history, query), run, query, series,
        hidden=bool(st.session_state.get(HIDDEN)),
    )  # fmt: skip


# -- files of somebody's own ---------------------------------------------------------------------------


def sight_of_file(name: str) -> Sight:
    """UserError where there is no such file, or it is no snapshot."""
    shelved = snapshot_shelf.find(RUNS, name)
    mark = str(shelved.path), shelved.path.stat().st_mtime_ns
    found = snapshot(*mark, shelved.file)
    context, pictures = found.context, _pictures(shelved) or found.pictures
    names = dict(enumerate(found.class_names)) or {c: f"class {c}" for c in context.classes}
    return Sight(
        shelved.path, "", _usual_picks(*mark), names, tuple((c,) for c in context.classes),
        pictures.known() if pictures else {}, DEFAULTS.changed(**{"lambda": context.lambda_}), file=shelved.file,
        own_pictures=pictures, hidden=bool(st.session_state.get(HIDDEN)),
    )  # fmt: skip


@st.cache_data(max_entries=8, show_spinner=False)
def _usual_picks(path: str, changed_ns: int) -> tuple[int, ...]:
    scope = microscope(path, changed_ns)
    usual = Settings.recorded(scope.context, DEFAULTS)
    return tuple(scope.context.pool.ids[scope.rank(usual).picked].tolist())


def _pictures(shelved: snapshot_shelf.Shelved) -> SamplePictures | None:
    """Those in a file of their own."""
    path = shelved.pictures
    return _read_pictures(str(path), path.stat().st_mtime_ns, str(shelved.path)) if path.exists() else None


@st.cache_resource(max_entries=3)
def _read_pictures(path: str, changed_ns: int, snapshot_path: str) -> SamplePictures | None:
    context = microscope(snapshot_path, Path(snapshot_path).stat().st_mtime_ns).context
    ids = {id_ for samples in context.roles().values() for id_ in samples.ids.tolist()}
    return find_pictures(Path(path), "", ids, context.n_labels)
