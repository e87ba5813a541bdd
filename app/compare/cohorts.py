"""Which runs are compared, and the tables that every view of the Compare page is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import pandas as pd
import streamlit as st

from acl.plugins.registry import in_order
from acl.results import sweep
from acl.results.cohorts import counted, with_cohorts
from acl.results.frames import Digest, Frames, frames, readable
from acl.runs.control import ACTIVE
from acl.runs.folder import Run, find_run, list_runs
from acl.runs.tags import tags_of
from app import words
from app.charts.palette import Look, looks
from app.store import runs as data
from app.store.session import RECORDED, RUNS

ALL, RECORDINGS, NAMED = "all", "recorded", "named"
ANY = ""


@dataclass(frozen=True)
class Chosen:
    """frames: of every run chosen, in whatever state. runs: those that count in a mean, each with its `cohort` (what
    it is a seed of); left_out: a sentence for each of the others. folders: where each run lies."""

    frames: Frames
    runs: pd.DataFrame
    left_out: list[str]
    folders: dict[str, Run]

    @cached_property
    def looks(self) -> list[Look]:
        """One for each cohort, in order."""
        first = self.runs.drop_duplicates("cohort")
        return looks(zip(first["cohort"], first["strategy"], strict=True))

    @property
    def n_tasks(self) -> int:
        return int(self.runs["tasks"].max()) if len(self.runs) else 0

    def rows(self, table: str) -> pd.DataFrame:
        """A table of `frames`, of the runs that count alone, with the columns cohort and seed."""
        found: pd.DataFrame = getattr(self.frames, table)
        return self.runs[["run", "cohort", "seed"]].merge(found, on="run", sort=False)

    @cached_property
    def active(self) -> bool:
        """Whether any of them still plays or waits."""
        over = set(self.frames.runs.loc[self.frames.runs["state"] == "finished", "run"])
        open_ = [run for id_, run in self.folders.items() if id_ not in over]
        return any((status := data.status_of(run)) and status.state in ACTIVE for run in open_)


@st.cache_resource(max_entries=4000, show_spinner=False)
def _digest(path: str, marks: tuple[int, ...]) -> Digest | None:
    return readable(Run(Path(path)))


def digest_of(run: Run) -> Digest | None:
    """What the run's files say; read again only when they changed. None where its settings cannot be read."""
    marks = [0, 0, 0]
    for place, path in enumerate((run.events, run.path / "config.json")):
        try:
            stat = path.stat()
        except OSError:
            continue
        marks[place] = stat.st_mtime_ns
        marks[2] += stat.st_size
    return _digest(str(run.path), tuple(marks))


def sources() -> dict[str, str]:
    """What can be chosen from, newest first: key in the URL → what it is called."""
    found = {f"sweep:{s.id}": f"{words.when(s.id)} · {s.title}" for s in sweeps()}
    mine = list_runs(RUNS)
    tags = sorted({tag for run in mine for tag in tags_of(run)})
    found |= {f"tag:{tag}": f"Tag: {tag}" for tag in tags}
    found |= {ALL: f"All my runs ({len(mine):,})"} if mine else {}
    return found | {RECORDINGS: "The recorded runs"}


def sweeps() -> list[sweep.Sweep]:
    return sweep.list_sweeps(RUNS)


def runs_of(source: str, named: Sequence[str] = ()) -> list[Run]:
    """The run folders of a source. UserError for a sweep or a run that is not there."""
    kind, _, name = source.partition(":")
    if kind == NAMED:
        return [find_run(id_, RUNS, RECORDED) for id_ in named]
    if kind == "sweep":
        members = sweep.load(name, RUNS).members
        return [run for member in members if (run := Run(RUNS / member.run)).path.is_dir()]
    if kind == "tag":
        return [run for run in list_runs(RUNS) if name in tags_of(run)]
    return list_runs(RECORDED if kind == RECORDINGS else RUNS)


def chosen(runs: Sequence[Run], preset: str = ANY, learner: str = ANY, strategies: Sequence[str] = ()) -> Chosen:
    """These runs, as far as they pass the filters (empty: any)."""
    found = [(run, digest) for run in runs if (digest := digest_of(run))]
    kept = [(run, digest) for run, digest in found if _passes(digest, preset, learner, strategies)]
    every = frames([digest for _, digest in kept])
    rows, left_out = counted(every.runs)
    left_out += [f"{run.id} is left out: its settings cannot be read." for run in runs if digest_of(run) is None]
    return Chosen(every, with_cohorts(rows), left_out, {run.id: run for run, _ in kept})


def _passes(digest: Digest, preset: str, learner: str, strategies: Sequence[str]) -> bool:
    row = digest.runs[0]
    return (
        preset in (ANY, row["preset"]) and learner in (ANY, row["learner"])
        and (not strategies or row["strategy"] in strategies)
    )  # fmt: skip


def facets(runs: Sequence[Run]) -> dict[str, list[str]]:
    """The values of the settings one can filter by, in the order of the literature, else of the alphabet."""
    rows = [digest.runs[0] for run in runs if (digest := digest_of(run))]
    orders = {"preset": (), "learner": in_order("learners"), "strategy": in_order("strategies")}
    return {name: sorted({row[name] for row in rows}, key=partial(_place, order)) for name, order in orders.items()}


def _place(order: Sequence[str], value: str) -> tuple[int, str]:
    return order.index(value) if value in order else len(order), value
