"""Start a run, or open one that is there: the first page, and the Run page while there is no run."""

from __future__ import annotations

from functools import partial

import streamlit as st

from acl.config import RunConfig, UserError
from acl.runs.control import request
from acl.runs.folder import Run, create, list_runs
from app import errors, words
from app.charts.written import whole_percent
from app.new_run.form import new_run_form
from app.store import runs as data
from app.store.session import RECORDED, RUNS
from app.widgets.browser.leaving import open_run
from app.widgets.one_press import once
from app.widgets.wishes import PACES, WATCH


def page() -> None:
    st.markdown("### Watch a network learn, forget and keep")
    st.caption("Tasks come one after another; only a few samples of each may be labelled. Which ones?")
    left, right = st.columns([3, 2], gap="large")
    with left:
        _new_run()
    with right:
        _open_run()


def _new_run() -> None:
    top = st.container()
    config = new_run_form(trouble=st.container())
    with top:
        start, pace = st.columns([1, 1], vertical_alignment="bottom")
        chosen = pace.selectbox(
            "Pace", list(PACES), list(PACES).index(WATCH), format_func=PACES.__getitem__, help=words.HELP["pace"]
        )
        pressed = start.button(
            "Start the run", type="primary", icon=":material/play_arrow:", disabled=config is None, width="stretch"
        )
    try:
        run = None if config is None else once("new-run", pressed, partial(_made, config, chosen))
    except UserError as error:
        errors.show(error)
        return
    if run is not None:
        open_run(run)


def _made(config: RunConfig, pace: float) -> Run:
    run = create(config, RUNS)
    request(run.path, mode="play", pace=pace)
    return run


def _open_run() -> None:
    st.markdown("**Or look at a recorded one**")
    for run in list_runs(RECORDED):
        _card(run)
    mine = list_runs(RUNS)[:5]
    if mine:
        st.markdown("**Your latest runs**")
        for run in mine:
            _card(run)


def _card(run: Run) -> None:
    try:
        title = words.plain(words.title(run))
    except UserError:
        return
    found = run.summary or {}
    result = (
        f"learned {whole_percent(100 * found['LA'])}, kept {whole_percent(100 * found['A'])}"
        if "LA" in found
        else _state(run)
    )
    if st.button(
        f"**{title}**  \n{result}",
        key=f"open-{run.id}",
        icon=":material/movie:" if run.recorded else ":material/show_chart:",
        width="stretch",
    ):
        open_run(run)


def _state(run: Run) -> str:
    status = data.status_of(run)
    return words.STATE[status.state][0] if status else "new"
