"""Curves over the tasks: what each cohort learned, forgot and kept, with its spread over seeds."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from acl.results.frames import among_own
from acl.results.spread import over_seeds
from app import words
from app.charts import comparison as arena_charts
from app.compare import details as arena_details
from app.compare.cohorts import Chosen
from app.compare.legend import choose_baseline, legend
from app.widgets import projector
from app.widgets.own_classes import own_classes
from app.widgets.scrubber import scrubber
from app.widgets.url import select

SPREADS = {"half": "95 % interval", "std": "standard deviation", "": "no band"}
PLAY_S = 1.0
MOST_NAMED = 3
WIDTH, HEIGHT = 440, 235
TITLES = {
    "A": ("Kept", "↑ accuracy on all tasks so far"),
    "LA": ("Learned", "↑ accuracy right after learning"),
    "F": ("Forgetting", "↓ from the best each task had"),
}


def view(found: Chosen) -> None:
    until, spread, baseline, own = _controls(found)
    legend(found)
    tasks = among_own(found.rows("tasks")) if own else found.rows("tasks")
    figures = {TITLES[metric][0]: partial(_curve, found, tasks, metric, until, spread) for metric in TITLES}
    figures |= {"Learned against forgotten": partial(_plane, found, tasks, until, spread)}
    if not projector.one_of("curves", figures):
        grid = st.grid(2, min_column_width=WIDTH, gap=("xsmall", "medium"))
        for draw in figures.values():
            with grid.cell():
                draw()
    arena_details.tabs(arena_details.Seen(found, baseline, until, spread, own))


def _curve(found: Chosen, tasks: pd.DataFrame, metric: str, until: int, spread: str) -> None:
    title, more = TITLES[metric]
    st.markdown(f"**{title}** {more}", help=words.HELP[metric])
    table = arena_charts.wide(over_seeds(tasks, ["cohort", "task"], metric), found.looks, "task", spread)
    spec = arena_charts.curves(table, found.looks, found.n_tasks, until)
    projector.chart(spec, key=f"compare-{metric}", height=HEIGHT, alt=f"{title} after each task")


def _plane(found: Chosen, tasks: pd.DataFrame, until: int, spread: str) -> None:
    st.markdown(f"**Learned against forgotten** after task {until}", help=words.HELP["plane"])
    window = plane_points(tasks)
    spec = arena_charts.plane(window[window["task"] == until], found.looks, until, window, spread)
    projector.chart(spec, key="compare-plane", height=HEIGHT, alt="Learning accuracy against forgetting")
    ended = [look.name for look in found.looks if look.name not in set(window[window["task"] == until]["cohort"])]
    if ended:
        who = words.plain("; ".join(ended)) if len(ended) <= MOST_NAMED else f"{len(ended)} of {len(found.looks)}"
        st.caption(f"Without those that have fewer than {until} tasks: {who}.")


def plane_points(tasks: pd.DataFrame) -> pd.DataFrame:
    """cohort, task, A, and of LA and F_diag the mean, std and half."""
    points = over_seeds(tasks, ["cohort", "task"], "A")[["cohort", "task", "mean"]].rename(columns={"mean": "A"})
    for name in ("LA", "F_diag"):
        one = over_seeds(tasks, ["cohort", "task"], name).drop(columns="n")
        names = {"mean": name, "std": f"{name}_std", "half": f"{name}_half"}
        points = points.merge(one.rename(columns=names), on=["cohort", "task"])
    return points


def _controls(found: Chosen) -> tuple[int, str, str, bool]:
    """The task everything is shown up to, what the bands mean, the baseline, and whether only a task's own classes
    can be answered."""
    with st.container(horizontal=True, vertical_alignment="center", key="compare-scrub"):
        tasks = [str(t) for t in range(1, found.n_tasks + 1)]
        until = int(scrubber("task", tasks, lambda t: f"after task {t} of {len(tasks)}", PLAY_S, "stretch"))
        own = own_classes()
        baseline = choose_baseline(found)
        spread = select(
            "Bands over seeds", "band", list(SPREADS), "half", lambda name: f"Bands: {SPREADS[name]}", "half",
            label_visibility="collapsed", width=210,
        )  # fmt: skip
    return until, spread, baseline, own
