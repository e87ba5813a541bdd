"""A race: strategies side by side from the same seeds, always shown at the same task and the same round.

The runs go at their own speed; what is shown of a seed is what all its strategies have reached.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import streamlit as st

from acl.config import UserError, check_method
from acl.events import Bought, Evaluated, History, Remembered
from acl.metrics import Matrix, average_accuracy, forgetting, learning_accuracy
from acl.results import sweep
from acl.runs.control import ACTIVE, request
from acl.runs.folder import Run
from app import errors, words
from app.charts import comparison as arena_charts
from app.charts import run as charts
from app.charts.palette import OTHER, Look, looks, task_colours
from app.charts.written import whole_percent
from app.compare import cohorts, new_seeds, sweeps
from app.compare.race_moments import (
    LAST,
    Lane,
    Moment,
    common,
    lanes_of,
    moment_of,
    moments,
    set_apart,
    table_of,
    within,
)
from app.compare.significance import concluded
from app.store import runs as data
from app.store.session import PAGES, POLL_S, RUNS, ensure_backend, slots
from app.widgets import dialogs, projector
from app.widgets.gallery import Card, cards_html
from app.widgets.own_classes import own_classes
from app.widgets.scrubber import rhythm, scrubber
from app.widgets.url import go, segments
from app.widgets.wishes import target

COLUMN = 250
MOST_CARDS = 12
MOST_CLASSES = 6
MOST_REMEMBERED = 40
REPLAY_S = 0.6
HEIGHT, SPARK = 170, 110
"""Pixels of the curves of all, and of those of each column: together they leave a screen of 1024 × 768 room for all."""


@dataclass(frozen=True)
class _Shown:
    """What is drawn: the runs, a look for each strategy, the moment that each seed has reached, and until when;
    own: accuracies are those among each task's own classes."""

    lanes: list[Lane]
    looks: list[Look]
    reached: Mapping[int, Moment | None]
    n_tasks: int
    until: Moment | None
    own: bool


def page(top: st.delta_generator.DeltaGenerator) -> None:
    chosen = sweeps.choose(top, {"race"})
    if chosen is None:
        st.info(
            "In a race 2 to 4 strategies start from the same network and the same first labels, and are watched side "
            "by side: what each buys, and how the curves pull apart. Start one with New race.",
            icon=":material/sprint:",
        )
        sweeps.new_buttons()
        return
    often = _rhythm(chosen)
    st.fragment(_live, run_every=often)(chosen, often)


def _rhythm(chosen: sweep.Sweep) -> float | None:
    """Seconds between two looks: while any of it goes on, or is played again."""
    return POLL_S if _active(chosen) else rhythm("moment", REPLAY_S, None)


def _active(chosen: sweep.Sweep) -> bool:
    return any(each.state in ACTIVE or each.state == "new" for each in sweep.progress(chosen, RUNS))


def _live(chosen: sweep.Sweep, often: float | None) -> None:
    chosen = sweeps.current(chosen)
    lanes, active = lanes_of(chosen, RUNS), _active(chosen)
    if not lanes:
        st.info("The runs of this race were deleted.", icon=":material/info:")
        sweeps.new_buttons()
        dialogs.follow()
        return
    shown = looks(dict.fromkeys((lane.cohort, lane.config.strategy) for lane in lanes))
    seeds = sorted({lane.config.seed for lane in lanes})
    with st.container(horizontal=True, vertical_alignment="center", key="race-controls"):
        _controls(chosen, lanes, active)
        st.space("stretch")
        sweeps.new_buttons()
    _failures(chosen)
    reached = {s: common([moment_of(lane.history) for lane in lanes if lane.config.seed == s]) for s in seeds}
    n_tasks = max(data.n_tasks(lane.history) for lane in lanes)
    if not n_tasks or not any(reached.values()):
        _beginning(chosen, lanes, shown, max(n_tasks, 1), active)
    else:
        if not active:
            _conclusion(chosen)
        with st.container(horizontal=True, vertical_alignment="center", key="race-scrub"):
            one = projector.chosen("race", list(FIGURES)) if projector.on() else ""
            # All seeds are in the curves that are kept: whose purchases are shown is asked of the columns alone.
            seed = _seed(seeds) if one != "Kept" else seeds[0]
            moment = _moment(lanes, reached[seed], seed, over=not active)
            own = own_classes()
        seen = _Shown(lanes, shown, reached, n_tasks, moment if not active else None, own)
        for name, draw in FIGURES.items():
            if one in {"", name}:
                draw(seen, seed, moment)
    dialogs.follow()
    if _rhythm(chosen) != often:
        st.rerun()


def _columns(seen: _Shown, seed: int, moment: Moment | None) -> None:
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
                _pictures_of(seen, lane, look, moment)


def _beginning(chosen: sweep.Sweep, lanes: list[Lane], shown: list[Look], n_tasks: int, active: bool) -> None:
    """Before any seed has been tested in every column: how far each is, and the first labels of those that were."""
    if not active:
        st.info("No seed has been tested in every column, so there is nothing to hold side by side: press Play.",
                icon=":material/info:")  # fmt: skip
        return
    here = sweep.progress(chosen, RUNS)
    left = sweep.eta_s(here, slots())
    st.caption(
        "The curves appear when every strategy has been tested on its first labels: all are shown at the same moment."
        + (f" About {words.duration(left)} left for all of it." if left and left >= 1 else "")
    )
    for column, look in zip(st.columns(len(shown), gap="medium"), shown, strict=True):
        mine = [lane for lane in lanes if lane.cohort == look.name]
        ids = {lane.run.id for lane in mine}
        states = [each for each in here if each.member.run in ids]
        first = next((lane for lane in mine if moments(lane.history)), None)
        with column:
            _head(look)
            st.progress(sum(each.done for each in states) / len(states), _states(states))
            if first:
                seen = _Shown(lanes, shown, dict.fromkeys(lane.config.seed for lane in mine), n_tasks, None, False)
                _pictures_of(seen, first, look, moments(first.history)[0])


def _states(here: list[sweep.Progress]) -> str:
    """E.g. "2 starting, 4 waiting"."""
    states = [sweeps.state(each) for each in here]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))


def _conclusion(chosen: sweep.Sweep) -> None:
    """What the finished race says, in one sentence."""
    if said := concluded(cohorts.chosen(cohorts.runs_of(f"sweep:{chosen.id}"))):
        st.markdown(f"**{words.plain(said)}**")


# -- what is drawn -------------------------------------------------------------------------------------


def _controls(chosen: sweep.Sweep, lanes: list[Lane], active: bool) -> None:
    def button(label: str, icon: str, key: str, disabled: bool) -> None:
        st.button(label, icon=f":material/{icon}:", key=f"race-{key}", disabled=disabled, on_click=_wish,
                  args=(chosen, key))  # fmt: skip

    states = [each.state for each in sweep.progress(chosen, RUNS)]
    over = all(state == "finished" for state in states)
    if not over:
        button("Play", "play_arrow", "play", "playing" in states and "paused" not in states)
        if len({lane.config.seed for lane in lanes}) == 1:
            button("Step round", "skip_next", "round", False)
            button("Step task", "fast_forward", "task", False)
        button("Pause", "pause", "hold", not active or set(states) <= {"paused", "finished"})
        button("Stop", "stop", "cancel", not active)
    st.caption(f"All {len(states)} runs finished" if over else _count(states), width="content")
    if over:
        new_seeds.button(chosen)
    if over and st.button("How sure is that?", icon=":material/query_stats:", key="race-sure", type="primary"):
        go(view="significance", **{"from": f"sweep:{chosen.id}"})


def _count(states: list[str]) -> str:
    """E.g. "15 of 20 runs finished · 4 failed · 1 deleted: Play runs them again"."""
    lost = [f"{states.count(state)} {state}" for state in ("failed", "stopped", "deleted") if state in states]
    again = ": Play runs them again" if lost else ""
    return " · ".join([f"{states.count('finished')} of {len(states)} runs finished", *lost]) + again


def _failures(chosen: sweep.Sweep) -> None:
    """Why runs failed, each reason once."""
    for error in dict.fromkeys(each.error for each in sweep.progress(chosen, RUNS) if each.error):
        st.error(words.plain(error), icon=":material/error:")


def _wish(chosen: sweep.Sweep, what: str) -> None:
    """A button's callback, said to every run of the race."""
    try:
        if what in {"round", "task"}:
            _step(chosen, what)
        else:
            {"play": sweep.retry, "hold": sweep.hold, "cancel": sweep.cancel}[what](chosen, RUNS)
        ensure_backend()
    except UserError as error:
        errors.pass_by(error)


def _step(chosen: sweep.Sweep, what: str) -> None:
    """All go to the end of the round (or task) that the last of them is in."""
    open_ = [each.member for each in sweep.progress(chosen, RUNS) if each.state not in {"finished", "deleted"}]
    targets = [target(m.config, data.status_of(Run(RUNS / m.run)), what) for m in open_]
    until = min((found for found in targets if found), default=None)
    for member in open_:
        check_method(member.config)
        request(RUNS / member.run, mode="play", until=until)


def _seed(seeds: list[int]) -> int:
    """Whose purchases the columns show."""
    if len(seeds) == 1:
        return seeds[0]
    names = [str(seed) for seed in seeds]
    why = "Whose purchases the columns show."
    return int(segments("Seed", "seed", names, names[0], lambda name: f"seed {name}", names[0], why))


def _moment(lanes: list[Lane], reached: Moment | None, seed: int, over: bool) -> Moment | None:
    """The moment the columns show: the newest while the race goes on, any afterwards."""
    if reached is None or not over:
        return reached
    mine = [lane for lane in lanes if lane.config.seed == seed]
    seen = {moment for lane in mine for moment in moments(lane.history) if moment <= reached}
    names = {f"{t}.{'end' if r == LAST else r}": (t, r) for t, r in sorted(seen)}
    return names[scrubber("moment", list(names), _moment_name, REPLAY_S, "stretch")]


def _moment_name(text: str) -> str:
    task, round_ = text.split(".")
    return f"task {task} · " + ("learned" if round_ == "end" else f"round {round_}" if int(round_) else "first labels")


def _overlay(seen: _Shown, _seed: int, _moment: Moment | None) -> None:
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


def _head(look: Look) -> None:
    swatch = f'<span style="border-left:5px solid {look.colour};padding-left:8px;font-weight:600">'
    st.html(f"{swatch}{html.escape(look.name)}</span>")


def _figures_of(seen: _Shown, look: Look) -> None:
    """The strategy's name and its figures: means over all its seeds that have finished as many tasks."""
    _head(look)
    found: list[Matrix] = []
    for lane in seen.lanes:
        moment = seen.reached[lane.config.seed]
        if lane.cohort == look.name and moment is not None:
            moment = min(seen.until, moment) if seen.until else moment
            finals = [event for event in lane.history.finals() if within(event, moment)]
            found.append([data.accuracies(event, seen.own) for event in finals])
    st.markdown(_figures(found), help=" ".join(words.HELP[name] for name in ("A", "LA", "F")))


def _pictures_of(seen: _Shown, lane: Lane, look: Look, moment: Moment) -> None:
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


FIGURES: dict[str, Callable[[_Shown, int, Moment | None], None]] = {"Kept": _overlay, "Each strategy": _columns}
"""Before a room one of them at a time."""
