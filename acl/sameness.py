"""When two runs are the same, and when they are seeds of one thing: by the settings that can change a result."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from acl.config import FULL, RunConfig
from acl.registry import Kind, choices, discover

NO_EFFECT = {"preset", "snapshots"}
"""Settings that never change a result."""
NAMED = {"learner", "strategy", "dataset", "memory", "seed"}
WITHOUT_QUERIES = {"n_start", "n_query", "n_end"}
"""What full labels have no use for."""


def telling(config: RunConfig) -> dict[str, Any]:
    """The settings that can change this run's result, by name: not those of plug-ins it does not use."""
    used = own("learners", config.learner) | own("strategies", config.strategy) | NAMED
    without = NO_EFFECT | (_all("learners") | _all("strategies")) - used
    if config.strategy == FULL:
        without |= WITHOUT_QUERIES
    # As JSON has them, so that what was read from a file is equal to what was not.
    values = {**config.model_dump(mode="json", by_alias=True), "precision": config.numbers}
    return {name: value for name, value in values.items() if name not in without}


def key(config: RunConfig) -> str:
    """16 hex digits that two configs share if they must give the same run, bit for bit."""
    text = json.dumps(telling(config), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def own(kind: Kind, name: str) -> set[str]:
    """The settings that matter to a plug-in; all of its kind's if it is not installed here."""
    found = choices(kind)
    return set(found[name].settings) if name in found else _all(kind)


def _all(kind: Kind) -> set[str]:
    return {name for plugin in discover(kind).values() for name in plugin.settings}
