"""Below the curves of a run: the accuracy matrix, the loss, what happened, and the settings."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from acl.config import RunConfig
from acl.events import Epoch, History
from app import charts, data, words

MAX_POINTS = 500
TABS = ("Matrix R", "Loss", "What happened", "Settings")


def tabs(config: RunConfig, history: History, n_tasks: int) -> None:
    """Only the chosen one is worked out."""
    tab = st.segmented_control(
        "Details", TABS, default=TABS[0], required=True, key="details", label_visibility="collapsed"
    )
    if tab == "Matrix R":
        st.caption(words.HELP["R"])
        spec = charts.matrix_chart(data.matrix(history), n_tasks)
        st.echarts_chart(spec, key="matrix", width=760, height=64 + 34 * n_tasks, alt="Accuracy matrix R")
        table = matrix_csv(data.matrix(history), n_tasks)
        st.download_button("R as CSV", table, "accuracy-matrix.csv", "text/csv", icon=":material/download:")
    elif tab == "Loss":
        table, boundaries = loss_table(history)
        st.echarts_chart(charts.loss_chart(table, boundaries), key="loss", height=260, alt="Training loss")
    elif tab == "What happened":
        _story(history)
    else:
        _settings(config)


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
        column_config={"time": st.column_config.Column(width=90), "what happened": st.column_config.Column(width=1100)},
    )


def _settings(config: RunConfig) -> None:
    values = {info.title: getattr(config, name) for name, info in RunConfig.model_fields.items()}
    shown = {title: "auto" if value is None else f"{value}" for title, value in values.items()}
    frame = pd.DataFrame({"setting": list(shown), "value": list(shown.values())})
    st.dataframe(frame, hide_index=True, height=320, width=760)


def matrix_csv(r: list[list[float]], n_tasks: int) -> str:
    """R in percent with both axes named; what is not known yet is empty."""
    rows = [f"after task {t}" for t in range(1, len(r) + 1)]
    columns = [f"accuracy on task {j} (%)" for j in range(1, n_tasks + 1)]
    cells = [[100 * value for value in row] + [None] * (n_tasks - len(row)) for row in r]
    return str(pd.DataFrame(cells, index=rows, columns=columns).to_csv(float_format="%.4f"))


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
