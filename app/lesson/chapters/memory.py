"""Chapter 2: a few remembered digits, and how much of the past they keep."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from acl.config import RunConfig
from acl.events import Bought, History, Remembered
from acl.metrics import Matrix, average_accuracy
from acl.presets import preset_config
from acl.runs.folder import Run
from app import words
from app.charts import lesson as charts
from app.charts.palette import OTHER, task_colours
from app.charts.written import whole_percent
from app.lesson import measured, playing
from app.lesson.digits import Remembrance, memory_html
from app.lesson.picture import figure
from app.store import runs as data
from app.store.session import RECORDED, ROOT

ONLY_HERE = ROOT / "assets" / "lesson" / "runs"
"""Recordings that no other page lists."""
QUESTION = "A small memory helps. How small?"
SIZES = (0, 10, 20, 50)
TEN = 10
RECORDINGS = {
    0: Run(RECORDED / "recorded-finetune-uniform-digits-s0"),
    TEN: Run(RECORDED / "recorded-er-uniform-digits-s0"),
    20: Run(ONLY_HERE / "recorded-memory-20-digits-s0"),
    50: Run(ONLY_HERE / "recorded-memory-50-digits-s0"),
}
HEIGHT = 260


def draw(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    with controls:
        st.markdown(
            "Earlier data is gone. Only a few of its pictures may be kept, and are learned again with the new: "
            "their names stay in use."
        )
        size = st.segmented_control(
            "Remembered digits", SIZES, default=TEN, required=True, key="remembered", bind="query-params",
            help=words.HELP["memory"], on_change=playing.forget, args=(__name__,),
        )  # fmt: skip
    size = TEN if size is None else size
    found = playing.shown(__name__, RECORDINGS[size])
    with controls:
        playing.controls(__name__, found, config_of(size))
    groups = {each: measured.runs(memory=each) for each in SIZES}
    with picture:
        _memory(found.run, found.history, size)
        _kept(found.history, size, groups)
    return takeaway(found.history, size, groups)


def config_of(size: int) -> RunConfig:
    """Of a live run: as the measured ones that it is drawn beside."""
    return preset_config("digits-demo", learner="er", strategy="uniform", memory=size)


def rhythm() -> float | None:
    """As what it plays."""
    return playing.rhythm(__name__)


def reset() -> None:
    """The recording again."""
    playing.forget(__name__)


def _memory(run: Run, history: History, size: int) -> None:
    """What is remembered now, in the order of its tasks; `size`: what can be."""
    held = next((event.ids for event in reversed(history.of(Remembered))), [])
    task_of = {i: event.task for event in history.of(Bought) for i in event.ids}
    ids = sorted(held, key=lambda i: (task_of.get(i, 0), i))
    st.markdown(
        f"**What is left of the past: {len(ids)} digits**, framed by the task they come from"
        if ids
        else "**Nothing is left of the past**"
    )
    images, colours = data.pictures(run, ids) if ids else None, task_colours(max(data.n_tasks(history), 1))
    tiles = [
        Remembrance(image, colours[task_of[i] - 1] if i in task_of else OTHER, f"from task {task_of.get(i, '?')}")
        for i, image in zip(ids, images if images is not None else (), strict=False)
    ]
    st.html(memory_html(tiles, places=size))


def _kept(history: History, size: int, groups: Mapping[int, Mapping[int, Matrix]]) -> None:
    config = preset_config("digits-demo")
    n_tasks = max(data.n_tasks(history), 1)
    mine = data.balance_table(history, data.rounds_of_tasks(history, config))
    st.markdown("**Kept: mean accuracy on all tasks so far** · dashed: means of ten runs each", help=words.HELP["A"])
    before = {_name(each): kept_of(runs) for each, runs in groups.items()}
    spec = charts.kept_chart(before, mine, _name(size), n_tasks)
    figure(spec, "lesson-memory", HEIGHT, "Accuracy kept after each task")


def _name(size: int) -> str:
    return f"{size} remembered" if size else "none"


def kept_of(runs: Mapping[int, Matrix]) -> pd.DataFrame:
    """A row for each task: task, and kept, the mean A_t of these runs in percent."""
    n_tasks = len(next(iter(runs.values())))
    rows = [(t, 100 * sum(average_accuracy(r, t) for r in runs.values()) / len(runs)) for t in range(1, n_tasks + 1)]
    return pd.DataFrame(rows, columns=["task", "kept"])


def takeaway(history: History, size: int, groups: Mapping[int, Mapping[int, Matrix]]) -> str:
    """Once the run is over: what it kept, and what each further remembered digit brought over all seeds."""
    if history.finished is None and len(history.finals()) < data.n_tasks(history) or not history.finals():
        return ""
    last = history.finals()[-1]
    mine = 100 * sum(last.accuracy) / len(last.accuracy)
    kept = {s: {seed: 100 * average_accuracy(r, len(r)) for seed, r in runs.items()} for s, runs in groups.items()}
    steps = []
    for fewer, more in pairwise(sorted(kept)):
        found = measured.difference(kept[more], kept[fewer])
        mean = measured.written(kept[more], kept[fewer])
        steps.append(f"from {fewer} to {more}: {measured.worded(found, mean)}")
    n = min(map(len, kept.values()))
    return (
        f"With {size or 'no'} remembered digits this run keeps {whole_percent(mine)}. Over {n} seeds, "
        f"{'; '.join(steps)}. {_trend(kept)}"
    )


def _trend(kept: Mapping[int, Mapping[int, float]]) -> str:
    """Whether each further digit brought less than the ones before it."""
    mean = {s: sum(by_seed.values()) / len(by_seed) for s, by_seed in kept.items()}
    each = [(mean[more] - mean[fewer]) / (more - fewer) for fewer, more in pairwise(sorted(mean))]
    if all(a > b > 0 for a, b in pairwise(each)):
        return "The first few pictures do most of it; each further one brings less."
    if all(gain > 0 for gain in each):
        return "More memory keeps more."
    return "More memory does not always keep more here."
