"""What predicts it? Of the random sets that were measured in this query: which score goes with what they did."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from acl.analysis.outcomes.predictors import PREDICTORS, predictors
from acl.analysis.outcomes.scores import SCORES, Scorer, scored
from app import words
from app.charts.predictors import PARTS, chart
from app.charts.written import signed
from app.inspection.panels.outcomes.dots import by_measure
from app.inspection.source import Sight
from app.widgets import projector

TITLE = "What predicts it?"
STRONGEST = 3
"""Scores that are named of each part; the picture has them all."""
PART_OF = {"new": "The new", "past": "The past", "net": "Net"}


def predicted(sight: Sight, rows: pd.DataFrame, measure: str) -> None:
    """rows: what was measured of this query at one horizon; nothing is drawn of too few random sets."""
    random = rows[rows["kind"] == "random"]
    if random.empty:
        return
    found, left_out = _found(sight.mark, sight.hidden, measure, _fingerprint(random), random, sight)
    if found.empty:
        return
    spec, height = chart(found)
    grid = st.grid(2, min_column_width=440, gap=("xsmall", "medium"))
    with grid.cell():
        with st.container(horizontal=True, vertical_alignment="center", key="outcome-predicts"):
            st.markdown(f"**{TITLE}**", width="content")
            with st.popover("Names", type="tertiary"):
                for score in PREDICTORS.values():
                    st.markdown(f"**{words.plain(score.label)}**: {words.plain(score.meaning)}")
        projector.chart(spec, f"outcome-predictors-{sight.name}", height, "Rank correlation of scores with outcomes")
    with grid.cell():
        st.caption(words.plain(about(found)))
        for line in sentences(found):
            st.markdown(words.plain(line))
        for line in reasons(left_out):
            st.caption(f":material/info: {words.plain(line)}")


def about(found: pd.DataFrame) -> str:
    sets = int(found.loc[found["score"] != "n", "sets"].max())
    return (
        f"{sets} random sets of this query, by rank: a dot far to the right is a score that is high where the outcome "
        "is. Between the grey edges is what chance alone gives: the largest of all dots lies there in 95 % of the "
        "shuffles of the outcomes. One query, so there is no interval; acl outcomes --all --predict has all of a run."
    )


def sentences(found: pd.DataFrame) -> list[str]:
    """For each part, the scores that stand out of chance, the strongest first."""
    said = []
    for part in (part for part in PARTS if part in set(found["part"])):
        rows = found[(found["part"] == part) & found["named"]].sort_values("rho", key=abs, ascending=False)
        strongest = list(zip(rows["score"], rows["rho"], strict=True))[:STRONGEST]
        names = [f"{PREDICTORS[name].label} ({signed(rho, 2)})" for name, rho in strongest]
        more = f" and {len(rows) - STRONGEST} more" if len(rows) > STRONGEST else ""
        said.append(f"{PART_OF[part]}: {', '.join(names) if names else 'no score stands out of chance'}{more}.")
    return said


def reasons(left_out: dict[str, str]) -> list[str]:
    """A sentence for each reason, with the scores that it takes away."""
    names: dict[str, list[str]] = {}
    for name, why in left_out.items():
        names.setdefault(why, []).append(SCORES[name].label)
    return [f"Without {', '.join(labels)}: {why[0].lower()}{why[1:]}" for why, labels in names.items()]


def _fingerprint(random: pd.DataFrame) -> tuple[int, float]:
    return len(random), float(random["net"].sum())


@st.cache_data(max_entries=8, show_spinner=False)
def _found(
    mark: tuple[str, int], hidden: bool, measure: str, which: tuple[int, float], _random: pd.DataFrame, _sight: Sight
) -> tuple[pd.DataFrame, dict[str, str]]:
    context = _sight.context
    labels: dict[int, int] = {}
    for samples in (context.pool, context.memory):
        ids = samples.ids.tolist()
        truth = _sight.truth(ids) if ids else None
        if truth is not None:
            labels |= dict(zip(ids, truth.tolist(), strict=True))
    scorer = Scorer(context, labels, _sight.config.dims_per_class)
    # A record from elsewhere may name samples that this pool does not have.
    pool = set(context.pool.ids.tolist())
    there = _random[[pool.issuperset(ids) for ids in _random["ids"]]]
    return predictors(scored(by_measure(there, measure), scorer)), scorer.left_out
