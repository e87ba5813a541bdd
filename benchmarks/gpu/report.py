"""What was found, as Markdown in plain words."""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks.gpu.checking import Outcome

REHEARSAL = "**Rehearsal on a CPU: no figure here says anything about a GPU.**"
ABOUT_CHECKS = (
    "Each check ran by itself: one that fails hides no other. *skipped* says why. Seconds are of the check as a whole."
)
ABOUT_TIMINGS = (
    "Medians of repeats, the device waited for before and after. Ratios were measured in one process, one after the "
    "other. Targets are what was aimed at before anything was measured."
)


def markdown(
    checks: Sequence[Outcome], timings: Sequence[Outcome], command: str, rehearsal: bool, minutes: float
) -> str:
    failed = [outcome.name for outcome in (*checks, *timings) if outcome.state == "FAILED"]
    result = f"**{len(failed)} failed:** {', '.join(failed)}." if failed else "None failed."
    parts = [
        "# On a GPU",
        *([REHEARSAL] if rehearsal else []),
        f"`{command}`, {time.strftime('%Y-%m-%d')}, {minutes:.1f} minutes. {result}",
        next((f"Measured on: {outcome.said}." for outcome in checks if outcome.name == "the card"), ""),
        "## Checks",
        _table(["Check", "Result", "What was seen", "s"], [_row(outcome) for outcome in checks]),
        ABOUT_CHECKS,
        "## Timings",
        *[part for outcome in timings for part in _timing(outcome)],
        ABOUT_TIMINGS,
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _row(outcome: Outcome) -> list[str]:
    return [outcome.name, outcome.state, outcome.said, f"{outcome.seconds:.1f}"]


def _timing(outcome: Outcome) -> list[str]:
    head = f"**{outcome.name.capitalize()}** ({outcome.state}): {outcome.said}."
    rows = [[figure.what, figure.value, figure.target or "–"] for figure in outcome.figures]
    return [head, _table(["What", "Measured", "Target"], rows)] if rows else [head]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
