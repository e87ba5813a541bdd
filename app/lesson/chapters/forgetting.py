"""Chapter 1: fine-tuning through five tasks, and the same twenty test pictures through time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from acl.config import UserError
from acl.events import Evaluated, History, Started
from acl.network.predictions import Predictions
from acl.stream.types import TaskStream
from app import errors, words
from app.charts import run as charts
from app.charts.written import whole_percent
from app.lesson import playing
from app.lesson.changes import changes
from app.lesson.digits import Digit, digits_html
from app.lesson.material import DIGITS, Material, here
from app.lesson.measured import accuracy
from app.lesson.picture import figure
from app.lesson.playing import Shown
from app.store import runs as data
from app.widgets import projector

QUESTION = "A network forgets, or does it?"
EACH = 2
"""Test pictures of each class that are watched."""
HEIGHT = 250
COIN, MOSTLY, BELOW = 50.0, 75.0, 40.0
"""Percent that who knows nothing gets right of two classes, halfway from there to knowing all, and clearly less."""
RENAMED = ": it stopped *saying* the old names; what it knew is mostly still there"
PICTURES = "pictures"
FIRST = (
    "**Not run yet.** A run on photographs is made here, not recorded. Before its first labels a network that was "
    "trained on other photographs, and learns no more, says what it sees in these 2,000: once, about ten seconds of a "
    "processor core that has nothing else to do. Runs after that begin at once."
)


def draw(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    with controls:
        material = _chosen()
        try:
            stream = data.stream_of(material.config.to_json())
        except UserError as error:
            errors.show(error, where=picture)
            return ""
        first, second = ([words.plain(stream.class_names[c]) for c in task.classes] for task in stream.tasks[:2])
        st.markdown(
            f"Five tasks, one after another: {' and '.join(first)}, then {' and '.join(second)}, … A network learns "
            f"each from {material.config.n_end} labels, and never sees the old {material.name} again."
        )
        said = {
            "any": "Which of all classes is it?",
            "own": f"Is it {' or '.join(first)}? … (guessing: 50 %)",
        }
        asked = st.radio(
            "The network is asked", list(said), key="asked", bind="query-params", format_func=said.__getitem__,
            help=words.HELP["own"],
        )  # fmt: skip
    own = asked == "own"
    plays = _plays(material)
    found = playing.shown(plays, material.recording) if material.recording else playing.live(plays)
    history = found.history if found else History()
    with controls:
        playing.controls(plays, found, material.config)
        moved = changes(history, own)
        # Before a room there is place for one: the rise, if there is any, is what one wonders about.
        st.caption("\n\n".join(moved[-1:] if projector.on() else moved))
    with picture:
        if found:
            _accuracies(found, material, own)
        else:
            st.info(FIRST, icon=":material/photo_camera:")
        _watched(found, stream, own)
    return takeaway(history, _before(2) if material.recording else "")


def rhythm() -> float | None:
    """As what it plays."""
    material = _shown()
    return playing.rhythm(_plays(material), recorded=material.recording is not None)


def reset() -> None:
    """The recording again, or no run yet."""
    playing.forget(_plays(_shown()))


def _chosen() -> Material:
    """The control, where there is anything to choose."""
    there = here()
    if len(there) > 1:
        st.segmented_control(
            "Pictures", list(there), default=DIGITS.name, required=True, key=PICTURES, bind="query-params",
            format_func=str.capitalize, label_visibility="collapsed",
        )  # fmt: skip
    return _shown()


def _shown() -> Material:
    return here().get(st.session_state.get(PICTURES, ""), DIGITS)


def _plays(material: Material) -> str:
    """Each material remembers its own run."""
    return __name__ if material is DIGITS else f"{__name__}-{material.name}"


def _accuracies(found: Shown, material: Material, own: bool) -> None:
    n_tasks = data.n_tasks(found.history)
    st.markdown(f"**Accuracy on each task, on test {material.name} the network has never seen**", help=words.HELP["R"])
    table = data.accuracy_table(found.history, data.rounds_of_tasks(found.history, found.run.config), own)
    figure(charts.accuracy_chart(table, max(n_tasks, 1)), "lesson-accuracy", HEIGHT, "Accuracy on each task")


def _watched(found: Shown | None, stream: TaskStream, own: bool) -> None:
    last = next(reversed(found.history.of(Evaluated)), None) if found else None
    moment = "before the first labels" if last is None else f"task {last.task}, round {last.round}"
    st.markdown(f"**Twenty of them, and what the network calls them now** · {moment}")
    ids = watched(stream)
    said = Predictions.load(found.run.predictions(last.task, last.round)) if found and last else None
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


def takeaway(history: History, before: str = "") -> str:
    """What the run has shown of its first task, as soon as it has learned the second; before: the same two figures of
    runs measured before."""
    finals = history.finals()
    if len(finals) < 2:
        return ""
    started = history.of(Started)[0]
    names = [words.plain(started.class_names[c]) for c in started.tasks[0]["classes"]]
    learned, after, now = finals[0], finals[1], finals[-1]
    any_, own = 100 * after.accuracy[0], 100 * after.accuracy_aware[0]
    text = (
        f"Right after its own task the network called {whole_percent(100 * learned.accuracy[0])} of the pictures of "
        f"{' and '.join(names)} by their name; after task 2 it is {whole_percent(any_)}. Asked only "
        f"“{' or '.join(names)}?”, it still gets {whole_percent(own)} right"
    )
    renamed = any_ < COIN and own >= MOSTLY
    if renamed:
        text += RENAMED
    if before:
        text += f" (in {before})"
    if len(finals) > 2:
        any_now, own_now = 100 * now.accuracy[0], 100 * now.accuracy_aware[0]
        text += f". After task {now.task}: {whole_percent(any_now)} and {whole_percent(own_now)}"
        if own_now < BELOW:
            text += f": by now it takes the one for the other, {COIN:.0f} is what guessing gets"
        elif not renamed and any_now < COIN and own_now >= MOSTLY:
            text += RENAMED
        elif own_now < own - 1:
            text += f": what it knew fades later, and {COIN:.0f} is what guessing gets"
    return f"{text}."
