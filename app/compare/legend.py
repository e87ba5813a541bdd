"""Who is who on the Compare page: the legend, what is left out, and the cohort the others are held against."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Mapping, Sequence

import streamlit as st

from acl.results.cohorts import not_paired
from app import words
from app.charts.palette import Look
from app.compare.cohorts import Chosen
from app.widgets.url import begin, select

MOST_LINES = 50


def legend(found: Chosen) -> None:
    """Which line is which, how many seeds each has, and what is left out."""
    with st.container(horizontal=True, vertical_alignment="center", key="compare-legend"):
        st.html(legend_html(found.looks, Counter(found.runs["cohort"])), width="stretch")
        remarks(found)


def baselines(found: Chosen) -> tuple[list[str], str]:
    """Every cohort, and the one to begin with: Uniform where there is one, of today's method before an earlier one, and
    whom most others may be paired with."""
    first = found.runs.drop_duplicates("cohort").set_index("cohort")
    settings = first["settings"].map(json.loads)
    names = [look.name for look in found.looks]
    uniform = [name for name in names if first.loc[name, "strategy"] == "uniform"]

    def worth(name: str) -> tuple[int, int]:
        return settings[name]["method"], sum(not not_paired(settings[other], settings[name]) for other in names)

    return names, max(uniform or names, key=worth)


def baseline_of(found: Chosen) -> str:
    """The cohort that the URL, or the last view with a control for it, names."""
    key = begin("baseline", *baselines(found))
    return str(st.session_state[key])


def choose_baseline(found: Chosen) -> str:
    names, default = baselines(found)
    return select(
        "Baseline", "baseline", names, default, lambda name: f"Baseline: {name}", default, width=210,
        label_visibility="collapsed",
    )  # fmt: skip


def legend_html(looks: Sequence[Look], seeds: Mapping[str, int]) -> str:
    """Swatches with names and numbers of seeds; every text is escaped."""
    items = [
        f'<span style="white-space:nowrap"><span style="display:inline-block;width:22px;border-top:3px {look.dash} '
        f'{look.colour};vertical-align:middle;margin-right:6px"></span>{html.escape(look.name)} '
        f'<span style="opacity:.6">×{seeds.get(look.name, 0)}</span></span>'
        for look in looks
    ]
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:2px 18px;font-size:.86rem;font-variant-numeric:tabular-nums" '
        f'title="×n: number of seeds">{"".join(items)}</div>'
    )


def remarks(found: Chosen) -> None:
    """What must not go unsaid of these means: labels that are wrong on purpose, and runs that do not count."""
    for share in sorted({share for share in found.runs["label_noise"] if share}):
        st.badge(f"label noise {100 * share:g} %", icon=":material/warning:", color="orange",
                 help="Some of these runs were given wrong labels on purpose: this share of them.")  # fmt: skip
    left_out(found)


def left_out(found: Chosen) -> None:
    if found.left_out:
        n = len(found.left_out)
        with st.popover(f"{n:,} left out", icon=":material/info:", type="tertiary"):
            for line in found.left_out[:MOST_LINES]:
                st.caption(words.plain(line))
            if n > MOST_LINES:
                st.caption(f"And {n - MOST_LINES:,} more.")
