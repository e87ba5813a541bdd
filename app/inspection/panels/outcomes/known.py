"""What the record says of a query: its rows, and the sentences on top."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from acl.analysis.class_counts import DRAWS, p_of_counts
from acl.analysis.outcomes import record
from acl.analysis.outcomes.asked import About
from acl.analysis.outcomes.summary import apart_from_the_run
from acl.analysis.outcomes.summary import table as tidy
from acl.runs.folder import Run
from acl.runs.fork import Place
from app import words
from app.charts.written import whole_percent
from app.inspection.panels.outcomes.asked import Shown
from app.inspection.panels.outcomes.phrases import measured, sentence
from app.store.session import RUNS

WHAT = (
    "Each dot is a set of labels, bought in this query instead of what was bought, and the network trained on with "
    "it. Grey: as many labels bought blindly. Joined: fewer of them."
)


def rows_of(here: Shown) -> pd.DataFrame:
    """What the record says of the query at this horizon, as a tidy table."""
    state = record.state(here.run, here.at, RUNS)
    rows = _rows(str(here.run.path), here.at, str(RUNS), state, here.about)
    return rows[rows["horizon"] == here.horizon]


@st.cache_data(max_entries=8, show_spinner=False)
def _rows(path: str, at: Place, runs: str, state: tuple[Any, ...], _about: About) -> pd.DataFrame:
    return tidy(_about, record.load(Run(Path(path)), at, Path(runs)))


def sentences(here: Shown, rows: pd.DataFrame, active: bool) -> list[str]:
    """On top: what the recorded picks did, and one's own newest set. active: something is being measured."""
    about = here.about
    if about.picks is None:
        return ["Nothing was bought in this query yet: its strategies and random sets can be measured all the same."]
    if not about.n:
        return ["No label was bought in this query: there is nothing to measure."]
    if rows.empty:
        state = "is being measured" if active else "is not measured yet: press Measure"
        return [f"What these {about.n} labels changed {state}. {WHAT}"]
    said = []
    picks = rows[rows["kind"] == "recorded"]
    if len(picks):
        found = measured(rows, picks, about.task, about.n, here.measure)
        count = str(found.n) if found.n > 1 else "sample"
        whose = f"The {count} chosen by hand" if here.by == "human" else f"{words.strategy(here.by)}'s {count}"
        said.append(sentence(whose, found))
    own = rows[rows["kind"] == "own"]
    if len(own):
        newest = own[own["name"] == own["name"].iloc[-1]]
        found = measured(rows, newest, about.task, about.n, here.measure)
        said.append(sentence(f"Your {found.n}" if found.n > 1 else "Your sample", found))
    if apart := apart_from_the_run(about, rows):
        said.append(apart)
    if about.task == 1:
        said.append("There is no past in the first task: only what is learned can differ.")
    return said


def class_counts(here: Shown) -> str:
    """The classes of the picks against those of the pool; empty where nobody here knows them."""
    pool = here.sight.context.pool.ids.tolist()
    truth = here.sight.truth(pool)
    if truth is None or not here.about.picks:
        return ""
    label_of = dict(zip(pool, truth.tolist(), strict=True))
    labels = [label_of[i] for i in here.about.picks if i in label_of]
    classes = sorted(set(truth.tolist()))
    picked, there = ([values.count(c) for c in classes] for values in (labels, truth.tolist()))
    p, exact = p_of_counts(picked, there)
    counts = ", ".join(
        f"{a} of {here.sight.class_name(c)} ({whole_percent(100 * b / len(pool))} of the pool)"
        for c, a, b in zip(classes, picked, there, strict=True) if a
    )  # fmt: skip
    how = "Fisher's exact test" if exact else f"Fisher's exact test by {DRAWS:,} random draws"
    lean = "such counts are usual in blind draws" if p >= 0.05 else "blind draws seldom have such counts"
    return f"Classes of the picks: {counts}: {lean} (p = {p:.2g}, {how})."
