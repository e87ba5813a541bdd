"""The Run page of one run: one fragment that polls the run folder and draws what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st

from acl.config import EARLIER, METHOD, RunConfig
from acl.events import History, Steered
from acl.runs.control import ACTIVE, Status
from acl.runs.folder import Run
from acl.runs.fork import settings_after
from app import errors, words
from app.charts import run as charts
from app.charts.written import percent
from app.run import beside, changes, details, replay, rewind
from app.run import by_hand as hands
from app.run import newest_query as close_up
from app.run import steering as steer
from app.run import verification as checking
from app.run.transport import transport
from app.store import runs as data
from app.store.session import POLL_S, RUNS, ensure_backend
from app.widgets import dialogs, projector
from app.widgets import fork_dialog as forking
from app.widgets.browser.leaving import leave, new_run
from app.widgets.own_classes import own_classes

STILL_POLL_S = 5 * POLL_S
SILENCE_S, LONG_SILENCE_S = 4.0, 30.0
CURVE_WIDTH, CURVE_HEIGHT = 420, 200
ONE_ROW = """<style>
.st-key-header { flex-wrap: nowrap; }
.st-key-header-said { flex: 1 1 auto; min-width: 0; row-gap: .25rem; }
.st-key-header-ways { flex: none; }
</style>"""
"""However much there is to say of a run, it wraps beside the buttons: these stay at the right of the first row."""
TWO_LINES = """<style>@media (max-width: 1200px) {
.st-key-accuracy-title, .st-key-balance-title { min-height: 3.2rem; }
}</style>"""
"""In a narrow window the title over the right curves has one line or two, as its numbers are: what is below stays."""


def page(run: Run, config: RunConfig) -> None:
    """Polls as often as something may change; another rhythm redraws the page once."""
    rhythm = _rhythm(run, data.status_of(run))
    st.fragment(_live, run_every=rhythm)(run, config, rhythm)
    if rhythm is None and not run.recorded:
        st.fragment(_watch, run_every=STILL_POLL_S)(run)


def _watch(run: Run) -> None:
    """Of a run that is over, all that can still happen to it elsewhere: it is deleted."""
    if not run.path.is_dir():
        st.rerun()


def _rhythm(run: Run, status: Status | None) -> float | None:
    """Seconds between looks: a run that stands still may be started from elsewhere, one that is over may not."""
    if often := replay.rhythm(run):
        return often
    if checking.busy(run) or any((s := data.status_of(g)) and s.state in ACTIVE for g in data.ghosts_of(run, RUNS)):
        return POLL_S
    if _over(run, status):
        return None
    return POLL_S if status is None or status.state in ACTIVE else STILL_POLL_S


def _over(run: Run, status: Status | None) -> bool:
    return run.recorded or (status is not None and status.state == "finished")


def _live(run: Run, config: RunConfig, rhythm: float | None) -> None:
    if not run.path.is_dir():
        st.rerun()  # shown_run says that it was deleted
    live, status, control = data.live_run(run.path), data.status_of(run), data.control_of(run)
    history = live.history()
    n_tasks = data.n_tasks(history)
    replay.advance(run, history)
    # One container for each part, whatever it holds: parts that come and go must not move their neighbours.
    header, progress, controls, notes, body = (st.container() for _ in range(5))
    with header:
        _header(run, config, history, status)
    with progress:
        _progress(run, config, status, n_tasks)
    shown = rewind.shown(run, history)
    query = hands.waiting(history, status) if shown is history and config.method == METHOD else None
    if not run.recorded and config.method == METHOD and (status is None or status.state != "finished"):
        with controls:
            transport(run, config, history, control, status, query)
    elif n_tasks and _over(run, status):
        with controls:
            replay.controls(run, history)
    with notes:
        if config.method != METHOD:
            st.info(EARLIER, icon=":material/history:")
        _notes(run, status, live.reader.trouble, data.damage_of(run, config, history))
        rewind.note(run, shown, history)
        if query:
            hands.chosen(query, control)
    with body:
        if n_tasks:
            own = _figures(run, shown, config, n_tasks)
            rewind.scrubber(run, history)
            changes.newest(shown)
            details.tabs(run, config, shown, n_tasks, own)
        elif rhythm == POLL_S:
            st.skeleton(height=300)
            st.caption("The worker is starting; the curves appear with the first labels.")
        else:
            st.caption("There is nothing to show yet.")
    if _rhythm(run, status) != rhythm:
        st.rerun()
    dialogs.follow()


def _header(run: Run, config: RunConfig, history: History, status: Status | None) -> None:
    st.html(ONE_ROW)
    with st.container(horizontal=True, key="header"):
        with st.container(horizontal=True, vertical_alignment="center", key="header-said"):
            st.markdown(f"#### {words.plain(words.run_title(config))}", width="content")
            _badges(run, config, history, status)
        with st.container(horizontal=True, width="content", key="header-ways"):
            _ways_on(run, config)


def _badges(run: Run, config: RunConfig, history: History, status: Status | None) -> None:
    """What happened to the run, the state it is in, and what was asked of it and is not done yet."""
    for said in words.happened(data.parent_of(run), data.interventions(history)):
        st.badge(words.plain(said), icon=":material/alt_route:", color="gray")
    if run.recorded:
        st.badge("recorded", icon=":material/movie:", color="violet")
        return
    if replay.rhythm(run):
        st.badge("playing again", icon=":material/replay:", color="violet")
    elif status:
        name, icon, colour = words.STATE[status.state]
        st.badge(name, icon=f":material/{icon}:", color=colour)
    control = data.control_of(run)
    if later := steer.pending(config, history, control):
        said = f"from {steer.when(later)} on: {words.plain(words.changes(later))}"
        st.badge(said, icon=":material/tune:", color="orange")
    if wanted := words.requested(control, status):
        st.badge(words.plain(wanted), icon=":material/schedule_send:", color="gray")


def _ways_on(run: Run, config: RunConfig) -> None:
    st.button("Fork", icon=":material/fork_right:", key="fork-run", on_click=forking.ask, args=(run,),
              disabled=config.method != METHOD,
              help="A new run that shares this one's past and goes on otherwise.")  # fmt: skip
    if st.button("Compare", icon=":material/compare_arrows:", key="compare-run",
                 help="This run beside all others of its preset and CL method."):  # fmt: skip
        leave("compare", _beside(run, config))
    # Before a room it would take much of the row; the bar above has it.
    if not projector.on() and st.button("New run", icon=":material/add:", key="new-run"):
        new_run()


def _beside(run: Run, config: RunConfig) -> dict[str, str]:
    """The link to the Compare page with what is worth seeing beside this run."""
    source = {"from": "recorded"} if run.recorded else {"from": "all", "learner": config.learner}
    return source | {"view": "curves"} | ({"preset": config.preset} if config.preset and not run.recorded else {})


def _progress(run: Run, config: RunConfig, status: Status | None, n_tasks: int) -> None:
    if run.recorded:
        st.caption("Recorded from a real run of this engine: Play shows it again as it went.")
        return
    if status is None:
        st.caption("Waiting for the backend to take the run.")
        return
    if status.state == "finished":
        worked = " · ".join(filter(None, ["Play shows it again as it went", words.pace_of_work(status)]))
        st.caption(f"{words.plain(worked)}.")
        return
    text = words.phase(config, status, n_tasks)
    with st.container(horizontal=True, vertical_alignment="center", key="phase"):
        st.markdown(words.plain(text), width="content")
        st.space("stretch")
        st.caption(words.plain(words.pace_of_work(status)), width="content")
    st.progress(min(max(status.progress, 0.0), 1.0))


def _notes(run: Run, status: Status | None, trouble: str, damage: list[str]) -> None:
    """Whatever needs to be said: a silent worker, an error, damaged events and files."""
    silent = data.silent_s(run)
    if not run.recorded and status and status.state in {"starting", "playing", "queued"} and silent > SILENCE_S:
        ensure_backend()
        if silent > LONG_SILENCE_S:
            st.caption(f"No sign of the worker for {words.duration(silent)}; the backend looks after it.")
        elif status.state != "playing":
            st.caption("Starting takes a moment longer while the machine is busy.")
    _trouble(status)
    if status and status.state == "stopped" and not run.recorded:
        st.caption("Its worker has ended. Everything is kept: Play takes the run up again where it was.")
    if trouble:
        said = f"events.jsonl {trouble}: what is drawn here may be wrong."
        st.warning(words.plain(said), icon=":material/warning:")
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


@dataclass(frozen=True)
class _Curves:
    """What both pictures of the curves are drawn from; theirs: of the run beside it."""

    n_tasks: int
    table: pd.DataFrame
    balance: pd.DataFrame
    marks: list[tuple[float, str]]
    their_tables: list[pd.DataFrame]
    their_balances: list[pd.DataFrame]

    def accuracy(self) -> None:
        spec = charts.accuracy_chart(self.table, self.n_tasks, self.marks, self.their_tables)
        projector.chart(spec, key="accuracy", height=CURVE_HEIGHT, alt="Accuracy on each task")

    def kept(self) -> None:
        with st.container(key="balance-title"):
            st.markdown(_balance_title(self.balance), help=words.HELP["forgotten"])
        spec = charts.balance_chart(self.balance, self.n_tasks, self.marks, self.their_balances)
        projector.chart(spec, key="balance", height=CURVE_HEIGHT, alt="Learned, kept and forgotten")


def _figures(run: Run, history: History, config: RunConfig, n_tasks: int) -> bool:
    """The curves, then the newest query; before a room one of them at a time. Returns whether accuracies are those
    among each task's own classes."""
    rounds = data.rounds_of_tasks(history, config)
    other = beside.beside(run, history)
    theirs = [data.live_run(other.run.path).history()] if other else []
    newest = partial(close_up.newest_query, run, settings_after(config, history.rows), history)

    def curves(own: bool) -> _Curves:
        return _Curves(
            n_tasks, data.accuracy_table(history, rounds, own), data.balance_table(history, rounds, own),
            _marks(run, history, rounds),
            [data.accuracy_table(one, data.rounds_of_tasks(one, config), own) for one in theirs],
            [data.balance_table(one, data.rounds_of_tasks(one, config), own) for one in theirs],
        )  # fmt: skip

    if projector.on():
        with st.container(horizontal=True, vertical_alignment="center", key="accuracy-title"):
            chosen = projector.chosen("run", ["Accuracy on each task", "Learned and kept", "Newest query"])
            own = own_classes()
        drawn = curves(own)
        {"Accuracy on each task": drawn.accuracy, "Learned and kept": drawn.kept}.get(chosen, newest)()
        return own
    grid = st.grid(2, min_column_width=CURVE_WIDTH, gap=("xsmall", "medium"))
    with grid.cell():
        with st.container(horizontal=True, vertical_alignment="center", key="accuracy-title"):
            st.markdown("**Accuracy on each task**", help=words.HELP["R"], width="content")
            own = own_classes()
        drawn = curves(own)
        drawn.accuracy()
    st.html(TWO_LINES)
    with grid.cell():
        drawn.kept()
    with st.container(horizontal=True, vertical_alignment="center", key="steered"):
        steer.notes(run, history)
        if other:
            since = data.began(*other.since, rounds) if other.since[0] in rounds else 0.0
            said = beside.caption(other, drawn.balance, drawn.their_balances[0], since)
            st.caption(words.plain(said), width="content")
    newest()
    return own


def _marks(run: Run, history: History, rounds: Mapping[int, int]) -> list[tuple[float, str]]:
    """Where on the curves the run became a fork, or a human did something to it, and what."""
    found: dict[float, list[str]] = {}
    parent = data.parent_of(run)
    if parent and parent.task in rounds:
        found[data.began(parent.task, parent.round, rounds)] = ["ghost" if parent.ghost else "fork"]
    for event in data.interventions(history):
        said = words.changes(event.changes) if isinstance(event, Steered) else words.by_hand([event])
        found.setdefault(data.began(event.task, event.round, rounds), []).append(said)
    return [(x, ", ".join(texts)) for x, texts in found.items()]


def _balance_title(balance: pd.DataFrame) -> str:
    if balance.empty:
        return "**Learned − forgotten = kept**"
    last = balance.iloc[-1]
    lost = charts.forgotten(last)
    change = f"− {percent(lost)} forgotten" if lost >= 0 else f"+ {percent(-lost)} gained since"
    return f"{last.when}: **{percent(last.learned)} learned {change} = {percent(last.kept)} kept**"
