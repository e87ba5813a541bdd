"""The newest query of a run, looked at closely: what was chosen, where it lies, and its pictures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from acl.config import FULL, RunConfig
from acl.events import Bought, History, Scored
from acl.runs.folder import Run
from acl.selection.ties import remarks
from app import words
from app.charts import run as charts
from app.charts import score_plane
from app.charts.palette import OTHER, strategy_colour
from app.charts.score_plane import HERO, PLANE, Cuts
from app.store import runs as data
from app.store.session import PAGES
from app.widgets import projector
from app.widgets.gallery import Card, cards_html

WIDTH, HEIGHT = 270, 215
MAX_CARDS = 60
MORE = 40
"""Pixels of the line below the pictures, where not all are shown."""


def newest_query(run: Run, config: RunConfig, history: History) -> None:
    """Three views side by side: magnitude × distribution, the feature map, and the samples just labelled."""
    queries = history.of(Scored)
    query = queries[-1] if queries else None
    scores = data.scores_of(run, query) if query else None
    if config.strategy == FULL:
        st.caption("Full labels buys every sample of a task at once: there is no query to look at.")
        _pictures(run, history)
        return
    figures: dict[str, Callable[[], None]] = {
        "Scores": partial(_plane, query, scores, config),
        "Map": partial(_map, run, query, history),
        "Pictures": partial(_pictures, run, history),
    }
    if not projector.one_of("query", figures):
        grid = st.grid(3, min_column_width=WIDTH, gap=("xsmall", "medium"))
        for draw in figures.values():
            with grid.cell():
                draw()
    if query and scores is not None:
        for remark in remarks(words.picks(query.strategy), deciding(query, scores), len(query.ids), config.oversample):
            st.caption(f":material/warning: {words.plain(remark)}")
    where = {"run": run.id} | ({"task": str(query.task), "round": str(query.round)} if query else {})
    st.page_link(
        PAGES / "inspect.py", label="Why these? Open this query in Inspect", icon=":material/biotech:",
        query_params=where, disabled=scores is None,
    )  # fmt: skip


def deciding(query: Scored, scores: pd.DataFrame) -> dict[str, np.ndarray]:
    """The scores that the query's strategy looked at, out of a table that has AccuACL's two for every one."""
    hero = query.strategy == HERO
    own = list(PLANE) if hero else [name for name in scores.columns if name not in data.SCORED]
    return {name: scores[name].to_numpy(float) for name in own}


def _nothing_yet(query: Scored | None) -> None:
    """Keeps the place of a chart, so that nothing jumps when it comes."""
    with st.container(height=HEIGHT, border=False):
        if query is None:
            st.caption("No query yet: the first one follows the training on the first labels.")
        else:
            st.caption("No snapshot of this query is here that can be read (see the setting Snapshots).")


def _plane(query: Scored | None, scores: pd.DataFrame | None, config: RunConfig) -> None:
    if query is None:
        st.markdown("**What will be chosen**")
    else:
        name = words.plain(words.strategy(query.strategy))
        st.markdown(
            f"**What {name} chose** · task {query.task}, round {query.round}",
            help=f"{words.HELP['M']} {words.HELP['D']} {_lambda_help(query)}".strip(),
        )
    if query is None or scores is None:
        _nothing_yet(query)
        return
    view = score_plane.view(scores, query.strategy, cuts(scores, query, config))
    spec = charts.plane_chart(scores, view, query.strategy, st.context.theme.type == "dark")
    projector.chart(spec, key="plane", height=HEIGHT, alt="Magnitude and distribution score of the pool")


def _lambda_help(query: Scored) -> str:
    return f"{words.HELP['λ']} Here λ = {query.lambda_:.2f}." if words.uses_lambda(query.strategy) else ""


def cuts(scores: pd.DataFrame, query: Scored, config: RunConfig) -> Cuts | None:
    """AccuACL's two thresholds, from the table that it left."""
    if query.strategy != HERO:
        return None
    candidates = min(round(config.oversample * len(query.ids)), len(scores))
    distribution, magnitude, picked = (scores[name].to_numpy() for name in ("distribution", "magnitude", "picked"))
    return Cuts.of(distribution, magnitude, picked, candidates)


def _map(run: Run, query: Scored | None, history: History) -> None:
    found = data.map_of(run, query) if query else None
    beside = ", beside the memory" if found is not None and (found[0]["role"] == "memory").any() else ""
    st.markdown(f"**In feature space**{beside}", help=words.HELP["map"])
    if query is None or found is None:
        _nothing_yet(query)
        return
    points, flat = found
    n_tasks, age = data.n_tasks(history), data.task_of_memory(history, query.task)
    spec = charts.map_chart(points, set(query.ids), query.strategy, age, n_tasks, st.context.theme.type == "dark")
    projector.chart(spec, key="map", height=HEIGHT, alt="Feature map of pool, memory and picks")
    if flat:
        st.caption(flat)


def _pictures(run: Run, history: History) -> None:
    """What was just labelled; between choosing and labelling, what is about to be."""
    bought, queries = history.of(Bought), history.of(Scored)
    waiting = queries[-1] if queries and (not bought or _at(queries[-1]) > _at(bought[-1])) else None
    if waiting is None and not bought:
        st.markdown("**Just labelled**")
        _nothing_yet(None)
        return
    event: Bought | Scored = waiting or bought[-1]
    by = event.by if isinstance(event, Bought) else event.strategy
    title = "Chosen, not yet labelled" if waiting else "Just labelled"
    chosen = (
        f"{len(event.ids):,} at random"
        if by == "start"
        else f"{len(event.ids):,} by {'hand' if by == 'human' else words.plain(words.strategy(by))}"
    )
    st.markdown(f"**{title}** · task {event.task}, round {event.round} · {chosen}", help=words.HELP["cards"])
    shown = event.ids[:MAX_CARDS]
    query = next((q for q in reversed(queries) if _at(q) == _at(event)), None)
    scores = data.scores_of(run, query) if query else None
    names = words.class_names(history)
    titles = [names[label] for label in event.labels] if isinstance(event, Bought) else ["?"] * len(event.ids)
    with st.container(height=HEIGHT, border=False, key="gallery"):
        more = len(event.ids) - len(shown)
        room = HEIGHT - (MORE if more else 0)
        st.html(cards_html(data.pictures(run, shown), cards(shown, titles, by, scores), size=48, room=room))
        if more:
            st.caption(f"{more:,} more are not shown.")


def _at(event: Bought | Scored) -> tuple[int, int]:
    return event.task, event.round


def cards(ids: list[int], titles: list[str], by: str, scores: pd.DataFrame | None) -> list[Card]:
    """A card for each sample: its title, its strategy's own scores, its ranks by M and D."""
    colour = strategy_colour(by) if by != "start" else OTHER
    if scores is None:
        return [Card(title, (), colour, f"sample {id_}") for id_, title in zip(ids, titles, strict=False)]
    rows = scores.set_index("id")
    ranks = rows[["magnitude", "distribution"]].rank(ascending=False, method="first").astype(int)
    own = [name for name in scores.columns if name not in data.SCORED]
    found = []
    for id_, title in zip(ids, titles, strict=False):
        lines = [f"{words.short_score(name) or name} {words.short(rows[name][id_])}" for name in own]
        lines.append(f"M {ranks['magnitude'][id_]} · D {ranks['distribution'][id_]}")
        exact = [f"{name} = {rows[name][id_]:.4g}" for name in (*own, "magnitude", "distribution")]
        found.append(Card(title, tuple(lines), colour, f"sample {id_}: {', '.join(exact)}"))
    return found
