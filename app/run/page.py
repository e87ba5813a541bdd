"""The Run page of one run: one fragment that polls the run folder and draws what it says."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from acl.config import EARLIER, METHOD, RunConfig
from acl.events import History
from acl.runs.control import ACTIVE, Status
from acl.runs.folder import Run, list_runs
from acl.runs.fork import settings_after
from app import errors, words
from app.charts import run as charts
from app.run import by_hand as hands
from app.run import changes, details, rewind
from app.run import newest_query as close_up
from app.run import steering as steer
from app.run import verification as checking
from app.run.transport import transport
from app.store import runs as data
from app.store.session import PAGES, POLL_S, RECORDED, RUNS, ensure_backend, new_run
from app.widgets import dialogs
from app.widgets import fork_dialog as forking

STILL_POLL_S = 5 * POLL_S
SILENCE_S = 4.0
CURVE_WIDTH, CURVE_HEIGHT = 440, 220


def page(run: Run, config: RunConfig) -> None:
    """Polls as often as something may change; another rhythm redraws the page once."""
    rhythm = _rhythm(run, data.status_of(run))
    st.fragment(_live, run_every=rhythm)(run, config, rhythm)


def _rhythm(run: Run, status: Status | None) -> float | None:
    """Seconds between looks: a run that stands still may be started from elsewhere, one that is over may not."""
    if checking.busy(run) or any((s := data.status_of(g)) and s.state in ACTIVE for g in data.ghosts_of(run, RUNS)):
        return POLL_S
    if run.recorded or (status and status.state == "finished"):
        return None
    return POLL_S if status is None or status.state in ACTIVE else STILL_POLL_S


def _live(run: Run, config: RunConfig, rhythm: float | None) -> None:
    live, status, control = data.live_run(run.path), data.status_of(run), data.control_of(run)
    history = live.history()
    n_tasks = data.n_tasks(history)
    # One container for each part, whatever it holds: parts that come and go must not move their neighbours.
    header, progress, controls, notes, body = (st.container() for _ in range(5))
    with header:
        _header(run, config, history, status)
    with progress:
        _progress(run, config, status, n_tasks)
    if not run.recorded and config.method == METHOD and (status is None or status.state != "finished"):
        with controls:
            transport(run, config, history, control, status)
    shown = rewind.shown(run, history)
    with notes:
        if config.method != METHOD:
            st.info(EARLIER, icon=":material/history:")
        _notes(run, status, live.reader.damaged, data.damage_of(run, config, history))
        rewind.note(run, shown, history)
        query = hands.waiting(history, status)
        if query and shown is history and config.method == METHOD:
            hands.offer(run, query, control)
    with body:
        if n_tasks:
            _curves(run, shown, config, n_tasks)
            rewind.scrubber(run, history)
            close_up.newest_query(run, settings_after(config, shown.rows), shown)
            changes.newest(shown)
            details.tabs(run, config, shown, n_tasks)
        elif rhythm == POLL_S:
            st.skeleton(height=300)
            st.caption("The worker is starting; the curves appear with the first labels.")
        else:
            st.caption("There is nothing to show yet.")
    if _rhythm(run, status) != rhythm:
        st.rerun()
    dialogs.follow()


def _header(run: Run, config: RunConfig, history: History, status: Status | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="header"):
        st.markdown(f"#### {words.plain(words.run_title(config))}", width="content")
        if run.recorded:
            st.badge("recorded", icon=":material/movie:", color="violet")
        elif status:
            name, icon, colour = words.STATE[status.state]
            st.badge(name, icon=f":material/{icon}:", color=colour)
        control = data.control_of(run)
        later = steer.pending(config, history, control)
        if later and not run.recorded:
            st.badge(f"from the next query on: {words.plain(later)}", icon=":material/tune:", color="orange")
        wanted = words.requested(control, status)
        if wanted and not run.recorded:
            st.badge(words.plain(wanted), icon=":material/schedule_send:", color="gray")
        parent = data.parent_of(run)
        if parent:
            kind = "ghost" if parent.ghost else "fork"
            changed = f": {words.plain(words.changes(parent.changes))}" if parent.changes else ""
            at = f"{parent.task}.{parent.round}"
            st.badge(
                f"{kind} from {at}{changed}", icon=":material/fork_right:", color="gray", help=words.plain(parent.run)
            )
        st.space("stretch")
        st.button("Fork", icon=":material/fork_right:", key="fork-run", on_click=forking.ask, args=(run,),
                  disabled=config.method != METHOD,
                  help="A new run that shares this one's past and goes on otherwise.")  # fmt: skip
        if st.button("Compare", icon=":material/compare_arrows:", key="compare-run",
                     help="This run beside all others of its preset and CL method."):  # fmt: skip
            st.switch_page(PAGES / "compare.py", query_params=_beside(run, config))
        if st.button("New run", icon=":material/add:", key="new-run"):
            new_run()


def _beside(run: Run, config: RunConfig) -> dict[str, str]:
    """The link to the Compare page with what is worth seeing beside this run."""
    source = {"from": "recorded"} if run.recorded else {"from": "all", "learner": config.learner}
    return source | {"view": "curves"} | ({"preset": config.preset} if config.preset and not run.recorded else {})


def _progress(run: Run, config: RunConfig, status: Status | None, n_tasks: int) -> None:
    if run.recorded:
        st.caption("Recorded from a real run of this engine. Start a new run to play with it.")
        return
    if status is None:
        st.caption("Waiting for the backend to take the run.")
        return
    text = "finished" if status.state == "finished" else words.phase(config, status, n_tasks)
    with st.container(horizontal=True, vertical_alignment="center", key="phase"):
        st.markdown(words.plain(text), width="content")
        st.space("stretch")
        st.caption(words.plain(words.pace_of_work(status)), width="content")
    st.progress(min(max(status.progress, 0.0), 1.0))


def _notes(run: Run, status: Status | None, damaged: int, damage: list[str]) -> None:
    """Whatever needs to be said: a silent worker, an error, damaged events and files."""
    silent = data.silent_s(run)
    if not run.recorded and status and status.state in {"starting", "playing", "queued"} and silent > SILENCE_S:
        ensure_backend()
        st.caption(f"No sign of the worker for {words.duration(silent)}; the backend looks after it.")
    _trouble(status)
    if damaged:
        st.warning(
            f"{damaged} damaged places in the events of this run: what is drawn here may be wrong.",
            icon=":material/warning:",
        )
    for sentence in damage:
        st.warning(words.plain(sentence), icon=":material/warning:")


def _trouble(status: Status | None) -> None:
    trouble = st.session_state.pop("trouble", "")
    if trouble:
        errors.show(trouble)
    if status and status.state in {"queued", "playing", "paused"} and status.error:
        st.warning(words.plain(status.error), icon=":material/warning:")
    if status and status.state == "failed" and status.error:
        errors.show(f"{status.error} Every finished round is kept.", status.details)


def _curves(run: Run, history: History, config: RunConfig, n_tasks: int) -> None:
    rounds = data.rounds_of_tasks(history, config)
    table, balance = data.accuracy_table(history, rounds), data.balance_table(history)
    marks = [(x, words.changes(event.changes)) for x, event in data.steered_at(history, rounds)]
    ghosts = data.ghosts_of(run, RUNS)
    others = [data.live_run(other.path).history() for other in (*ghosts, *_parent(run))]
    curves = [data.accuracy_table(other, data.rounds_of_tasks(other, config)) for other in others]
    grid = st.grid(2, min_column_width=CURVE_WIDTH, gap=("xsmall", "medium"))
    with grid.cell():
        st.markdown("**Accuracy on each task** after each round", help=words.HELP["R"])
        spec = charts.accuracy_chart(table, n_tasks, marks, curves)
        st.echarts_chart(spec, key="accuracy", height=CURVE_HEIGHT, alt="Accuracy on each task")
    with grid.cell():
        st.markdown(_balance_title(balance), help=" ".join(words.HELP[k] for k in ("LA", "A", "F", "forgotten")))
        spec = charts.balance_chart(balance, n_tasks, marks, [data.balance_table(other) for other in others])
        st.echarts_chart(spec, key="balance", height=CURVE_HEIGHT, alt="Learned, kept and forgotten")
    steer.notes(run, history, ghosts)


def _parent(run: Run) -> list[Run]:
    """The run this one is a fork of, if it is still there."""
    parent = data.parent_of(run)
    if parent is None:
        return []
    return [other for other in list_runs(RUNS, RECORDED) if other.id == parent.run]


def _balance_title(balance: pd.DataFrame) -> str:
    if balance.empty:
        return "**Learned − forgotten = kept**, after each task"
    last = balance.iloc[-1]
    return f"**{last.learned:.1f} % learned − {last.forgotten:.1f} % forgotten = {last.kept:.1f} % kept**"
