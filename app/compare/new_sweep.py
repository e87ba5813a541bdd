"""The forms of a new race and of a new sweep."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import TypedDict

import streamlit as st

from acl.config import FULL, RunConfig, UserError
from acl.plugins.registry import choices, prepare
from acl.plugins.unused import unused_by_all
from acl.presets import PRESETS, preset_config
from acl.results import sweep
from acl.results.grid import grid, values_of
from acl.runs.folder import resolved
from acl.runs.sameness import key
from app import errors, words
from app.charts.score_plane import HERO
from app.store import runs as data
from app.store.session import RUNS, ensure_backend
from app.widgets import dialogs
from app.widgets import how_long as howlong
from app.widgets import url as address
from app.widgets.one_press import once
from app.widgets.wishes import PACES

RACERS = (HERO, "uniform", "entropy", "badge")
MOST_RACERS = 4
RACE_SEEDS = (1, 3, 6, 10)
FIRST_SEEDS = 6  # the fewest that a p-value can be told from


def race_form() -> None:
    """2 to 4 strategies on the same seeds; the button starts them and goes there."""
    st.caption("The same network, first labels and order of samples for every strategy; only the choice differs.")
    preset = _preset("race")
    strategies = st.multiselect(
        "Strategies, one a column", list(choices("strategies")), RACERS, key="race-strategies",
        format_func=words.strategy, max_selections=MOST_RACERS,
        help=words.of_menu("strategy", choices("strategies")),
    )  # fmt: skip
    left, right = st.columns(2)
    n = left.segmented_control(
        "Seeds a column", RACE_SEEDS, default=FIRST_SEEDS, required=True, key="race-seeds",
        help="One seed decides nothing: thin lines are seeds, the bold one is their mean.",
    )  # fmt: skip
    pace = right.selectbox("Pace", list(PACES), key="race-pace", format_func=PACES.__getitem__, help=words.HELP["pace"])
    defaults = preset_config(preset)
    learner = left.selectbox(
        "CL method", list(choices("learners")), list(choices("learners")).index(defaults.learner),
        key=f"race-learner-{preset}", format_func=lambda name: data.label_of("learners", name),
        help=words.of_menu("learner", choices("learners")),
    )  # fmt: skip
    idle = _idle(defaults, strategies, [learner])
    memory = right.number_input(
        "Memory size", value=defaults.memory, step=1, key=f"race-memory-{preset}", **_use("memory", idle)
    )
    budget = left.number_input(
        "Label budget per task", value=defaults.n_end, step=1, key=f"race-end-{preset}", **_use("n_end", idle)
    )
    first = right.number_input("First seed", 0, None, 0, key="race-first", help="Others follow it.")
    try:
        sizes = {name: value for name, value in {"memory": memory, "n_end": budget}.items() if name not in idle}
        base = preset_config(preset, learner=learner, **sizes)
        configs = grid(base, {"strategy": strategies, "seed": [int(first) + i for i in range(n)]})
    except UserError as error:
        st.error(words.plain(words.in_titles(str(error))), icon=":material/error:")
        return
    _outlook(configs)
    names = ", ".join(words.strategy(name) for name in strategies)
    pressed = st.button(
        "Start the race", type="primary", icon=":material/sprint:", key="race-start", disabled=len(strategies) < 2
    )
    _start(pressed, configs, f"{names} × {n} seed{'s' if n > 1 else ''}", "race", pace)


def sweep_form() -> None:
    """A grid of settings; the button starts all of it and goes there."""
    st.caption("Every combination of what is chosen here is one run; what has been run already is not run again.")
    preset = _preset("sweep")
    defaults = preset_config(preset)
    strategies = st.multiselect(
        "Strategies", list(choices("strategies")), [name for name in choices("strategies") if name != FULL],
        key="sweep-strategies", format_func=words.strategy,
        help=words.of_menu("strategy", choices("strategies")),
    )  # fmt: skip
    left, right = st.columns(2)
    learners = left.multiselect(
        "CL methods", list(choices("learners")), [defaults.learner], key=f"sweep-learners-{preset}",
        format_func=lambda name: data.label_of("learners", name),
        help=words.of_menu("learner", choices("learners")),
    )  # fmt: skip
    seeds = right.text_input("Seeds", "0-4", key="sweep-seeds", help="E.g. 0-9 or 0,1,7.")
    idle = _idle(defaults, strategies, learners)
    memory = left.text_input(
        "Memory sizes", str(defaults.memory), key=f"sweep-memory-{preset}", **_use("memory", idle, "E.g. 10, 20.")
    )
    budgets = right.text_input(
        "Label budgets per task", str(defaults.n_end), key=f"sweep-end-{preset}", **_use("n_end", idle, "E.g. 20, 40.")
    )
    title = st.text_input("Title", "", key="sweep-title", placeholder="what it is called in the lists")
    others = st.text_area(
        "Other settings, one a line", key="sweep-others", placeholder="lambda=0, 0.5, 1\nepochs=30", height=90,
        help="Any setting of a run: several values are swept over, one alone is the same for all.",
    )  # fmt: skip
    try:
        written = {"seed": seeds, "memory": memory, "n_end": budgets}
        written = {name: text for name, text in written.items() if name not in idle}
        configs = _grid(preset, strategies, learners, written, others)
    except UserError as error:
        st.error(words.plain(words.in_titles(str(error))), icon=":material/error:")
        return
    _outlook(configs)
    pressed = st.button(f"Start {len(configs):,} runs", type="primary", icon=":material/play_arrow:", key="sweep-start")
    _start(pressed, configs, title.strip() or f"{PRESETS[preset].label}: {len(configs):,} runs", "sweep")


def _preset(form: str) -> str:
    preset: str = st.selectbox(
        "Start from", list(PRESETS), key=f"{form}-preset", format_func=lambda name: PRESETS[name].label
    )
    st.caption(PRESETS[preset].summary)
    return preset


def _idle(defaults: RunConfig, strategies: Sequence[str], learners: Sequence[str]) -> dict[str, str]:
    """What none of these combinations uses, and why."""
    pairs = itertools.product(strategies, learners)
    return unused_by_all(defaults.model_copy(update={"strategy": s, "learner": c}) for s, c in pairs)


class _Use(TypedDict):
    """How a field looks that has a use, or none."""

    disabled: bool
    help: str | None


def _use(name: str, idle: dict[str, str], help_: str = "") -> _Use:
    why = words.why(idle[name]) if name in idle else ""
    return {"disabled": name in idle, "help": f"{help_} {why}".strip() or None}


def _grid(
    preset: str, strategies: Sequence[str], learners: Sequence[str], written: dict[str, str], others: str
) -> list[RunConfig]:
    """Every run the form asks for. UserError for what cannot be read."""
    axes: dict[str, Sequence[object]] = {"strategy": strategies, "learner": learners}
    for line in filter(None, map(str.strip, others.splitlines())):
        name, equals, values = line.partition("=")
        if not equals:
            raise UserError(f"Write other settings as name=value, one a line, got '{line[:60]}'.")
        if name.strip() in written | axes:
            raise UserError(f"{name.strip()} is named twice: it has a field of its own, or another line.")
        written = written | {name.strip(): values}
    axes |= {name: values_of(name, text) for name, text in written.items()}
    # What a sweep keeps of each query would fill the disk before anyone looked at it.
    return grid(preset_config(preset, snapshots="off"), axes)


def _outlook(configs: Sequence[RunConfig]) -> None:
    """What to know before these runs begin: how many, on what, and how long that takes where it may be long."""
    there = sweep.already_run(RUNS, {key(config) for config in configs})
    done = sum(run.summary is not None for run in there.values())
    st.caption(f"{len(configs):,} runs" + (f", {done:,} of them finished already." if done else "."))
    howlong.without_gpu(configs)
    try:
        stream = prepare(configs[0])
    except UserError:
        return  # said when they are started
    if done < len(configs):
        howlong.show(resolved(configs[0], stream), stream, len(configs) - done)


def _start(pressed: bool, configs: Sequence[RunConfig], title: str, kind: sweep.SweepKind, pace: float = 0.0) -> None:
    make = partial(sweep.start, configs, RUNS, title, kind, pace)
    try:
        with st.spinner("Making the runs…") if pressed else nullcontext():
            started = once(kind, pressed, make)
        if started is None:
            return
        ensure_backend()
    except UserError as error:
        errors.show(str(error), errors.details_of(error))
        return
    dialogs.close()
    address.go(view="race" if kind == "race" else "sweeps", **{"from": f"sweep:{started.id}"})
