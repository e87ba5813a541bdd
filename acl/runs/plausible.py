"""Can this have happened? Events that a broken disk or a forged archive makes up are read as damage, like garbage."""

from __future__ import annotations

from typing import Annotated, Any, assert_never

from pydantic import Field

from acl.events import (
    Bought,
    Epoch,
    Evaluated,
    Event,
    Finished,
    InTask,
    Remembered,
    Resumed,
    Scored,
    Started,
    Steered,
    TaskStarted,
    Trained,
)

LARGEST = 2**53
"""A float, and any reader of JSON, counts that far."""
Whole = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
Number = Annotated[float, Field(strict=True, ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
"""Numbers as the files of a run say them: no text, no true or false, and one that there can be."""
MOST_TASKS, MOST_ROUNDS, MOST_IDS = 10_000, 10_000, 2**31
FIGURES = ("A", "F", "F_diag", "LA")


def is_sound(event: Event, began: Started | None) -> bool:
    """Whether a run that began like this (None: that is not known) can report this event."""
    match event:
        case Started():
            return bool(event.tasks) and all(_is_task(task, len(event.class_names)) for task in event.tasks)
        case Finished():
            return is_summary(event.summary)
        case _:
            return _is_somewhere(event, began)


def _is_somewhere(event: InTask, began: Started | None) -> bool:
    """A task and a round that there can be, and what happened there."""
    n_tasks = len(began.tasks) if began else MOST_TASKS
    there = 1 <= event.task <= n_tasks and 0 <= getattr(event, "round", 0) < MOST_ROUNDS
    return there and _is_sound_inside(event, len(began.class_names) if began else MOST_IDS)


def _is_sound_inside(event: InTask, n_classes: int) -> bool:
    match event:
        case Scored():
            return _are_ids(event.ids) and len(event.ids) <= event.pool and 0 <= event.lambda_ <= 1
        case Bought():
            others = _are_ids(event.replaced) and set(event.by_hand) <= set(event.ids)
            return others and _are_labelled(event.ids, event.labels, n_classes)
        case Remembered():
            return _are_labelled(event.ids, event.labels, n_classes)
        case Evaluated():
            rows = (event.accuracy, event.accuracy_aware, event.likelihood)
            return all(len(row) == event.task and all(0 <= a <= 1 for a in row) for row in rows)
        case TaskStarted() | Steered() | Epoch() | Trained() | Resumed():
            return True
        case _:
            assert_never(event)


def is_summary(value: dict[str, Any] | None) -> bool:
    """Whether a run can end with these figures."""
    return value is not None and {"A", "F"} <= value.keys() and all(_is_number(value.get(name, 0)) for name in FIGURES)


def _is_task(task: dict[str, Any], n_classes: int) -> bool:
    classes, sizes = task.get("classes"), (task.get("pool"), task.get("test"))
    named = isinstance(classes, list) and all(type(c) is int and 0 <= c < n_classes for c in classes)
    return named and all(type(size) is int and size >= 0 for size in sizes)


def _are_labelled(ids: list[int], labels: list[int], n_classes: int) -> bool:
    return _are_ids(ids) and len(ids) == len(labels) and all(0 <= label < n_classes for label in labels)


def _are_ids(ids: list[int]) -> bool:
    return len(set(ids)) == len(ids) and all(0 <= i < MOST_IDS for i in ids)


def _is_number(value: Any) -> bool:
    return type(value) in {int, float} and abs(value) <= 1
