"""Is the difference real? Strategies against the baseline, paired by seed, in sentences first."""

from __future__ import annotations

import json
import math

import pandas as pd
import streamlit as st

from acl.results.cohorts import not_paired
from acl.results.significance import LEAST_FOR_BOOTSTRAP, LEAST_FOR_P, METRICS, Paired, against, conclusion, sentence
from acl.results.spread import over_seeds
from app import words
from app.charts import comparison as arena_charts
from app.charts import written
from app.compare import new_seeds
from app.compare.cohorts import Chosen
from app.compare.legend import baselines, choose_baseline, remarks
from app.widgets import projector

NAMES = {"A": "Kept (A) ↑", "LA": "Learned (LA) ↑", "F": "Forgetting (F) ↓"}


@st.cache_data(max_entries=32, show_spinner="Comparing…")
def paired_results(runs: pd.DataFrame, baseline: str) -> list[Paired]:
    """Every cohort that may be paired against `baseline`, in each metric: what acl.results.significance says."""
    return against(runs, baseline)


def view(found: Chosen) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="compare-against"):
        st.html("<span>Every strategy against</span>", width="content")
        baseline = choose_baseline(found)
        new_seeds.button_of_source()
        remarks(found)
    apart = unpaired(found.runs, baseline)
    if apart:
        st.warning(refused(apart, baseline), icon=":material/block:")
    runs = found.runs[~found.runs["cohort"].isin(apart)][["cohort", "seed", *METRICS]]
    results = paired_results(runs, baseline)
    if not results:
        why = "Nothing else can be paired" if apart else "Nothing shares a seed"
        st.info(
            f"{why} with {words.plain(baseline)}: run other strategies with the same seeds.", icon=":material/info:"
        )
        return
    st.markdown(f"**{words.plain(conclusion(results))}**")
    _forests(results, found, baseline)
    st.caption(
        f"Each strategy minus {words.plain(baseline)} on the same seed, after the last task. Intervals: 95 %, "
        f"bootstrap (BCa) from {LEAST_FOR_BOOTSTRAP} pairs, Student's t below. p: exact sign permutation test from "
        f"{LEAST_FOR_P} pairs on, corrected by Holm over all {len(results)} comparisons of this page."
    )
    _errors(found)


def concluded(found: Chosen) -> str:
    """The same in one sentence, against the baseline that this page begins with; empty where nothing can be paired."""
    if found.runs.empty:
        return ""
    baseline = baselines(found)[1]
    runs = found.runs[~found.runs["cohort"].isin(unpaired(found.runs, baseline))]
    results = paired_results(runs[["cohort", "seed", *METRICS]], baseline)
    return conclusion(results) if results else ""


def unpaired(runs: pd.DataFrame, baseline: str) -> dict[str, str]:
    """Cohorts that differ from the baseline in more than the strategy: name → in what, in words."""
    first = runs.drop_duplicates("cohort").set_index("cohort")["settings"].map(json.loads)
    found = {name: not_paired(settings, first[baseline]) for name, settings in first.items() if name != baseline}
    return {str(name): words.settings(names) for name, names in found.items() if names}


def refused(apart: dict[str, str], baseline: str) -> str:
    """Who is not compared, in one note however many they are, by what they differ in."""
    why: dict[str, list[str]] = {}
    for name, settings in apart.items():
        why.setdefault(settings, []).append(words.plain(name))
    lines = [f"- in {settings}: {'; '.join(names)}" for settings, names in why.items()]
    head = (
        f"Not compared with {words.plain(baseline)}, because they differ from it in more than the strategy, so that "
        "their seeds are no pairs (choose another baseline, or fewer runs by the filter):"
    )
    return "\n".join([head, "", *lines])


def _forests(results: list[Paired], found: Chosen, baseline: str) -> None:
    """For each metric the sentences, and the same as intervals."""
    looks = {look.name: look for look in found.looks}
    for metric in METRICS:
        here = [result for result in results if result.metric == metric]
        left, right = st.columns([3, 2], gap="large")
        with left:
            st.markdown(f"**{NAMES[metric]}** against {words.plain(baseline)}", help=words.HELP[metric])
            marks = [":material/check_circle:" if result.sure else ":material/help:" for result in here]
            said = [words.plain(sentence(result)).replace(" = ", "\u00a0=\u00a0") for result in here]
            st.markdown("  \n".join(f"{mark} {line}" for mark, line in zip(marks, said, strict=True)))
        with right:
            rows = [
                {"label": r.one, "one": r.one, "mean": r.mean, "low": r.low, "high": r.high, "said": sentence(r)}
                for r in here
            ]
            names = [r.one for r in here]
            spec = arena_charts.forest(rows, looks)
            height = 80 + arena_charts.row_height(names) * len(rows)
            projector.chart(spec, key=f"compare-forest-{metric}", height=height, alt=f"{NAMES[metric]}: differences")


def _errors(found: Chosen) -> None:
    """How sure each mean is by itself: the spread over seeds, and what the finite test set adds."""
    st.markdown("**How sure is each mean by itself?**")
    bands = over_seeds(found.runs, ["cohort"], "A").set_index("cohort")
    table = pd.DataFrame(
        {
            "cohort": bands.index,
            "A": 100 * bands["mean"].to_numpy(),
            "seeds": 100 * (bands["std"] / bands["n"].map(math.sqrt)).to_numpy(),
            "test": 100 * found.runs.groupby("cohort", sort=False)["A_test_se"].mean().reindex(bands.index).to_numpy(),
            "n": bands["n"].to_numpy(),
        }
    )
    st.dataframe(
        written.table(table, {"A": written.percent}), hide_index=True, width="content", placeholder="–",
        column_config={
            "cohort": st.column_config.TextColumn("Strategy"),
            "A": st.column_config.NumberColumn("A ↑", help=words.HELP["A"]),
            "seeds": st.column_config.NumberColumn(
                "± seeds", format="%.2f points", help="Standard error of the mean over seeds; – for one seed."
            ),
            "test": st.column_config.NumberColumn(
                "± test set", format="%.2f points",
                help="Standard error of one run's A because its test set is finite. All strategies share "
                "the test set, so it weighs less on their differences.",
            ),
            "n": st.column_config.NumberColumn("Seeds"),
        },
    )  # fmt: skip
