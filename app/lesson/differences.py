"""Paired differences as a figure of the lesson: a row for each."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.charts.trade import Row, differences_chart
from app.charts.written import signed
from app.lesson.measured import Difference
from app.lesson.picture import figure

LEGEND = (
    "Faint dots: pairs of runs that begin alike (the same seed). Bold: their mean ± standard error. Bar: its 95 % "
    "interval; where it holds 0, the difference may be chance."
)


def row(name: str, found: Difference, by_seed: pd.Series, colour: str) -> Row:
    said = f"{signed(found.mean)} ± {found.error:.1f}"
    return Row(name, found.mean, found.low, found.high, by_seed.dropna().tolist(), said, colour)


def show(rows: Sequence[Row], axis: str, key: str, height: int, alt: str, legend: bool = True) -> None:
    figure(differences_chart(rows, axis), key, height, alt)
    if legend:
        st.caption(LEGEND)
