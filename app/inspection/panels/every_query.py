"""Every query of the run: how well its picks covered the target, and how far other strategies would have differed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from acl.analysis import comparison
from acl.analysis.every_query import Row, queries_of, rows_of, settings_at
from acl.config import FULL, RunConfig
from acl.events import History, Scored
from acl.plugins.registry import choices
from app import words
from app.charts import written
from app.charts.inspection import strategies as figures
from app.inspection.panels.draw import draw
from app.inspection.source import Sight, microscope
from app.store import runs as data

MEASURES = {
    "J": "J, trace objective",
    "random": "random subsets that do better",
    "overlap": "overlap with the recorded picks",
    "balance": "class balance",
    "nearest_pick": "distance to the nearest pick",
    "nearest_memory": "distance to memory",
}
IN_PERCENT = {"random", "overlap", "balance"}


def panel(sight: Sight, history: History) -> None:
    assert sight.run
    run, config = sight.run, sight.run.config
    queries = queries_of(run, history)
    names = [name for name in choices("strategies") if name not in {FULL, sight.strategy}]
    names = [name for name in names if not comparison.is_slow(name, sight.context, config)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        measure = st.selectbox(
            "Measure", list(MEASURES), key="every-query-measure", width=260, format_func=MEASURES.__getitem__,
            help=" ".join(words.HELP[name] for name in ("J", "overlap", "balance", "redundancy")),
        )  # fmt: skip
        asked = st.multiselect(
            "Beside the recorded picks", names, key="every-query-strategies", width=420,
            format_func=lambda name: words.plain(words.strategy(name)), placeholder="what others would have picked",
            help="Asked about the same pools.\n" + words.described("strategies", names),
        )  # fmt: skip
    bar, rows = st.progress(0.0), []
    for done, query in enumerate(queries, start=1):
        bar.progress(done / len(queries), f"Query {done} of {len(queries)}")
        path = run.snapshot(query.task, query.round)
        settings = settings_at(config, history, query)
        for names_ in ((), *((name,) for name in asked)):
            mark = str(path), path.stat().st_mtime_ns
            found = judged(*mark, settings.to_json(), names_, sight.hidden, _at=(sight, query))
            rows += found[1:] if names_ else found
    bar.empty()
    frame = table(rows)
    draw(figure(rows, measure), "every-query", alt=_said(rows, measure))
    shown = frame.drop(columns=[] if len(asked) else ["overlap"])
    high = min(38 + 35 * len(shown), 420)
    written_ = written.table(shown, dict.fromkeys(IN_PERCENT, written.whole_percent))
    st.dataframe(written_, hide_index=True, column_config=columns(), height=high, placeholder="–")


@st.cache_data(max_entries=2000, show_spinner=False)
def judged(
    path: str, changed_ns: int, config_json: str, names: tuple[str, ...], hidden: bool, _at: tuple[Sight, Scored]
) -> list[Row]:
    sight, query = _at
    assert sight.run
    run = sight.run
    context, config = microscope(path, changed_ns).context, RunConfig.from_json(config_json)
    return rows_of(query, context, config, names, lambda ids: None if hidden else data.true_labels(run, list(ids)))


def figure(rows: Sequence[Row], measure: str) -> go.Figure:
    """A line for each strategy over the queries, the run's own picks in front."""
    lines: dict[str, list[tuple[str, float | None]]] = {}
    for row in rows:
        name = f"{words.strategy(row.strategy)}, recorded" if row.recorded else words.strategy(row.strategy)
        value = getattr(row, measure)
        scaled = value if value is None or measure not in IN_PERCENT else 100 * value
        lines.setdefault(name, []).append((f"{row.task}.{row.round}", scaled))
    own = next(words.strategy(row.strategy) for row in rows if row.recorded)
    colours = {words.strategy(row.strategy): row.strategy for row in rows}
    log = measure == "J" and all(value is None or value > 0 for line in lines.values() for _, value in line)
    return figures.over_queries(lines, colours, f"{own}, recorded", MEASURES[measure], measure in IN_PERCENT, log)


def _said(rows: Sequence[Row], measure: str) -> str:
    found = [(row, getattr(row, measure)) for row in rows if row.recorded]
    values = [value for _, value in found if value is not None]
    if not values:
        return f"{MEASURES[measure]}: not known for any query."
    by = 100 if measure in IN_PERCENT else 1
    return (
        f"{MEASURES[measure]} of the recorded picks over {len(found)} queries: from {by * min(values):.4g} to "
        f"{by * max(values):.4g}, mean {by * float(np.mean(values)):.4g}."
    )


def table(rows: Sequence[Row]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "query": [f"{row.task}.{row.round}" for row in rows],
            "strategy": [words.strategy(row.strategy) + (", recorded" if row.recorded else "") for row in rows],
            "λ": [row.lambda_ for row in rows],
            "J": [row.J for row in rows],
            "random": [None if row.random is None else 100 * row.random for row in rows],
            "overlap": [None if row.overlap is None else 100 * row.overlap for row in rows],
            "balance": [None if row.balance is None else 100 * row.balance for row in rows],
            "nearest_pick": [row.nearest_pick for row in rows],
            "nearest_memory": [row.nearest_memory for row in rows],
            "why": [row.why for row in rows],
        }
    ).pipe(lambda frame: frame if frame["why"].any() else frame.drop(columns="why"))


def columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "query": st.column_config.TextColumn("Query", help="task.round"),
        "strategy": "Strategy",
        "λ": number("λ", format="%.2f", help=words.HELP["λ"]),
        "J": number("J ↓ better", format="%.0f", help=words.HELP["J"]),
        "random": number("random subsets that do better"),
        "overlap": number("overlap with the recorded picks", help=words.HELP["overlap"]),
        "balance": number("class balance", help=words.HELP["balance"]),
        "nearest_pick": number("distance to the nearest pick", format="%.3g", help=words.HELP["redundancy"]),
        "nearest_memory": number("distance to memory", format="%.3g", help=words.HELP["nearest_memory"]),
        "why": "Why not",
    }
