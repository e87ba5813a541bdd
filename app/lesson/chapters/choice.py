"""Chapter 4: what to label. An idea that works in one task; ten of sixty digits, bought and measured; a task later."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import words
from app.charts import choice as charts
from app.charts.palette import LEARNED
from app.charts.trade import COLOURS, NAMES
from app.lesson import differences, measured, steps
from app.lesson.choosing import live, said
from app.lesson.choosing.pairs import pairs_html
from app.lesson.choosing.picks import pictures
from app.lesson.choosing.shipped import Shipped, shipped
from app.lesson.picture import figure
from app.store.session import POLL_S
from app.widgets import projector

QUESTION = "Which ones would you buy?"
IDEA, BUY, WHY, LATER = VIEWS = ("Idea", "Buy", "Why", "Later")
LOOK = "look"
HEIGHT, IDEA_HEIGHT, LATER_HEIGHT, LATER_ALONE, STREAM_HEIGHT = 390, 190, 215, 330, 165
LET = "choice-let"
AT_ONCE: dict[str, Any] = {"classes_per_task": 10, "n_start": 50, "n_query": 50, "n_end": 200}
"""One task of all ten digits, with as many labels as the five tasks of the stream have together."""
ONE_QUERY = (
    "One query of one run, the one of eight in which the number of labels matters most. It shows how choices are "
    "measured, not who is best: that takes many runs. *What did it do?* on Inspect measures any query."
)
NO_MEASURER = "Your ten cannot be measured here: {} The others were measured before, and stand."


def draw(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    found = shipped()
    ids, passed = live.picks(found)
    with controls:
        view = steps.shown(LOOK, VIEWS)
        if passed:
            st.caption(f":material/info: {words.plain(passed)}")
    takeaway = {IDEA: _idea, BUY: _buy, WHY: _why, LATER: _later}[view](found, ids, picture, controls)
    with controls:
        steps.go_on(LOOK, VIEWS, view, view != BUY or bool(live.bought()))
    return takeaway


def rhythm() -> float | None:
    """Seconds after which it must be drawn again; None while nothing is measured."""
    return POLL_S if live.waits(shipped()) else None


def reset() -> None:
    live.fill(())
    steps.go(LOOK, IDEA)


# -- an idea -------------------------------------------------------------------------------------------


def _idea(found: Shipped, ids: tuple[int, ...], picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    """Entropy against Uniform where nothing can be forgotten: all ten digits in one task."""
    entropy, uniform = (measured.figures(strategy=name, **AT_ONCE)["LA"] for name in ("entropy", "uniform"))
    with controls:
        st.markdown(
            "**Label what the network is least sure of**: it has most to learn there. The strategy that does so is "
            "called Entropy."
        )
        st.caption("Uniform buys blindly: every digit has the same chance.")
    with picture:
        st.markdown("**All ten digits in one task: what Entropy learns more than Uniform**", help=words.HELP["LA"])
        row = differences.row(NAMES["LA"], measured.difference(entropy, uniform), entropy - uniform, LEARNED)
        differences.show([row], "points", "choice-idea", IDEA_HEIGHT, "Entropy minus Uniform")
        st.markdown("Would you buy so, too, where tasks come one after another and old digits are not seen again?")
    return said.in_one_task(_runs(**AT_ONCE))


def _runs(**settings: Any) -> said.Groups:
    return {name: measured.runs(strategy=name, **settings) for name in ("entropy", "uniform")}


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
    return said.effect(found, mine) if mine else ""


def _offer(found: Shipped, ids: tuple[int, ...]) -> None:
    st.markdown(
        f"The network knows 0 to 5, and keeps {found.memory} pictures of them. Sixes and sevens are new: "
        f"{found.labelled} have a label."
    )
    chooser = next((name for name in found.names if found.chosen_by(name) == ids), None)
    st.session_state[LET] = chooser
    st.pills(
        f"Pick {found.n}, or let a strategy choose", found.names, key=LET, format_func=words.strategy, wrap=True,
        on_change=_let, args=(found,),
        help=f"Each of them was shown these sixty alone.\n{words.described('strategies', found.names)}",
    )  # fmt: skip
    if chooser:
        st.caption(words.does("strategies", chooser))
    st.button(
        "Buy and train", icon=":material/shopping_cart:", key="choice-buy", type="primary", width="stretch",
        disabled=len(ids) != found.n, on_click=live.buy, args=(found, ids),
        help=f"The network learns these {found.n} too, now, in {found.repeats} orders of the pictures.",
    )  # fmt: skip


def _let(found: Shipped) -> None:
    name = st.session_state.get(LET)
    if name in found.names:
        live.fill(found.chosen_by(name))


def _trouble(found: Shipped, missing: bool) -> None:
    if trouble := live.trouble(found):
        st.warning(NO_MEASURER.format(words.plain(trouble)), icon=":material/warning:")
    elif missing:
        st.caption(":material/hourglass_top: The network is learning your ten…")
    st.caption(
        f"Grey: {len(found.blind())} blind choices of {found.n}, as Uniform's is one. Joined: means of blind choices "
        f"of so many. How sure: the mean probability that the network gives to the true name of test digits, over "
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
            "bought blindly. Who still knows the sixes and sevens?"
        )
        st.caption(f"Grey: {len(blind)} blind choices. Dashed: their mean. Means over {found.repeats} orders each.")
        st.caption(f":material/info: {ONE_QUERY}")
    with picture:
        st.markdown("**Sixes and sevens that still get their name after the next task**")
        figure(
            charts.later(blind, _labelled(found, "next")),
            "choice-later",
            LATER_ALONE if projector.on() else LATER_HEIGHT,
            "After the next task",
        )
        # Before a room one figure, the sentence below says the other.
        if not projector.on():
            _stream()
    return f"{said.later(found)} {said.in_a_stream(_runs())}"


def _stream() -> None:
    """Entropy against Uniform once more, where there is much to forget."""
    st.markdown(
        "**All digits, old ones too, after five tasks: Entropy minus Uniform**",
        help=f"{words.HELP['forgotten']} {words.HELP['A']}",
    )
    entropy, uniform = (measured.figures(strategy=name) for name in ("entropy", "uniform"))
    rows = [
        differences.row(NAMES[each], measured.difference(entropy[each], uniform[each]),
                        entropy[each] - uniform[each], COLOURS[each])
        for each in ("forgotten", "A")
    ]  # fmt: skip
    differences.show(rows, "points", "choice-stream", STREAM_HEIGHT, "Entropy minus Uniform", legend=False)
