"""What a set of labels did, in one sentence: the effect first, then the percentile, then how many fewer random labels
do about the same. Words follow the numbers: what is within two standard errors, or rounds to
nothing, is called as much."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from acl.analysis.outcomes.summary import Difference, fewer
from app.inspection.panels.outcomes.dots import by_measure, clouds_of, of_percent

ENOUGH = 20
"""Random sets, before anything is said of a difference from them."""
NOISE = 2
"""Standard errors."""
LEAST = 0.05
"""Points: less than that is as much, however exactly it is known."""


@dataclass(frozen=True)
class Measured:
    """A set against random ones of its size. past: None in task 1; fewer: size of the random sets nearest to it in the
    plane, NaN where none are measured; sets: random ones of its size; repeats: orders it was learned in; asked: labels
    that the query buys."""

    n: int
    new: Difference
    past: Difference | None
    fewer: float
    sets: int
    repeats: int
    asked: int


def measured(rows: pd.DataFrame, each: pd.DataFrame, task: int, asked: int, measure: str) -> Measured:
    """rows: of one query and horizon, of task `task`; each: those of the set; asked: labels that the query buys."""
    rows, each = by_measure(rows, measure), by_measure(each, measure)
    n = int(each["n"].iloc[0])
    random = rows[rows["kind"] == "random"]
    blind = clouds_of(random)
    same = blind.get(n, {"new": np.zeros(0), "past": np.zeros(0)})
    new, past = (of_percent(each[part].to_numpy(), same[part]) for part in ("new", "past"))
    nearest = fewer(each["new"].mean(), each["past"].mean(), blind)
    return Measured(n, new, past if task > 1 else None, nearest, len(same["new"]), len(each), asked)


def sentence(who: str, found: Measured) -> str:
    """who: "AccuACL's 30", "Your 10": plural."""
    if found.n > found.asked and not found.sets:
        return (
            f"{who} are more labels than the {found.asked} of this query: they stand against {found.asked} random ones "
            "in the picture, of as many none are measured."
        )
    if found.sets < ENOUGH:
        count = {0: "no random set", 1: "one random set"}.get(found.sets, f"{found.sets} random sets")
        of = f" of {found.n} labels" if found.sets else f" of {_labels(found.n)}"
        return f"{who}: {count}{of} measured so far, too few to say what the picks change ({ENOUGH} are needed)."
    if math.isnan(found.new.se):
        spread = "learned in one order so far" if found.repeats < 2 else "the random sets are all equal"
        return f"{who}: {spread}, so that their noise is not known yet."
    effect, share = _effect(found), _percentiles(found)
    said = f"{effect[:-1]}; {share})" if effect.endswith(")") else f"{effect} ({share})"
    return f"{who} {said}{_fewer(found)}"


def _effect(found: Measured) -> str:
    one = found.n == 1
    keep, teach = ("keeps", "teaches") if one else ("keep", "teach")
    than, unit = "a random one" if one else f"{found.n} random ones", " points"
    if found.past is None:
        if _alike(found.new):
            return f"{teach} as much of the new as {than} ({_signed(found.new, unit)})"
        return f"{teach} {_amount(found.new, unit)} of the new than {than}"
    if _alike(found.past) and _alike(found.new):
        past, new = _signed(found.past, unit), _signed(found.new)
        return f"{keep} as much of the past ({past}) and {teach} as much of the new ({new}) as {than}"
    if _alike(found.past):
        past, new = _signed(found.past, unit), _amount(found.new, unit)
        return f"{keep} as much of the past as {than} ({past}) and {teach} {new} of the new"
    if _alike(found.new):
        past, new = _amount(found.past, unit), _signed(found.new)
        return f"{keep} {past} of the past than {than} and {teach} as much of the new ({new})"
    return f"{keep} {_amount(found.past, unit)} of the past and {teach} {_amount(found.new)} of the new than {than}"


def _alike(apart: Difference) -> bool:
    return _is_noise(apart) or abs(apart.points) < LEAST


def _is_noise(apart: Difference) -> bool:
    return abs(apart.points) < NOISE * apart.se


def _amount(apart: Difference, unit: str = "") -> str:
    return f"{_written(apart)}{unit} {'more' if apart.points > 0 else 'less'}"


def _signed(apart: Difference, unit: str = "") -> str:
    noise = ", within noise" if _is_noise(apart) else ""
    return f"{'−' if apart.points < 0 else '+'}{_written(apart)}{unit}{noise}"


def _written(apart: Difference) -> str:
    decimals = 1 if apart.se >= LEAST else 2
    return f"{abs(apart.points):.{decimals}f} ± {apart.se:.{decimals}f}"


def _percentiles(found: Measured) -> str:
    learned = _share(found.new.percentile)
    if found.past is None:
        return f"more learned than {learned} of them"
    return f"more kept than {_share(found.past.percentile)} of them, more learned than {learned}"


def _share(percent: float) -> str:
    """Never rounded to all or none where it is neither."""
    if percent in {0.0, 100.0}:
        return "all" if percent else "none"
    return f"{min(max(round(percent), 1), 99)} %"


def _fewer(found: Measured) -> str:
    if math.isnan(found.fewer):
        return "."
    size = int(found.fewer)
    if size == found.n:
        return f"; of random sets of all sizes those of {size} come nearest to that."
    does = {0: "no label at all does", 1: "one random label does"}.get(size, f"{size} random labels do")
    return f": about what {does}."


def _labels(n: int) -> str:
    return "one label" if n == 1 else f"{n} labels"
