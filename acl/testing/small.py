"""Made-up queries and small runs."""

from __future__ import annotations

from typing import Any

import torch

from acl.events import Event, Finished
from acl.loop import Loop
from acl.presets import preset_config
from acl.selection.query import QueryContext, Samples

SMALL = {"n_start": 6, "n_query": 4, "n_end": 10, "epochs": 2, "memory": 5, "classes_per_task": 5}
"""A run of a second or two: two tasks, one query round each."""


def query(n: int = 5, pool: int = 30, memory: int = 8, labelled: int = 6, seed: int = 0) -> QueryContext:
    """Features after a ReLU, and the probabilities of six classes, four of them old."""
    draw = torch.Generator().manual_seed(seed)

    def samples(size: int, first: int) -> Samples:
        h = torch.randn(size, 12, generator=draw, dtype=torch.float64).relu()
        p = torch.softmax(3 * torch.randn(size, 6, generator=draw, dtype=torch.float64), 1)
        return Samples(torch.arange(first, first + size), h, p)

    roles = samples(pool, 100), samples(labelled, 300), samples(memory, 500)
    return QueryContext(*roles, tuple(range(6)), n, memory / (memory + pool), 3, 1, seed, 6)


def events(**changes: Any) -> list[Event]:
    """Of a small run on the digits."""
    return list(Loop(preset_config("digits-demo", **{**SMALL, **changes})))


def summary(found: list[Event]) -> dict[str, Any]:
    """The summary of a run that has finished, from its events."""
    last = found[-1]
    assert isinstance(last, Finished)
    return last.summary
