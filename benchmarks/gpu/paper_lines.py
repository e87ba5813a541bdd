"""The lines of finished runs of the paper's table: checked where they come from another machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acl.config import UserError
from acl.metrics import average_accuracy, backward_transfer, forgetting, learning_accuracy
from acl.presets import preset_config
from benchmarks.figures.grids import identity
from benchmarks.figures.lines import Line, Lines, read
from benchmarks.gpu.paper_grid import SMALL

NAMED = (
    "preset", "learner", "strategy", "dataset", "memory", "seed", "precision", "cuda_graphs", "device", "set", "A", "F",
    "F_diag", "LA", "R", "seconds", "steps", "card", "driver", "torch", "made",
)  # fmt: skip
ROUNDED = 1e-5


def merged(source: Path, target: Path) -> str:
    """Add the lines of `source` that `target` lacks; says how many. UserError, and nothing is added, where one is
    damaged."""
    if not source.is_file():
        raise UserError(f"{source} is no file: give the runs.jsonl that was brought.")
    brought = read(source)
    for number, line in enumerate(brought, start=1):
        if why := wrong(line):
            raise UserError(
                f"Line {number} of {source} is no run of the paper's table ({why}): nothing was taken over."
            )
    with Lines(target) as lines:
        there, added = {line["key"] for line in lines.all}, 0
        for line in brought:
            if line["key"] not in there:
                lines.append(line)
                there.add(line["key"])
                added += 1
    return f"{added} of {len(brought)} lines are new, {len(there)} are there now."


def wrong(line: Line) -> str:
    """Why this cannot be a run of the paper's table; empty if it can: its figures follow from R, its key from its
    settings."""
    missing = [name for name in NAMED if name not in line]
    if missing:
        return f"it lacks {', '.join(missing)}"
    try:
        r = [[float(value) for value in row] for row in line["R"]]
        figures = _figures(r)
        key = _key(line)
    except (UserError, TypeError, ValueError, IndexError, KeyError) as error:
        return f"it cannot be understood: {error}"
    if not all(0 <= value <= 1 for row in r for value in row):
        return "R holds more than fractions"
    for name, value in figures.items():
        if not math.isclose(line[name], value, abs_tol=ROUNDED):
            return f"{name} is {line[name]}, and {value:.6f} by R"
    return "" if key == line["key"] else f"its key is {line['key']}, and {key} by its settings"


def _figures(r: Sequence[Sequence[float]]) -> dict[str, float]:
    t = len(r)
    if t < 2 or [len(row) for row in r] != list(range(1, t + 1)):
        raise ValueError("R is no triangle")
    return {
        "A": average_accuracy(r, t), "F": forgetting(r, t), "F_diag": -backward_transfer(r, t),
        "LA": learning_accuracy(r, t),
    }  # fmt: skip


def _key(line: Line) -> str:
    small = SMALL if line["dataset"] == "digits" else {}
    given: dict[str, Any] = {**small, **line["set"]}
    given |= {name: line[name] for name in ("learner", "strategy", "dataset", "seed", "device")}
    return identity(preset_config(line["preset"], **given))
