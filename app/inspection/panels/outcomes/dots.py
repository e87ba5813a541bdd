"""Measured outcomes as what is drawn: dots, clouds and curves out of the tidy table of one query."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from acl.analysis.outcomes.summary import MEASURES, PARTS, Difference, difference, fewer
from app import words
from app.charts.outcomes_plane import CLOUDS, Picture
from app.charts.palette import FULL_COLOUR, OTHER, strategy_colour
from app.charts.score_plane import HERO
from app.charts.written import number

UNITS = {"likelihood": "likelihood", "accuracy": "accuracy", "accuracy_aware": "accuracy among its own classes"}
DRAWN = [*CLOUDS, "equal_steps"]
MEAN_OF = {"classes": "random, same classes", "losses": "random, same losses"}


def by_measure(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The columns new, past and net by this measure (see acl.analysis.outcomes.summary.table), in percent."""
    assert measure in MEASURES
    ending = "" if measure == "likelihood" else f"_{measure}"
    return rows.assign(**{part: 100 * rows[f"{part}{ending}"] for part in PARTS})


def picture(rows: pd.DataFrame, task: int, n: int, measure: str, absolute: bool, own: str) -> Picture:
    """rows: of one query and horizon; n: samples that it buys; own: the run's strategy, whose colour its picks have.

    In differences everything is held against the mean of random sets of n, sets of other sizes too, so that all lie in
    one plane. Without random sets of n there are no differences: all is empty then.
    """
    rows = by_measure(rows, measure)
    random = rows[rows["kind"] == "random"]
    blind = random[random["n"] == n]
    centre = (_mean(blind["new"]), _mean(blind["past"]), _mean(blind["net"]))
    if not absolute and not len(blind):
        rows, random = rows.iloc[:0], random.iloc[:0]
    zero = (0.0, 0.0, 0.0) if absolute else centre
    clouds = {kind: _cloud(rows[(rows["kind"] == kind) & (rows["n"] == n)], zero) for kind in CLOUDS}
    steps = rows[rows["kind"] == "equal_steps"]
    # With all its labels a set has the full number of steps in any case.
    curves = {
        "random": _curve(random, zero),
        "equal_steps": _curve(pd.concat([steps, blind]) if len(steps) else steps, zero),
    }
    unit = UNITS[measure] if absolute else f"points of {UNITS[measure]}"
    at = centre if absolute else (0.0, 0.0, 0.0)
    return Picture(task, absolute, unit, _dots(rows, blind, absolute, own), clouds, curves, at)


def _mean(values: pd.Series) -> float:
    return float(values.mean()) if len(values) else math.nan


def _cloud(rows: pd.DataFrame, zero: tuple[float, ...]) -> pd.DataFrame:
    found = {axis: rows[part] - z for axis, part, z in zip(("x", "y", "net"), PARTS, zero, strict=True)}
    return pd.DataFrame({"n": rows["n"], "ids": rows["ids"], **found}).reset_index(drop=True)


def _curve(rows: pd.DataFrame, zero: tuple[float, ...]) -> pd.DataFrame:
    means = rows.groupby("n")[list(PARTS)].mean() - np.array(zero)
    sets = rows.groupby("n").size()
    return pd.DataFrame(
        {"n": means.index, "x": means["new"], "y": means["past"], "net": means["net"], "sets": sets}
    ).reset_index(drop=True)


COLUMNS = ["kind", "name", "label", "mark", "colour", "n", "ids", "x", "y", "net", "x_se", "y_se", "net_se", "said"]


def _dots(rows: pd.DataFrame, blind: pd.DataFrame, absolute: bool, own: str) -> pd.DataFrame:
    found: list[dict[str, Any]] = []
    for _, each in rows[~rows["kind"].isin(DRAWN)].groupby(["kind", "name", "n", "ids"], sort=False):
        first = each.iloc[0]
        kind, name, n = first["kind"], first["name"], int(first["n"])
        row = {"kind": kind, "name": name, "n": n, "ids": first["ids"]}
        row |= {"label": label(kind, name, n, own), "colour": colour(kind, name, own)}
        for axis, part in zip(("x", "y", "net"), PARTS, strict=True):
            row[axis], row[f"{axis}_se"] = _value(each[part].to_numpy(), blind[part].to_numpy(), absolute)
        found.append(row | {"said": _said(row)})
    return pd.DataFrame(_marked(found), columns=COLUMNS)


def _marked(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With what stands beside each dot: strategies that pick the same samples lie on each other, and share it."""
    alike: dict[frozenset[int], list[dict[str, Any]]] = {}
    for row in found:
        row["mark"] = "" if row["kind"] in {"recorded", "strategy"} else row["label"]
        if row["kind"] == "strategy":
            alike.setdefault(frozenset(row["ids"]), []).append(row)
    for rows in alike.values():
        rows[-1]["mark"] = ", ".join(row["label"] for row in rows)
    return found


def _value(values: np.ndarray, blind: np.ndarray, absolute: bool) -> tuple[float, float]:
    if absolute:
        return float(values.mean()), math.sqrt(values.var(ddof=1) / len(values)) if len(values) > 1 else math.nan
    apart = of_percent(values, blind)
    return apart.points, apart.se


def clouds_of(random: pd.DataFrame) -> dict[int, dict[str, np.ndarray]]:
    """Of random sets of each size, new, past and net of every one."""
    return {
        size: {part: each[part].to_numpy() for part in PARTS}
        for size, each in ((int(each["n"].iloc[0]), each) for _, each in random.groupby("n"))
    }


def of_percent(values: np.ndarray, blind: np.ndarray) -> Difference:
    return difference(values / 100, blind / 100)


def _said(row: Mapping[str, Any]) -> str:
    values = {"new": "x", "past": "y", "net": "net"}
    return f"{row['n']} labels: " + ", ".join(
        f"{name} {number(row[axis])}" + ("" if math.isnan(row[f"{axis}_se"]) else f" ± {row[f'{axis}_se']:.1f}")
        for name, axis in values.items()
        if not math.isnan(row[axis])
    )


def label(kind: str, name: str, n: int, own: str) -> str:
    """What a set is called on the plane and in the table."""
    named: dict[str, Callable[[], str]] = {
        "recorded": lambda: "bought" if own == "human" else f"bought ({words.strategy(own)})",
        "strategy": lambda: words.strategy(name),
        "lambda": lambda: f"λ = {name}",
        "true_past": lambda: "AccuACL, true past",
        "dims_per_class": lambda: f"{name} entries a class",
        "oversample": lambda: f"oversample {name}",
        "n": lambda: f"n = {name}",
        "seed": lambda: f"seed {name}",
        "distribution": lambda: "D alone",
        "magnitude": lambda: "M alone",
        "own": lambda: f"{name} ({n})",
    }
    return named[kind]()


def colour(kind: str, name: str, own: str) -> str:
    if kind == "own":
        return "#D5572B"
    of_run = {"recorded", "dims_per_class", "oversample", "n", "seed"}
    which = own if kind in of_run else name if kind == "strategy" else HERO
    return FULL_COLOUR if which == "human" else strategy_colour(which) if which else OTHER


def table(rows: pd.DataFrame, measure: str, own: str) -> pd.DataFrame:
    """A row for each set that has a name, best net first: new, past and net in points from equal-sized random sets,
    the share of these that its net beats, and how many random labels do about as much."""
    rows = by_measure(rows, measure)
    random = rows[rows["kind"] == "random"]
    blind = clouds_of(random)
    found = []
    named = rows[~rows["kind"].isin(["random", "equal_steps"])]
    # What the run's own strategy picks is what was bought, as a rule: it has one row.
    bought = set(named.loc[named["kind"] == "recorded", "ids"])
    same = named["kind"].eq("strategy") & named["name"].eq(own) & named["ids"].isin(bought)
    named = named[~same]
    keys = [named["kind"], named["name"].where(~named["kind"].isin(MEAN_OF), ""), named["n"]]
    ids = named["ids"].where(~named["kind"].isin(MEAN_OF), None).map(str)
    for _, each in named.groupby([*keys, ids], sort=False):
        first = each.iloc[0]
        kind, name, size = first["kind"], first["name"], int(first["n"])
        against = blind.get(size, {})
        apart = {part: of_percent(each[part].to_numpy(), against.get(part, np.zeros(0))) for part in PARTS}
        found.append(
            {"set": MEAN_OF.get(kind) or label(kind, name, size, own), "n": size}
            | {part: apart[part].points for part in PARTS}
            | {"beats": math.nan if kind in MEAN_OF else apart["net"].percentile,
               "fewer": fewer(each["new"].mean(), each["past"].mean(), blind)}
        )  # fmt: skip
    columns = ["set", "n", *PARTS, "beats", "fewer"]
    return pd.DataFrame(found, columns=columns).sort_values("net", ascending=False, na_position="last", kind="stable")
