"""What the newest query changed: each task's test figures before its labels were learned, and after."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from acl.events import History
from acl.results.changes import Change, changes
from app.charts.written import signed

ROWS = {"likelihood": "likelihood", "accuracy": "accuracy"}
HELP = (
    "In every round the network starts from the beginning of the task and learns all labels bought so far. What "
    "differs after it is due to its labels, and to the order they were learned in. Likelihood: mean probability of the "
    "true class. What other labels would have done: Inspect, “What did it do?”."
)


def newest(history: History) -> None:
    """Nothing before the first query is tested."""
    found = changes(history)
    if not found:
        return
    change = found[-1]
    st.markdown(
        f"**What these labels changed** · task {change.task}, round {change.round}: {sentence(change)}", help=HELP
    )
    st.dataframe(table(change), hide_index=True, width="content", placeholder="–", key="changes")


def sentence(change: Change) -> str:
    """By likelihood, in points."""
    after, before = change.after.likelihood, change.before.likelihood
    moved = [100 * (a - b) for a, b in zip(after, before, strict=True)]
    new = f"the new task {signed(moved[-1])} points"
    if len(moved) == 1:
        return f"{new} of likelihood"
    old = sum(moved[:-1]) / len(moved[:-1])
    return f"{new} of likelihood, the old {'one' if len(moved) == 2 else 'ones on average'} {signed(old)}"


def table(change: Change) -> pd.DataFrame:
    """The new task first, then the old ones, the newest of them first: a column each."""
    rows = []
    for measure, name in ROWS.items():
        after, before = getattr(change.after, measure), getattr(change.before, measure)
        row = {"%": name}
        for j in range(change.task, 0, -1):
            title = f"Task {j}, new" if j == change.task else f"Task {j}"
            a, b = 100 * after[j - 1], 100 * before[j - 1]
            row[title] = f"{b:.1f} → {a:.1f} ({signed(a - b)})"
        rows.append(row)
    return pd.DataFrame(rows)
