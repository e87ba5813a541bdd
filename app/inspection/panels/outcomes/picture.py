"""The plane of outcomes and the samples of one of its dots, beside the table of sets."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from app import words
from app.charts import outcomes_plane as charts
from app.charts import palette, written
from app.charts.written import signed, whole_percent
from app.inspection.panels.outcomes import dots
from app.inspection.panels.outcomes.asked import Shown
from app.inspection.panels.outcomes.known import WHAT, class_counts
from app.widgets import projector
from app.widgets.gallery import Card, cards_html

NET = "new · 1/t + past · (t − 1)/t: the mean over all tasks seen."
MOST_CARDS = 20


def picture(here: Shown, rows: pd.DataFrame) -> None:
    drawn = dots.picture(rows, here.about.task, here.about.n, here.measure, here.absolute, here.by)
    grid = st.grid(2, min_column_width=charts.WIDTH, gap=("xsmall", "medium"))
    with grid.cell():
        _plane(here, drawn)
        _samples(here)
    with grid.cell():
        if len(rows):
            table = dots.table(rows, here.measure, here.by)
            st.dataframe(
                written.table(table, WRITTEN),
                hide_index=True,
                column_config=columns(here.about.task),
                placeholder="–",
                key="outcome-table",
            )
            st.caption(
                f"{WHAT} Bars are one standard error; the ring is what was bought. Click a dot to see its samples."
            )
        if counts := class_counts(here):
            st.caption(words.plain(counts))


def _plane(here: Shown, drawn: charts.Picture) -> None:
    spec, height = charts.line(drawn) if here.about.task == 1 else charts.plane(drawn)
    key = f"outcome-plane-{here.sight.name}"

    def picked() -> None:
        chosen = st.session_state.get(key)
        found = ids_of(chosen, charts.selectable(drawn))
        st.session_state[f"outcome-dot-{here.sight.name}"] = found
        st.session_state[f"lasso-{here.sight.name}"] = list(found)
        st.session_state["outcome-picked"] = True

    alt = "What sets of labels did: the new task learned against the old tasks kept"
    projector.scaled_chart(spec, key, charts.WIDTH, height, alt, picked)


def ids_of(state: Any, series: dict[str, list[tuple[int, ...]]]) -> tuple[int, ...]:
    """The samples of the dot that the browser says is chosen; none for anything else."""
    for group in (state or {}).get("selection", {}).get("selected", []):
        sets = series.get(group.get("series_id") or "", [])
        places = [i for i in group.get("data_indices", []) if isinstance(i, int) and 0 <= i < len(sets)]
        if places:
            return sets[places[0]]
    return ()


def _samples(here: Shown) -> None:
    """The pictures of the dot that was clicked, as long as its samples are those marked above."""
    ids = st.session_state.get(f"outcome-dot-{here.sight.name}", ())
    if not ids or set(ids) != set(st.session_state.get(f"lasso-{here.sight.name}", [])):
        return
    some = list(ids[:MOST_CARDS])
    truth = here.sight.truth(some)
    labels = truth.tolist() if truth is not None else [here.sight.labels.get(i, -1) for i in some]
    colours = palette.class_colours(here.sight.tasks)
    made = [
        Card("", (), colours.get(label, palette.OTHER), f"sample {i}: {here.sight.class_name(label)}")
        for i, label in zip(some, labels, strict=True)
    ]
    more = f", the first {len(some)} here" if len(ids) > len(some) else ""
    st.caption(f"The {len(ids)} samples of this dot{more}; they are marked in both pictures above.")
    st.html(cards_html(here.sight.pictures(some), made, size=34))


WRITTEN = {"new": signed, "past": signed, "net": signed, "beats": whole_percent}


def columns(task: int) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    than = "Points from the mean of random sets of as many labels. ↑ better"
    return {
        "set": "Labels",
        "n": number("n", help="How many."),
        "new": number("new", help=f"The new task. {than}"),
        "past": number("past", help=f"Mean over the old tasks. {than}") if task > 1 else None,
        "net": number("net", help=f"{NET} {than}"),
        "beats": number("beats", help="Of the random sets, the share whose net is lower."),
        "fewer": number(
            "like", format="%d random", help="So many random labels do about the same; – where no number of them does."
        ),
    }
