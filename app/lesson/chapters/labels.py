"""Chapter 3: what more labels a task teach of the new, and what they cost of the old."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from acl.config import FULL
from app import words
from app.charts.balance_bars import balance_bars
from app.lesson import playing
from app.lesson.measured import Difference, difference, figures, worded, written
from app.lesson.picture import figure

QUESTION = "Labels cost money: are more always better?"
LEARNERS = {"er": "ER", "derpp": "DER++", "er_ace": "ER-ACE"}
GROUPS: dict[str, tuple[dict[str, Any], int]] = {
    "10 labels a task": ({"n_end": 10}, 150),
    "20": ({"n_end": 20}, 75),
    "40": ({"n_end": 40}, 50),
    "all ≈ 250": ({"strategy": FULL}, 9),
}
"""Settings of each group, and the epochs in which a task's last training has as many steps as 40 labels in 50."""
BASE, MOST = "20", "all ≈ 250"
HEIGHT = 360
STEP_S = 1.0
"""Between two groups as they are played."""
EQUAL_STEPS = (
    "Off: 50 epochs each, so more labels also mean more training steps. On: every training of a task has as many steps "
    "as that on 40 labels, 150 (144 with all labels)."
)


def draw(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    with controls:
        learner, equal_steps = _choices()
    groups = tables(learner, equal_steps)
    n = playing.step(__name__, len(groups), STEP_S)
    with picture:
        st.markdown("**Digits: what is learned, forgotten and kept after five tasks**", help=words.HELP["forgotten"])
        seen = {name: table if place < n else None for place, (name, table) in enumerate(groups.items())}
        alt = f"{LEARNERS[learner]} with {', '.join(list(groups)[:n])} a task"
        figure(balance_bars(seen), "labels-bars", HEIGHT, alt)
    return takeaway(LEARNERS[learner], groups, equal_steps) if n == len(groups) else ""


def rhythm() -> float | None:
    """As what it plays."""
    return playing.rhythm(__name__)


def reset() -> None:
    """The groups again, from the first."""
    playing.forget(__name__)


def _choices() -> tuple[str, bool]:
    st.markdown(
        "A bank meets ever new kinds of fraud, and each label costs it an expert's time. Are more labels worth it? "
        "Tried on **handwritten digits**, two new ones a task."
    )
    learner = st.segmented_control(
        "CL method", list(LEARNERS), default="er", required=True, key="learner", bind="query-params",
        format_func=LEARNERS.__getitem__, help=words.of_menu("learner", LEARNERS), width="stretch",
    )  # fmt: skip
    equal = st.toggle("Equal number of steps", key="equal_steps", bind="query-params", help=EQUAL_STEPS)
    st.button(
        "Play", icon=":material/play_arrow:", key="labels-play", type="primary", width="stretch", shortcut="Space",
        on_click=playing.forget, args=(__name__,), help="From few labels a task to all of them.",
    )  # fmt: skip
    st.caption("Bars are means over ten seeds, which are the dots. ± is the standard error of a difference, seed by "
               "seed.")  # fmt: skip
    return learner or "er", equal


def tables(learner: str, equal_steps: bool) -> dict[str, pd.DataFrame]:
    """The figures of each group (app.lesson.measured), fewest labels first."""
    return {
        name: figures(learner=learner, **labels | ({"epochs": epochs} if equal_steps else {}))
        for name, (labels, epochs) in GROUPS.items()
    }


def takeaway(label: str, groups: dict[str, pd.DataFrame], equal_steps: bool) -> str:
    """What all labels instead of BASE do to what is learned, forgotten and kept with this CL method."""
    most, base = groups[MOST], groups[BASE]
    found = [difference(most[column], base[column]) for column in ("LA", "forgotten", "A")]
    # As on the bars: what is written for forgotten is the rest of what is written for the other two.
    learned, kept = (written(most[column], base[column]) for column in ("LA", "A"))
    by = [worded(each, mean) for each, mean in zip(found, (learned, learned - kept, kept), strict=True)]
    given = ", ten remembered digits and equally many steps" if equal_steps else " and ten remembered digits"
    return (
        f"With {label}{given}, labels beyond {BASE} a task {_verdict(*found)}: "
        f"with all of them, learned is {by[0]}, forgotten {by[1]}, kept {by[2]}."
    )


def _verdict(learned: Difference, forgotten: Difference, kept: Difference) -> str:
    if kept.sign > 0:
        return "pay" if learned.sign or forgotten.sign else "pay, though neither of its parts alone is beyond noise"
    if kept.sign < 0:
        return "cost more of the old than they teach of the new" if learned.sign > 0 else "do not pay"
    if learned.sign > 0 and forgotten.sign > 0:
        return "teach the new and cost the old, and neither outweighs the other"
    return "change what is kept by no more than noise"
