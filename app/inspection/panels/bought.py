"""Everything the run has bought so far."""

from __future__ import annotations

import streamlit as st

from acl.events import Bought, History
from app import words
from app.charts import palette
from app.inspection.source import Sight
from app.store import runs as data
from app.widgets.gallery import Card, cards_html

MOST_CARDS = 24


def panel(sight: Sight, history: History) -> None:
    """A row for each task, a cell for each round."""
    st.caption("Everything the run has bought so far: a row for each task, a column for each round.")
    colours = palette.class_colours(sight.tasks)
    events = history.of(Bought)
    for task in sorted({event.task for event in events}):
        rounds = [event for event in events if event.task == task]
        st.markdown(f"**Task {task}**")
        grid = st.grid(len(rounds), min_column_width=230, gap="xsmall")
        for event in rounds:
            with grid.cell():
                _bought(sight, event, colours)


def _bought(sight: Sight, event: Bought, colours: dict[int, str]) -> None:
    by = "at random" if event.by == "start" else words.strategy(event.by)
    st.caption(f"{f'round {event.round}' if event.round else 'first labels'} · {len(event.ids):,} {by}")
    ids = event.ids[:MOST_CARDS]
    made = [
        Card("", (), colours.get(label, palette.OTHER), f"sample {i}: {sight.class_name(label)}")
        for i, label in zip(ids, event.labels, strict=False)
    ]
    assert sight.run
    st.html(cards_html(data.pictures(sight.run, ids), made, size=30))
    if len(event.ids) > len(ids):
        st.caption(f"and {len(event.ids) - len(ids):,} more")
