"""All strategies in one picture, and a column for each."""

from __future__ import annotations

import html

import streamlit as st

from acl.events import Bought, Evaluated, History, Remembered
from acl.metrics import Matrix, average_accuracy, forgetting, learning_accuracy
from app import words
from app.charts import comparison as arena_charts
from app.charts import run as charts
from app.charts.palette import OTHER, Look, task_colours
from app.charts.written import whole_percent
from app.compare.race.moments import Lane, Moment, Shown, set_apart, table_of, within
from app.store import runs as data
from app.store.session import PAGES
from app.widgets import projector
from app.widgets.gallery import Card, cards_html

COLUMN = 250
MOST_CARDS = 12
MOST_CLASSES = 6
MOST_REMEMBERED = 40
HEIGHT, SPARK = 170, 110
"""Pixels of the curves of all, and of those of each column: together they leave a screen of 1024 × 768 room for all."""


def overlay(seen: Shown, _seed: int, _moment: Moment | None) -> None:
    """All strategies in one picture."""
    reached = seen.reached
    if seen.until is not None:
        reached = {seed: min(seen.until, moment) if moment else None for seed, moment in reached.items()}
    apart = set_apart(seen.lanes, seen.looks)
    table, seeds = table_of(seen.lanes, seen.looks, reached, apart, seen.own)
    begun = {seed for found in seeds.values() for seed in found}
    n = len(begun - apart.keys() or begun)
    title = "**Kept** ↑ accuracy on all tasks so far" + (
        f" · bold: mean of {n} seed{'s' if n > 1 else ''}, thin: each" if len(begun) > 1 else ""
    )
    st.markdown(title, help=f"{words.HELP['A']} All strategies of a seed are shown at the same task and round.")
    for seed, why in apart.items():
        more = "drawn, but in no mean" if begun - apart.keys() else "not comparable"
        st.caption(f"Seed {seed} is {more}: {words.plain(why)}.")
    spec = arena_charts.race(table, seen.looks, seeds, seen.n_tasks)
    projector.chart(spec, key="race-curves", height=HEIGHT, alt="Accuracy of each strategy on all tasks so far")


def columns(seen: Shown, seed: int, moment: Moment | None) -> None:
    """A column for each strategy: its means, and what its run of `seed` looks like."""
    for column, look in zip(st.columns(len(seen.looks), gap="medium"), seen.looks, strict=True):
        lane = next((lane for lane in seen.lanes if lane.cohort == look.name and lane.config.seed == seed), None)
        with column, st.container(gap="xsmall"):
            _figures_of(seen, look)
            if lane is None:
                st.caption(f"Its run of seed {seed} was deleted.")
            elif moment is None:
                with st.container(height=COLUMN, border=False):
                    st.caption(f"Seed {seed} has not begun in every column.")
            else:
                pictures_of(seen, lane, look, moment)


def head(look: Look) -> None:
    swatch = f'<span style="border-left:5px solid {look.colour};padding-left:8px;font-weight:600">'
    st.html(f"{swatch}{html.escape(look.name)}</span>")


def _figures_of(seen: Shown, look: Look) -> None:
    """The strategy's name and its figures: means over all its seeds that have finished as many tasks."""
    head(look)
    found: list[Matrix] = []
    for lane in seen.lanes:
        moment = seen.reached[lane.config.seed]
        if lane.cohort == look.name and moment is not None:
            moment = min(seen.until, moment) if seen.until else moment
            finals = [event for event in lane.history.finals() if within(event, moment)]
            found.append([data.accuracies(event, seen.own) for event in finals])
    st.markdown(_figures(found), help=" ".join(words.HELP[name] for name in ("A", "LA", "F")))


def pictures_of(seen: Shown, lane: Lane, look: Look, moment: Moment) -> None:
    """One seed of a strategy: each task's curve, what it just bought, what it remembers."""
    history = History(row for row in lane.history.rows if _until(row.event, moment))
    table = data.accuracy_table(history, data.rounds_of_tasks(lane.history, lane.config), seen.own)
    spec = charts.accuracy_chart(table, seen.n_tasks, slim=True)
    alt = f"{look.name}: accuracy on each task"
    projector.chart(spec, key=f"race-tasks-{look.name}", height=SPARK, alt=alt)
    _bought(lane, look, history, f"Seed {lane.config.seed} alone, task" if len(seen.reached) > 1 else "Task")
    _remembered(lane, history, seen.n_tasks)
    st.page_link(PAGES / "run.py", label="This run", icon=":material/open_in_new:", query_params={"run": lane.run.id})


def _figures(seeds: list[Matrix]) -> str:
    """What stands after the last task that most seeds have finished; nothing to tell during the first."""
    t = max(map(len, seeds), default=0)
    if not t:
        return "in task 1"
    there = [r for r in seeds if len(r) == t]
    means = {
        name: sum(metric(r, t) for r in there) / len(there)
        for name, metric in (("kept", average_accuracy), ("learned", learning_accuracy), ("forgetting", forgetting))
    }
    of = f", mean of {len(there)} seeds" if len(there) > 1 else ""
    said = " · ".join(
        f"{name} **{whole_percent(100 * value)}**".replace(" %", "\u00a0%") for name, value in means.items()
    )
    return f"after task {t}{of}: {said}"


def _until(event: object, moment: Moment) -> bool:
    return not isinstance(event, Evaluated | Bought | Remembered) or within(event, moment)


def _bought(lane: Lane, look: Look, history: History, task: str) -> None:
    bought = history.of(Bought)
    last = bought[-1]
    names = words.class_names(history)
    classes = sorted(set(last.labels))[:MOST_CLASSES]
    of_each = ", ".join(f"{last.labels.count(c)} of {words.plain(names[c])}" for c in classes)
    by = "at random" if last.by == "start" else "bought"
    st.caption(f"{task} {last.task}: {len(last.ids):,} {by}: {of_each}")
    shown = last.ids[:MOST_CARDS]
    cards = [Card(names[label], (), look.colour, f"sample {i}") for i, label in zip(shown, last.labels, strict=False)]
    st.html(cards_html(data.pictures(lane.run, shown), cards, size=34))


def _remembered(lane: Lane, history: History, n_tasks: int) -> None:
    """The memory, in the colours of the tasks it comes from."""
    held = history.of(Remembered)
    ids = held[-1].ids[:MOST_REMEMBERED] if held else []
    st.caption(f"Memory: {len(held[-1].ids) if held else 0} samples")
    if not ids:
        return
    task_of = {i: event.task for event in history.of(Bought) for i in event.ids}
    colours = task_colours(n_tasks)
    ids = sorted(ids, key=lambda i: task_of.get(i, 0))
    cards = [
        Card("", (), colours[task_of[i] - 1] if i in task_of else OTHER, f"task {task_of.get(i, '?')}") for i in ids
    ]
    st.html(cards_html(data.pictures(lane.run, ids), cards, size=26))
