"""Named starting points: a preset is a name, one line of advice, and the settings that differ from the defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from acl.config import RunConfig, UserError, make_config, near


@dataclass(frozen=True)
class Preset:
    label: str
    summary: str
    values: dict[str, Any]


PRESETS: dict[str, Preset] = {
    "digits-demo": Preset(
        "Digits, scarce memory",
        "SplitDigits, 5 tasks of 2 classes, 40 labels a task, 10 remembered samples; seconds on a laptop.",
        {"memory_policy": "balanced"},
    ),
    "digits-m20": Preset(
        "Digits, twice the memory",
        "The same stream with 20 remembered samples: less is forgotten; seconds on a laptop.",
        {"memory_policy": "balanced", "memory": 20},
    ),
}


def preset_config(name: str, **values: Any) -> RunConfig:
    """The settings of preset `name` with `values` on top. Unknown name or bad value: UserError."""
    if name not in PRESETS:
        raise UserError(near(name, PRESETS, "preset"))
    return make_config({**PRESETS[name].values, "preset": name, **values})
