"""Chapter 5: what AccuACL gives and what it gets, how its two scores choose, and where that pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from acl.runs.folder import Run
from app import words
from app.charts import trade as charts
from app.charts.palette import strategy_colour
from app.charts.run import plane_chart
from app.charts.score_plane import HERO, PLANE, Cuts, view
from app.lesson import trade_words as said
from app.lesson.digits import smooth_url
from app.lesson.measured import Difference, difference, figures
from app.store import runs as data
from app.store.session import PAGES, RECORDED, new_run
from app.widgets import projector
from app.widgets.gallery import Card, cards_html

QUESTION = "What does AccuACL trade?"
RECORDING = "recorded-er-accuacl-digits-s0"
MEMORIES = (10, 20, 50)
LAMBDAS = (0.0, 0.25, 0.5, 0.75, 1.0)
HALF = 20
"""Labels a task: half of the preset's."""
BY = {"D alone": "distribution alone", "both": "both", "M alone": "magnitude alone"}
CORNERS = ("moves it much, unlike", "moves it much, alike", "moves it little, unlike", "moves it little, alike")
"""Names of acl.analysis.corners.CORNERS."""
HEIGHT, PLANE_HEIGHT, PICK_PX = 370, 270, 38


def draw(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    with controls:
        # Its own place: what a step has to choose stands below, whichever step it is.
        step = st.segmented_control(
            "Step", list(STEPS), default=next(iter(STEPS)), required=True, key="trade", bind="query-params",
            label_visibility="collapsed",
        ) or next(iter(STEPS))  # fmt: skip
    takeaway = STEPS[step](picture, controls)
    names = list(STEPS)
    with controls:
        after = names.index(step) + 1
        st.button(
            "Go on", icon=":material/arrow_downward:", key="trade-on", type="primary", width="stretch",
            shortcut="Space", on_click=_go, args=(names[min(after, len(names) - 1)],), disabled=after == len(names),
            help="The next step of this chapter.",
        )  # fmt: skip
    return takeaway


def _go(step: str) -> None:
    st.session_state["trade"] = step


# -- 1: the trade --------------------------------------------------------------------------------------


def _trade(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    accuacl, uniform = figures(strategy=HERO), figures()
    found = said.differences(accuacl, uniform)
    with picture:
        st.markdown("**AccuACL − Uniform, the same seed each**", help=f"{words.HELP['LA']} {words.HELP['forgotten']}")
        rows = [
            _row(charts.NAMES[name], each, accuacl[name] - uniform[name], charts.COLOURS[name])
            for name, each in found.items()
        ]
        projector.chart(charts.differences_chart(rows, "points"), "trade-balance", HEIGHT, "AccuACL minus Uniform")
    with controls:
        st.markdown(f"#### {said.question(found)}")
        st.caption("Forty labels a task and ten remembered digits, with ER.")
        _legend()
    return said.trade(found)


def _row(name: str, found: Difference, by_seed: pd.Series, colour: str) -> charts.Row:
    text = f"{found.mean:+.1f} ± {found.error:.1f}".replace("-", "−")
    return charts.Row(name, found.mean, found.low, found.high, by_seed.dropna().tolist(), text, colour)


def _legend() -> None:
    st.caption("Faint dots: seeds. Bold: their mean ± its standard error. Bar: its 95 % interval; across zero, it may "
               "be noise.")  # fmt: skip


# -- 2 and 3: the two scores ---------------------------------------------------------------------------


def _four(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    with picture, st.spinner("Loading the engine…"):
        # It brings torch, which no other step needs.
        from app.lesson.frozen_query import farthest_apart  # noqa: PLC0415
    query = farthest_apart(Run(RECORDED / RECORDING))
    spreads, target, classes = query.spreads()
    places = [query.place(position) for position in query.corners[0]]
    images = data.pictures(query.run, [place.id for place in places])
    fates = [said.fate(place.passed, place.picked) for place in places]
    four = [
        charts.Profile(
            name.capitalize(),
            f"M {words.short(place.magnitude)} (rank {place.rank_m}), D {place.distribution:.2f} (rank {place.rank_d}) "
            f"· {fate}",
            smooth_url(images[k]) if images is not None else "", spreads[k], place.picked,
        )
        for k, (name, place, fate) in enumerate(zip(CORNERS, places, fates, strict=True))
    ]  # fmt: skip
    with picture:
        st.markdown(
            "**Where each sample's information lies (blue), and where it is needed (grey)** · Fisher entries by class",
            help=f"{words.HELP['fisher']} {words.HELP['target']}",
        )
        projector.chart(charts.profiles_chart(four, target, classes), "trade-four", HEIGHT, "; ".join(
            f"{one.title}: {one.line}" for one in four
        ))  # fmt: skip
    with controls:
        st.markdown("**Magnitude**: how much it would move the network.", help=words.HELP["M"])
        st.markdown(
            "**Distribution**: how alike that is to what past and new tasks need.", help=words.HELP["D"]
        )  # fmt: skip
        st.caption(
            f"Of all {len(query.ids)} digits in the pool of task {query.task}, query {query.round}, those farthest in "
            "each corner."
        )
    return said.four(dict(zip(CORNERS, fates, strict=True)))


def _alone(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    with picture, st.spinner("Loading the engine…"):
        from app.lesson.frozen_query import farthest_apart  # noqa: PLC0415
    query = farthest_apart(Run(RECORDED / RECORDING))
    with controls:
        by = st.segmented_control(
            "Pick by", list(BY), default="both", required=True, key="trade-by", bind="query-params",
            help=f"{words.HELP['D']} {words.HELP['M']}",
        ) or "both"  # fmt: skip
    rankings = {each: query.ranked(each) for each in BY}
    scores = {each: query.scores(ranking) for each, ranking in rankings.items()}
    ranking, table = rankings[by], scores[by]
    order = [query.ids[position] for position in ranking.picked.tolist()]
    rank_m, rank_d = (
        dict(zip(query.ids, table[name].rank(ascending=False, method="first").astype(int).tolist(), strict=True))
        for name in ("magnitude", "distribution")
    )
    cuts = Cuts.of(table["distribution"].to_numpy(), table["magnitude"].to_numpy(), table["picked"].to_numpy(),
                   len(ranking.candidates))  # fmt: skip
    drawn = view(table, HERO, cuts, *PLANE)
    drawn = replace(drawn, **{"D alone": {"y_cut": None}, "M alone": {"x_cut": None}}.get(by, {}))
    with picture:
        st.markdown(f"**Picks by {BY[by]}: the same pool, {len(order)} labels**")
        spec = plane_chart(table, drawn, HERO, st.context.theme.type == "dark")
        projector.chart(spec, "trade-plane", PLANE_HEIGHT, f"Magnitude against distribution, picks by {by}")
        made = [Card("", (f"M {rank_m[i]} D {rank_d[i]}",), strategy_colour(HERO), f"sample {i}") for i in order]
        st.html(cards_html(data.pictures(query.run, order), made, size=PICK_PX))
    with controls:
        st.caption(
            f"Dashed: the cuts. Both: the {len(rankings['both'].candidates)} highest by distribution, of these the "
            f"{len(order)} highest by magnitude. Below each picture its ranks of {len(query.ids)}."
        )
    picks = {each: [query.ids[p] for p in found.picked.tolist()] for each, found in rankings.items()}
    return said.alone(picks, rank_m, rank_d)


# -- 4 and 5: where it pays ----------------------------------------------------------------------------


def _memory(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    groups = {m: (figures(strategy=HERO, memory=m)["A"], figures(memory=m)["A"]) for m in MEMORIES}
    kept = {size: difference(*pair) for size, pair in groups.items()}
    with picture:
        st.markdown("**Kept, AccuACL − Uniform, by the number of remembered digits**", help=words.HELP["A"])
        rows = [
            _row(f"{size} digits", kept[size], one - other, strategy_colour(HERO))
            for size, (one, other) in groups.items()
        ]
        projector.chart(charts.differences_chart(rows, "points kept"), "trade-memory", HEIGHT, "AccuACL minus Uniform")
    with controls:
        st.markdown("The same trade with more room for the past.", help=words.HELP["memory"])
        _legend()
    return said.over_memory(kept)


def _lambda(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    groups = {weight: figures(strategy=HERO, **{"lambda": weight}) for weight in LAMBDAS}
    uniform = figures()
    rows = []
    for weight, table in groups.items():
        row = {"λ": weight}
        for name in charts.COLOURS:
            row[name] = round(float(table[name].mean()), 1)
            row[f"{name}_error"] = float(table[name].sem())
        rows.append(row)
    means = {name: float(uniform[name].mean()) for name in charts.COLOURS}
    with picture:
        st.markdown("**AccuACL over λ** · dashed: Uniform, which has none", help=words.HELP["λ"])
        projector.chart(charts.lambda_chart(pd.DataFrame(rows), means), "trade-lambda", HEIGHT, "Figures over λ")
    with controls:
        st.markdown("How much should a query care about the past?")
        st.caption(f"Means over {len(uniform)} seeds; thick: ± one standard error.")
    return said.over_lambda({weight: table["A"] for weight, table in groups.items()},
                            figures(strategy=HERO)["A"], uniform["A"])  # fmt: skip


# -- 6: the end ----------------------------------------------------------------------------------------


def _end(picture: DeltaGenerator, controls: DeltaGenerator) -> str:
    half, full = figures(n_end=HALF)["A"], figures(strategy=HERO)["A"]
    with picture:
        st.markdown(f"### {said.challenge(half, full)}")
        left, right = st.columns(2)
        left.metric(f"{HALF} random labels a task keep", f"{half.mean():.1f} %", help=words.HELP["A"], border=True)
        right.metric("40 labels by AccuACL keep", f"{full.mean():.1f} %", help=words.HELP["A"], border=True)
    with controls:
        if st.button("New run", icon=":material/add_circle:", width="stretch", key="trade-new"):
            new_run()
        if st.button("Inspect", icon=":material/biotech:", width="stretch", key="trade-inspect",
                     help="Every sample of a recorded query, and why it was bought."):  # fmt: skip
            st.switch_page(PAGES / "inspect.py", query_params={"run": RECORDING})
    return ""


STEPS: dict[str, Callable[[DeltaGenerator, DeltaGenerator], str]] = {
    "The trade": _trade,
    "Four digits": _four,
    "D and M": _alone,
    "Memory": _memory,
    "λ": _lambda,
    "Your turn": _end,
}
