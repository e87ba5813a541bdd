"""Scores that are the same for every sample rank nothing: said in a sentence, with what decided instead.

Ties go to the lower sample id everywhere (query.best), so a query without information looks like any other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

ROUNDING = 1e-12
"""Scores that differ by a smaller part of the largest differ by how sums were rounded."""
THE_LARGEST = "the largest"


def remarks(picks: str, scores: Mapping[str, Float64[ndarray, " pool"]], n: int, oversample: float) -> list[str]:
    """What has to be said of the scores that decided a query of `n` samples; nothing where they tell samples apart.

    picks: what the strategy says of itself, its PICKS (acl.plugins.description). scores: those of the strategy itself;
    for AccuACL magnitude and distribution. oversample: AccuACL's.
    """
    if all(n >= len(values) for values in scores.values()):
        return []
    said = [_noise(name, values) for name, values in scores.items()]
    flat = {name: float(values[0]) + 0.0 for name, values in scores.items() if np.ptp(values) == 0}
    if {"magnitude", "distribution"} <= scores.keys():
        size = len(scores["magnitude"])
        return [*filter(None, said), *_accuacl(flat, n, round(min(oversample * n, size)), size)]
    return [*filter(None, said), *(_alone(picks, name, value, n) for name, value in flat.items())]


def _noise(name: str, values: Float64[ndarray, " pool"]) -> str:
    if np.isnan(values).all():
        return f"No sample has a score called {_name(name)}."
    low, high = np.nanmin(values), np.nanmax(values)
    if 0 < high - low <= ROUNDING * max(abs(low), abs(high)):
        return f"Every sample has the same {_name(name)} but for rounding: it tells nothing about these picks."
    return ""


def _alone(picks: str, name: str, value: float, n: int) -> str:
    start = f"Every sample has the same {_name(name)} ({value:.3g})"
    if picks == THE_LARGEST or (picks and (value == 0 or n == 1)):
        return f"{start}: it ranks nothing, and {_lowest(n)} picked."
    if picks:
        return f"{start}: the first pick is the lowest id, and {picks}."
    return f"{start}: it tells nothing about these picks."


def _accuacl(flat: Mapping[str, float], n: int, candidates: int, pool: int) -> list[str]:
    """Of the `candidates` of largest D the `n` of largest M are picked: what is left of that where one is flat."""
    m, d = "magnitude" in flat, "distribution" in flat
    which = (
        "magnitude 0, no Fisher information where the target looks"
        if flat.get("magnitude") == 0
        else "the same magnitude"
    )
    if m and (d or candidates == pool):
        both = ", and the same distribution score" if d else ""
        return [f"Every sample has {which}{both}: nothing ranks them, and {_lowest(n)} picked."]
    if d and candidates == n:
        return [f"Every sample has the same distribution score: it ranks nothing, and {_lowest(n)} picked."]
    if d and candidates < pool:
        return [
            f"Every sample has the same distribution score: the candidates are the {candidates} lowest ids, and "
            "magnitude decided only among them."
        ]
    if m and candidates > n:
        return [f"Every sample has {which}: of the {candidates} candidates by distribution score {_lowest(n)} picked."]
    return []


def _lowest(n: int) -> str:
    return "the lowest ids were" if n > 1 else "the lowest id was"


def _name(score: str) -> str:
    return {"distribution": "distribution score"}.get(score, score.replace("_", " "))
