"""What the query is asked again with, and how it is drawn: the two rows of controls above Inspect's pictures."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pandas as pd
import streamlit as st

from acl.analysis import comparison
from acl.analysis.what_if import Settings
from acl.config import FULL, METHOD
from acl.plugins.registry import choices
from app import words
from app.charts.score_plane import HERO
from app.inspection import export
from app.inspection import feature_map as maps
from app.inspection import samples as pool
from app.inspection.choose_query import drop
from app.inspection.source import HIDDEN, Sight
from app.widgets import fork_dialog as forking

SAME_LAMBDA = 0.005
OF_RUN = {"lambda_": "lambda", "n": "n_query"}
"""Of `Settings`, what a run calls otherwise."""
OVERSAMPLES = (1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)


def what_if(sight: Sight) -> tuple[Settings, str]:
    """One row of controls: the settings the strategy is asked again with, at first the recorded ones."""
    recorded, context, own = sight.recorded, sight.context, sight.strategy or HERO
    names = _offered(own)
    key = f"{sight.name}-{st.session_state.get('what-if-again', 0)}"
    url = st.query_params if url_is_here(sight) and not st.session_state.get("what-if-again") else {}
    with st.container(horizontal=True, vertical_alignment="bottom", key="what-if"):
        first = url.get("strategy", own)
        strategy = st.selectbox(
            "Strategy shown", names, names.index(first) if first in names else names.index(own), width=150,
            format_func=words.strategy, key=f"strategy-{key}",
            help="Ask another strategy about the same pool.\n" + words.described("strategies", names),
        )  # fmt: skip
        fixed = strategy != HERO
        reason = f" {words.plain(words.strategy(strategy))} does not use it." if fixed else ""
        no_past = not len(context.memory)
        weight = st.slider(
            "λ, weight of the past", 0.0, 1.0, _number(url.get("lambda"), recorded.lambda_, 0.0, 1.0), 0.01, width=200,
            key=f"lambda-{key}", disabled=fixed or no_past,
            help=words.HELP["λ"] + (" The memory is empty in the first task: no effect." if no_past else reason),
        )  # fmt: skip
        n = st.number_input(
            "Picks n", 1, len(context.pool), int(_number(url.get("n"), recorded.n, 1, len(context.pool))),
            key=f"n-{key}", width=95, help=words.HELP["n"],
        )  # fmt: skip
        most_dims = max(context.pool.h.shape[1], recorded.dims_per_class)
        dims = st.number_input(
            "Fisher entries per class", 1, most_dims,
            int(_number(url.get("dims"), recorded.dims_per_class, 1, most_dims)),
            key=f"dims-{key}", disabled=fixed, width=175, help=words.HELP["dims"] + reason,
        )  # fmt: skip
        most = len(context.pool) / n
        first_over = min(_number(url.get("oversample"), recorded.oversample, 1.0, most), most)
        options = sorted({*(o for o in OVERSAMPLES if o < most), min(recorded.oversample, most), first_over, most})
        over = st.select_slider(
            "Oversample", options, first_over, key=f"over-{key}-{n}", disabled=fixed, width=150,
            format_func=lambda o: _oversample_name(o, most), help=words.HELP["oversample"] + reason,
        )  # fmt: skip
    weight = recorded.lambda_ if abs(weight - recorded.lambda_) < SAME_LAMBDA else weight
    # Beyond the whole pool every oversampling is the same.
    oversample = recorded.oversample if over == most <= recorded.oversample else over
    return Settings(weight, int(n), int(dims), oversample), strategy


def _offered(own: str) -> list[str]:
    """The run's own may be a plug-in that is not installed here: its recorded picks can be shown all the same."""
    return list(dict.fromkeys([*(name for name in choices("strategies") if name != FULL), own]))


def _oversample_name(value: float, most: float) -> str:
    if value == 1:
        return "distribution only"
    return "magnitude only" if value == most else f"{value:g}×"


def _number(text: str | None, default: float, low: float, high: float) -> float:
    """A number from the URL; what is none, or lies outside, counts as not said."""
    try:
        value = float(text) if text is not None else default
    except ValueError:
        return default
    return value if low <= value <= high else default


def url_is_here(sight: Sight) -> bool:
    params = st.query_params
    if sight.run and sight.query:
        here = (sight.run.id, str(sight.query.task), str(sight.query.round))
        return (params.get("run"), params.get("task"), params.get("round")) == here
    return params.get("snapshot") == sight.path.stem


def waits_for_a_yes(sight: Sight, strategy: str, settings: Settings) -> bool:
    """A strategy that takes long is asked only after a word of warning: the page shows nothing else meanwhile."""
    if strategy == HERO or (strategy == sight.strategy and settings.n == sight.recorded.n):
        return False
    context = replace(sight.context, n=settings.n)
    yes = f"yes-{strategy}-{settings.n}-{sight.name}"
    if not comparison.is_slow(strategy, context, sight.config) or st.session_state.get(yes):
        return False
    name, time = (
        words.plain(words.strategy(strategy)),
        words.duration(comparison.seconds(strategy, context, sight.config)),
    )
    st.info(f"{name} takes about {time} on this pool, and the page waits for it.", icon=":material/hourglass_top:")
    st.button(f"Ask {name}", key="ask-slow", on_click=_want, args=(yes, True))
    return True


def row_of_changes(sight: Sight, frame: pd.DataFrame, settings: Settings, strategy: str) -> dict[str, str]:
    """Who enters and who leaves against what was recorded; at the right how it is drawn, and ways out."""
    enters, leaves = int((frame["change"] == "enters").sum()), int((frame["change"] == "leaves").sum())
    changed = settings != sight.recorded or strategy != (sight.strategy or HERO)
    with st.container(horizontal=True, vertical_alignment="center", key="changes"):
        if not changed:
            what = "The recorded settings" if sight.run else "The settings of the file"
            note = ": the recorded picks." if sight.run and not enters and not leaves else "."
            st.caption(what + note, width="content")
        else:
            name = words.plain(words.strategy(strategy))
            if sight.strategy not in {"", strategy}:
                name += f" instead of {words.plain(words.strategy(sight.strategy))}"
            st.markdown(f"{name}: **{leaves} leave, {enters} enter**", width="content")
            st.button("Back to recorded", icon=":material/undo:", key="back", on_click=_back)
        st.space("stretch")
        with st.popover("View", icon=":material/tune:"):
            view = _view_settings(frame, strategy)
        if sight.run and sight.query:
            at, wanted = (sight.query.task, sight.query.round), _changes(sight, settings, strategy)
            st.button(
                "Fork here", icon=":material/fork_right:", key="fork-here", on_click=forking.ask,
                args=(sight.run, at, wanted), help="A new run that goes on from this query with these settings.",
                disabled=sight.run.config.method != METHOD,
            )  # fmt: skip
        st.button("Export", icon=":material/download:", key="export", on_click=export.ask)
        # Of each query one of its own: it closes when another file is shown.
        with st.popover("Snapshot file", icon=":material/upload_file:", key=f"snapshot-popover-{sight.name}"):
            drop()
    return view


def _changes(sight: Sight, settings: Settings, strategy: str) -> dict[str, Any]:
    """What is shown otherwise than recorded, as settings of a run."""
    now, recorded = asdict(settings), asdict(sight.recorded)
    changes = {OF_RUN.get(name, name): value for name, value in now.items() if value != recorded[name]}
    if strategy != (sight.strategy or HERO):
        changes["strategy"] = strategy
    return changes


def _back() -> None:
    """Fresh widgets start from the recorded values."""
    st.session_state["what-if-again"] = st.session_state.get("what-if-again", 0) + 1


def _want(key: str, value: object) -> None:
    st.session_state[key] = value


def _view_settings(frame: pd.DataFrame, strategy: str) -> dict[str, str]:
    """Colour, axes and map."""
    names = pool.score_names(frame)
    x, y = pool.axes(strategy, names)
    known = frame["true"].notna().any()
    colours = [*(colour for colour in pool.COLOURS if known or colour != "true"), *names]
    wanted = st.query_params.get("colour", "role")
    with st.container(key="view-settings"):
        if st.session_state.setdefault("inspect-colour", wanted) not in colours:
            st.session_state["inspect-colour"] = "role"
        colour = st.selectbox(
            "Colour", colours, key="inspect-colour", width=220,
            format_func=lambda c: pool.COLOURS.get(c) or words.score(c),
        )  # fmt: skip
        across = st.selectbox(
            "Left: across", names, _place("x", names, x), key=f"x-{strategy}", width=220, format_func=words.score
        )
        up = st.selectbox(
            "Left: up", names, _place("y", names, y), key=f"y-{strategy}", width=220, format_func=words.score
        )
        kinds = list(maps.KINDS)
        kind = st.selectbox(
            "Right: map", kinds, _place("map", kinds, kinds[0]), key="map-kind", width=250,
            format_func=maps.KINDS.__getitem__,
        )  # fmt: skip
        st.toggle(
            "Hide true classes", key=HIDDEN, persist_state="session",
            help="For lectures: what no strategy has seen is in no picture, table or file until it is labelled.",
        )  # fmt: skip
    return {"colour": colour, "x": across, "y": up, "map": kind}


def _place(param: str, options: list[str], default: str) -> int:
    """Where in `options` the URL's choice stands, if it is one of them."""
    wanted = st.query_params.get(param, default)
    return options.index(wanted if wanted in options else default)
