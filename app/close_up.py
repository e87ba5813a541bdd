"""The newest query of a run, looked at closely: what was chosen, where it lies, and its pictures."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from acl.config import RunConfig
from acl.events import Bought, History, Scored
from acl.runs import Run
from app import charts, data, words
from app.gallery import Card, cards_html
from app.palette import OTHER, strategy_colour

WIDTH, HEIGHT = 370, 230
MAX_CARDS = 60
COMMON_COLUMNS = {"id", "predicted", "rank", "picked", "label", "magnitude", "distribution"}


def newest_query(run: Run, config: RunConfig, history: History) -> None:
    """Three views side by side: magnitude × distribution, the feature map, and the samples just labelled."""
    queries = history.of(Scored)
    query = queries[-1] if queries else None
    scores = data.scores_of(run, query) if query else None
    grid = st.grid(3, min_column_width=WIDTH, gap=("xsmall", "medium"))
    with grid.cell():
        _plane(query, scores, config)
    with grid.cell():
        _map(run, query, history)
    with grid.cell():
        _just_labelled(run, history)


def _nothing_yet(query: Scored | None) -> None:
    """Keeps the place of a chart, so that nothing jumps when it comes."""
    with st.container(height=HEIGHT, border=False):
        if query is None:
            st.caption("The first query comes when the network has been trained on the first labels.")
        else:
            st.caption("This run keeps no snapshot of this query (see the setting Snapshots).")


def _plane(query: Scored | None, scores: pd.DataFrame | None, config: RunConfig) -> None:
    if query is None:
        st.markdown("**What will be chosen**")
    else:
        name = data.label_of("strategies", query.strategy)
        st.markdown(
            f"**What {name} chose** · task {query.task}, round {query.round}",
            help=f"{words.HELP['M']} {words.HELP['D']} {_lambda_help(query)}".strip(),
        )
    if query is None or scores is None:
        _nothing_yet(query)
        return
    spec = charts.plane_chart(scores, query.strategy, cuts(scores, query, config))
    st.echarts_chart(spec, key="plane", height=HEIGHT, alt="Magnitude and distribution score of the pool")


def _lambda_help(query: Scored) -> str:
    return f"{words.HELP['λ']} Here λ = {query.lambda_:.2f}." if words.uses_lambda(query.strategy) else ""


def cuts(scores: pd.DataFrame, query: Scored, config: RunConfig) -> tuple[float, float] | None:
    """AccuACL's two thresholds: the last D among the oversampled, the last M among the picks."""
    if query.strategy != "accuacl":
        return None
    candidates = min(round(config.oversample * len(query.ids)), len(scores))
    least_d = scores["distribution"].nlargest(candidates).iloc[-1]
    return float(least_d), float(scores.loc[scores["picked"], "magnitude"].min())


def _map(run: Run, query: Scored | None, history: History) -> None:
    st.markdown("**In feature space**, beside the memory", help=words.HELP["map"])
    points = data.map_of(run, query) if query else None
    if query is None or points is None:
        _nothing_yet(query)
        return
    n_tasks, age = data.n_tasks(history), data.task_of_memory(history, query.task)
    spec = charts.map_chart(points, set(query.ids), query.strategy, age, n_tasks)
    st.echarts_chart(spec, key="map", height=HEIGHT, alt="Feature map of pool, memory and picks")


def _just_labelled(run: Run, history: History) -> None:
    bought = history.of(Bought)
    if not bought:
        st.markdown("**Just labelled**")
        _nothing_yet(None)
        return
    event = bought[-1]
    by = "at random" if event.by == "start" else f"by {data.label_of('strategies', event.by)}"
    st.markdown(
        f"**Just labelled** · {len(event.ids)} {by}, {event.n_labelled} in task {event.task}",
        help="Below each picture: its class, the score that chose it, and its rank in the pool by magnitude (M) and "
        "by distribution score (D).",
    )
    shown = event.ids[:MAX_CARDS]
    queries = [q for q in history.of(Scored) if (q.task, q.round) == (event.task, event.round)]
    scores = data.scores_of(run, queries[-1]) if queries else None
    with st.container(height=HEIGHT, border=False, key="gallery"):
        st.html(cards_html(data.pictures(run, shown), cards(event, shown, scores), size=52))
        if len(event.ids) > len(shown):
            st.caption(f"{len(event.ids) - len(shown):,} more are not shown.")


def cards(event: Bought, ids: list[int], scores: pd.DataFrame | None) -> list[Card]:
    """A card for each sample: its class, its strategy's own scores, its ranks by M and D."""
    colour = strategy_colour(event.by) if event.by != "start" else OTHER
    if scores is None:
        return [Card(f"class {label}", (), colour, f"sample {i}") for i, label in zip(ids, event.labels, strict=False)]
    rows = scores.set_index("id")
    ranks = rows[["magnitude", "distribution"]].rank(ascending=False, method="first").astype(int)
    own = [name for name in scores.columns if name not in COMMON_COLUMNS]
    found = []
    for id_, label in zip(ids, event.labels, strict=False):
        lines = [f"{name} {rows.at[id_, name]:.3g}" for name in own]
        lines.append(f"M {ranks.at[id_, 'magnitude']} · D {ranks.at[id_, 'distribution']}")
        hint = f"sample {id_}: M = {rows.at[id_, 'magnitude']:.4g}, D = {rows.at[id_, 'distribution']:.4g}"
        found.append(Card(f"class {label}", tuple(lines), colour, hint))
    return found
