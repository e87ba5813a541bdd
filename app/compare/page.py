"""The Compare page: which runs, which view of them, and what is the same in all views."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from acl.config import UserError
from acl.presets import PRESETS
from app import errors, words
from app.compare import cohorts, sweeps
from app.compare.cohorts import ANY, NAMED, Chosen
from app.compare.curves import PLAY_S
from app.compare.curves import view as curves
from app.compare.export import offer
from app.compare.legend import left_out
from app.compare.paper_table import view as paper_table
from app.compare.race.page import page as race
from app.compare.significance import view as significance
from app.store import runs as data
from app.widgets import dialogs
from app.widgets.scrubber import rhythm
from app.widgets.url import arrive, begin_many, keep, segments, select

VIEWS: dict[str, str] = {
    "race": "Race", "curves": "Curves", "table": "Table", "significance": "Significance", "sweeps": "Sweeps",
}  # fmt: skip
OF_CHOSEN: dict[str, Callable[[Chosen], None]] = {
    "curves": curves, "table": paper_table, "significance": significance,
}  # fmt: skip
LIVE_S = 2.0


def page() -> None:
    arrive()
    with st.container(horizontal=True, vertical_alignment="center", key="compare-head"):
        view = segments("View", "view", list(VIEWS), _first_view(), VIEWS.__getitem__, "")
        chosen_from = st.container(horizontal=True, vertical_alignment="center", width="stretch")
    if view == "race":
        race(chosen_from)
    elif view == "sweeps":
        sweeps.page(chosen_from)
    else:
        _compare(view, chosen_from)


def _first_view() -> str:
    """A race for those who have one, else the curves of what is there."""
    return "race" if any(s.kind == "race" for s in cohorts.sweeps()) and "from" not in st.query_params else "curves"


def _compare(view: str, top: st.delta_generator.DeltaGenerator) -> None:
    try:
        with top:
            found = _choose()
    except UserError as error:
        errors.show(error)
        return
    often = _rhythm(found)
    st.fragment(_shown, run_every=often)(view, found, often)


def _rhythm(found: Chosen) -> float | None:
    """Seconds between two looks: while a scrubber plays, or any of the runs goes on."""
    return rhythm("task", PLAY_S, LIVE_S if found.active else None)


def _shown(view: str, found: Chosen, often: float | None) -> None:
    """Draws one view."""
    if found.active:
        found = _refreshed(found)
    if found.runs.empty:
        _nothing(found)
        return
    OF_CHOSEN[view](found)
    with st.container(horizontal=True, key="compare-foot"):
        offer(found)
        sweeps.new_buttons()
    dialogs.follow()
    if _rhythm(found) != often:
        st.rerun()


def _refreshed(found: Chosen) -> Chosen:
    again = cohorts.chosen(list(found.folders.values()))
    if not again.active:
        st.rerun()
    return again


def _nothing(found: Chosen) -> None:
    if found.active:
        st.info("None of these runs has finished yet: their curves appear as they do.", icon=":material/hourglass_top:")
    else:
        st.info(
            "There is no finished run among these. Start a race or a sweep, or choose other runs.",
            icon=":material/compare_arrows:",
        )
    sweeps.new_buttons()
    dialogs.follow()
    left_out(found)


# -- choosing ------------------------------------------------------------------------------------------


def _choose() -> Chosen:
    """The runs of a source, as far as they pass the filter."""
    options = cohorts.sources()
    named = [name for text in st.query_params.get_all("runs") for name in text.split(",") if name]
    if named:
        options = {NAMED: f"{len(named)} chosen run{'s' if len(named) > 1 else ''}"} | options
    source = select(
        "Runs",
        "from",
        list(options),
        next(iter(options)),
        options.__getitem__,
        "",
        label_visibility="collapsed",
    )
    if source != NAMED and named:
        del st.query_params["runs"]
    with st.spinner("Reading the runs…"):
        runs = cohorts.runs_of(source, named)
        facets = cohorts.facets(runs)
    preset, learner, strategies = _filter(facets)
    return cohorts.chosen(runs, preset, learner, strategies)


def _filter(facets: dict[str, list[str]]) -> tuple[str, str, list[str]]:
    """Preset, CL method and strategies, where there is something to choose."""
    active = any(st.query_params.get(name) for name in ("preset", "learner", "strategies"))
    with st.popover("Filter", icon=":material/filter_alt:" if not active else ":material/filter_alt_off:"):
        preset = select("Preset", "preset", [ANY, *facets["preset"]], ANY, _preset, ANY)
        learner = select(
            "CL method", "learner", [ANY, *facets["learner"]], ANY, _learner, ANY,
            help_=words.of_menu("learner", facets["learner"]),
        )  # fmt: skip
        key = begin_many("strategies", facets["strategy"])
        strategies = st.multiselect(
            "Strategies", facets["strategy"], key=key, format_func=words.strategy, placeholder="all of them",
            help=words.of_menu("strategy", facets["strategy"]),
        )  # fmt: skip
        keep("strategies", strategies)
    return preset, learner, strategies


def _preset(name: str) -> str:
    return "any" if name == ANY else PRESETS[name].label if name in PRESETS else name


def _learner(name: str) -> str:
    return "any" if name == ANY else data.label_of("learners", name)
