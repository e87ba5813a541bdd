"""A race: strategies side by side from the same seeds, always shown at the same task and the same round.

The runs go at their own speed; what is shown of a seed is what all its strategies have reached.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from functools import partial

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
from app.widgets.scrubber import rhythm, scrubber
from app.widgets.url import go, segments
from app.widgets.wishes import target

HEIGHT = 250
COLUMN = 250
MOST_CARDS = 12
MOST_CLASSES = 6
MOST_REMEMBERED = 40
SPARK = 150
REPLAY_S = 0.6


def page(top: st.delta_generator.DeltaGenerator) -> None:
    chosen = sweeps.choose(top, {"race"})
    if chosen is None:
        st.info(
            "In a race 2 to 4 strategies start from the same network and the same first labels, and are watched side "
            "by side: what each buys, and how the curves pull apart. Start one with New race.",
            icon=":material/sprint:",
        )
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
        return
    shown = looks(dict.fromkeys((lane.cohort, lane.config.strategy) for lane in lanes))
    seeds = sorted({lane.config.seed for lane in lanes})
    with st.container(horizontal=True, vertical_alignment="center", key="race-controls"):
        _controls(chosen, lanes, active)
        st.space("stretch")
        seed = _seed(seeds)
    _failures(chosen)
    reached = {s: common([moment_of(lane.history) for lane in lanes if lane.config.seed == s]) for s in seeds}
    n_tasks = max(data.n_tasks(lane.history) for lane in lanes)
    if not n_tasks or not any(reached.values()):
        _beginning(chosen, lanes, shown, n_tasks, active)
    else:
        if not active:
            _conclusion(chosen)
        with st.container(horizontal=True, vertical_alignment="center", key="race-scrub"):
            moment = _moment(lanes, reached[seed], seed, over=not active)
        until = moment if not active else None
        figures = {
            "Kept": partial(_overlay, lanes, shown, reached, n_tasks, until),
            "Each strategy": partial(_columns, lanes, shown, reached, seed, moment, until, n_tasks),
        }
        if not projector.one_of("race", figures):
            for draw in figures.values():
                draw()
    dialogs.follow()
    if _rhythm(chosen) != often:
        st.rerun()


def _columns(
    lanes: list[Lane], shown: list[Look], reached: Mapping[int, Moment | None], seed: int, moment: Moment | None,
    until: Moment | None, n_tasks: int,
) -> None:  # fmt: skip
    """A column for each strategy: its means, and what its run of `seed` looks like."""
    for column, look in zip(st.columns(len(shown), gap="medium"), shown, strict=True):
        lane = next((lane for lane in lanes if lane.cohort == look.name and lane.config.seed == seed), None)
        with column:
            _figures_of(lanes, look, reached, until)
            if lane is None:
                st.caption(f"Its run of seed {seed} was deleted.")
            else:
                _column(lane, look, moment, n_tasks, len(reached))


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
                _pictures_of(first, look, moments(first.history)[0], max(n_tasks, 1), named=len(mine) > 1)


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


def _overlay(
    lanes: list[Lane], shown: list[Look], reached: Mapping[int, Moment | None], n_tasks: int, until: Moment | None
) -> None:
    """All strategies in one picture."""
    if until is not None:
        reached = {seed: min(until, moment) if moment else None for seed, moment in reached.items()}
    apart = set_apart(lanes, shown)
    table, seeds = table_of(lanes, shown, reached, apart)
    begun = {seed for found in seeds.values() for seed in found}
    n = len(begun - apart.keys() or begun)
    title = "**Kept** ↑ accuracy on all tasks so far" + (
        f" · bold: mean of {n} seed{'s' if n > 1 else ''}, thin: each" if len(begun) > 1 else ""
    )
    st.markdown(title, help=f"{words.HELP['A']} All strategies of a seed are shown at the same task and round.")
    for seed, why in apart.items():
        more = "drawn, but in no mean" if begun - apart.keys() else "not comparable"
        st.caption(f"Seed {seed} is {more}: {words.plain(why)}.")
    spec = arena_charts.race(table, shown, seeds, n_tasks)
    projector.chart(spec, key="race-curves", height=HEIGHT, alt="Accuracy of each strategy on all tasks so far")


def _head(look: Look) -> None:
    swatch = f'<span style="border-left:5px solid {look.colour};padding-left:8px;font-weight:600">'
    st.html(f"{swatch}{html.escape(look.name)}</span>")


def _figures_of(lanes: list[Lane], look: Look, reached: Mapping[int, Moment | None], until: Moment | None) -> None:
    """The strategy's name and its figures: means over all its seeds that have finished as many tasks."""
    _head(look)
    found: list[Matrix] = []
    for lane in lanes:
        moment = reached[lane.config.seed]
        if lane.cohort == look.name and moment is not None:
            moment = min(until, moment) if until else moment
            found.append([e.accuracy for e in lane.history.finals() if within(e, moment)])
    st.markdown(_figures(found), help=" ".join(words.HELP[name] for name in ("A", "LA", "F")))


def _column(lane: Lane, look: Look, moment: Moment | None, n_tasks: int, n_seeds: int) -> None:
    """One seed of a strategy: each task's curve, what it just bought, what it remembers."""
    if moment is None:
        with st.container(height=COLUMN, border=False):
            st.caption(f"Seed {lane.config.seed} has not begun in every column.")
        return
    _pictures_of(lane, look, moment, n_tasks, named=n_seeds > 1)


def _pictures_of(lane: Lane, look: Look, moment: Moment | None, n_tasks: int, named: bool) -> None:
    if moment is None:
        return
    if named:
        st.caption(f"Seed {lane.config.seed} alone:")
    history = History(row for row in lane.history.rows if _until(row.event, moment))
    table = data.accuracy_table(history, data.rounds_of_tasks(lane.history, lane.config))
    spec = charts.accuracy_chart(table, n_tasks, slim=True)
    projector.chart(spec, key=f"race-tasks-{look.name}", height=SPARK, alt=f"{look.name}: accuracy on each task")
    _bought(lane, look, history)
    _remembered(lane, history, n_tasks)
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
    said = " · ".join(f"{name} **{100 * value:.0f}\u00a0%**" for name, value in means.items())
    return f"after task {t}{of}: {said}"


def _until(event: object, moment: Moment) -> bool:
    return not isinstance(event, Evaluated | Bought | Remembered) or within(event, moment)


def _bought(lane: Lane, look: Look, history: History) -> None:
    bought = history.of(Bought)
    last = bought[-1]
    names = words.class_names(history)
    classes = sorted(set(last.labels))[:MOST_CLASSES]
    of_each = ", ".join(f"{last.labels.count(c)} of {words.plain(names[c])}" for c in classes)
    by = "at random" if last.by == "start" else "bought"
    st.caption(f"Task {last.task}: {len(last.ids):,} {by}: {of_each}")
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
