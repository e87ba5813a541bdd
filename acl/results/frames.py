"""Runs as tidy tables: load_runs() for notebooks, and what every comparison is drawn from.

Accuracies are fractions 0..1, times are seconds; tasks and rounds count from 1. A row of each table says which
run it belongs to, so that they join on `run`.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from acl.analysis.outcomes import record
from acl.analysis.outcomes.asked import About
from acl.analysis.outcomes.summary import COLUMNS, table
from acl.config import RunConfig, UserError
from acl.events import Bought, Evaluated, History, Scored, Trained
from acl.metrics import Matrix, average_accuracy, backward_transfer, forgetting, learning_accuracy
from acl.names import legible, printable
from acl.runs.folder import Run, find_run, list_runs
from acl.runs.fork import led_by_hand
from acl.runs.sameness import key, telling

FIGURES = ("A", "F", "F_diag", "LA")
AWARE = "_aware"
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Digest:
    """What one run says, as rows of the tables of Frames."""

    runs: Rows
    tasks: Rows = field(default_factory=list)
    matrix: Rows = field(default_factory=list)
    queries: Rows = field(default_factory=list)
    labels: Rows = field(default_factory=list)


@dataclass(frozen=True)
class Frames:
    """runs: a row a run: all its settings; state (finished or unfinished); key (equal: the same run again); settings
    (JSON of those that can change its result, but the seed: equal in what may be averaged); by_hand (what a human
    did to it: such a run stands for no settings); parent; and after the last task it finished A, F, F_diag, LA,
    A_test_se (standard error of A from the size of the test sets), labels, query_s (mean of a query), train_s,
    images_per_s.
    tasks: after each task A, F, F_diag, LA, BWT, and the labels and seconds of queries so far.
    matrix: accuracy, accuracy_aware and likelihood `on` each task `after` each task.
    A column name_aware is its twin among each task's own classes, with the task told (`among_own` takes those).
    queries: strategy, n, pool, lambda, seconds, peak_bytes.
    labels: how many labels of each class each task bought.
    outcomes: what was measured of queries (acl.outcomes), a row for each set and repeat; empty if nothing was.
    picks: every sample that was bought (acl.results.picks), read when it is asked for.
    """

    runs: pd.DataFrame
    tasks: pd.DataFrame
    matrix: pd.DataFrame
    queries: pd.DataFrame
    labels: pd.DataFrame
    outcomes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS))
    sources: InitVar[tuple[Run, ...]] = ()

    def __post_init__(self, sources: tuple[Run, ...]) -> None:
        object.__setattr__(self, "_sources", sources)  # no table, so no field

    @cached_property
    def picks(self) -> pd.DataFrame:
        """A row for each sample that was bought (acl.results.picks), read at the first call."""
        from acl.results.picks import picks  # true labels need a data set, and with it torch

        return picks(self._sources)  # type: ignore[attr-defined]


def load_runs(*names: str | Path | Run, folder: str | Path = "runs", unfinished: bool = False) -> Frames:
    """The runs `names` (ids, what acl.run gave, folders of runs; none: all of `folder`) as tables. Runs that do not
    count in a mean (by hand, twice) are all there: filter by the columns by_hand and key. UserError for an unknown
    name, or what is none."""
    for name in names:
        if not isinstance(name, str | Path | Run):
            many = "; give several one by one, as load_runs(*runs)" if isinstance(name, list | tuple) else ""
            raise UserError(f"load_runs takes ids, folders and runs, got {type(name).__name__}{many}.")
    runs = named_runs([str(name.path if isinstance(name, Run) else name) for name in names], Path(folder))
    kept = [(run, found) for run in runs if (found := readable(run)) and (unfinished or finished(found))]
    measured = outcomes_of([run for run, _ in kept], Path(folder))
    return replace(frames([found for _, found in kept]), outcomes=measured, sources=tuple(run for run, _ in kept))


def outcomes_of(runs: Sequence[Run], folder: Path | None = None) -> pd.DataFrame:
    """What was measured of queries of these runs: in their own folders or, where these are not ours to write, in
    `folder` (None: the one a run lies in). Not part of `digest`: it is long, and grows while a run stays as it is."""
    tables = [
        table(About.of(run.id, run.config, run.history(), at), found)
        for run in runs
        for at, found in record.all_of(run, folder or run.path.parent).items()
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)


def named_runs(names: Sequence[str], folder: Path) -> list[Run]:
    """The runs at these ids, runs and runs folders, each once, newest first; without names all of `folder`."""
    asked = [run for name in names for run in _runs_at(name, folder)] if names else list_runs(folder)
    return sorted({run.path.resolve(): run for run in asked}.values(), key=lambda run: run.id, reverse=True)


def _runs_at(name: str, folder: Path) -> list[Run]:
    path = Path(name)
    if path.is_dir() and not (path / "config.json").exists():
        return list_runs(path)
    return [find_run(name, folder)]


def readable(run: Run) -> Digest | None:
    """The digest of a run; None for a folder without settings that can be read."""
    try:
        return digest(run, run.config, run.history())
    except UserError:
        return None


def finished(found: Digest) -> bool:
    """Whether the run has finished."""
    return bool(found.runs[0]["state"] == "finished")


def frames(digests: Sequence[Digest]) -> Frames:
    """Their rows, one table a kind."""
    tables = {f.name: pd.DataFrame([row for one in digests for row in getattr(one, f.name)]) for f in fields(Digest)}
    filled: dict[str, Any] = {name: table if len(table) else _empty(name) for name, table in tables.items()}
    return Frames(**filled)


FORMULA = re.compile(r"(?![+-]?\d+(\.\d+)?$)[=+\-@]")
"""How a text begins that a spreadsheet would work out, and that is no number."""


def as_csv(table: pd.DataFrame, index: bool = False, digits: int | None = None) -> str:
    """A table as CSV. Texts, headings too, that a spreadsheet would take for formulas have an apostrophe in front;
    numbers stay as they are, or with so many `digits` after the point."""
    plain = table.map(_as_text).rename(columns=_as_text, index=_as_text)
    form = None if digits is None else f"%.{digits}f"
    return str(plain.to_csv(index=index, float_format=form, lineterminator="\n"))


def _as_text(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # A tab or a line break written out begins no formula, and ends no cell.
    shown = printable(value)
    return f"'{shown}" if FORMULA.match(shown) else shown


def _empty(name: str) -> pd.DataFrame:
    columns = {"runs": ["run", "state", "key", "settings", "by_hand", "seed", "strategy", "learner", "dataset"]}
    return pd.DataFrame(columns=columns.get(name, ["run"]))


def digest(run: Run, config: RunConfig, history: History) -> Digest:
    """What `history`, the events of `run`, adds up to."""
    evaluations = history.finals()
    tasks = _tasks(run.id, history, evaluations)
    trained = history.of(Trained)
    seconds, images = sum(e.seconds for e in trained), sum(e.images for e in trained)
    queries = _queries(run.id, history)
    settings = legible(telling(config))
    del settings["seed"]
    row = {
        "run": run.id,
        **legible(config.model_dump(mode="json", by_alias=True)),
        "state": "finished" if history.finished else "unfinished",
        "key": key(config),
        "settings": json.dumps(settings, sort_keys=True),
        "by_hand": led_by_hand(history),
        "parent": run.parent.run if run.parent else "",
        "tasks": len(tasks),
        **{name + twin: tasks[-1][name + twin] if tasks else math.nan for twin in ("", AWARE) for name in FIGURES},
        "A_test_se": _test_error(history, evaluations),
        "labels": sum(len(event.ids) for event in history.of(Bought)),
        "query_s": sum(q["seconds"] for q in queries) / len(queries) if queries else math.nan,
        "train_s": seconds,
        "images_per_s": images / seconds if seconds else math.nan,
    }
    return Digest([row], tasks, _matrix(run.id, evaluations), queries, _labels(run.id, history))


def _tasks(run: str, history: History, evaluations: Sequence[Evaluated]) -> Rows:
    bought, scored = history.of(Bought), history.of(Scored)
    r, aware = [event.accuracy for event in evaluations], [event.accuracy_aware for event in evaluations]
    return [
        {
            "run": run,
            "task": t,
            **_figures(r, t),
            **{f"{name}{AWARE}": value for name, value in _figures(aware, t).items()},
            "labels": sum(len(event.ids) for event in bought if event.task <= t),
            "query_s": sum(_seconds(event) for event in scored if event.task <= t),
        }
        for t in range(1, len(r) + 1)
    ]


def _figures(r: Matrix, t: int) -> dict[str, float]:
    bwt = backward_transfer(r, t)
    return {
        "A": average_accuracy(r, t), "F": forgetting(r, t), "F_diag": -bwt if t > 1 else 0.0,
        "LA": learning_accuracy(r, t), "BWT": bwt,
    }  # fmt: skip


def among_own(table: pd.DataFrame) -> pd.DataFrame:
    """The same table with every accuracy that among each task's own classes."""
    twins = [str(name) for name in table.columns if str(name).endswith(AWARE)]
    return table.drop(columns=[name.removesuffix(AWARE) for name in twins]).rename(
        columns={name: name.removesuffix(AWARE) for name in twins}
    )


def _test_error(history: History, evaluations: Sequence[Evaluated]) -> float:
    """Standard error of A that comes from the finite test sets: √Σ p(1 − p)/n over the tasks, divided by T."""
    if not evaluations or history.started is None:
        return math.nan
    sizes = [task["test"] for task in history.started.tasks]
    parts = [p * (1 - p) / n for p, n in zip(evaluations[-1].accuracy, sizes, strict=False)]
    return math.sqrt(sum(parts)) / len(parts)


def _matrix(run: str, evaluations: Sequence[Evaluated]) -> Rows:
    return [
        {
            "run": run, "after": event.task, "on": j, "accuracy": event.accuracy[j - 1],
            "accuracy_aware": event.accuracy_aware[j - 1], "likelihood": event.likelihood[j - 1],
        }
        for event in evaluations
        for j in range(1, len(event.accuracy) + 1)
    ]  # fmt: skip


def _seconds(query: Scored) -> float:
    return sum(value for name, value in query.cost.items() if name.endswith("_s"))


def _queries(run: str, history: History) -> Rows:
    return [
        {
            "run": run, "task": query.task, "round": query.round, "strategy": query.strategy, "n": len(query.ids),
            "pool": query.pool, "lambda": query.lambda_, "seconds": _seconds(query),
            "peak_bytes": query.cost.get("peak_bytes", math.nan),
        }
        for query in history.of(Scored)
    ]  # fmt: skip


def _labels(run: str, history: History) -> Rows:
    names = history.started.class_names if history.started else []
    counts = Counter((event.task, label) for event in history.of(Bought) for label in event.labels)
    return [
        {"run": run, "task": task, "label": label, "class": names[label] if label < len(names) else str(label), "n": n}
        for (task, label), n in sorted(counts.items())
    ]
