"""Runs played in this process, and where two of them first differ."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

from acl.config import RunConfig
from acl.events import INCIDENTAL, Event, Finished, Resumed
from acl.loop import Loop
from acl.plugins.registry import prepare
from acl.runs.folder import resolved
from acl.runs.verify import MEASURED
from acl.stream.types import TaskStream
from acl.system.numerics import settle

ABOUT_THE_DEVICE = INCIDENTAL | {"device"}


@dataclass(frozen=True)
class Played:
    """A run from beginning to end: its facts, the weights it ended with (on the CPU), and seconds."""

    events: list[Event]
    weights: dict[str, Tensor]
    seconds: float

    @property
    def summary(self) -> dict[str, Any]:
        (finished,) = (event for event in self.events if isinstance(event, Finished))
        return finished.summary


def played(
    config: RunConfig,
    stream: TaskStream | None = None,
    steered_at: tuple[int, int] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Played:
    """Play `config`; before the query (task, round) `steered_at`, the settings `changes` are set."""
    began = time.perf_counter()
    stream = stream or prepare(config)
    config = resolved(config, stream)
    settle(config)
    loop = Loop(config, stream)
    events: list[Event] = []
    while not loop.done:
        if loop.before_query and (loop.task, loop.round) == steered_at:
            events.append(loop.steer(changes or {}))
            steered_at = None
        event = loop.step()
        if event is not None:
            events.append(event)
    weights = {name: value.detach().cpu() for name, value in loop.model.state_dict().items()}
    return Played(events, weights, time.perf_counter() - began)


def difference(one: Sequence[Event], other: Sequence[Event], tolerance: float = 0.0) -> str:
    """Where two runs first differ, in words; empty where they agree in every decision, and in what is measured
    (losses, likelihoods) to `tolerance`, relative to 1 or the larger number."""
    facts = [[event for event in events if not isinstance(event, Resumed)] for events in (one, other)]
    for a, b in zip_longest(*facts):
        if a is None or b is None or a.kind != b.kind:
            kinds = [event.kind if event else "nothing" for event in (a, b)]
            return f"{place(a or b)}: {kinds[0]} against {kinds[1]}"
        for name, x, y in leaves(a, b):
            near = name in MEASURED and _relative(x, y) <= tolerance
            if x != y and not near:
                return f"{place(a)} ({a.kind}): {name} {x!r:.60} against {y!r:.60}"
    return ""


def largest(one: Sequence[Event], other: Sequence[Event]) -> float:
    """The largest difference of what is measured, relative to 1 or the larger number, as far as both went."""
    pairs = zip(one, other, strict=False)
    found = [_relative(x, y) for a, b in pairs if a.kind == b.kind for n, x, y in leaves(a, b) if n in MEASURED]
    return max(found, default=0.0)


def leaves(a: Event, b: Event) -> Iterator[tuple[str, Any, Any]]:
    """The fields of two events of one kind, lists and mappings taken apart; incidental ones are left out."""
    one, other = asdict(a), asdict(b)
    for name in one:
        if name not in ABOUT_THE_DEVICE:
            yield from _taken_apart(name, one[name], other[name])


def _taken_apart(name: str, x: Any, y: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(x, dict) and isinstance(y, dict) and x.keys() == y.keys():
        for key in x:
            yield from _taken_apart(key, x[key], y[key])
    elif isinstance(x, list) and isinstance(y, list) and len(x) == len(y):
        for a, b in zip(x, y, strict=True):
            yield from _taken_apart(name, a, b)
    else:
        yield name, x, y


def _relative(x: Any, y: Any) -> float:
    """How far apart two numbers are; infinitely where they are none."""
    if not isinstance(x, int | float) or not isinstance(y, int | float):
        return 0.0 if x == y else math.inf
    return 0.0 if x == y else abs(x - y) / max(1.0, abs(x), abs(y))


def place(event: Event | None) -> str:
    task, round_ = getattr(event, "task", 0), getattr(event, "round", 0)
    return f"task {task}, round {round_}" if task else "the beginning or the end"


def same_weights(one: Played, other: Played) -> bool:
    return all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


def ends(*runs: Played) -> str:
    """A and F of each, in percent."""
    return " against ".join(f"A {100 * r.summary['A']:.1f}, F {100 * r.summary['F']:.1f}" for r in runs)
