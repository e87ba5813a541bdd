"""The grid of a sweep: what a user wrote for some settings, and every combination of it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from acl.config import NO_CHOICE, RunConfig, UserError, field_names, make_config, near
from acl.plugins.description import Kind
from acl.plugins.registry import choices
from acl.plugins.unused import refuse
from acl.runs.sameness import key

PLUGINS: dict[str, Kind] = {"strategy": "strategies", "learner": "learners", "dataset": "datasets"}
MOST_RUNS = 2000
SEEDS = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")


def grid(base: RunConfig, axes: Mapping[str, Sequence[Any]]) -> list[RunConfig]:
    """Every combination of the values of `axes` (settings by name) on top of `base`, each different run once; the
    seed changes slowest, so that every setting has its first result early. UserError for what makes no sense, and for
    an axis along which nothing changes."""
    names = sorted(axes, key=lambda name: name != "seed")
    n = 1
    for name in names:
        if name not in field_names():
            raise UserError(near(name, field_names(), "setting"))
        if name == "preset":
            raise UserError("A preset is where a sweep starts from, and no setting to sweep over: choose one preset.")
        if name == "method":
            raise UserError(NO_CHOICE)
        if not axes[name]:
            raise UserError(f"{name} has no value to sweep over: name at least one.")
        n *= len(axes[name])
    if n > MOST_RUNS:
        raise UserError(f"These are {n:,} runs, and a sweep takes at most {MOST_RUNS:,}: name fewer values.")
    values = base.model_dump(by_alias=True)
    combinations = itertools.product(*(axes[name] for name in names))
    configs = [make_config({**values, **dict(zip(names, combination, strict=True))}) for combination in combinations]
    refuse(configs, names)
    return list({key(config): config for config in configs}.values())


def values_of(name: str, text: str) -> list[Any]:
    """The values a user wrote for a setting: "er,derpp", "0-4,7" for seeds, "all" for plug-ins."""
    if name in PLUGINS and text.strip() == "all":
        return list(choices(PLUGINS[name]))
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return [seed for part in parts for seed in _seeds(part)] if name == "seed" else parts


def _seeds(part: str) -> list[int]:
    found = SEEDS.fullmatch(part)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if last < first or last - first >= MOST_RUNS:
        raise UserError(f"Seeds are written like 0-4 or 0,1,7, got '{part}'.")
    return list(range(first, last + 1))
