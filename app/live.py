"""The Run page of one run: one fragment that polls the run folder and draws what it says."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from acl.config import RunConfig
from acl.control import ACTIVE, Status
from acl.events import History
from acl.runs import Run
from app import charts, close_up, data, details, words
from app.controls import transport
from app.state import POLL_S, new_run

CURVE_WIDTH, CURVE_HEIGHT = 440, 220


def page(run: Run, config: RunConfig) -> None:
    """Polls only while something may change; the change to a still run redraws the page once."""
    status = data.status_of(run)
    active = not run.recorded and (status is None or status.state in ACTIVE or _asked(run, status))
    st.fragment(_live, run_every=POLL_S if active else None)(run, config, active)


def _asked(run: Run, status: Status) -> bool:
    control = data.control_of(run)
    return control.mode == "play" and control.seq > status.seq


def _live(run: Run, config: RunConfig, active: bool) -> None:
    history, status, control = data.live_run(run.path).history(), data.status_of(run), data.control_of(run)
    n_tasks = data.n_tasks(history)
    _header(run, config, status)
    _progress(run, config, status, n_tasks)
    transport(run, config, control, status)
    _trouble(status)
    if n_tasks:
        _curves(history, config, n_tasks)
        close_up.newest_query(run, config, history)
        details.tabs(config, history, n_tasks)
    else:
        st.skeleton(height=300)
        st.caption("The worker is starting; the curves appear with the first labels.")
    still_active = not run.recorded and (status is None or status.state in ACTIVE or _asked(run, status))
    if still_active != active:
        st.rerun()


def _header(run: Run, config: RunConfig, status: Status | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="header"):
        st.markdown(f"#### {words.run_title(config)}", width="content")
        if run.recorded:
            st.badge("recorded", icon=":material/movie:", color="violet")
        elif status:
            name, icon, colour = words.STATE[status.state]
            st.badge(name, icon=f":material/{icon}:", color=colour)
        wanted = words.requested(data.control_of(run), status)
        if wanted and not run.recorded:
            st.badge(wanted, icon=":material/schedule_send:", color="gray")
        st.space("stretch")
        if st.button("New run", icon=":material/add:", key="new-run"):
            new_run()


def _progress(run: Run, config: RunConfig, status: Status | None, n_tasks: int) -> None:
    if run.recorded:
        st.caption("Recorded from a real run of this engine. Start a new run to play with it.")
        return
    if status is None:
        st.caption("Waiting for the backend to take the run.")
        return
    text = "finished" if status.state == "finished" else words.phase(config, status, n_tasks)
    with st.container(horizontal=True, vertical_alignment="center", key="phase"):
        st.markdown(text, width="content")
        st.space("stretch")
        st.caption(words.pace_of_work(status), width="content")
    st.progress(min(max(status.progress, 0.0), 1.0))


def _trouble(status: Status | None) -> None:
    trouble = st.session_state.pop("trouble", "")
    if trouble:
        st.error(trouble, icon=":material/error:")
    if status and status.state == "failed" and status.error:
        st.error(f"{status.error} Every finished round is kept.", icon=":material/error:")
        if status.details:
            with st.expander("Details"):
                st.code(status.details, language=None, wrap_lines=True)


def _curves(history: History, config: RunConfig, n_tasks: int) -> None:
    table, balance = data.accuracy_table(history, config.rounds), data.balance_table(history)
    grid = st.grid(2, min_column_width=CURVE_WIDTH, gap=("xsmall", "medium"))
    with grid.cell():
        st.markdown("**Accuracy on each task** after each round", help=words.HELP["R"])
        spec = charts.accuracy_chart(table, n_tasks)
        st.echarts_chart(spec, key="accuracy", height=CURVE_HEIGHT, alt="Accuracy on each task")
    with grid.cell():
        st.markdown(_balance_title(balance), help=f"{words.HELP['LA']} {words.HELP['A']} {words.HELP['F']}")
        spec = charts.balance_chart(balance, n_tasks)
        st.echarts_chart(spec, key="balance", height=CURVE_HEIGHT, alt="Learned, kept and forgotten")


def _balance_title(balance: pd.DataFrame) -> str:
    if balance.empty:
        return "**Learned − forgotten = kept**, after each task"
    last = balance.iloc[-1]
    return f"**{last.learned:.1f} % learned − {last.forgotten:.1f} % forgotten = {last.kept:.1f} % kept**"
