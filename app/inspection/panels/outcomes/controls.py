"""Below the plane: sets that tell whether an effect has a simpler reason, and what each label is worth."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from acl.analysis.outcomes.worth import SETS_A_SAMPLE
from acl.service.measurer import Wish
from app import words
from app.inspection import worth
from app.inspection.panels.outcomes.asked import PLANS, REFERENCE, Shown, ask, plans

NO_PAST = "The first task has no past whose samples could stand in the memory's place."
CONTROLS = {
    "lambdas": ("Path over λ", "AccuACL's picks at λ = 0, 0.1, … 1."),
    "true_past": ("True past", "AccuACL's picks with every sample of the past tasks in the memory's place."),
    "steps": ("Equal gradient steps", "Fewer labels, trained for as many steps as all of them."),
    "classes": ("Same class counts", "Random sets with as many samples of each class as the picks."),
    "losses": ("Same losses", "Random sets with as many samples as the picks of each tenth of the pool by the loss of "
                              "the true label: is it only how hard they are?"),
    "lambda 0": ("λ = 0", "AccuACL that asks for the new task only."),
    "distribution": ("D alone", "The largest distribution scores."),
    "magnitude": ("M alone", "The largest magnitudes."),
}  # fmt: skip


def controls(here: Shown, rows: pd.DataFrame, active: Sequence[Wish]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="outcome-more"):
        st.markdown("Controls", width="content", help="Sets that tell whether an effect has a simpler reason.")
        for name, (label, meaning) in CONTROLS.items():
            there = _is_there(rows, name)
            why = NO_PAST if name == "true_past" and here.about.task == 1 else ""
            st.button(
                label, key=f"outcome-{name}", on_click=ask, args=(here, name, PLANS[name]), help=why or meaning,
                disabled=bool(why) or here.wish(PLANS[name]) in active,
                icon=":material/check:" if there else ":material/add:",
            )  # fmt: skip
        blind = int(((rows["kind"] == "random") & (rows["n"] == here.about.n)).sum())
        if here.horizon == "round" and blind >= PLANS["measure"].subsets:
            _worth_button(here, blind, active)


def _worth_button(here: Shown, blind: int, active: Sequence[Wish]) -> None:
    """The second press. blind: random sets of the query's size that are measured."""
    why, plan = worth.why_not(here.sight, here.about.n), plans(here).get("worth", REFERENCE)
    there = not why and blind >= plan.subsets
    st.button(
        "Worth of a label", key="outcome-worth", on_click=ask, args=(here, "worth", plan),
        disabled=bool(why) or there or here.wish(plan) in active,
        icon=":material/check:" if there else ":material/add:",
        help=words.plain(why) or f"{plan.subsets:,} random sets, {SETS_A_SAMPLE} for each sample of the pool, and what "
        "each sample adds to those it is in.",
    )  # fmt: skip


def _is_there(rows: pd.DataFrame, control: str) -> bool:
    lambdas = set(rows.loc[rows["kind"] == "lambda", "name"])
    if control in {"lambdas", "lambda 0"}:
        return {f"{each:g}" for each in PLANS[control].lambdas} <= lambdas
    return bool((rows["kind"] == {"steps": "equal_steps"}.get(control, control)).any())
