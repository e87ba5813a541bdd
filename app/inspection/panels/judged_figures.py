"""What the judged picks of every strategy look like: three figures and a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from acl.analysis import comparison
from acl.analysis.what_if import Settings
from app import words
from app.charts import palette
from app.charts.inspection import strategies as figures
from app.inspection.panels.judging import classes, fine, judged_by, names_here
from app.inspection.source import Sight


def by_name(sight: Sight, settings: Settings) -> dict[str, Callable[[], go.Figure]]:
    """The figures by name, worked out when they are called for."""

    # They may be called for where there is no session.
    names = names_here(sight)

    def here() -> dict[str, comparison.Judged]:
        return fine(judged_by(sight, settings, names)[0])

    return {
        "Trace objective": lambda: objective(here(), *judged_by(sight, settings, names)[1:]),
        "Picks in common": lambda: overlap(here()),
        "Classes of the picks": lambda: balance(sight, here())[0],
    }


def objective(found: dict[str, comparison.Judged], band: np.ndarray, greedy: float) -> go.Figure:
    rows = [(n, words.strategy(n), j.objective.past, j.objective.new) for n, j in found.items()]
    return figures.objective_bars(pd.DataFrame(rows, columns=["name", "label", "past", "new"]), band, greedy)


def overlap(found: dict[str, comparison.Judged]) -> go.Figure:
    matrix = np.array([[comparison.jaccard(a.picks, b.picks) for b in found.values()] for a in found.values()])
    return figures.overlap([words.strategy(name) for name in found], matrix)


def balance(sight: Sight, found: dict[str, comparison.Judged]) -> tuple[go.Figure, bool]:
    """Counts of the picks' classes for each strategy, and whether these are the true classes."""
    labels, known = classes(sight)
    rows = [
        {"label": words.strategy(name), "class": label, "count": int((labels[j.picks.numpy()] == label).sum())}
        for name, j in found.items()
        for label in sorted(set(labels.tolist()))
    ]
    colours = palette.class_colours(sight.tasks)
    names = {label: sight.class_name(label) for label in set(labels.tolist())}
    return figures.class_balance(pd.DataFrame(rows), names, colours), known


def table(found: dict[str, comparison.Judged], band: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "strategy": [words.strategy(name) for name in found],
            "J": [j.objective.total for j in found.values()],
            "past": [j.objective.past for j in found.values()],
            "new": [j.objective.new for j in found.values()],
            "random": [int((band < j.objective.total).sum()) for j in found.values()],
            "redundancy": [j.nearest_pick for j in found.values()],
            "memory": [j.nearest_memory for j in found.values()],
        }
    )


def columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "strategy": "Strategy",
        "J": number("J ↓ better", format="%.0f", help=words.HELP["J"]),
        "past": number("past term", format="%.0f", help="The part of J that the memory asks for (λ)."),
        "new": number("new term", format="%.0f", help="The part of J that the pool asks for (1 − λ)."),
        "random": number("random subsets that do better, of 200", format="%d"),
        "redundancy": number("distance to the nearest pick", format="%.3g", help=words.HELP["redundancy"]),
        "memory": number("distance to memory", format="%.3g", help=words.HELP["nearest_memory"]),
    }
