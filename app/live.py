"""The Run page of one run: one fragment that polls the run folder and draws what it says."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from acl.config import RunConfig
from acl.control import ACTIVE, Status
from acl.events import Bought, Epoch, History, Scored, Started
from acl.runs import Run
from app import charts, data, words
from app.controls import transport
from app.gallery import Card, cards_html
from app.palette import strategy_colour, task_colours
from app.start import forget_run
from app.state import POLL_S

MAX_POINTS = 500
TABS = ("Just labelled", "Matrix R", "Loss", "What happened", "Settings")


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
    started = history.of(Started)
    n_tasks = len(started[0].tasks) if started else 0
    _header(run, config, status)
    _progress(run, config, status, n_tasks)
    transport(run, config, control, status)
    _trouble(status)
    if n_tasks:
        _curves(history, config, n_tasks)
        _query(run, config, history)
        _details(run, config, history, n_tasks)
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
        st.button("New run", icon=":material/add:", key="new-run", on_click=forget_run)


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


def _curves(history: History, config: RunConfig, n_tasks: int) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Accuracy on each task** after each round", help=words.HELP["R"])
        table = data.accuracy_table(history, config.rounds)
        st.echarts_chart(charts.accuracy_chart(table, n_tasks), key="accuracy", height=270, alt="Accuracy on each task")
    with right:
        balance = data.balance_table(history)
        st.markdown(_balance_title(balance), help=f"{words.HELP['LA']} {words.HELP['A']} {words.HELP['F']}")
        st.echarts_chart(
            charts.balance_chart(balance, n_tasks), key="balance", height=270, alt="Learned, kept and forgotten"
        )


def _balance_title(balance: pd.DataFrame) -> str:
    if balance.empty:
        return "**Learned − forgotten = kept**, after each task"
    last = balance.iloc[-1]
    return f"**{last.learned:.1f} % learned − {last.forgotten:.1f} % forgotten = {last.kept:.1f} % kept**"


# -- this query ----------------------------------------------------------------------------------------


def _query(run: Run, config: RunConfig, history: History) -> None:
    queries = history.of(Scored)
    if not queries:
        return
    query = queries[-1]
    name = data.label_of("strategies", query.strategy)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown(
            f"**What {name} chose** in task {query.task}, round {query.round}: magnitude × distribution",
            help=f"{words.HELP['M']} {words.HELP['D']} {words.HELP['λ']} Here λ = {query.lambda_:.2f}.",
        )
        scores = data.scores_of(run, query)
        if scores is None:
            st.caption("This run keeps no snapshot of this query (setting: snapshots).")
        else:
            spec = charts.plane_chart(scores, query.strategy, _cuts(scores, query, config))
            st.echarts_chart(spec, key="plane", height=260, alt="Magnitude and distribution score of the pool")
    with right:
        st.markdown("**The same samples in feature space**, beside the memory", help=words.HELP["map"])
        points = data.map_of(run, query)
        if points is not None:
            spec = charts.map_chart(points, set(query.ids), query.strategy)
            st.echarts_chart(spec, key="map", height=260, alt="Feature map of pool, memory and picks")


def _cuts(scores: pd.DataFrame, query: Scored, config: RunConfig) -> tuple[float, float] | None:
    """AccuACL's two thresholds: the last D among the oversampled, the last M among the picks."""
    if query.strategy != "accuacl":
        return None
    candidates = min(round(config.oversample * len(query.ids)), len(scores))
    least_d = scores["distribution"].nlargest(candidates).iloc[-1]
    return float(least_d), float(scores.loc[scores["picked"], "magnitude"].min())


# -- below the fold ------------------------------------------------------------------------------------


def _details(run: Run, config: RunConfig, history: History, n_tasks: int) -> None:
    tab = st.segmented_control(
        "Details", TABS, default=TABS[0], required=True, key="details", label_visibility="collapsed"
    )
    if tab == "Just labelled":
        _just_labelled(run, config, history)
    elif tab == "Matrix R":
        st.caption(words.HELP["R"])
        st.echarts_chart(charts.matrix_chart(data.matrix(history), n_tasks), key="matrix", height=60 + 36 * n_tasks)
    elif tab == "Loss":
        table, boundaries = _loss_table(history)
        st.echarts_chart(charts.loss_chart(table, boundaries), key="loss", height=260, alt="Training loss")
    elif tab == "What happened":
        lines = [
            {"time": time.strftime("%H:%M:%S", time.localtime(t)), "what": s} for t, s in words.story(config, history)
        ]
        st.dataframe(
            pd.DataFrame(lines[::-1]),
            hide_index=True,
            height=320,
            column_config={"time": st.column_config.Column(width=80)},
        )
    else:
        rows = [
            {"setting": info.title, "value": str(getattr(config, name)) if name != "lambda_" else _lambda_text(config)}
            for name, info in RunConfig.model_fields.items()
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, height=320)


def _lambda_text(config: RunConfig) -> str:
    return "auto" if config.lambda_ is None else f"{config.lambda_:g}"


def _just_labelled(run: Run, config: RunConfig, history: History) -> None:
    bought = history.of(Bought)
    if not bought:
        st.caption("Nothing has been labelled yet.")
        return
    event = bought[-1]
    queries = [q for q in history.of(Scored) if (q.task, q.round) == (event.task, event.round)]
    scores = data.scores_of(run, queries[-1]) if queries else None
    chosen_by = "at random, the first labels" if event.by == "start" else f"by {data.label_of('strategies', event.by)}"
    st.caption(
        f"{len(event.ids)} samples chosen {chosen_by}; {event.n_labelled} labelled in task {event.task} so far. "
        "Below each: its class, and its rank in the pool by magnitude (M) and distribution (D)."
    )
    shown = event.ids[:96]
    colour = strategy_colour(event.by) if event.by != "start" else task_colours(max(event.task, 2))[-1]
    cards = _cards(event, shown, scores, colour)
    st.html(cards_html(data.pictures(run, shown), cards))
    if len(event.ids) > len(shown):
        st.caption(f"{len(event.ids) - len(shown)} more are not shown.")


def _cards(event: Bought, ids: list[int], scores: pd.DataFrame | None, colour: str) -> list[Card]:
    ranks = None
    if scores is not None:
        ranks = scores.set_index("id")[["magnitude", "distribution"]].rank(ascending=False, method="first").astype(int)
    cards = []
    for id_, label in zip(ids, event.labels, strict=False):
        lines = () if ranks is None else (f"M {ranks.at[id_, 'magnitude']} · D {ranks.at[id_, 'distribution']}",)
        cards.append(Card(f"class {label}", lines, colour, f"sample {id_}"))
    return cards


def _loss_table(history: History) -> tuple[pd.DataFrame, list[float]]:
    """Loss of every epoch, thinned to MAX_POINTS, and where a new task begins."""
    epochs = history.of(Epoch)
    boundaries = [float(i) for i, e in enumerate(epochs) if i and e.task != epochs[i - 1].task]
    stride = max(1, len(epochs) // MAX_POINTS)
    rows = [
        {"epoch": i, "loss": e.loss, "when": f"task {e.task}, round {e.round}, epoch {e.epoch}"}
        for i, e in enumerate(epochs)
        if i % stride == 0 or i == len(epochs) - 1
    ]
    return pd.DataFrame(rows, columns=["epoch", "loss", "when"]), boundaries
