"""Below the plane of outcomes: which settings of the run's strategy to follow, what they moved, and how far the picks
hang on chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st

from acl.analysis import comparison
from acl.analysis.outcomes.asked import PATHS, Plan, Setting
from acl.analysis.outcomes.summary import summary
from acl.analysis.sensitivity import Overlap, all_equal, asked, by_chance, overlap, picked_at, sisters
from acl.config import FULL, RunConfig, UserError
from acl.plugins.registry import choices
from acl.plugins.unused import unused
from acl.runs.folder import Run, list_runs
from app import words
from app.charts.written import number, signed, whole_percent
from app.inspection.source import Sight, microscope
from app.store.session import RECORDED, RUNS

SETTINGS: dict[Setting, str] = {
    "dims_per_class": "Fisher entries", "oversample": "Oversample", "n": "Picks n", "seed": "Seed"
}  # fmt: skip
MEANS: dict[Setting, str] = {
    "dims_per_class": "Picks with 1, 2, 5, 10 and 20 Fisher entries per class.",
    "oversample": "Picks with an oversample of 1, 1.5, 2, 3 and 5.",
    "n": "Picks with a quarter, half, one and a half and two times as many labels, as far as the budget goes.",
    "seed": "Picks with five seeds of what the strategy draws.",
}


def plans(reference: Plan) -> dict[str, Plan]:
    """By the name of the setting: its path, beside what everything is held against."""
    found: dict[str, Plan] = {}
    for name, values in PATHS.items():
        sizes = tuple(value for value in values if value <= 1) if name == "n" else reference.sizes
        found[name] = replace(reference, sizes=sizes, paths=((name, values),))
    return found


def row(sight: Sight, rows: pd.DataFrame, busy: Callable[[str], bool], ask: Callable[[str], None]) -> None:
    """rows: of one query and horizon. busy: whether this setting's path is being measured; ask: measures it."""
    why = changes_nothing(sight)
    with st.container(horizontal=True, vertical_alignment="center", key="outcome-settings"):
        st.markdown("Settings", width="content", help=words.HELP["sensitivity"])
        for name, label in SETTINGS.items():
            there = bool((rows["kind"] == name).any())
            st.button(
                label, key=f"outcome-{name}", on_click=ask, args=(name,), disabled=name in why or busy(name),
                help=words.plain(why.get(name, MEANS[name])), icon=":material/check:" if there else ":material/add:",
            )  # fmt: skip
    for sentences in (idle(why), moved(rows)):
        if sentences:
            st.caption(words.plain(" ".join(sentences)))
    if said := chance(sight):
        st.caption(words.plain(said), help=words.HELP["seeds"])


def changes_nothing(sight: Sight) -> dict[Setting, str]:
    """Settings that change none of the strategy's picks, with the sentence why."""
    found = unused(sight.config)
    known = {name: {"n": "n_query"}.get(name, name) for name in SETTINGS}
    why: dict[Setting, str] = {name: words.why(found[known[name]]) for name in SETTINGS if known[name] in found}
    streams = own_streams(sight)
    if streams and all_equal(streams):
        label = words.strategy(sight.config.strategy)
        why["seed"] = f"{label} draws nothing at random: with every seed it picks the same samples of this pool."
    return why


def idle(why: Mapping[Setting, str]) -> list[str]:
    """Each reason once, behind the settings it is about."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in why.items():
        by_reason.setdefault(reason, []).append(SETTINGS[name])
    return [f"{', '.join(labels)}: {reason}" for reason, labels in by_reason.items()]


def own_streams(sight: Sight) -> list[tuple[int, ...]]:
    """What the strategy picks with each seed; empty where it takes long, or cannot be asked."""
    name = sight.config.strategy
    if name not in choices("strategies") or name == FULL or comparison.is_slow(name, sight.context, sight.config):
        return []
    return _own_streams(*sight.mark, sight.config.to_json())


@st.cache_data(max_entries=32, show_spinner=False)
def _own_streams(path: str, changed_ns: int, config_json: str) -> list[tuple[int, ...]]:
    context, config = microscope(path, changed_ns).context, RunConfig.from_json(config_json)
    try:
        tried = [asked(config, context, "seed", value, context.n) for value in PATHS["seed"]]
    except (UserError, MemoryError):
        return []
    return [found[1] for found in tried if found is not None]


def moved(rows: pd.DataFrame) -> list[str]:
    """A sentence for each path that was measured: between what its outcomes move, and how much of that is noise."""
    known = [name for name in SETTINGS if bool((rows["kind"] == name).any())]
    if not known:
        return []
    table, said = summary(rows), []
    for name in known:
        path = table[(table["kind"] == name) & table["net_points"].notna()]
        if len(path) < 2:
            continue
        low, high, noise = path["net_points"].min(), path["net_points"].max(), path["net_se"].mean()
        ends = sorted(path["name"].astype(float))
        about = "" if math.isnan(noise) else f", one standard error is {number(noise)}"
        within = high - low < 2 * math.sqrt(2) * noise
        said.append(
            f"{SETTINGS[name]} {ends[0]:g} to {ends[-1]:g}: net between {signed(low)} and "
            f"{signed(high)} points of likelihood from random sets of as many{about}"
            + (": no more than noise." if within else ".")
        )
    return said


def chance(sight: Sight) -> str:
    """How far the picks hang on the seed, in one number: of runs that differ in it alone, else of the strategy's own
    draws; empty where neither is known."""
    n, pool = len(sight.picks), len(sight.context.pool)
    others = of_sisters(sight)
    if others and (found := overlap([sight.picks, *others])):
        return (
            f"{found.sets} runs that differ in their seed alone overlap in this query by {_written(found)}; two blind "
            f"draws by {whole_percent(100 * by_chance(n, pool))}."
        )
    streams = own_streams(sight)
    if not streams or all_equal(streams) or (found := overlap(streams)) is None:
        return ""
    return (
        f"With {found.sets} seeds of its own draws {words.strategy(sight.config.strategy)} overlaps with itself by "
        f"{_written(found)}; two blind draws by {whole_percent(100 * by_chance(n, pool))}."
    )


def _written(found: Overlap) -> str:
    about = "" if math.isnan(found.spread) else f" ± {number(100 * found.spread, 0)}"
    return f"{number(100 * found.mean, 0)}{about} %"


def of_sisters(sight: Sight) -> list[tuple[int, ...]]:
    """What runs with other seeds picked in this query."""
    if sight.run is None or sight.query is None:
        return []
    folder = str(RECORDED if sight.run.recorded else RUNS)
    at, classes = (sight.query.task, sight.query.round), sight.tasks[sight.query.task - 1]
    return _of_sisters(str(sight.run.path), folder, at, classes)


@st.cache_data(max_entries=32, ttl=30, show_spinner=False)
def _of_sisters(path: str, folder: str, at: tuple[int, int], classes: tuple[int, ...]) -> list[tuple[int, ...]]:
    run, found = Run(Path(path)), []
    for other in list_runs(Path(folder)):
        try:
            if other.id != run.id and sisters(run, [other]):
                found.append(picked_at(other.history(), at, classes))
        except (UserError, OSError):
            continue
    return [picks for picks in found if picks is not None]
