"""Tables of what queries changed and what picks did: means over the queries of a run, then over runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from acl.analysis.outcomes.summary import PARTS
from acl.results.spread import over_seeds
from app import words
from app.charts.written import signed, whole_percent

NAMED = ("strategy", "lambda", "distribution", "magnitude")
"""Kinds of sets that are the same question in every query."""


def by_cohort(rows: pd.DataFrame) -> pd.DataFrame:
    """rows: cohort, run, and of every query new, past and net as fractions. A row for each cohort: queries, seeds, and
    mean and half of each in points."""
    return _over(rows.rename(columns={"cohort": "set"}).assign(**{part: 100 * rows[part] for part in PARTS}), PARTS)


def by_set(sets: pd.DataFrame) -> pd.DataFrame:
    """sets: of acl.analysis.outcomes.summary, those in NAMED. A row for each: queries, seeds, mean and half of each
    difference in points, the percentile of net, and the random labels that do as much, in percent of n."""
    named = sets[sets["kind"].isin(NAMED)]
    labels = [set_label(kind, name) for kind, name in zip(named["kind"], named["name"], strict=True)]
    rows = named.assign(
        set=labels, **{part: named[f"{part}_points"] for part in PARTS}, beats=named["net_percentile"],
        like=100 * named["fewer"] / named["n"].where(named["n"] > 0),
    )  # fmt: skip
    return _over(rows, (*PARTS, "beats", "like")).drop(columns=["beats_half", "like_half"])


def _over(rows: pd.DataFrame, values: Sequence[str]) -> pd.DataFrame:
    """Mean over the queries of a run, then over runs: each counts as much, however many of its queries are there."""
    runs = rows.groupby(["set", "run"], sort=False)[list(values)].mean().reset_index()
    found = pd.DataFrame({"set": list(dict.fromkeys(rows["set"]))}).set_index("set")
    found["queries"] = rows.groupby("set").size()
    found["seeds"] = rows.groupby("set")["run"].nunique()
    for value in values:
        spread = over_seeds(runs, ["set"], value).set_index("set")
        found[value], found[f"{value}_half"] = spread["mean"], spread["half"]
    return found.reset_index()


def set_label(kind: str, name: str) -> str:
    known = {"lambda": f"AccuACL, λ = {name}", "distribution": "D alone", "magnitude": "M alone"}
    return known.get(kind) or words.strategy(name)


def columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    found: dict[str, Any] = {
        "set": "Labels by", "queries": number("queries"), "seeds": number("seeds"),
        "beats": number("beats", help="Of the random sets, the share whose net is lower; mean."),
        "like": number("like random", help="In percent of n."),
    }  # fmt: skip
    names = {"new": "the new task", "past": "mean over the old tasks", "net": "mean over all tasks seen"}
    for part, meaning in names.items():
        found[part] = number(part, help=f"{meaning.capitalize()}. ↑ better")
        found[f"{part}_half"] = number("±", format="%.1f", help="Half the 95 % interval over seeds.")
    return found


WRITTEN = {**dict.fromkeys(PARTS, signed), "beats": whole_percent, "like": whole_percent}
