"""Every strategy asked about this pool, and its picks judged: worked out once for each query and its settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import streamlit as st

from acl.analysis import comparison
from acl.analysis.what_if import Settings
from acl.config import FULL, RunConfig
from acl.plugins.registry import choices
from app.charts.score_plane import HERO
from app.inspection.source import Sight, microscope


@st.cache_data(max_entries=200, show_spinner=False)
def judged(
    path: str, changed_ns: int, settings: Settings, config_json: str, name: str
) -> dict[str, comparison.Judged | str]:
    config = RunConfig.from_json(config_json)
    config = config.changed(dims_per_class=settings.dims_per_class, oversample=settings.oversample)
    context = settings.asked(microscope(path, changed_ns).context)
    return comparison.strategies_here(context, config, [name])


@st.cache_data(max_entries=16, show_spinner=False)
def yardsticks(path: str, changed_ns: int, settings: Settings) -> tuple[np.ndarray, float]:
    """J of 200 random subsets, and J of the greedy one: at any oversampling the same."""
    return comparison.yardsticks(settings.asked(microscope(path, changed_ns).context), settings.dims_per_class)


def judged_here(
    sight: Sight, settings: Settings, told: Callable[[int, str], None] = lambda done, name: None
) -> tuple[dict[str, comparison.Judged | str], np.ndarray, float]:
    """Every strategy's picks, judged (those that take minutes only if asked for), J of random subsets, greedy J."""
    return judged_by(sight, settings, names_here(sight), told)


def names_here(sight: Sight) -> list[str]:
    """The strategies that are asked: those that take long only after a yes."""
    names = [name for name in choices("strategies") if name != FULL]
    if st.session_state.get("slow-strategies"):
        return names
    return [name for name in names if not comparison.is_slow(name, sight.context, sight.config)]


def judged_by(
    sight: Sight, settings: Settings, names: list[str], told: Callable[[int, str], None] = lambda done, name: None
) -> tuple[dict[str, comparison.Judged | str], np.ndarray, float]:
    """The same of these strategies. told: hears before each how many are done, and which comes."""
    # What does not change an answer is left out of what it is kept by.
    any_oversample = replace(settings, oversample=1.0)
    found: dict[str, comparison.Judged | str] = {}
    for done, name in enumerate(names):
        told(done, name)
        found |= judged(*sight.mark, settings, sight.config.to_json(), name)
    return found, *yardsticks(*sight.mark, any_oversample)


def fine(found: dict[str, comparison.Judged | str]) -> dict[str, comparison.Judged]:
    """Without those that could not be asked."""
    return {name: value for name, value in found.items() if isinstance(value, comparison.Judged)}


def verdicts(found: dict[str, comparison.Judged], band: np.ndarray) -> list[str]:
    """What the objective says in words, above all where the method's own picks do badly by it."""
    hero = found.get(HERO)
    if hero is None:
        return []
    worse = int((band < hero.objective.total).sum())
    share = f"{worse} of {len(band)} random subsets"
    if 2 * worse > len(band):
        return [
            f":material/warning: Here AccuACL is worse than random by its own measure: {share} of the same size cover "
            f"the target better (J = {hero.objective.total:,.0f}, their median {np.median(band):,.0f})."
        ]
    return [f"{share} cover the target better than AccuACL's picks (J = {hero.objective.total:,.0f})."]


def classes(sight: Sight) -> tuple[np.ndarray, bool]:
    """The class of each pool sample, and whether it is the true one (else the predicted one)."""
    context = sight.context
    truth = sight.truth(context.pool.ids.tolist())
    return (np.asarray(context.classes)[context.pool.p.argmax(1).numpy()], False) if truth is None else (truth, True)
