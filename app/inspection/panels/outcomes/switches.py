"""The first row: Measure, one's own set, and how what was measured is looked at."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from acl.analysis.outcomes.asked import About, Horizon
from app.inspection.panels.outcomes.asked import PLANS, REFERENCE, Shown, ask, asked
from app.inspection.panels.outcomes.known import rows_of
from app.inspection.source import Sight

MEASURES = {"likelihood": "likelihood", "accuracy": "accuracy", "accuracy_aware": "own classes"}
HORIZONS: dict[Horizon, str] = {
    "round": "after this round", "budget": "after this task's budget", "next": "after the next task"
}  # fmt: skip


def switches(sight: Sight, about: About, by: str, draw: bool = True) -> Shown:
    """The first row: Measure, one's own, and how it is looked at."""
    assert sight.run
    chosen = {
        name: st.session_state.get(f"outcome-{name}") or first
        for name, first in (("measure", "likelihood"), ("scale", "differences"), ("horizon", "round"))
    }
    if draw:
        here = Shown(sight, sight.run, about, by, "", False, _horizon(chosen["horizon"]))
        st.button(
            "Measure", icon=":material/experiment:", type="primary", key="outcome-go", on_click=ask,
            args=(here, "measure", PLANS["measure"]), disabled=asked(here, PLANS["measure"]),
            help=f"{PLANS['measure'].subsets} random sets, every strategy's picks in {PLANS['measure'].repeats} "
            "orders, and fewer labels. What is measured is kept with the run.",
        )  # fmt: skip
        _own_button(here)
        st.space("stretch")
        chosen["measure"] = st.segmented_control(
            "Measured by", list(MEASURES), default="likelihood", required=True, key="outcome-measure",
            format_func=MEASURES.__getitem__, label_visibility="collapsed",
            help="Likelihood: mean probability of the true class on each task's test set.",
        )  # fmt: skip
        chosen["scale"] = st.segmented_control(
            "Scale", ["differences", "absolute"], default="differences", required=True, key="outcome-scale",
            label_visibility="collapsed",
        )  # fmt: skip
        chosen["horizon"] = st.selectbox(
            "Horizon", list(HORIZONS), key="outcome-horizon", format_func=HORIZONS.__getitem__, width=210,
            label_visibility="collapsed",
        )  # fmt: skip
    return Shown(
        sight, sight.run, about, by, chosen["measure"], chosen["scale"] == "absolute", _horizon(chosen["horizon"])
    )  # fmt: skip


def _horizon(name: object) -> Horizon:
    return next((each for each in HORIZONS if each == name), "round")


def own_ids(sight: Sight) -> tuple[int, ...]:
    """What is lassoed above, as far as it can be bought."""
    lassoed = st.session_state.get(f"lasso-{sight.name}", [])
    pool = set(sight.context.pool.ids.tolist()) if lassoed else set()
    return tuple(sorted({int(i) for i in lassoed if i in pool}))


def _own_button(here: Shown) -> None:
    ids = own_ids(here.sight)
    known = [tuple(sorted(found)) for found in rows_of(here)["ids"]] if ids else []
    count = "" if not ids else " sample" if len(ids) == 1 else f" {len(ids)} samples"
    st.button(
        f"Measure {'this' if len(ids) == 1 else 'these'}{count}", icon=":material/star:", key="outcome-own",
        on_click=_ask_own, args=(here, ids), disabled=not ids or ids in known,
        help="The samples lassoed in the pictures above, as a star." if ids not in known else "They are measured.",
    )  # fmt: skip


def _ask_own(here: Shown, ids: tuple[int, ...]) -> None:
    rows = rows_of(here)
    number = rows[rows["kind"] == "own"]["ids"].nunique() + 1
    # Random sets of the same size stand beside it.
    sizes = tuple({1.0, len(ids) / here.about.n}) if 0 < len(ids) <= here.about.n else (1.0,)
    plan = replace(REFERENCE, sizes=sizes, own=((f"yours {number}", ids),))
    ask(here, "own", plan)
