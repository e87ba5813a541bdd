"""The view Race of the Compare page: before any seed was tested, while it goes on, and afterwards."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from acl.results import sweep
from acl.runs.control import ACTIVE
from app import words
from app.charts.palette import Look, looks
from app.compare import cohorts, sweeps
from app.compare.race.controls import controls, failures
from app.compare.race.figures import columns, head, overlay, pictures_of
from app.compare.race.moments import LAST, Lane, Moment, Shown, common, lanes_of, moment_of, moments
from app.compare.significance import concluded
from app.store import runs as data
from app.store.session import POLL_S, RUNS, slots
from app.widgets import dialogs, projector
from app.widgets.own_classes import own_classes
from app.widgets.scrubber import rhythm, scrubber
from app.widgets.url import segments

REPLAY_S = 0.6


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
        controls(chosen, lanes, active)
        st.space("stretch")
        sweeps.new_buttons()
    failures(chosen)
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
        seen = Shown(lanes, shown, reached, n_tasks, moment if not active else None, own)
        for name, draw in FIGURES.items():
            if one in {"", name}:
                draw(seen, seed, moment)
    dialogs.follow()
    if _rhythm(chosen) != often:
        st.rerun()


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
            head(look)
            st.progress(sum(each.done for each in states) / len(states), _states(states))
            if first:
                seen = Shown(lanes, shown, dict.fromkeys(lane.config.seed for lane in mine), n_tasks, None, False)
                pictures_of(seen, first, look, moments(first.history)[0])


def _states(here: list[sweep.Progress]) -> str:
    """E.g. "2 starting, 4 waiting"."""
    states = [sweeps.state(each) for each in here]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))


def _conclusion(chosen: sweep.Sweep) -> None:
    """What the finished race says, in one sentence."""
    if said := concluded(cohorts.chosen(cohorts.runs_of(f"sweep:{chosen.id}"))):
        st.markdown(f"**{words.plain(said)}**")


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


FIGURES: dict[str, Callable[[Shown, int, Moment | None], None]] = {"Kept": overlay, "Each strategy": columns}
"""Before a room one of them at a time."""
