"""What every tool is told of a run: its settings, and its events as numbers that have a name, a step and a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acl.config import RunConfig, UserError
from acl.events import Bought, Epoch, Evaluated, History, Scored
from acl.metrics import Matrix, average_accuracy, backward_transfer, forgetting, learning_accuracy
from acl.names import legible
from acl.results.frames import named_runs
from acl.runs.event_file import EventReader
from acl.runs.folder import Run

AFTER_TASK: dict[str, Callable[[Matrix, int], float]] = {
    "A": average_accuracy,
    "F": forgetting,
    "LA": learning_accuracy,
    "BWT": backward_transfer,
}


@dataclass(frozen=True)
class Source:
    """A run to be exported: its settings and its events, read once."""

    run: Run
    config: RunConfig
    history: History

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting by name, None as "auto", as it can be read."""
        values = legible(self.config.model_dump(mode="json", by_alias=True))
        return {name: "auto" if value is None else value for name, value in values.items()}


@dataclass(frozen=True)
class Point:
    """steps: what `step` counts, from 1: "task", "round" or "epoch", the latter two over the whole run."""

    name: str
    steps: str
    step: int
    value: float
    t: float


def points(history: History) -> Iterator[Point]:
    """loss of each epoch; query_s, labels and accuracy/task_01, … of each round; A, F, LA and BWT after each task."""
    epochs = rounds = labels = 0
    r: list[list[float]] = []
    for row in history.rows:
        event, t = row.event, row.t
        if isinstance(event, Epoch):
            epochs += 1
            yield Point("loss", "epoch", epochs, event.loss, t)
        elif isinstance(event, Scored):
            seconds = sum(value for name, value in event.cost.items() if name.endswith("_s"))
            yield Point("query_s", "round", rounds + 1, seconds, t)
        elif isinstance(event, Bought):
            rounds, labels = rounds + 1, labels + len(event.ids)
            yield Point("labels", "round", rounds, float(labels), t)
        elif isinstance(event, Evaluated):
            for task, accuracy in enumerate(event.accuracy, start=1):
                yield Point(f"accuracy/task_{task:02d}", "round", rounds, accuracy, t)
            # Where a task's last evaluation is missing (damaged events), R ends before it.
            if event.final and event.task == len(r) + 1:
                r.append(event.accuracy)
                yield from (Point(name, "task", len(r), of(r, len(r)), t) for name, of in AFTER_TASK.items())


def sources(names: Sequence[str], folder: Path) -> tuple[list[Source], list[str]]:
    """The runs at `names` (ids, runs, runs folders; none: all of `folder`) that have begun, and a sentence for each
    that is left out or not whole."""
    found: dict[str, Source] = {}
    remarks = []
    for run in named_runs(names, folder):
        reader = EventReader(run.events)
        try:
            source = Source(run, run.config, History(reader.poll()))
        except UserError as error:
            remarks.append(f"{run.id} is left out: {error}")
            continue
        if run.id in found:
            remarks.append(f"{run.path} is left out: another of these runs has its id.")
        elif reader.unreadable:
            remarks.append(f"{run.id} is left out: events.jsonl {reader.trouble}.")
        elif not source.history.rows:
            remarks.append(f"{run.id} is left out: it has no events that can be read.")
        else:
            found[run.id] = source
            remarks += _not_whole(source, reader)
    if not found:
        where = ", ".join(names) or folder
        raise UserError(" ".join([f"There is no run in {where} that could be converted.", *remarks]))
    return list(found.values()), remarks


def _not_whole(source: Source, reader: EventReader) -> list[str]:
    if reader.trouble:
        return [f"{source.run.id}: events.jsonl {reader.trouble}; it is converted without these."]
    if not source.history.finished:
        return [f"{source.run.id} is not finished: it is converted as far as it went."]
    return []
