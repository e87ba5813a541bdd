"""Chapter 5: what AccuACL gives and what it gets, how its two scores choose, and where that pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from acl.runs.folder import Run
from app import words
from app.charts import trade as charts
from app.charts.palette import strategy_colour
from app.charts.run import Spec, plane_chart
from app.charts.score_plane import HERO, PLANE, Cuts, view
from app.charts.written import percent
from app.lesson import differences, steps
from app.lesson import trade_words as said
from app.lesson.digits import larger, smooth_url
from app.lesson.measured import difference, figures
from app.lesson.picture import figure
from app.lesson.scored import Query, query
from app.store import runs as data
from app.store.session import RECORDED
from app.widgets.browser.leaving import leave, new_run
from app.widgets.gallery import Card, cards_html

QUESTION = "What does AccuACL trade?"
MEMORIES = (10, 20, 50)
LAMBDAS = (0.0, 0.25, 0.5, 0.75, 1.0)
HALF = 20
"""Labels a task: half of the preset's."""
BY = {"D alone": "distribution alone", "both": "both", "M alone": "magnitude alone"}
CORNERS = ("strong but unlike", "strong and alike", "weak and unlike", "weak but alike")
"""Names of acl.analysis.corners.CORNERS."""
KEY = "trade"
HEIGHT, PROFILES_HEIGHT, PLANE_HEIGHT, PICK_PX = 330, 370, 265, 34


def draw(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    names = list(STEPS)
    with controls:
        step = steps.shown(KEY, names)
    takeaway = STEPS[step](picture, controls)
    with controls:
        steps.go_on(KEY, names, step)
    return takeaway


def rhythm() -> float | None:
    """Nothing moves by itself: it is drawn when something is chosen."""
    return None


def reset() -> None:
    steps.go(KEY, next(iter(STEPS)))


# -- 1: the trade --------------------------------------------------------------------------------------


def _trade(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    accuacl, uniform = figures(strategy=HERO), figures()
    found = said.differences(accuacl, uniform)
    with picture:
        st.markdown("**AccuACL minus Uniform**", help=f"{words.HELP['LA']} {words.HELP['forgotten']}")
        rows = [
            differences.row(charts.NAMES[name], each, accuacl[name] - uniform[name], charts.COLOURS[name])
            for name, each in found.items()
        ]
        differences.show(rows, "points", "trade-balance", HEIGHT, "AccuACL minus Uniform")
    with controls:
        st.markdown(
            "**AccuACL** buys what informs the network about the new task *and* the past ones. **Uniform** buys "
            "blindly."
        )
        st.markdown(f"#### {said.question(found)}")
        st.caption("Forty labels a task and ten remembered digits, learned with ER.")
    return said.trade(found)


# -- 2 and 3: the two scores ---------------------------------------------------------------------------


def _four(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    found = query()
    images = data.pictures(Run(RECORDED / found.run), list(found.corners))
    four = [
        charts.Profile(
            name.capitalize(), _placed(found, id_), smooth_url(images[k]) if images is not None else "",
            found.spreads[k], found.fate(id_) == said.BOUGHT,
        )
        for k, (name, id_) in enumerate(zip(CORNERS, found.corners, strict=True))
    ]  # fmt: skip
    with picture:
        st.markdown(
            "**What each digit tells about (blue), and what past and new tasks need (grey), by class**",
            help=f"{words.HELP['fisher']} {words.HELP['target']}",
        )
        alt = "; ".join(f"{one.title}: {' '.join(one.lines.split())}" for one in four)
        figure(charts.profiles_chart(four, found.target, found.classes), "trade-four", PROFILES_HEIGHT, alt)
        st.caption(
            f"Of the {len(found.table)} digits in the pool of task {found.task}, query {found.round}, the one farthest "
            "in each corner. Bars: shares of the Fisher information AccuACL looks at, summed over each class. "
            f"{said.past_share(found.target, found.classes, found.new)}"
        )
    with controls:
        st.markdown("**Magnitude M**, strong or weak: how much its label would move the network.", help=words.HELP["M"])
        st.markdown(
            "**Distribution D**, alike or unlike: whether it moves what past and new tasks need. Alike: blue stands "
            "where grey does.", help=words.HELP["D"],
        )  # fmt: skip
    return said.four({name: found.fate(id_) for name, id_ in zip(CORNERS, found.corners, strict=True)})


def _placed(found: Query, id_: int) -> str:
    """Two lines: the sample's scores and ranks, and what became of it."""
    m, d, rank_m, rank_d = map(float, found.table.loc[id_, ["magnitude", "distribution", "rank_m", "rank_d"]])
    return (
        f"M {words.short(m)}, rank {rank_m:.0f} of {len(found.table)}\nD {d:.2f}, rank {rank_d:.0f} · {found.fate(id_)}"
    )


def _alone(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    found = query()
    with controls:
        by = st.segmented_control(
            "Pick by", list(BY), default="both", required=True, key="trade-by", bind="query-params", wrap=True,
            help=f"{words.HELP['D']} {words.HELP['M']}",
        ) or "both"  # fmt: skip
    picks = found.picks[by]
    with picture:
        st.markdown(f"**Picks by {BY[by]}: the same pool, {len(picks)} labels**")
        spec = plane(found, by, st.context.theme.type == "dark")
        figure(spec, "trade-plane", PLANE_HEIGHT, f"Magnitude against distribution, picks by {by}")
        ranks = found.table.loc[picks]
        made = [
            Card("", (f"M {m}", f"D {d}"), strategy_colour(HERO), f"sample {i}")
            for i, m, d in zip(picks, ranks["rank_m"], ranks["rank_d"], strict=True)
        ]
        images = data.pictures(Run(RECORDED / found.run), picks)
        smooth = None if images is None else np.stack([larger(image) for image in images])
        st.html(cards_html(smooth, made, size=PICK_PX))
    with controls:
        st.caption(
            f"Dashed: the cuts. Both: the {len(found.candidates)} highest by distribution, of these the {len(picks)} "
            f"highest by magnitude. Below each picture its ranks of {len(found.table)}."
        )
    return said.alone(found.picks, found.ranks("rank_m"), found.ranks("rank_d"))


def plane(found: Query, by: str, dark: bool) -> Spec:
    """The pool with these picks, and the cuts that made them."""
    table = found.table.assign(id=found.table.index, picked=found.table.index.isin(found.picks[by])).reset_index(
        drop=True
    )
    n = {"D alone": len(found.picks[by]), "both": len(found.candidates), "M alone": len(table)}[by]
    d, m, picked = (table[name].to_numpy() for name in ("distribution", "magnitude", "picked"))
    cuts = Cuts.of(d, m, picked, n)
    drawn = view(table, HERO, cuts, *PLANE)
    if by == "D alone":
        drawn = replace(drawn, y_cut=None)
    elif by == "M alone":
        drawn = replace(drawn, x_cut=None)
    return plane_chart(table, drawn, HERO, dark)


# -- 4 and 5: where it pays ----------------------------------------------------------------------------


def _memory(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    gains = _gains()
    with picture:
        st.markdown("**Kept, AccuACL minus Uniform, by the number of remembered digits**", help=words.HELP["A"])
        rows = [
            differences.row(f"{size} digits", difference(gain, 0 * gain), gain, strategy_colour(HERO))
            for size, gain in gains.items()
        ]
        differences.show(rows, "points kept", "trade-memory", HEIGHT, "AccuACL minus Uniform")
    with controls:
        st.markdown(
            "**When does it pay?** The same trade with more room for the past: right of 0 AccuACL keeps more, left of "
            "it Uniform does.", help=words.HELP["memory"],
        )  # fmt: skip
    return said.over_memory(gains)


def _gains() -> dict[int, pd.Series]:
    """What AccuACL keeps more than Uniform, by seed, for each size of the memory."""
    return {m: figures(strategy=HERO, memory=m)["A"] - figures(memory=m)["A"] for m in MEMORIES}


def _lambda(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    groups = {weight: figures(False, **{"strategy": HERO, "lambda": weight}) for weight in LAMBDAS}
    uniform = figures()
    found = {weight: said.differences(table, uniform) for weight, table in groups.items()}
    with picture:
        st.markdown("**AccuACL minus Uniform over λ**", help=words.HELP["λ"])
        rows = [
            {"λ": weight, "figure": name, "mean": each.mean, "error": each.error}
            for weight, by_name in found.items() for name, each in by_name.items()
        ]  # fmt: skip
        figure(charts.lambda_chart(pd.DataFrame(rows)), "trade-lambda", HEIGHT, "AccuACL minus Uniform over λ")
        st.caption(
            "Dots: means over the seeds; upright bars: ± one standard error. Above the line at 0 points AccuACL has "
            "more than Uniform."
        )
    with controls:
        st.markdown(
            "**How much should a query care about the past?** λ says it: at 0 the choice looks at the new task alone, "
            "at 1 at the remembered digits alone. The usual λ is the share of past samples among all so far."
        )
    return said.over_lambda({weight: table["A"] for weight, table in groups.items()},
                            figures(strategy=HERO)["A"], uniform["A"])  # fmt: skip


# -- 6: the end ----------------------------------------------------------------------------------------


def _end(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    half, full = figures(n_end=HALF)["A"], figures(strategy=HERO)["A"]
    with picture:
        st.markdown(f"### {said.challenge(difference(half, full))}")
        left, right = st.columns(2)
        left.metric(f"{HALF} random labels a task keep", percent(half.mean()), help=words.HELP["A"], border=True)
        right.metric("40 labels by AccuACL keep", percent(full.mean()), help=words.HELP["A"], border=True)
        st.caption(said.half(half, full, HALF))
    with controls:
        if st.button("New run", icon=":material/add_circle:", width="stretch", key="trade-new"):
            new_run()
        if st.button("Inspect", icon=":material/biotech:", width="stretch", key="trade-inspect",
                     help="The query of the four digits: every sample, and why it was bought."):  # fmt: skip
            found = query()
            where = {"run": found.run, "task": str(found.task), "round": str(found.round)}
            leave("inspect", where)
    at_zero = figures(False, **{"strategy": HERO, "lambda": 0.0})["A"]
    return said.when_it_pays(_gains(), at_zero - figures()["A"])


STEPS: dict[str, Callable[[DeltaGenerator, DeltaGenerator], str]] = {
    "Trade": _trade,
    "Four digits": _four,
    "D, M": _alone,
    "Memory": _memory,
    "λ": _lambda,
    "Your turn": _end,
}
