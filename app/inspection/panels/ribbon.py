"""The λ ribbon: who AccuACL picks at each weight of the past, and at which weights it picks one sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from acl.analysis.what_if import Ranges, Settings, ranges
from app import words
from app.charts.inspection import lambda_ribbon as figures
from app.inspection.panels.draw import draw
from app.inspection.source import Sight, microscope
from app.widgets.gallery import picture_url

STEPS = 101
STEPS_LARGE = 21
LARGE_ENTRIES = 1_000_000


def panel(sight: Sight, settings: Settings) -> None:
    if not len(sight.context.memory):
        st.caption("The memory is empty in the first task: λ counts as 0 and changes nothing. See a later task.")
        return
    st.caption(f"Who AccuACL picks for each λ, tried at {steps(sight, settings)} values from 0 to 1. {words.HELP['λ']}")
    draw(figure(sight, settings), "ribbon", alt=_said(sight, settings))


def _said(sight: Sight, settings: Settings) -> str:
    _, picked = tried_here(sight, settings)
    return f"{int(picked.any(0).sum())} samples are picked at some λ, {int(picked.all(0).sum())} of them at every λ."


def steps(sight: Sight, settings: Settings) -> int:
    """Values of λ the ribbon tries: fewer where each takes long."""
    entries = len(sight.context.pool) * settings.dims_per_class * sight.context.n_classes
    return STEPS if entries <= LARGE_ENTRIES else STEPS_LARGE


@st.cache_data(max_entries=8, show_spinner="Asking AccuACL at every λ…")
def tried(path: str, changed_ns: int, settings: Settings, count: int) -> tuple[list[float], np.ndarray]:
    """λ from 0 to 1 in equal steps, and who is picked at each: bool [λ, pool]."""
    lambdas = [step / (count - 1) for step in range(count)]
    return lambdas, microscope(path, changed_ns).ribbon(settings, lambdas).numpy()


def tried_here(sight: Sight, settings: Settings) -> tuple[list[float], np.ndarray]:
    return tried(*sight.mark, _any_lambda(settings), steps(sight, settings))


def _any_lambda(settings: Settings) -> Settings:
    """For answers about every λ: they are kept whichever is shown."""
    return replace(settings, lambda_=0.0)


@st.cache_data(max_entries=64, show_spinner=False)
def picked_between(path: str, changed_ns: int, position: int, settings: Settings, count: int) -> Ranges:
    """The λ between which AccuACL picks the sample at this position of the pool."""
    scope = microscope(path, changed_ns)
    lambdas, picked = tried(path, changed_ns, settings, count)
    return ranges(
        picked[:, position].tolist(), lambdas,
        lambda value: position in scope.rank(replace(settings, lambda_=value)).picked,
    )  # fmt: skip


def picked_between_here(sight: Sight, settings: Settings, position: int) -> Ranges:
    if not len(sight.context.memory):
        return ()
    return picked_between(*sight.mark, position, _any_lambda(settings), steps(sight, settings))


def figure(sight: Sight, settings: Settings) -> go.Figure:
    lambdas, picked = tried_here(sight, settings)
    names = [f"sample {i}" for i in sight.context.pool.ids.tolist()]

    def pictures(places: list[int]) -> list[str]:
        images = sight.pictures([int(sight.context.pool.ids[place]) for place in places])
        return [] if images is None else [picture_url(image) for image in images]

    return figures.ribbon(np.array(lambdas), picked, names, sight.recorded.lambda_, settings.lambda_, pictures)
