"""Below the curves of a run: the accuracy matrix, the loss, what happened, and the settings."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from acl.config import RunConfig
from acl.events import Bought, Epoch, History, Remembered
from acl.names import printable
from acl.results.frames import as_csv
from acl.runs.folder import Run
from acl.runs.fork import settings_after
from app import words
from app.charts import run as charts
from app.charts import written
from app.charts.palette import OTHER, task_colours
from app.run import verification as checking
from app.store import runs as data
from app.widgets import projector
from app.widgets.browser.download import download
from app.widgets.gallery import Card, cards_html

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

MAX_POINTS = 500
MOST_PICTURES = 300
FIGURES: dict[str, ColumnConfig | str] = {
    "task": "after task",
    "LA": st.column_config.NumberColumn("learned, LA ↑", help=words.HELP["LA"]),
    "A": st.column_config.NumberColumn("kept, A ↑", help=words.HELP["A"]),
    "forgotten": st.column_config.NumberColumn("forgotten, LA − A ↓", help=words.HELP["forgotten"]),
    "F": st.column_config.NumberColumn("F, from the best ↓", help=words.HELP["F"]),
    "F_diag": st.column_config.NumberColumn("F of the authors, −BWT ↓", help=words.HELP["F_diag"]),
}
TABS = ("Matrix R", "Memory", "Loss", "What happened", "Settings")


def tabs(run: Run, config: RunConfig, history: History, n_tasks: int, own: bool) -> None:
    """Only the chosen one is worked out. own: accuracies are those among each task's own classes."""
    # Kept apart from the widget, whose state goes when another page, or half a drawing of this one, comes between.
    kept = st.session_state.get("details-tab", TABS[0])
    tab = st.segmented_control(
        "Details", TABS, default=kept, required=True, key="details", label_visibility="collapsed"
    )
    st.session_state["details-tab"] = tab
    if tab == "Matrix R":
        _matrix(history, n_tasks, own)
    elif tab == "Memory":
        _memory(run, history, n_tasks)
    elif tab == "Loss":
        table, boundaries = loss_table(history)
        projector.chart(charts.loss_chart(table, boundaries), key="loss", height=260, alt="Training loss")
    elif tab == "What happened":
        _story(history)
    else:
        _settings(run, config, history)


def _matrix(history: History, n_tasks: int, own: bool) -> None:
    r = data.matrix(history, own)
    st.caption(words.HELP["R"])
    spec = charts.matrix_chart(r, n_tasks, st.context.theme.type == "dark")
    projector.chart(spec, key="matrix", height=64 + 34 * n_tasks, alt="Accuracy matrix R")
    figures = data.figures_table(history, own)
    shown = written.table(figures, dict.fromkeys(FIGURES, written.percent))
    st.dataframe(shown, key="figures", width=760, column_config=FIGURES, placeholder="–")
    name = "accuracy-matrix-own-classes.csv" if own else "accuracy-matrix.csv"
    download("R as CSV", lambda: matrix_csv(r, n_tasks), name, "text/csv", "matrix-csv")


def _memory(run: Run, history: History, n_tasks: int) -> None:
    """The old samples kept for replay, as pictures, in the colours of the tasks they come from."""
    held = history.of(Remembered)
    if not held or not held[-1].ids:
        st.caption("The memory is empty until the first task has ended (and always with plain fine-tuning).")
        return
    now, task_of = held[-1], {i: event.task for event in history.of(Bought) for i in event.ids}
    colours, names = task_colours(n_tasks), words.class_names(history)
    order = sorted(range(len(now.ids)), key=lambda k: (task_of.get(now.ids[k], 0), now.labels[k]))[:MOST_PICTURES]
    ids = [now.ids[k] for k in order]
    made = [
        Card(names[now.labels[k]], (f"task {task_of.get(now.ids[k], '?')}",),
             colours[task_of[now.ids[k]] - 1] if now.ids[k] in task_of else OTHER, f"sample {now.ids[k]}")
        for k in order
    ]  # fmt: skip
    st.caption(f"{len(now.ids):,} samples after task {now.task}. {words.HELP['memory']}")
    st.html(cards_html(data.pictures(run, ids), made, size=48))
    if len(now.ids) > len(ids):
        st.caption(f"{len(now.ids) - len(ids):,} more are not shown.")


def _story(history: History) -> None:
    lines = words.story(history)[::-1]
    frame = pd.DataFrame(
        {
            "time": [time.strftime("%H:%M:%S", time.localtime(t)) for t, _ in lines],
            "what happened": [sentence for _, sentence in lines],
        }
    )
    st.dataframe(
        frame,
        hide_index=True,
        height=320,
        placeholder="–",
        column_config={"time": st.column_config.Column(width=90), "what happened": st.column_config.Column(width=1100)},
    )


def _settings(run: Run, config: RunConfig, history: History) -> None:
    checking.panel(run)
    config = settings_after(config, history.rows)
    values = {info.title: getattr(config, name) for name, info in RunConfig.model_fields.items()}
    shown = {title: "auto" if value is None else printable(f"{value}") for title, value in values.items()}
    frame = pd.DataFrame({"setting": list(shown), "value": list(shown.values())})
    st.dataframe(frame, hide_index=True, height=320, width=760, placeholder="–")
    if history.started and history.started.machine:
        machine = ", ".join(f"{name} {value}" for name, value in history.started.machine.items())
        st.caption(f"Worked out with {words.plain(machine)}.")


def matrix_csv(r: list[list[float]], n_tasks: int) -> str:
    """R in percent with both axes named; what is not known yet is empty."""
    rows = [f"after task {t}" for t in range(1, len(r) + 1)]
    columns = [f"accuracy on task {j} (%)" for j in range(1, n_tasks + 1)]
    cells = [[100 * value for value in row] + [None] * (n_tasks - len(row)) for row in r]
    return as_csv(pd.DataFrame(cells, index=rows, columns=columns), index=True, digits=4)


def loss_table(history: History) -> tuple[pd.DataFrame, list[float]]:
    """Loss of every epoch, thinned to about MAX_POINTS, and where a new task begins."""
    epochs = history.of(Epoch)
    boundaries = [float(i) for i, e in enumerate(epochs) if i and e.task != epochs[i - 1].task]
    stride = max(1, len(epochs) // MAX_POINTS)
    rows = [
        {"epoch": i, "loss": e.loss, "when": f"task {e.task}, round {e.round}, epoch {e.epoch}"}
        for i, e in enumerate(epochs)
        if i % stride == 0 or i == len(epochs) - 1
    ]
    return pd.DataFrame(rows, columns=["epoch", "loss", "when"]), boundaries
