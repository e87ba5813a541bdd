"""Chapter 1: fine-tuning through five tasks, and the same twenty test digits through time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from acl.events import Evaluated, History
from acl.network.predictions import Predictions
from acl.presets import preset_config
from acl.runs.folder import Run
from acl.stream.types import TaskStream
from app import words
from app.charts import run as charts
from app.charts.written import whole_percent
from app.lesson import playing
from app.lesson.changes import changes
from app.lesson.digits import Digit, digits_html
from app.lesson.measured import accuracy
from app.lesson.picture import figure
from app.store import runs as data
from app.store.session import RECORDED
from app.widgets import projector

QUESTION = "A network forgets, or does it?"
RECORDING = Run(RECORDED / "recorded-finetune-uniform-digits-s0")
EACH = 2
"""Test digits of each class that are watched."""
ASKED = {"any": "Which of all digits is it?", "own": "Is it 0 or 1? 2 or 3? … (guessing: 50 %)"}
HEIGHT = 250
COIN, MOSTLY, BELOW = 50.0, 75.0, 40.0
"""Percent that who knows nothing gets right of two classes, halfway from there to knowing all, and clearly less."""


def draw(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    with controls:
        st.markdown(
            "Five tasks, one after another: 0 and 1, then 2 and 3, … A network learns each from 40 labels, and never "
            "sees the old digits again."
        )
        asked = st.radio(
            "The network is asked", list(ASKED), key="asked", bind="query-params", format_func=ASKED.__getitem__,
            help=words.HELP["own"],
        )  # fmt: skip
    own = asked == "own"
    found = playing.shown(__name__, RECORDING)
    with controls:
        playing.controls(__name__, found, preset_config("digits-demo", learner="finetune", strategy="uniform"))
        said = changes(found.history, own)
        # Before a room there is place for one: the rise, if there is any, is what one wonders about.
        st.caption("\n\n".join(said[-1:] if projector.on() else said))
    with picture:
        _accuracies(found.history, own)
        _digits(found.run, found.history, own)
    return takeaway(found.history)


def rhythm() -> float | None:
    """As what it plays."""
    return playing.rhythm(__name__)


def reset() -> None:
    """The recording again."""
    playing.forget(__name__)


def _accuracies(history: History, own: bool) -> None:
    n_tasks = data.n_tasks(history)
    st.markdown("**Accuracy on each task, on test digits the network has never seen**", help=words.HELP["R"])
    config = preset_config("digits-demo")
    table = data.accuracy_table(history, data.rounds_of_tasks(history, config), own)
    figure(charts.accuracy_chart(table, max(n_tasks, 1)), "lesson-accuracy", HEIGHT, "Accuracy on each task")


def _digits(run: Run, history: History, own: bool) -> None:
    last = next(reversed(history.of(Evaluated)), None)
    moment = "before the first labels" if last is None else f"task {last.task}, round {last.round}"
    st.markdown(f"**Twenty of them, and what the network calls them now** · {moment}")
    stream = data.stream_of(run.config.to_json())
    ids = watched(stream)
    said = Predictions.load(run.predictions(last.task, last.round)) if last else None
    called = said.of(ids, own) if said else [None] * len(ids)
    seen = [
        Digit(image, stream.class_names[label], None if name is None else stream.class_names[name])
        for image, label, name in zip(stream.images[ids], stream.labels[ids].tolist(), called, strict=True)
    ]
    st.html(digits_html(seen, columns=len(ids) // EACH))


def watched(stream: TaskStream) -> list[int]:
    """The first test samples of each class, class by class in the order in which they come; a row for each."""
    classes = [(task, c) for task in stream.tasks for c in task.classes]
    first = [task.test_ids[stream.labels[task.test_ids] == c][:EACH] for task, c in classes]
    return [int(i) for i in np.stack(first, axis=1).ravel()]


def _before(after: int) -> str:
    """The same two figures of the runs measured before."""
    any_, own = (accuracy(1, after, own=own, memory=0) for own in (False, True))
    return f"{len(any_)} runs before: {_range(any_)} and {_range(own)}"


def _range(values: pd.Series) -> str:
    low, high = f"{values.min():.0f}", f"{values.max():.0f}"
    return f"{low} %" if low == high else f"{low}–{high} %"


def takeaway(history: History) -> str:
    """What the run has shown of its first task, as soon as it has learned the second."""
    finals = history.finals()
    if len(finals) < 2:
        return ""
    learned, after, now = finals[0], finals[1], finals[-1]
    any_, own = 100 * after.accuracy[0], 100 * after.accuracy_aware[0]
    text = (
        f"Right after its own task the network called {whole_percent(100 * learned.accuracy[0])} of the zeros and ones "
        f"by their name; after task 2 it is {whole_percent(any_)}. Asked only “0 or 1?”, it still gets "
        f"{whole_percent(own)} right"
    )
    if any_ < COIN and own >= MOSTLY:
        text += ": it stopped *saying* the old names; what it knew is mostly still there"
    text += f" (in {_before(2)})"
    if len(finals) > 2:
        any_now, own_now = 100 * now.accuracy[0], 100 * now.accuracy_aware[0]
        text += f". After task {now.task}: {whole_percent(any_now)} and {whole_percent(own_now)}"
        if own_now < BELOW:
            text += f": by now it takes the one for the other, {COIN:.0f} is what guessing gets"
        elif own_now < own - 1:
            text += f": what it knew fades later, and {COIN:.0f} is what guessing gets"
    return f"{text}."
