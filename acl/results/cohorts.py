"""What may be averaged: which runs count, what tells them apart, and how a group of seeds is called."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from acl.config import FULL
from acl.plugins.description import LAST, Kind
from acl.plugins.registry import choices
from acl.plugins.unused import own

FULL_LABEL = "Full"


def counted(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Those that may enter a mean, newest first, and a sentence for each that is left out."""
    kept: dict[str, str] = {}
    rows, left_out = [], []
    for row in runs.sort_values("run", ascending=False).to_dict("records"):
        if row["state"] != "finished":
            left_out.append(f"{row['run']} is left out: it is not finished.")
        elif row["by_hand"]:
            left_out.append(f"{row['run']} is left out: it was {row['by_hand']}, so it is no run of its settings.")
        elif row["key"] in kept:
            left_out.append(f"{row['run']} is left out: {kept[row['key']]} has the same settings and seed.")
        else:
            kept[row["key"]] = row["run"]
            rows.append(row)
    return pd.DataFrame(rows, columns=runs.columns), left_out


def differing(settings: Sequence[dict[str, Any]]) -> list[str]:
    """The settings in which these differ, among those that have them (full labels know no budget)."""
    names = dict.fromkeys(name for one in settings for name in one)
    return [name for name in names if len({repr(one[name]) for one in settings if name in one}) > 1]


def with_cohorts(runs: pd.DataFrame) -> pd.DataFrame:
    """`runs` with a column `cohort`, the name of what a run is a seed of: its strategy, and whatever else differs;
    in the paper's order."""
    each = {text: json.loads(text) for text in dict.fromkeys(runs["settings"])}
    names = differing(list(each.values()))
    label = {text: _cohort(settings, names) for text, settings in each.items()}
    place = {text: _place(settings) for text, settings in each.items()}
    order = sorted(each, key=lambda text: (*place[text], label[text]))
    rank = {text: i for i, text in enumerate(order)}
    named = runs.assign(cohort=runs["settings"].map(label), _rank=runs["settings"].map(rank))
    return named.sort_values(["_rank", "seed", "run"], kind="stable").drop(columns="_rank").reset_index(drop=True)


def _place(settings: dict[str, Any]) -> tuple[int, int]:
    def order(kind: Kind, name: str) -> int:
        found = choices(kind)
        return found[name].order if name in found else LAST

    return order("learners", settings["learner"]), order("strategies", settings["strategy"])


def _cohort(settings: dict[str, Any], names: Sequence[str]) -> str:
    head = [plugin_label("strategies", settings["strategy"])]
    if "learner" in names:
        head.insert(0, plugin_label("learners", settings["learner"]))
    if "dataset" in names:
        head.append(plugin_label("datasets", settings["dataset"]))
    others = [name for name in names if name not in {"strategy", "learner", "dataset"} and name in settings]
    said = ", ".join(f"{name}={'auto' if settings[name] is None else settings[name]}" for name in others)
    return " · ".join(head) + (f" ({said})" if said else "")


def plugin_label(kind: Kind, name: str) -> str:
    """The literature's name; its own if the plug-in is not installed here."""
    found = choices(kind)
    return FULL_LABEL if name == FULL else found[name].label if name in found else name


def not_paired(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The settings, beyond the strategy and its own, in which two cohorts differ: while there are any, their seeds are
    no pairs."""
    apart = {"strategy"} | own("strategies", one["strategy"]) | own("strategies", other["strategy"])
    return [name for name in differing([one, other]) if name not in apart]
