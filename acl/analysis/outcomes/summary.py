"""Outcomes as tidy tables, and what they say: how far a set is from equal-sized random ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64
from numpy import ndarray

from acl.analysis.outcomes.asked import About, Outcome

MEASURES = ("likelihood", "accuracy", "accuracy_aware")
PARTS = ("new", "past", "net")
QUERY = ("run", "task", "round", "horizon")
COLUMNS = [
    *QUERY, "kind", "name", "n", "repeat", "ids",
    *PARTS, *(f"{part}_{measure}" for measure in MEASURES[1:] for part in PARTS), *MEASURES,
]  # fmt: skip


def table(about: About, outcomes: Iterable[Outcome]) -> pd.DataFrame:
    """A row for each set and repeat, with COLUMNS: run, task, round, horizon, kind, name, n, repeat, ids (a tuple);
    new, past and net by likelihood, and the same with _accuracy and _accuracy_aware behind the name; then likelihood,
    accuracy and accuracy_aware of every task seen, as tuples. All are fractions.

    new: of the query's task; past: mean over the tasks before it, NaN in task 1; net: the accumulated informativeness,
    new with the weight 1/t and past with (t − 1)/t.
    """
    return pd.DataFrame([_row(about, outcome) for outcome in outcomes], columns=COLUMNS)


def _row(about: About, outcome: Outcome) -> dict[str, object]:
    row: dict[str, object] = {
        "run": about.run, "task": about.task, "round": about.round, "horizon": outcome.horizon, "kind": outcome.kind,
        "name": outcome.name, "n": len(outcome.ids), "repeat": outcome.repeat, "ids": outcome.ids,
    }  # fmt: skip
    for measure in MEASURES:
        values = row[measure] = getattr(outcome, measure)
        ending = "" if measure == "likelihood" else f"_{measure}"
        row |= {f"{part}{ending}": value for part, value in parts(values, about.task).items()}
    return row


def parts(values: tuple[float, ...], task: int) -> dict[str, float]:
    """new, past and net out of a figure of each task."""
    new, before = values[task - 1], values[: task - 1]
    past = float(np.mean(before)) if before else math.nan
    return {"new": new, "past": past, "net": new / task + sum(before) / task}


def apart_from_the_run(about: About, rows: pd.DataFrame) -> str:
    """A sentence where the recorded picks, learned in the run's own order, came out otherwise than the run recorded;
    empty where they agree or cannot be held against it. rows: of `table`, of this query."""
    mine = rows[(rows["kind"] == "recorded") & (rows["repeat"] == 0) & (rows["horizon"] == "round")]
    if about.evaluated is None or mine.empty:
        return ""
    pairs = [(mine.iloc[0][measure], getattr(about.evaluated, measure)) for measure in MEASURES]
    most = 100 * max(float(np.abs(np.subtract(here, there)).max()) for here, there in pairs)
    if most == 0:
        return ""
    return (
        f"Learned again here, the recorded picks of query {about.task}.{about.round} come out otherwise than the run "
        f"recorded, by up to {most:.2g} points: it was made on another processor or device, or by other versions, so "
        "compare what was measured here with itself alone."
    )


@dataclass(frozen=True)
class Difference:
    """In points (hundredths) from the mean of equal-sized random sets. se: standard error of the difference, from the
    spread of the random sets and of the repeats; NaN where there are too few. percentile: of the random sets, the share
    (0..100) that the set beats, ties half. NaN where there are no random sets."""

    points: float
    se: float
    percentile: float


def summary(rows: pd.DataFrame, measure: str = "likelihood") -> pd.DataFrame:
    """A row for each set of `table` (of one query, or of many): the columns run, task, round, horizon, kind, name, n,
    ids, repeats; new, past, net, means over its repeats as fractions; for each of these three the columns _points, _se
    and _percentile of `Difference`; and fewer, the size of the random sets whose mean is nearest to it in the plane of
    new and past (NaN where there are none).

    A set that is random itself is compared with all of them, so that the cloud's points have mean 0. In task 1 the
    columns of past are NaN, and the nearest size is by new alone.
    """
    ending = "" if measure == "likelihood" else f"_{measure}"
    queries: dict[tuple[Any, ...], dict[tuple[Any, ...], list[dict[str, Any]]]] = {}
    for row in rows.to_dict("records"):
        query = queries.setdefault(tuple(row[name] for name in QUERY), {})
        query.setdefault((row["kind"], row["name"], tuple(row["ids"])), []).append({str(k): v for k, v in row.items()})
    found = []
    for where, sets in queries.items():
        blind: dict[int, list[dict[str, Any]]] = {}
        for (kind, _, ids), each in sets.items():
            if kind == "random":
                blind.setdefault(len(ids), []).extend(each)
        clouds = {n: {part: _figures(each, part + ending) for part in PARTS} for n, each in blind.items()}
        for (kind, name, ids), each in sets.items():
            figures = {part: _figures(each, part + ending) for part in PARTS}
            row = {**dict(zip(QUERY, where, strict=True)), "kind": kind, "name": name, "n": len(ids), "ids": ids}
            row |= {"repeats": len(each), **{part: float(values.mean()) for part, values in figures.items()}}
            for part, values in figures.items():
                apart = difference(values, clouds[len(ids)][part] if len(ids) in clouds else np.zeros(0))
                row |= {f"{part}_points": apart.points, f"{part}_se": apart.se, f"{part}_percentile": apart.percentile}
            found.append(row | {"fewer": fewer(row["new"], row["past"], clouds)})
    extra = [f"{part}_{what}" for part in PARTS for what in ("points", "se", "percentile")]
    return pd.DataFrame(found, columns=[*QUERY, "kind", "name", "n", "ids", "repeats", *PARTS, *extra, "fewer"])


def _figures(rows: list[dict[str, Any]], column: str) -> Float64[ndarray, " rows"]:
    return np.array([row[column] for row in rows], dtype=np.float64)


def difference(values: Float64[ndarray, " repeats"], blind: Float64[ndarray, " sets"]) -> Difference:
    """Of a set whose repeats gave `values`, from random sets that gave `blind`."""
    if not len(blind) or np.isnan(values).any():
        return Difference(math.nan, math.nan, math.nan)
    mean = float(values.mean())
    # One repeat, or one random set, says nothing of its spread.
    spreads = [float(each.var(ddof=1)) / len(each) if len(each) > 1 else math.nan for each in (values, blind)]
    beaten = float((blind < mean).mean() + (blind == mean).mean() / 2)
    return Difference(100 * (mean - float(blind.mean())), 100 * math.sqrt(sum(spreads)), 100 * beaten)


def fewer(new: float, past: float, clouds: Mapping[int, Mapping[str, Float64[ndarray, " _"]]]) -> float:
    """The size of random sets whose mean is nearest to (new, past); NaN without random sets, and where that mean is
    farther away than random sets lie from theirs (one standard deviation of the widest cloud): no number of blind
    labels does the same then."""

    def apart(n: int) -> float:
        across, up = new - float(clouds[n]["new"].mean()), past - float(clouds[n]["past"].mean())
        return across**2 + (0.0 if math.isnan(up) else up**2)

    if not clouds:
        return math.nan
    nearest = min(clouds, key=lambda n: (apart(n), n))
    widest = max(float(np.nansum([np.var(cloud[part]) for part in ("new", "past")])) for cloud in clouds.values())
    return float(nearest) if apart(nearest) <= widest else math.nan
