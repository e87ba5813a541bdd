"""The plane of magnitude × distribution: what it is, for the three renderers that draw it.

There are three because none can do what the others do. While a run plays, charts/run.py (Apache ECharts) draws the
newest query anew at every look, without a flicker. In Inspect, inspection/linked_scatters (a canvas of our own) answers
a lasso or the mouse in ten thousand points within the browser, in this picture and the one beside it at once.
charts/inspection/to_take_away.py (Plotly) makes a file that can be hovered and zoomed without a network or an app.

Shown is each sample that has both scores: pool and picks, since nobody scores what is labelled or in memory. What else
is said in here of roles and marks holds for the feature map beside the plane too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from acl.plugins.registry import choices
from app.charts.palette import OTHER, strategy_colour

FAINT = "rgba(128,138,150,0.55)"


@dataclass(frozen=True)
class Axis:
    """A score. title: what it is called on an axis or in a menu; short: in small places, if that is another name; log:
    whether it spans orders of magnitude."""

    title: str
    short: str
    log: bool


HERO = "accuacl"
"""The strategy that chooses by this plane, and that the pages begin with."""
PLANE = ("distribution", "magnitude")
"""Across and up."""


WORTH = {f"worth_{part}": Axis(f"worth for the {part}", "", False) for part in ("new", "past")}
"""What outcomes say of a sample (acl.analysis.outcomes.worth); no strategy has it."""


def axis(score: str) -> Axis:
    """As the strategy that a score is of says (acl.plugins.description); where none does, by its name."""
    if score in WORTH:
        return WORTH[score]
    said = next((plugin.scores[score] for plugin in choices("strategies").values() if score in plugin.scores), {})
    return Axis(said.get("name", score.replace("_", " ")), said.get("short", ""), said.get("log", False))


# -- roles and their marks -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """A disc or a hollow diamond. size: its width in pixels; edge: width of the ring, in the letters' colour, that
    sets it apart from what lies below; colour: where a sample has none of its own."""

    size: float
    shape: Literal["disc", "hollow diamond"] = "disc"
    edge: float = 0.0
    colour: str = "#8A94A0"


ROLES = {
    "pool": Mark(5.2, colour=FAINT),
    "labelled": Mark(8),
    "memory": Mark(12, "hollow diamond"),
    "picks": Mark(12, edge=1.6),
}
"""In the order they are drawn, the last on top."""


def role_colours(strategy: str) -> dict[str, str]:
    """Where a colour says the role. The pool has its mark's."""
    return {"picks": strategy_colour(strategy), "labelled": OTHER, "memory": OTHER}


# -- the picture ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """One picture: a place for each sample (NaN: not shown in it), names of the axes, and cuts drawn as lines."""

    title: str
    x: np.ndarray
    y: np.ndarray
    x_name: str
    y_name: str
    log_y: bool = False
    ticks: bool = True
    x_cut: float | None = None
    y_cut: float | None = None
    x_cut_name: str = ""
    y_cut_name: str = ""
    cut_colour: str = "#0072B2"

    @property
    def shown(self) -> np.ndarray:
        """Bool [samples]: which have a place."""
        return np.asarray(np.isfinite(self.x) & np.isfinite(self.y))


@dataclass(frozen=True)
class Cuts:
    """AccuACL's two: D of the last of its candidates, and M of the last of the picks among them."""

    distribution: float
    magnitude: float
    candidates: int
    picks: int

    @classmethod
    def of(cls, distribution: np.ndarray, magnitude: np.ndarray, picked: np.ndarray, candidates: int) -> Cuts:
        """From the scores of the whole pool. picked: bool [pool], or positions."""
        chosen = magnitude[picked]
        return cls(float(np.sort(distribution)[-candidates]), float(chosen.min()), candidates, len(chosen))


def view(scores: pd.DataFrame, strategy: str, cuts: Cuts | None = None, x: str = PLANE[0], y: str = PLANE[1]) -> View:
    """The plane of two columns of `scores`; `cuts` are drawn where it is magnitude × distribution."""
    across, up = (scores[name].to_numpy(float) for name in (x, y))
    known = up[~np.isnan(up)]
    names = [name if name in PLANE else axis(name).title for name in (y, x)]
    made = View(
        f"{names[0][0].upper()}{names[0][1:]} × {names[1]}", across, up, axis(x).title, axis(y).title,
        log_y=axis(y).log and len(known) > 0 and bool(known.min() > 0), cut_colour=strategy_colour(strategy),
    )  # fmt: skip
    if cuts is None or (x, y) != PLANE:
        return made
    return replace(
        made, x_cut=cuts.distribution, y_cut=cuts.magnitude,
        x_cut_name=f"the {cuts.candidates} with the highest D",
        y_cut_name=f"of these the {cuts.picks} with the highest M",
    )  # fmt: skip
