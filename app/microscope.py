"""The Inspect page: one query, frozen. What was picked and why, what if, and which other samples there were."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st
import torch

from acl.config import FULL, UserError
from acl.control import ACTIVE
from acl.events import History, Scored
from acl.registry import choices
from acl.runs import Run, list_runs
from acl.whatif import Settings, sentence, why
from app import data, export, maps, palette, panels, pool, sample_card, words
from app.gallery import shared_sheet
from app.lens import Look, View, lens, payload
from app.pool import HERO, Choice
from app.sight import Sight, keep_dropped, queries_of, sight_of_file, sight_of_run, why_none
from app.state import POLL_S, RECORDED, RUNS, new_run, shown_run

PLAY_S = 1.6
SAME_LAMBDA = 0.005
OVERSAMPLES = (1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
RIBBON_AT_ONCE = 200_000


def page() -> None:
    try:
        sight, history = _choose_sight()
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
        _page(sight, history)
    except UserError as error:
        st.error(str(error), icon=":material/error:")


# -- which query ---------------------------------------------------------------------------------------


def _choose_sight() -> tuple[Sight | None, History | None]:
    """The query the URL or the controls name; None where there is nothing to look at, which is then said."""
    top = st.container(horizontal=True, vertical_alignment="bottom", key="inspect-header")
    dropped = st.query_params.get("snapshot")
    with top:
        title = st.empty()
        if dropped:
            sight = sight_of_file(dropped)
            title.markdown(f"#### Why these {sight.context.n}?")
            st.caption(f"Snapshot file {dropped}")
            if st.button("Back to the runs", icon=":material/arrow_back:"):
                del st.query_params["snapshot"]
                st.rerun()
            return sight, None
        run = _choose_run()
    if run is None:
        title.markdown("#### Why these samples?")
        st.info(
            "Here a query is taken apart: which samples a strategy chose, and why. Start a run, or drop in a snapshot "
            "file of your own.",
            icon=":material/biotech:",
        )
        _drop()
        return None, None
    config, history = run.config, data.live_run(run.path).history()
    queries = queries_of(run, history)
    if not queries:
        title.markdown("#### Why these samples?")
        st.info(why_none(run, config, history), icon=":material/info:")
        _follow(run, None)
        return None, None
    with top:
        query = _choose_query(run, queries)
    title.markdown(f"#### Why these {len(query.ids)}?")
    _follow(run, (query.task, query.round))
    return sight_of_run(run, config, history, query), history


def _choose_run() -> Run | None:
    """The run this tab looks at; any other can be chosen."""
    runs = {run.id: run for run in list_runs(RUNS, RECORDED)}
    current = shown_run()
    if current is None:
        current = next((run for run in list_runs(RECORDED)), None)
    if current is None:
        return None
    runs.setdefault(current.id, current)
    key = "inspect-run"
    if st.session_state.get(key) != current.id:
        st.session_state[key] = current.id
    chosen = st.selectbox(
        "Run", list(runs), format_func=lambda id_: _run_name(runs[id_]), key=key, width=420,
        label_visibility="collapsed", on_change=_change_run,
    )  # fmt: skip
    return runs[chosen]


def _change_run() -> None:
    st.session_state["run"] = st.session_state["inspect-run"]
    st.query_params.clear()
    st.query_params["run"] = st.session_state["inspect-run"]


def _run_name(run: Run) -> str:
    try:
        name = words.run_title(run.config)
    except UserError:
        return f"{run.id} (damaged)"
    return f"{name} · recorded" if run.recorded else f"{name} · {run.id[4:8]} {run.id[9:13]}"


def _choose_query(run: Run, queries: list[Scored]) -> Scored:
    """A scrubber over the queries that have a snapshot; the URL names one, else the newest."""
    places = [(q.task, q.round) for q in queries]
    key = f"query-{run.id}"
    wanted = st.session_state.pop("go-to-query", None)
    if key not in st.session_state:
        wanted = wanted or _from_url(run) or places[-1]
    if wanted is not None:
        found = nearest(wanted, places)
        st.session_state[key] = _written(found)
        if found != wanted:
            st.toast(
                f"Task {wanted[0]}, round {wanted[1]} has no snapshot; the nearest is shown.", icon=":material/info:"
            )
    # A slider takes a pair for two ends of a range: its options are text.
    task, round_ = map(int, st.session_state[key].split("."))
    place = places.index(nearest((task, round_), places))
    st.session_state[key] = _written(places[place])
    st.button(
        "", icon=":material/chevron_left:", key="earlier", disabled=place == 0, help="The query before",
        on_click=_go_to, args=(places[max(place - 1, 0)],),
    )  # fmt: skip
    if len(places) > 1:
        st.select_slider(
            "Query", [_written(p) for p in places], key=key, width=260,
            format_func=lambda text: "task {} · round {}".format(*text.split(".")),
            label_visibility="collapsed",
        )  # fmt: skip
    st.button(
        "", icon=":material/chevron_right:", key="later", disabled=place == len(places) - 1, help="The next query",
        on_click=_go_to, args=(places[min(place + 1, len(places) - 1)],),
    )  # fmt: skip
    chosen = queries[place]
    if len(places) > 1 and st.toggle("Play", key="play-queries", help="Go on to the next query by itself."):
        st.fragment(_play, run_every=PLAY_S)(places, (chosen.task, chosen.round))
    return chosen


def _written(place: tuple[int, int]) -> str:
    return f"{place[0]}.{place[1]}"


def nearest(wanted: tuple[int, int], places: list[tuple[int, int]]) -> tuple[int, int]:
    """The place that is wanted, else the one closest to it: the same task if that has any."""
    return min(places, key=lambda p: (abs(p[0] - wanted[0]), abs(p[1] - wanted[1])))


def _from_url(run: Run) -> tuple[int, int] | None:
    params = st.query_params
    try:
        return (int(params["task"]), int(params["round"])) if params.get("run") == run.id else None
    except (KeyError, ValueError):
        return None


def _go_to(place: tuple[int, int]) -> None:
    st.session_state["go-to-query"] = place


def _play(places: list[tuple[int, int]], shown: tuple[int, int]) -> None:
    """Only the fragment's own ticks go on, not the redraw of the page that follows each of them."""
    now = time.monotonic()
    if now - st.session_state.get("played-at", 0.0) < PLAY_S / 2:
        return
    st.session_state["played-at"] = now
    place = places.index(shown)
    if place + 1 < len(places):
        _go_to(places[place + 1])
        st.rerun(scope="app")


def _follow(run: Run, shown: tuple[int, int] | None) -> None:
    """Keeps the page on the newest query while the run goes on."""
    status = data.status_of(run)
    if run.recorded or status is None or status.state not in ACTIVE:
        return
    if shown is None or st.toggle("Follow live", key="follow", help="Stay on the newest query of this run."):
        st.fragment(_look_for_newer, run_every=POLL_S)(run, shown)


def _look_for_newer(run: Run, shown: tuple[int, int] | None) -> None:
    queries = queries_of(run, data.live_run(run.path).history())
    if queries and (queries[-1].task, queries[-1].round) != shown:
        _go_to((queries[-1].task, queries[-1].round))
        st.rerun(scope="app")


def _drop() -> None:
    """Somebody's own snapshot: embeddings and probabilities of any pipeline."""
    file = st.file_uploader(
        "Snapshot of a query (.safetensors)", type=["safetensors"], key="snapshot-file",
        help="Tensors <role>.ids, .h and .p for pool, labelled and memory; see the README.",
    )  # fmt: skip
    pictures = st.file_uploader(
        "Its pictures and labels, if you have them (.safetensors)", type=["safetensors"], key="pictures-file",
        help="Tensors ids [N], images uint8 [N, H, W, 1 or 3], labels [N]; images or labels may be left out.",
    )  # fmt: skip
    if st.button("Look at it", disabled=file is None, icon=":material/biotech:", key="look") and file:
        try:
            name = keep_dropped(file.getvalue(), pictures.getvalue() if pictures else None)
        except UserError as error:
            st.error(str(error), icon=":material/error:")
            return
        st.query_params.clear()
        st.query_params["snapshot"] = name
        st.rerun()


# -- the page of one query -----------------------------------------------------------------------------


def _page(sight: Sight, history: History | None) -> None:
    settings, strategy = _what_if(sight)
    with st.spinner("Asking the strategy…", show_time=True):
        choice = pool.choose(sight, strategy, settings)
    frame = pool.table(sight, choice)
    shown, left_out = maps.thinned(frame, sight)
    view = _row_of_changes(sight, frame, shown, settings, strategy)
    lasso = [i for i in st.session_state.get(f"lasso-{sight.name}", []) if i in set(shown["id"])]
    opened = _opened(sight, frame)
    colours, meanings = pool.colours(shown, view["colour"], sight, strategy)
    _linked(sight, shown, choice, view, (colours, meanings), lasso, opened, left_out)
    _remember(sight, settings, strategy, view["colour"], opened)
    _below(sight, shown, choice, settings, colours, lasso, opened)
    panels.tabs(sight, choice, settings, history)


def _what_if(sight: Sight) -> tuple[Settings, str]:
    """One row of controls: the settings the strategy is asked again with, at first the recorded ones."""
    recorded, context = sight.recorded, sight.context
    names = [name for name in choices("strategies") if name != FULL]
    key = f"{sight.name}-{st.session_state.get('what-if-again', 0)}"
    url = st.query_params if _url_is_here(sight) and not st.session_state.get("what-if-again") else {}
    with st.container(horizontal=True, vertical_alignment="bottom", key="what-if"):
        own = sight.strategy or HERO
        first = url.get("strategy", own)
        strategy = st.selectbox(
            "Strategy shown", names, names.index(first) if first in names else names.index(own), width=170,
            format_func=words.strategy, key=f"strategy-{key}", help="Ask another strategy about the same pool.",
        )  # fmt: skip
        fixed = strategy != HERO
        reason = f" {words.strategy(strategy)} does not use it." if fixed else ""
        no_past = not len(context.memory)
        weight = st.slider(
            "λ, weight of the past", 0.0, 1.0, _number(url.get("lambda"), recorded.lambda_, 0.0, 1.0), 0.01, width=240,
            key=f"lambda-{key}", disabled=fixed or no_past,
            help=words.HELP["λ"] + (" The memory is empty in the first task: no effect." if no_past else reason),
        )  # fmt: skip
        n = st.number_input(
            "Picks n", 1, len(context.pool), int(_number(url.get("n"), recorded.n, 1, len(context.pool))),
            key=f"n-{key}", width=110, help=words.HELP["n"],
        )  # fmt: skip
        most_dims = max(context.pool.h.shape[1], recorded.dims_per_class)
        dims = st.number_input(
            "Dims per class", 1, most_dims, int(_number(url.get("dims"), recorded.dims_per_class, 1, most_dims)),
            key=f"dims-{key}", disabled=fixed, width=120, help=words.HELP["dims"] + reason,
        )  # fmt: skip
        most = len(context.pool) / n
        first_over = min(_number(url.get("oversample"), recorded.oversample, 1.0, most), most)
        options = sorted({*(o for o in OVERSAMPLES if o < most), min(recorded.oversample, most), first_over, most})
        over = st.select_slider(
            "Oversample", options, first_over, key=f"over-{key}-{n}", disabled=fixed, width=200,
            format_func=lambda o: _oversample_name(o, most), help=words.HELP["oversample"] + reason,
        )  # fmt: skip
    if abs(weight - recorded.lambda_) < SAME_LAMBDA:
        weight = recorded.lambda_
    return Settings(
        weight, int(n), int(dims), recorded.oversample if over == most <= recorded.oversample else over
    ), strategy


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


def _row_of_changes(
    sight: Sight, frame: pd.DataFrame, shown: pd.DataFrame, settings: Settings, strategy: str
) -> dict[str, str]:
    """Who enters and who leaves against what was recorded; at the right how it is drawn, and ways out."""
    enters, leaves = int((frame["change"] == "enters").sum()), int((frame["change"] == "leaves").sum())
    changed = settings != sight.recorded or strategy != (sight.strategy or HERO)
    with st.container(horizontal=True, vertical_alignment="center", key="changes"):
        if not changed:
            what = "The recorded settings" if sight.picks else "The settings of the file"
            note = ": the recorded picks." if sight.picks and not enters and not leaves else "."
            st.caption(what + note, width="content")
        else:
            name = words.strategy(strategy)
            if sight.strategy not in {"", strategy}:
                name += f" instead of {words.strategy(sight.strategy)}"
            st.markdown(f"{name}: **{leaves} leave, {enters} enter**", width="content")
            st.button("Back to recorded", icon=":material/undo:", key="back", on_click=_back)
        st.space("stretch")
        with st.popover("View", icon=":material/tune:"):
            view = _view_settings(shown, strategy)
        st.button("Export", icon=":material/download:", key="export", on_click=_want, args=("export",))
        with st.popover("Snapshot file", icon=":material/upload_file:"):
            _drop()
    return view


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
            "Left: across", names, names.index(x), key=f"x-{strategy}", width=220, format_func=words.score
        )
        up = st.selectbox("Left: up", names, names.index(y), key=f"y-{strategy}", width=220, format_func=words.score)
        kind = st.selectbox(
            "Right: map", list(maps.KINDS), key="map-kind", width=250, format_func=maps.KINDS.__getitem__
        )
    return {"colour": colour, "x": across, "y": up, "map": kind}


def _opened(sight: Sight, frame: pd.DataFrame) -> int | None:
    """The sample whose card is shown: the last one clicked here, else the URL's."""
    key = f"opened-{sight.name}"
    if key not in st.session_state and _url_is_here(sight):
        wanted = st.query_params.get("sample", "")
        st.session_state[key] = int(wanted) if wanted.lstrip("-").isdecimal() else None
    opened = st.session_state.get(key)
    return opened if opened is not None and bool((frame["id"] == opened).any()) else None


def _linked(
    sight: Sight, frame: pd.DataFrame, choice: Choice, view: dict[str, str],
    colour: tuple[list[str], list[tuple[str, str]]], lasso: list[int], opened: int | None, left_out: int,
) -> None:  # fmt: skip
    sheet = _sheet(sight, frame)
    if sheet:
        st.html(sheet)
    left = plane(frame, choice, view["x"], view["y"])
    right = maps.view(sight, frame, view["map"])
    shades = {"picks": palette.strategy_colour(choice.strategy), "labelled": palette.OTHER, "memory": palette.OTHER}
    titles = [sight.class_name(int(v)) if pd.notna(v) else "not labelled" for v in frame["label"]]
    predicted = [sight.class_name(int(v)) for v in frame["predicted"]]
    scores = {
        name: words.SCORES.get(name, words.score(name))
        for name in dict.fromkeys([view["x"], view["y"], *pool.AXES[HERO]])
    }
    data_ = payload(
        (left, right),
        frame,
        scores,
        Look(colour[0], shades, colour[1]),
        titles,
        predicted,
        lasso,
        opened,
        _sheet_name(sight, frame),
    )
    event = lens(data_, key="lens")
    if left_out:
        st.caption(
            f"{left_out:,} pool samples are not drawn: {maps.MOST_POINTS:,} points are, with every pick, label and "
            "memory sample, the others a random subset, the same in every round."
        )
    if event.lasso is not None:
        st.session_state[f"lasso-{sight.name}"] = event.lasso
        st.rerun()
    if event.opened is not None:
        st.session_state[f"opened-{sight.name}"] = event.opened
        st.rerun()


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
    sight: Sight, frame: pd.DataFrame, choice: Choice, settings: Settings, colours: list[str], lasso: list[int],
    opened: int | None,
) -> None:  # fmt: skip
    """The gallery, and beside it the card of the sample that was opened."""
    if opened is None:
        clicked = sample_card.gallery(sight, frame, choice, colours, lasso, opened)
    else:
        left, right = st.columns([3, 2], gap="large")
        with left:
            clicked = sample_card.gallery(sight, frame, choice, colours, lasso, opened)
        with right, st.container(key="sample-card"):
            st.button("Close", icon=":material/close:", key="close-card", on_click=_close, args=(sight.name,))
            sample_card.sample_card(sight, frame, choice, _why(sight, choice, settings, opened), opened)
    if clicked is not None:
        st.session_state[f"opened-{sight.name}"] = clicked
        st.rerun()
    if st.session_state.pop("inspect-dialog", None) == "export":
        export.dialog(sight, frame, choice, settings, colours)


def _close(name: str) -> None:
    st.session_state[f"opened-{name}"] = None


def _why(sight: Sight, choice: Choice, settings: Settings, opened: int) -> str:
    """Why AccuACL takes or leaves this sample; which λ would take it."""
    ids = sight.context.pool.ids
    found = (ids == opened).nonzero()
    if choice.strategy != HERO or not len(found):
        return ""
    lambdas, picked = panels.ribbon_here(sight, settings) if len(sight.context.memory) else ([], None)
    picked = None if picked is None else torch.from_numpy(picked)
    return sentence(why(int(found[0, 0]), choice.ranking, picked, lambdas))


def _remember(sight: Sight, settings: Settings, strategy: str, colour: str, opened: int | None) -> None:
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
    if colour != "role":
        wanted["colour"] = colour
    if opened is not None:
        wanted["sample"] = str(opened)
    if dict(st.query_params) != wanted:
        st.query_params.from_dict(wanted)
