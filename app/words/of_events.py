"""What happened in a run, in sentences."""

from __future__ import annotations

from typing import assert_never

from acl.events import (
    Bought,
    Epoch,
    Evaluated,
    Event,
    Finished,
    History,
    Remembered,
    Resumed,
    Scored,
    Started,
    Steered,
    TaskStarted,
    Trained,
)
from app.charts.written import percent, whole_percent
from app.store.runs import label_of
from app.words.of_plugins import uses_lambda
from app.words.of_runs import class_names
from app.words.of_settings import changes

InRound = Steered | Scored | Bought | Trained | Evaluated


def story(history: History) -> list[tuple[float, str]]:
    """The run in sentences, oldest first, each with its time (Unix seconds)."""
    lines: list[tuple[float, str]] = []
    before: list[float] = []
    names = class_names(history)
    for row in history.rows:
        sentence = _sentence(row.event, before, names)
        if isinstance(row.event, Evaluated):
            before = row.event.accuracy
        if sentence:
            lines.append((row.t, sentence))
    return lines


def _sentence(event: Event, before: list[float], names: dict[int, str]) -> str:
    match event:
        case Started():
            return f"The run began: {event.stream}, {len(event.tasks)} tasks, on {event.device}."
        case TaskStarted():
            classes = ", ".join(names.get(c, f"class {c}") for c in event.classes)
            return f"Task {event.task} arrived: {event.pool:,} unlabelled samples of {classes}."
        case Remembered():
            return f"The memory now holds {len(event.ids)} samples." if event.ids else ""
        case Finished():
            return f"The run ended: {percent(100 * event.summary['A'])} kept on average."
        case Resumed():
            return f"A worker took the run up again in task {event.task}, round {event.round}."
        case Epoch():
            return ""
        case _:
            return f"{_where(event)}: {_in_round(event, before, names)}."


def _in_round(event: InRound, before: list[float], names: dict[int, str]) -> str:
    match event:
        case Steered():
            return f"changed from here on: {changes(event.changes)}"
        case Scored():
            name = label_of("strategies", event.strategy)
            weight = f" (λ = {event.lambda_:.2f})" if uses_lambda(event.strategy) else ""
            return f"{name} chose {len(event.ids)} of {event.pool:,} samples{weight}"
        case Bought():
            return _labelled(event, names)
        case Trained():
            return f"training took {event.seconds:.2f} s; the loss ended at {event.loss:.3f}"
        case Evaluated():
            return _changes(event.accuracy, before)
        case _:
            assert_never(event)


def event_name(event: Event) -> str:
    round_ = getattr(event, "round", 0)
    where = f"task {getattr(event, 'task', 1)}" + (f", round {round_}" if round_ else "")
    match event:
        case TaskStarted():
            return f"{where}: arrived"
        case Remembered():
            return f"{where}: remembered"
        case Started():
            return "the beginning"
        case Finished():
            return "the end"
        case Epoch():
            return f"{where}: epoch {event.epoch}"
        case Resumed():
            return f"{where}: taken up again"
        case _:
            return f"{where}: {_done(event)}"


def _done(event: InRound) -> str:
    match event:
        case Scored():
            return "chosen"
        case Bought():
            return "labelled"
        case Trained():
            return "trained"
        case Evaluated():
            return "tested"
        case Steered():
            return "changed"
        case _:
            assert_never(event)


def _labelled(event: Bought, names: dict[int, str]) -> str:
    if event.by == "nobody":
        return "the budget is spent: no label was bought"
    hand = f", {len(event.by_hand)} by hand" if event.by_hand else ""
    said = f"{len(event.ids)} samples were labelled{hand}: {_counts(event.labels, names)}"
    return f"chosen by a human, {len(event.replaced)} picks replaced; {said}" if event.by == "human" else said


def _where(event: InRound) -> str:
    return f"Task {event.task}, " + (f"round {event.round}" if event.round else "first labels")


def _counts(labels: list[int], names: dict[int, str]) -> str:
    return ", ".join(f"{labels.count(c)} of {names.get(c, f'class {c}')}" for c in sorted(set(labels)))


def _changes(after: list[float], before: list[float]) -> str:
    """The new task's accuracy, and the old task that moved most."""
    said = f"task {len(after)} is at {whole_percent(100 * after[-1])}"
    moved = [(abs(a - b), j) for j, (a, b) in enumerate(zip(after[:-1], before, strict=False))]
    if moved and max(moved)[0] >= 0.005:
        j = max(moved)[1]
        verb = "fell" if after[j] < before[j] else "rose"
        said += f"; task {j + 1} {verb} from {whole_percent(100 * before[j])} to {whole_percent(100 * after[j])}"
    return said
