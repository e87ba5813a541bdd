"""One colour per strategy and one per task, everywhere; tasks and curves reach 3:1 on both backgrounds.

A strategy's colour stands in its file; ours are Okabe and Ito's colour-blind safe set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from acl.config import FULL
from acl.plugins.registry import choices
from acl.results.colours import RAMP as RAMP
from acl.results.colours import along
from acl.results.colours import task_colours as task_colours

# For strategies of other packages that name no colour: told apart from ours and from each other.
FREE = ("#44AA99", "#AA4499", "#999933", "#CC6677", "#7B7FD8", "#B07B3A")
OTHER = "#7A869A"
# Full labels and human picks: near the text's colour, readable on both backgrounds.
FULL_COLOUR = "#6B7280"
KEPT, LEARNED, FORGOTTEN = "#0B7FC2", "#2E9E6B", "#D5572B"


def ink(dark: bool) -> str:
    """Of letters, where a chart does not take the page's."""
    return "#F2F4F7" if dark else "#20242C"


def strategy_colour(name: str) -> str:
    """As its file says, else one of its own."""
    found = choices("strategies")
    if name in found and found[name].colour:
        return found[name].colour
    without = [other for other, plugin in found.items() if not plugin.colour and other != FULL]
    return FREE[without.index(name) % len(FREE)] if name in without else OTHER


@dataclass(frozen=True)
class Look:
    """How one of several compared lines is drawn: its strategy's colour; variants of a strategy differ in dash."""

    name: str
    colour: str
    dash: str


def looks(cohorts: Iterable[tuple[str, str]]) -> list[Look]:
    """For each (name, strategy) in turn."""
    seen: dict[str, int] = {}
    found = []
    for name, strategy in cohorts:
        variant = seen[strategy] = seen.get(strategy, -1) + 1
        colour = FULL_COLOUR if strategy == FULL else strategy_colour(strategy)
        # Three dashes are told apart; more variants than that take other shades.
        colour = (colour, _lighter(colour, 0.4), _darker(colour, 0.3))[variant // 3 % 3]
        dashes = ("dashed", "dotted", "solid") if strategy == FULL else ("solid", "dashed", "dotted")
        found.append(Look(name, colour, dashes[variant % len(dashes)]))
    return found


# From little to much, for scores: readable on both themes.
SCORE_RAMP = ("#5B7BB4", "#8E86A0", "#C79A5B", "#F2B21B")


def class_colours(tasks: Sequence[Sequence[int]]) -> dict[int, str]:
    """Each class in its task's colour; the later classes of a task in lighter ones."""
    found: dict[int, str] = {}
    for colour, classes in zip(task_colours(max(len(tasks), 1)), tasks, strict=False):
        for place, label in enumerate(classes):
            found.setdefault(label, _lighter(colour, 0.55 * place / max(len(classes) - 1, 1)))
    return found


def score_colours(values: np.ndarray) -> list[str]:
    """A colour for each value by its rank: a few extremes must not leave all others in one shade."""
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    shades = [along(share / 63, SCORE_RAMP) for share in range(64)]
    return [shades[place] for place in order * 63 // max(len(order) - 1, 1)]


def _lighter(colour: str, share: float) -> str:
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + (255 - part) * share):02X}" for part in parts)


def _darker(colour: str, share: float) -> str:
    return "#" + "".join(f"{round(int(colour[i : i + 2], 16) * (1 - share)):02X}" for i in (1, 3, 5))
