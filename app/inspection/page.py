"""The Inspect page: one query, frozen. What was picked and why, what if, and which other samples there were."""

from __future__ import annotations

import hashlib
import re
from functools import partial

import pandas as pd
import streamlit as st

from acl.analysis.embedding import MOST_POINTS
from acl.analysis.what_if import Settings, sentence, why
from acl.config import UserError
from acl.events import History
from acl.selection.ties import remarks
from app import errors, words
from app.charts import score_plane
from app.charts.score_plane import HERO, PLANE, Cuts, View
from app.inspection import export, sample_card
from app.inspection import feature_map as maps
from app.inspection import samples as pool
from app.inspection.choose_query import back_to_runs, choose_sight, drop
from app.inspection.controls import row_of_changes, url_is_here, waits_for_a_yes, what_if
from app.inspection.linked_scatters.component import BOTH, Look, lens, payload
from app.inspection.panels import ribbon
from app.inspection.panels.tabs import tabs
from app.inspection.samples import Choice
from app.inspection.source import Sight
from app.widgets import dialogs, projector
from app.widgets.browser.fading import fading
from app.widgets.browser.leaving import new_run
from app.widgets.gallery import shared_sheet

CARD = (
    ".st-key-sample-card { position: fixed; right: 1.5rem; bottom: 1.5rem; z-index: 100; width: min(25rem, 90vw); "
    "max-height: 60vh; overflow-y: auto; padding: 1rem; border-radius: .75rem; "
    "background: var(--st-background-color, Canvas); border: 1px solid rgba(128, 138, 150, .3); "
    "box-shadow: 0 6px 30px rgba(0, 0, 0, .28); }"
)

LARGE = 1.5
"""How much larger type and marks are before a room."""
PICTURES = ("Scores", "Map")


def page() -> None:
    try:
        sight, history = choose_sight()
    except UserError as error:
        errors.show(error)
        if "snapshot" in st.query_params:
            back_to_runs()
            drop()
        elif st.button("Start a new run", icon=":material/add:"):
            new_run()
        return
    if sight is None:
        return
    try:
        sight.context  # noqa: B018  the file is read and checked here
    except UserError as error:
        errors.show(f"This query cannot be shown: {error}")
        return
    try:
        _page(sight, history)
    except UserError as error:
        errors.show(str(error), errors.details_of(error))
    except OSError as error:
        errors.show(f"The files of this query went away meanwhile ({error.strerror}).")


# -- the page of one query -----------------------------------------------------------------------------


def _page(sight: Sight, history: History | None) -> None:
    for note in sight.notes:
        st.caption(f":material/info: {words.plain(note)}")
    settings, strategy = what_if(sight)
    if waits_for_a_yes(sight, strategy, settings):
        return
    with fading("answer", (sight.mark, settings, strategy)):
        asking = f"Asking {words.plain(words.strategy(strategy))} for {settings.n}, at λ = {settings.lambda_:.2f}…"
        with st.spinner(asking, show_time=True):
            choice = pool.choose(sight, strategy, settings)
        with st.container(key="answer"):
            frame, opened = _answer(sight, strategy, settings, choice)
    # A place of its own also where nothing is opened: a new element would for a moment hold what stood at its number.
    with st.container():
        _card(sight, frame, choice, settings, opened)
    tabs(sight, choice, settings, history)


def _answer(sight: Sight, strategy: str, settings: Settings, choice: Choice) -> tuple[pd.DataFrame, int | None]:
    """Its table, and the sample that is opened."""
    frame = pool.table(sight, choice)
    view = row_of_changes(sight, frame, settings, strategy)
    for remark in remarks(words.picks(strategy), pool.deciding(choice), settings.n, settings.oversample):
        st.caption(f":material/warning: {words.plain(remark)}")
    colours, meanings = pool.colours(frame, view["colour"], sight, strategy)
    frame["colour"] = colours
    lasso = st.session_state.get(f"lasso-{sight.name}", [])
    opened = _opened(sight, frame)
    drawn, views = _linked(sight, frame, choice, view, meanings, lasso, opened)
    _remember(sight, frame, settings, strategy, view, opened)
    sample_card.gallery(sight, frame, choice, lasso, opened, partial(_keep, f"opened-{sight.name}"))
    dialogs.fill(export.TITLE, export.offer, sight, frame, choice, settings, drawn, views, opened)
    return frame, opened


def _one() -> int:
    """Before a room one picture at a time: which."""
    chosen = st.segmented_control(
        "Picture", PICTURES, default=PICTURES[0], required=True, key="lens-one", label_visibility="collapsed"
    )
    return PICTURES.index(chosen or PICTURES[0])


def _opened(sight: Sight, frame: pd.DataFrame) -> int | None:
    """The sample whose card is shown: the last one clicked here, else the URL's."""
    key = f"opened-{sight.name}"
    if key not in st.session_state and url_is_here(sight):
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
    scores = {
        name: words.short_score(name) or words.score(name) for name in dict.fromkeys([view["x"], view["y"], *PLANE])
    }
    data_ = payload(
        (left, right.view),
        frame,
        scores,
        pool.ranks(whole, list(scores)),
        Look(frame["colour"].tolist(), score_plane.role_colours(choice.strategy), meanings),
        sight.class_name,
        lasso,
        opened,
        _sheet_name(sight, frame),
        LARGE if projector.on() else 1.0,
        _one() if projector.on() else BOTH,
        right.waits,
    )
    lens(data_, "lens", partial(_keep, f"lasso-{sight.name}"), partial(_keep, f"opened-{sight.name}"))
    with st.container():
        _about(sight, frame, right, view["map"])
    if left_out:
        st.caption(
            f"{left_out:,} samples are not drawn: {MOST_POINTS:,} points are, every pick among them, the others a "
            "random subset (at most half of it labelled or memory), the same in every round."
        )
    return frame, (left, right.view)


def _about(sight: Sight, frame: pd.DataFrame, right: maps.Map, kind: str) -> None:
    """What the right picture is: always one line, so that nothing below moves when UMAP has come."""
    if right.waits:
        maps.wait(sight, frame, kind, _sheet_name(sight, frame))
    elif right.trouble:
        st.caption(f":material/warning: UMAP could not be worked out, PCA is shown: {words.plain(right.trouble)}")
    elif right.why:
        st.caption(f":material/info: {words.plain(right.why)}")
    else:
        st.caption(f"Right: {maps.KINDS[kind]}.", help=words.HELP["layout"])


def plane(frame: pd.DataFrame, choice: Choice, x: str, y: str) -> View:
    """The left picture: two scores of the pool, for AccuACL with its two cuts."""
    ranking = choice.ranking
    scores = (ranking.distribution.numpy(), ranking.magnitude.numpy())
    cuts = Cuts.of(*scores, ranking.picked.numpy(), len(ranking.candidates)) if choice.strategy == HERO else None
    return score_plane.view(frame, choice.strategy, cuts, x, y)


def _sheet_name(sight: Sight, frame: pd.DataFrame) -> str:
    ids = hashlib.blake2b(frame["id"].to_numpy().tobytes(), digest_size=4).hexdigest()
    return f"sheet-{hashlib.blake2b(repr(sight.mark).encode(), digest_size=4).hexdigest()}-{ids}"


def _sheet(sight: Sight, frame: pd.DataFrame) -> str:
    """Kept for the last few queries: cutting 10,000 pictures takes a while."""
    name, kept = _sheet_name(sight, frame), st.session_state.setdefault("sheets", {})
    if name not in kept:
        images = sight.pictures(frame["id"].tolist())
        while len(kept) >= 2:
            kept.pop(next(iter(kept)))
        kept[name] = "" if images is None else shared_sheet(images, name)
    return str(kept[name])


def _card(sight: Sight, frame: pd.DataFrame, choice: Choice, settings: Settings, opened: int | None) -> None:
    """Of the sample that was opened, above all else: it is seen wherever that was, and moves nothing."""
    if opened is None:
        return
    st.html(f"<style>{CARD}</style>")
    with st.container(key="sample-card"):
        key = f"opened-{sight.name}"
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
        rank = f"{pool.ranks(frame, [name])[name][opened]:,.0f}" if name in choice.scores else ""
        return f"Rank {rank} of {len(ids):,} by {words.score(name)}; {settings.n} are picked." if rank else ""
    position = int(found[0, 0])
    reason = why(position, choice.ranking, ribbon.picked_between_here(sight, settings, position))
    return sentence(reason, ribbon.steps(sight, settings) if len(sight.context.memory) else 0)


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
