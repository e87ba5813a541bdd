"""Sweeps: how far each run of a grid is, and what can be done with them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from acl.config import UserError
from acl.results import sweep
from acl.runs.control import ACTIVE
from acl.runs.folder import find_run
from acl.runs.sameness import telling
from app import errors, words
from app.charts import written
from app.charts.written import percent
from app.compare import cohorts, new_seeds, new_sweep
from app.store import runs as data
from app.store.session import POLL_S, RUNS, ensure_backend, slots
from app.widgets import dialogs
from app.widgets import url as address
from app.widgets.browser.leaving import open_run

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

COLUMNS: dict[str, ColumnConfig | str] = {
    "state": st.column_config.TextColumn("State", width=150),
    "done": st.column_config.ProgressColumn("Done", format="percent", min_value=0, max_value=1, width=90),
    "strategy": "Strategy",
    "learner": "CL method",
    "memory": st.column_config.NumberColumn("Memory", width=80),
    "labels": st.column_config.NumberColumn("Labels/task", width=100),
    "seed": st.column_config.NumberColumn("Seed", width=60),
    "A": st.column_config.NumberColumn("A ↑", width=80, help=words.HELP["A"]),
    "F": st.column_config.NumberColumn("F ↓", width=80, help=words.HELP["F"]),
    "took": st.column_config.NumberColumn("Worked", format="%.1f s", width=80),
    "error": "What went wrong",
    "run": "Run",
}


def new_buttons() -> None:
    """At the right of what can be done with a race or a sweep; where there is none, the way on."""
    with st.container(horizontal=True, width="content"):
        st.button("New race", icon=":material/sprint:", key="new-race",
                  on_click=partial(dialogs.ask, "New race", new_sweep.race_form, width="medium"))  # fmt: skip
        st.button("New sweep", icon=":material/grid_on:", key="new-sweep",
                  on_click=partial(dialogs.ask, "New sweep", new_sweep.sweep_form, width="large"))  # fmt: skip


def choose(top: st.delta_generator.DeltaGenerator, kinds: set[str]) -> sweep.Sweep | None:
    """The sweep of one of these kinds that the URL or the control names; None where there is none."""
    found = {f"sweep:{each.id}": each for each in cohorts.sweeps() if each.kind in kinds}
    if not found:
        return None
    names = cohorts.sources()
    with top:
        chosen = address.select(
            "Sweep",
            "from",
            list(found),
            next(iter(found)),
            names.__getitem__,
            "",
            label_visibility="collapsed",
        )
    return found[chosen]


def current(chosen: sweep.Sweep) -> sweep.Sweep:
    """As its record is now: a fragment goes on with what it was given, and what was deleted may have been made anew."""
    try:
        return sweep.load(chosen.id, RUNS)
    except UserError:
        return chosen


def page(top: st.delta_generator.DeltaGenerator) -> None:
    chosen = choose(top, {"sweep", "race"})
    if chosen is None:
        st.info(
            "A sweep runs every combination of strategies, CL methods, memory sizes, budgets, seeds or any other "
            "setting, a few at a time, and goes on where it was after a restart. Start one with New sweep.",
            icon=":material/grid_on:",
        )
        new_buttons()
        return
    here = sweep.progress(chosen, RUNS)
    busy = any(_open(each) for each in here)
    st.fragment(_progress, run_every=2 * POLL_S if busy else None)(chosen, busy)


def _open(each: sweep.Progress) -> bool:
    return each.state in ACTIVE - {"paused"} or each.state == "new"


def _progress(chosen: sweep.Sweep, busy: bool) -> None:
    chosen = current(chosen)
    here = sweep.progress(chosen, RUNS)
    st.markdown(f"**{words.plain(chosen.title)}**  {summary(here)}")
    st.progress(sum(1.0 if each.state == "finished" else each.done for each in here) / len(here))
    _actions(chosen, here)
    table = pd.DataFrame([_row(each) for each in here])
    event = st.dataframe(
        written.table(table, {"A": percent, "F": percent}), hide_index=True, column_config=COLUMNS,
        column_order=list(COLUMNS), on_select="rerun", selection_mode="single-row", key=f"sweep-{chosen.id}",
        height=min(38 + 35 * len(table), 560), placeholder="–",
    )  # fmt: skip
    marked = [row for row in event.selection.rows if row < len(here)]
    if marked and here[marked[0]].state != "deleted":
        run = find_run(here[marked[0]].member.run, RUNS)
        if st.button("Open this run", icon=":material/open_in_new:", key="open-member"):
            open_run(run)
    if busy != any(_open(each) for each in here):
        st.rerun()


def summary(here: list[sweep.Progress]) -> str:
    """E.g. "62 of 80 finished · 4 playing · 14 waiting · about 40 s left · 4 at once"."""
    states = [each.state for each in here]
    said = [f"{states.count('finished')} of {len(here)} finished"]
    said += [f"{states.count(state)} {state}" for state in ("playing", "paused", "failed", "stopped", "deleted")
             if state in states]  # fmt: skip
    waiting = sum(state in {"new", "queued", "starting"} for state in states)
    said += [f"{waiting} waiting"] if waiting else []
    left = sweep.eta_s(here, slots())
    if left and any(map(_open, here)):
        said.append(f"{'about ' if left >= 1 else ''}{words.duration(left)} left")
    return " · ".join([*said, f"{slots()} at once"])


def state(each: sweep.Progress) -> str:
    """In one word."""
    return "waiting" if each.state == "new" else words.STATE[each.state][0] if each.state in words.STATE else each.state


def _row(each: sweep.Progress) -> dict[str, object]:
    config, result = each.member.config, each.summary or {}
    used = telling(config)
    return {
        "state": state(each), "done": each.done, "strategy": words.strategy(config.strategy),
        "learner": data.label_of("learners", config.learner), "memory": used.get("memory"),
        "labels": used.get("n_end"),
        "seed": config.seed, "A": 100 * result["A"] if "A" in result else None,
        "F": 100 * result["F"] if "F" in result else None, "took": each.seconds, "error": each.error,
        "run": each.member.run,
    }  # fmt: skip


def _actions(chosen: sweep.Sweep, here: list[sweep.Progress]) -> None:
    again = [each for each in here if each.state in {"failed", "stopped", "paused", "deleted"}]
    with st.container(horizontal=True, key="sweep-actions"):
        if st.button("Curves", icon=":material/show_chart:", type="primary", key="sweep-curves"):
            address.go(view="curves", **{"from": f"sweep:{chosen.id}"})
        st.button("Stop all", icon=":material/stop:", key="sweep-stop", disabled=not any(map(_open, here)),
                  on_click=_do, args=(sweep.cancel, chosen), help="Finished rounds are kept.")  # fmt: skip
        st.button("Play the rest", icon=":material/replay:", key="sweep-retry", disabled=not again,
                  on_click=_do, args=(sweep.retry, chosen),
                  help="What failed, was stopped or paused goes on; what was deleted is run again.")  # fmt: skip
        new_seeds.button(chosen)
        st.button("Forget", icon=":material/delete:", key="sweep-forget",
                  on_click=dialogs.ask, args=("Forget this sweep?", _confirm, chosen),
                  help="The list alone; its runs stay in the Library.")  # fmt: skip
        st.space("stretch")
        new_buttons()
    dialogs.follow()


def _do(what: Callable[[sweep.Sweep, Path], object], chosen: sweep.Sweep) -> None:
    try:
        what(chosen, RUNS)
        ensure_backend()
    except UserError as error:
        errors.pass_by(error)


def _confirm(chosen: sweep.Sweep) -> None:
    st.write(f"**{words.plain(chosen.title)}** of {time.strftime('%d %B, %H:%M', time.localtime(chosen.created))}: the "
             "list goes, its runs stay in the Library.")  # fmt: skip
    with st.container(horizontal=True):
        if st.button("Forget it", type="primary", key="forget-now"):
            try:
                sweep.delete(chosen, RUNS)
            except UserError as error:
                dialogs.refused("Not forgotten", [str(error)])
            # What is gone is not asked for any longer.
            address.keep("from", "")
            dialogs.done()
        if st.button("Keep it", key="forget-not"):
            dialogs.done()
