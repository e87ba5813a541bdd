"""When two runs are the same, and when they are seeds of one thing: by the settings that can change a result."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from acl.config import RunConfig
from acl.plugins.unused import unused
from acl.stream.tasks import task_sizes

NO_EFFECT = {"preset", "snapshots"}
"""Settings that never change a result."""
NAMED = {"learner", "strategy", "dataset", "memory", "seed"}


def telling(config: RunConfig) -> dict[str, Any]:
    """The settings that can change this run's result, by name."""
    without = NO_EFFECT | unused(config).keys()
    # As JSON has them, so that what was read from a file is equal to what was not.
    values = config.model_dump(mode="json", by_alias=True)
    values |= {"class_order": _order(config), "precision": config.decided_precision}
    return {name: value for name, value in values.items() if name not in without}


def _order(config: RunConfig) -> list[int]:
    """The order of classes as far as it matters: between tasks, and not where chance deals them anew."""
    order = list(config.class_order)
    if not order:
        return []
    try:
        together = config.scenario == "domain" or config.shuffle_classes
        ends = np.cumsum(task_sizes(len(order) if together else config.classes_per_task, len(order))).tolist()
    except ValueError:
        return order  # a stream that cannot be cut
    return [c for start, end in zip([0, *ends], ends, strict=False) for c in sorted(order[start:end])]


def key(config: RunConfig) -> str:
    """16 hex digits that two configs share if they must give the same run, bit for bit."""
    text = json.dumps(telling(config), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
