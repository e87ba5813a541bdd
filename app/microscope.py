"""The Inspect page: one query, frozen. What was picked and why, what if, and which other samples there were."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from acl import comparison
from acl.config import FULL, UserError
from acl.events import History
from acl.layout import MOST_POINTS
from acl.registry import choices
from acl.whatif import Settings, sentence, why
from app import export, forking, maps, palette, panels, pool, sample_card, words
from app.choose_query import choose_sight, drop
from app.gallery import shared_sheet
from app.lens import Look, View, lens, payload
from app.pool import HERO, Choice
from app.sight import Sight
from app.state import new_run

SAME_LAMBDA = 0.005
OVERSAMPLES = (1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)


def page() -> None:
    try:
        sight, history = choose_sight()
    except UserError as error:
        st.error(str(error), icon=":material/error:")
        if st.button("Start a new run", icon=":material/add:"):
            new_run()
        return
    if sight is None:
        return
    try:
        sight.context  # noqa: B018  the file is read and checked here
    except UserError as error:
        st.error(f"This query cannot be shown: {error}", icon=":material/error:")
        return
    try:
        with forking.dialog():
            _page(sight, history)
    except UserError as error:
        st.error(str(error), icon=":material/error:")
    except OSError as error:
        st.error(f"The files of this query went away meanwhile ({error.strerror}).", icon=":material/error:")


# -- the page of one query -----------------------------------------------------------------------------


def _page(sight: Sight, history: History | None) -> None:
    settings, strategy = _what_if(sight)
    if _waits_for_a_yes(sight, strategy, settings):
        return
    with st.spinner("Asking the strategy…", show_time=True):
        choice = pool.choose(sight, strategy, settings)
    frame = pool.table(sight, choice)
    view = _row_of_changes(sight, frame, settings, strategy)
    colours, meanings = pool.colours(frame, view["colour"], sight, strategy)
    frame["colour"] = colours
    lasso = st.session_state.get(f"lasso-{sight.name}", [])
    opened = _opened(sight, frame)
    drawn, views = _linked(sight, frame, choice, view, meanings, lasso, opened)
    _remember(sight, frame, settings, strategy, view, opened)
    _below(sight, frame, choice, settings, lasso, opened)
    if st.session_state.pop("inspect-dialog", None) == "export":
        export.dialog(sight, frame, choice, settings, drawn, views, opened)
    panels.tabs(sight, choice, settings, history)


def _waits_for_a_yes(sight: Sight, strategy: str, settings: Settings) -> bool:
    """A strategy that takes long is asked only after a word of warning: the page shows nothing else meanwhile."""
    if strategy == HERO or (strategy == sight.strategy and settings.n == sight.recorded.n):
        return False
    context = replace(sight.context, n=settings.n)
    yes = f"yes-{strategy}-{settings.n}-{sight.name}"
    if not comparison.is_slow(strategy, context, sight.config) or st.session_state.get(yes):
        return False
    name, time = words.strategy(strategy), words.duration(comparison.seconds(strategy, context, sight.config))
    st.info(f"{name} takes about {time} on this pool, and the page waits for it.", icon=":material/hourglass_top:")
    st.button(f"Ask {name}", key="ask-slow", on_click=_keep, args=(yes, True))
    return True


def _what_if(sight: Sight) -> tuple[Settings, str]:
    """One row of controls: the settings the strategy is asked again with, at first the recorded ones."""
    recorded, context = sight.recorded, sight.context
    own = sight.strategy or HERO
    # The run's own may be a plug-in that is not installed here: its recorded picks can be shown all the same.
    names = list(dict.fromkeys([*(name for name in choices("strategies") if name != FULL), own]))
    key = f"{sight.name}-{st.session_state.get('what-if-again', 0)}"
    url = st.query_params if _url_is_here(sight) and not st.session_state.get("what-if-again") else {}
    with st.container(horizontal=True, vertical_alignment="bottom", key="what-if"):
        first = url.get("strategy", own)
        strategy = st.selectbox(
            "Strategy shown", names, names.index(first) if first in names else names.index(own), width=150,
            format_func=words.strategy, key=f"strategy-{key}", help="Ask another strategy about the same pool.",
        )  # fmt: skip
        fixed = strategy != HERO
        reason = f" {words.strategy(strategy)} does not use it." if fixed else ""
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
            "Dims per class", 1, most_dims, int(_number(url.get("dims"), recorded.dims_per_class, 1, most_dims)),
            key=f"dims-{key}", disabled=fixed, width=115, help=words.HELP["dims"] + reason,
        )  # fmt: skip
        most = len(context.pool) / n
        first_over = min(_number(url.get("oversample"), recorded.oversample, 1.0, most), most)
        options = sorted({*(o for o in OVERSAMPLES if o < most), min(recorded.oversample, most), first_over, most})
        over = st.select_slider(
            "Oversample", options, first_over, key=f"over-{key}-{n}", disabled=fixed, width=150,
            format_func=lambda o: _oversample_name(o, most), help=words.HELP["oversample"] + reason,
        )  # fmt: skip
    if abs(weight - recorded.lambda_) < SAME_LAMBDA:
        weight = recorded.lambda_
    # Beyond the whole pool every oversampling is the same.
    oversample = recorded.oversample if over == most <= recorded.oversample else over
    return Settings(weight, int(n), int(dims), oversample), strategy


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


def _url_is_here(sight: Sight) -> bool:
    params = st.query_params
    if sight.run and sight.query:
        here = (sight.run.id, str(sight.query.task), str(sight.query.round))
        return (params.get("run"), params.get("task"), params.get("round")) == here
    return params.get("snapshot") == sight.path.stem


def _row_of_changes(sight: Sight, frame: pd.DataFrame, settings: Settings, strategy: str) -> dict[str, str]:
    """Who enters and who leaves against what was recorded; at the right how it is drawn, and ways out."""
    enters, leaves = int((frame["change"] == "enters").sum()), int((frame["change"] == "leaves").sum())
    changed = settings != sight.recorded or strategy != (sight.strategy or HERO)
    with st.container(horizontal=True, vertical_alignment="center", key="changes"):
        if not changed:
            what = "The recorded settings" if sight.run else "The settings of the file"
            note = ": the recorded picks." if sight.run and not enters and not leaves else "."
            st.caption(what + note, width="content")
        else:
            name = words.strategy(strategy)
            if sight.strategy not in {"", strategy}:
                name += f" instead of {words.strategy(sight.strategy)}"
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
            )  # fmt: skip
        st.button("Export", icon=":material/download:", key="export", on_click=_want, args=("export",))
        with st.popover("Snapshot file", icon=":material/upload_file:"):
            drop()
    return view


def _changes(sight: Sight, settings: Settings, strategy: str) -> dict[str, Any]:
    """What is shown otherwise than recorded, as settings of a run."""
    recorded, changes = sight.recorded, {}
    if settings.lambda_ != recorded.lambda_:
        changes["lambda"] = settings.lambda_
    if settings.n != recorded.n:
        changes["n_query"] = settings.n
    if strategy != (sight.strategy or HERO):
        changes["strategy"] = strategy
    return changes


def _back() -> None:
    """Fresh widgets start from the recorded values."""
    st.session_state["what-if-again"] = st.session_state.get("what-if-again", 0) + 1


def _want(what: str) -> None:
    st.session_state["inspect-dialog"] = what


def _view_settings(frame: pd.DataFrame, strategy: str) -> dict[str, str]:
    """Colour, axes and map."""
    names = pool.score_names(frame)
    x, y = pool.axes(strategy, names)
    colours = [*pool.COLOURS, *names]
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
    return {"colour": colour, "x": across, "y": up, "map": kind}


def _place(param: str, options: list[str], default: str) -> int:
    """Where in `options` the URL's choice stands, if it is one of them."""
    wanted = st.query_params.get(param, default)
    return options.index(wanted if wanted in options else default)


def _opened(sight: Sight, frame: pd.DataFrame) -> int | None:
    """The sample whose card is shown: the last one clicked here, else the URL's."""
    key = f"opened-{sight.name}"
    if key not in st.session_state and _url_is_here(sight):
        wanted = st.query_params.get("sample", "")
        st.session_state[key] = int(wanted) if re.fullmatch("-?[0-9]+", wanted) else None
    opened = st.session_state.get(key)
    return opened if opened is not None and bool((frame["id"] == opened).any()) else None


def _linked(
    sight: Sight, frame: pd.DataFrame, choice: Choice, view: dict[str, str],
    meanings: list[tuple[str, str]], lasso: list[int], opened: int | None,
) -> tuple[pd.DataFrame, tuple[View, View]]:  # fmt: skip
    """The two pictures; the samples they show, and where."""
    whole = frame
    frame, left_out = maps.thinned(frame, sight)
    sheet = _sheet(sight, frame)
    if sheet:
        st.html(sheet)
    left = plane(frame, choice, view["x"], view["y"])
    right = maps.draw(sight, frame, view["map"])
    shades = {"picks": palette.strategy_colour(choice.strategy), "labelled": palette.OTHER, "memory": palette.OTHER}
    scores = {
        name: words.SCORES.get(name, words.score(name))
        for name in dict.fromkeys([view["x"], view["y"], *pool.AXES[HERO]])
    }
    data_ = payload(
        (left, right.view),
        frame,
        scores,
        pool.ranks(whole, list(scores)),
        Look(frame["colour"].tolist(), shades, meanings),
        sight.class_name,
        lasso,
        opened,
        _sheet_name(sight, frame),
    )
    lens(data_, "lens", partial(_keep, f"lasso-{sight.name}"), partial(_keep, f"opened-{sight.name}"))
    if right.waits_for:
        st.caption(
            ":material/hourglass_top: The right picture is PCA until UMAP is ready: the first takes about half a "
            "minute, the next ones a second or a few."
        )
        maps.wait(sight, right.waits_for)
    if right.trouble:
        st.caption(f":material/warning: UMAP could not be worked out, PCA is shown: {right.trouble}")
    if left_out:
        st.caption(
            f"{left_out:,} pool samples are not drawn: {MOST_POINTS:,} points are, with every pick, label and "
            "memory sample, the others a random subset, the same in every round."
        )
    return frame, (left, right.view)


def plane(frame: pd.DataFrame, choice: Choice, x: str, y: str) -> View:
    """The left picture: two scores of the pool, for AccuACL with its two cuts."""
    values = frame[y].to_numpy(float)
    inside = values[~np.isnan(values)]
    log = y in pool.LOG_SCORES and len(inside) > 0 and inside.min() > 0
    short = {"magnitude": "Magnitude", "distribution": "distribution"}
    title = f"{short.get(y, words.score(y).capitalize())} × {short.get(x, words.score(x))}"
    view = View(title, frame[x].to_numpy(float), values, words.score(x), words.score(y), log_y=bool(log),
                cut_colour=palette.strategy_colour(choice.strategy))  # fmt: skip
    if choice.strategy != HERO or (x, y) != pool.AXES[HERO]:
        return view
    ranking = choice.ranking
    return replace(
        view, x_cut=ranking.cut_on_distribution, y_cut=ranking.cut_on_magnitude,
        x_cut_name=f"cut on D: the {len(ranking.candidates)} best",
        y_cut_name=f"cut on M: {len(ranking.picked)} of them",
    )  # fmt: skip


def _sheet_name(sight: Sight, frame: pd.DataFrame) -> str:
    ids = hashlib.blake2b(frame["id"].to_numpy().tobytes(), digest_size=4).hexdigest()
    return f"sheet-{hashlib.blake2b(sight.name.encode(), digest_size=4).hexdigest()}-{ids}"


def _sheet(sight: Sight, frame: pd.DataFrame) -> str:
    """Kept for the last few queries: cutting 10,000 pictures takes a while."""
    name, kept = _sheet_name(sight, frame), st.session_state.setdefault("sheets", {})
    if name not in kept:
        images = sight.pictures(frame["id"].tolist())
        while len(kept) >= 2:
            kept.pop(next(iter(kept)))
        kept[name] = "" if images is None else shared_sheet(images, name)
    return str(kept[name])


def _below(
    sight: Sight, frame: pd.DataFrame, choice: Choice, settings: Settings, lasso: list[int],
    opened: int | None,
) -> None:  # fmt: skip
    """The gallery, and beside it the card of the sample that was opened."""
    key = f"opened-{sight.name}"
    left, right = (st.container(), None) if opened is None else st.columns([3, 2], gap="large")
    with left:
        sample_card.gallery(sight, frame, choice, lasso, opened, partial(_keep, key))
    if opened is not None and right:
        with right, st.container(key="sample-card"):
            st.button("Close", icon=":material/close:", key="close-card", on_click=_keep, args=(key, None))
            sample_card.sample_card(sight, frame, choice, _why(sight, frame, choice, settings, opened), opened)


def _keep(key: str, value: object) -> None:
    """What the user did in a picture or the gallery, for the redraw that follows."""
    st.session_state[key] = value


def _why(sight: Sight, frame: pd.DataFrame, choice: Choice, settings: Settings, opened: int) -> str:
    """Why the strategy takes or leaves this sample; for AccuACL also which λ would take it."""
    ids, name = sight.context.pool.ids, choice.strategy
    found = (ids == opened).nonzero()
    if not len(found):
        return ""
    if name != HERO:
        # A strategy whose score is called like itself picks the largest; the others choose step by step.
        rank = f"{pool.ranks(frame, [name]).at[opened, name]:,.0f}" if name in choice.scores else ""
        return f"Rank {rank} of {len(ids):,} by {words.score(name)}; {settings.n} are picked." if rank else ""
    position = int(found[0, 0])
    reason = why(position, choice.ranking, panels.picked_between_here(sight, settings, position))
    return sentence(reason, panels.steps(sight, settings) if len(sight.context.memory) else 0)


def _remember(
    sight: Sight, frame: pd.DataFrame, settings: Settings, strategy: str, view: dict[str, str], opened: int | None
) -> None:
    """The URL names what is shown: a link to it shows the same."""
    recorded = sight.recorded
    wanted: dict[str, str] = {}
    if sight.run and sight.query:
        wanted = {"run": sight.run.id, "task": str(sight.query.task), "round": str(sight.query.round)}
    else:
        wanted = {"snapshot": sight.path.stem}
    names = {"lambda_": "lambda", "n": "n", "dims_per_class": "dims", "oversample": "oversample"}
    for field, name in names.items():
        if getattr(settings, field) != getattr(recorded, field):
            wanted[name] = f"{getattr(settings, field):g}"
    if strategy != (sight.strategy or HERO):
        wanted["strategy"] = strategy
    x, y = pool.axes(strategy, pool.score_names(frame))
    usual = {"colour": "role", "x": x, "y": y, "map": next(iter(maps.KINDS))}
    wanted |= {name: value for name, value in view.items() if value != usual[name]}
    if opened is not None:
        wanted["sample"] = str(opened)
    if dict(st.query_params) != wanted:
        st.query_params.from_dict(wanted)
