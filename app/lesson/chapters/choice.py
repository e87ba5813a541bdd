"""Chapter 4: ten of sixty digits may be bought; what the student's do, beside blind and clever choices."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import words
from app.charts import choice as charts
from app.lesson import measured
from app.lesson.choosing import live, said
from app.lesson.choosing.pairs import pairs_html
from app.lesson.choosing.picks import pictures
from app.lesson.choosing.shipped import Shipped, shipped
from app.lesson.picture import figure
from app.store.session import POLL_S

QUESTION = "Which ones would you buy?"
VIEWS = {"buy": "Buy", "why": "Why", "later": "Later"}
HEIGHT = 390
LET = "choice-let"
AT_ONCE: dict[str, Any] = {"classes_per_task": 10, "n_start": 50, "n_query": 50, "n_end": 200}
"""One task of all ten digits, with as many labels as the five tasks of the stream have together."""
ONE_QUERY = (
    "One query of one run, taken out of eight because fewer labels differ in nothing else there. Other queries rank "
    "these choices otherwise: *What did it do?* on Inspect measures any."
)
NO_MEASURER = "Your ten cannot be measured here: {} The others were measured before, and stand."


def draw(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    found = shipped()
    ids, passed = live.picks(found)
    with controls:
        view = st.segmented_control(
            "Look at", list(VIEWS), default="buy", required=True, key="look", bind="query-params",
            format_func=VIEWS.__getitem__, label_visibility="collapsed",
        )  # fmt: skip
        if passed:
            st.caption(f":material/info: {words.plain(passed)}")
    views = {"why": _why, "later": _later}
    return views.get(view or "buy", _buy)(found, ids, picture, controls)


def rhythm() -> float | None:
    """Seconds after which it must be drawn again; None while nothing is measured."""
    return POLL_S if live.waits(shipped()) else None


def reset() -> None:
    live.fill(())


# -- buy -----------------------------------------------------------------------------------------------


def _buy(found: Shipped, ids: tuple[int, ...], picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    bought = live.bought()
    mine = live.result(found, bought) if bought else None
    with controls:
        if bought:
            st.button("Choose again", icon=":material/undo:", key="choice-again", width="stretch", on_click=live.again)
            _trouble(found, mine is None)
        else:
            _offer(found, ids)
    with picture:
        if bought:
            _plane(found, mine)
        else:
            st.markdown(f"**Sixty digits without a label: {found.n} of them will be labelled, and learned**")
            pictures(found, ids)
            st.caption(" ".join(_two_steps()))
    return said.effect(found, mine) if mine else ""


def _offer(found: Shipped, ids: tuple[int, ...]) -> None:
    st.markdown(
        f"The network knows 0 to 5, and keeps {found.memory} pictures of them. Sixes and sevens are new: "
        f"{found.labelled} have a label."
    )
    st.session_state[LET] = next((name for name in found.names if found.chosen_by(name) == ids), None)
    st.pills(
        f"Pick {found.n}, or let one choose", found.names, key=LET, format_func=words.strategy, wrap=True,
        on_change=_let, args=(found,), help="Each of them was shown these sixty alone.",
    )  # fmt: skip
    st.button(
        "Buy and train", icon=":material/shopping_cart:", key="choice-buy", type="primary", width="stretch",
        disabled=len(ids) != found.n, on_click=live.buy, args=(found, ids),
        help=f"The network learns these {found.n} too, now, in {found.repeats} orders of the pictures.",
    )  # fmt: skip


def _let(found: Shipped) -> None:
    name = st.session_state.get(LET)
    if name in found.names:
        live.fill(found.chosen_by(name))


def _two_steps() -> tuple[str, str]:
    """Entropy against Uniform, in one task and in a stream, over the seeds of the lesson's runs."""
    names = ("entropy", "uniform")
    alone = {name: measured.runs(strategy=name, **AT_ONCE) for name in names}
    return said.two_steps(alone, {name: measured.runs(strategy=name) for name in names})


def _trouble(found: Shipped, missing: bool) -> None:
    if trouble := live.trouble(found):
        st.warning(NO_MEASURER.format(words.plain(trouble)), icon=":material/warning:")
    elif missing:
        st.caption(":material/hourglass_top: The network is learning your ten…")
    st.caption(
        f"Grey: {len(found.blind())} blind choices of {found.n}. Joined: means of blind choices of so "
        f"many. How sure: the mean probability that the network gives to the true name of test digits, over "
        f"{found.repeats} orders of learning."
    )
    st.caption(f":material/info: {ONE_QUERY}")


def _plane(found: Shipped, mine: tuple[float, float] | None) -> None:
    st.markdown("**What ten labels did to the new and to the old**")
    spec = charts.plane(found.blind(), found.sizes(), _labelled(found, "round"), mine)
    figure(spec, "choice-plane", HEIGHT, "The new against the old")


def _labelled(found: Shipped, horizon: str) -> pd.DataFrame:
    rows = found.strategies(horizon)
    return rows.assign(label=[words.strategy(name) for name in rows["name"]])


# -- why, and later ------------------------------------------------------------------------------------


def _why(found: Shipped, ids: tuple[int, ...], picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    sets = {said.YOURS: ids, **{name: found.chosen_by(name) for name in found.names}}
    with controls:
        name = st.radio(
            "Whose ten", list(sets), index=1 + found.names.index("entropy"), key="whose", bind="query-params",
            format_func=lambda each: "yours" if each == said.YOURS else words.strategy(each),
        )  # fmt: skip
        st.caption(
            "Right of each: the remembered digit nearest to it in the network's features. Loss: how wrong the network "
            "still is about it. Against: a step that learns it raises the loss of the memory; the bar says how much."
        )
        st.caption(f":material/info: {ONE_QUERY}")
    chosen = sets[name]
    with picture:
        if not chosen:
            st.info("Pick ten under Buy first.", icon=":material/touch_app:")
            return ""
        st.markdown("**What was picked, hardest first, and what is remembered most like it**")
        st.html(pairs_html(found, chosen))
    return said.why(found, name, chosen) if len(chosen) == found.n else ""


def _later(found: Shipped, ids: tuple[int, ...], picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    blind = found.blind("next")
    with controls:
        st.markdown(
            "The same choices, and then the run goes on: the rest of this task's labels and the whole next task are "
            "bought blindly. Who still knows **this** task?"
        )
        st.caption(f"Grey: {len(blind)} blind choices. Dashed: their mean. Means over {found.repeats} orders each.")
        st.caption(f":material/info: {ONE_QUERY}")
    with picture:
        st.markdown("**Sixes and sevens that still get their name after the next task**")
        figure(charts.later(blind, _labelled(found, "next")), "choice-later", 300, "After the next task")
    return said.later(found)
