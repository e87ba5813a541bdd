"""acl.outcomes(): what sets of samples of a run's queries do, measured here or before, as one tidy table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from acl.analysis.outcomes.asked import Plan, Progress, queries
from acl.analysis.outcomes.predictors import LEAST_SETS, PREDICTORS, predictors
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.scores import SCORES, Scorer, scored
from acl.analysis.outcomes.sets import Say
from acl.analysis.outcomes.summary import PARTS, apart_from_the_run, table
from acl.analysis.outcomes.work import Work
from acl.config import UserError
from acl.runs.folder import Run, find_run
from acl.runs.fork import Place, parse_place
from acl.system.files import disk_trouble

Show = Callable[[Place, Progress], None]


def outcomes(
    run: str | Path,
    at: str | Sequence[str] | None = None,
    *,
    folder: str | Path = "runs",
    scores: bool = False,
    **plan: Any,
) -> pd.DataFrame:
    """Measure what sets of samples do, for the queries `at` ("3.1", or several; None: all) of a run (an id in `folder`,
    or a path). plan: fields of acl.analysis.outcomes.asked.Plan, such as subsets=200, strategies=("badge",),
    lambdas=(0, 0.5, 1), repeats=3, horizon="round".

    A row for each set and repeat, with the columns of acl.analysis.outcomes.summary.table; its `summary` compares them
    with random sets. scores: also a column for each of acl.analysis.outcomes.scores.SCORES, what is known of the set
    before its labels are learned; acl.analysis.outcomes.predictors.predictors tells which of them predict what they do.
    What was measured before is not measured again; all of it is kept in the run folder. UserError for what cannot be
    measured.
    """
    asked = Plan.from_json(plan)
    found = find_run(str(run), Path(folder))
    named = [at] if isinstance(at, str) else at
    places = asked_queries(found) if named is None else [parse_place(each) for each in named]
    return measure_queries(found, places, asked, Path(folder), scores=scores)


def asked_queries(run: Run) -> list[Place]:
    """UserError where the run has none."""
    found = queries(run.history())
    if not found:
        raise UserError(f"{run.id} has asked no query yet: there is nothing to measure.")
    return found


def measure_queries(
    run: Run,
    places: Sequence[Place],
    plan: Plan,
    runs: Path,
    show: Show = lambda place, progress: None,
    say: Say = lambda sentence: None,
    scores: bool = False,
) -> pd.DataFrame:
    """What the plan wants of each of these queries, measured one piece after another. show: told how far it is; say:
    also why a score cannot be had."""
    return pd.concat([_query(run, at, plan, runs, show, say, scores) for at in places], ignore_index=True)


def _query(run: Run, at: Place, plan: Plan, runs: Path, show: Show, say: Say, scores: bool) -> pd.DataFrame:
    query = Query.of(run, at)
    rows = table(query.about, worked_off(query, plan, runs, show, say).outcomes())
    if apart := apart_from_the_run(query.about, rows):
        say(apart)
    if not scores:
        return rows
    scorer = Scorer.of(query)
    for name, why in scorer.left_out.items():
        say(f"Query {at[0]}.{at[1]} has no {SCORES[name].label}: {why}")
    return scored(rows, scorer)


def worked_off(query: Query, plan: Plan, runs: Path, show: Show, say: Say) -> Work:
    """The plan with nothing missing any more. UserError where no disk takes the record."""
    with disk_trouble("The record of outcomes", query.run.path):
        work = Work(query, plan, runs, say)
        show(query.place, work.progress())
        for piece in work.missing():
            work.step(piece)
            show(query.place, work.progress())
    return work


def predictors_table(rows: pd.DataFrame) -> str:
    """Which scores predict what sets do, as Markdown: rows of `outcomes` with their scores."""
    found = predictors(rows)
    if found.empty:
        return f"No query has {LEAST_SETS} random sets of its size: too few to say what predicts their outcomes."
    heads = ["score", *PARTS, "queries", "random sets"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for name, each in found.groupby("score", sort=False):
        cells = {row["part"]: _written(row) for _, row in each.iterrows()}
        counts = [str(each[column].max()) for column in ("queries", "sets")]
        cell = [PREDICTORS[str(name)].label, *(cells.get(part, "–") for part in PARTS), *counts]
        lines.append(f"| {' | '.join(cell)} |")
    chance = found["chance"].iloc[0]
    about = (
        "Spearman's rank correlation within a query, mean over queries [95 % interval over runs]. When outcomes are "
        f"shuffled, the largest of all is below {chance:.2f} in 95 % of the shuffles: ** is above it, and its "
        "interval, where there is one, leaves out 0."
    )
    return "\n".join([*lines, "", about])


def _written(row: pd.Series) -> str:
    interval = "" if math.isnan(row["low"]) else f" [{_signed(row['low'])}, {_signed(row['high'])}]"
    mark = "**" if row["named"] else ""
    return f"{mark}{_signed(row['rho'])}{mark}{interval}"


def _signed(rho: float) -> str:
    # What rounds to nothing has no sign.
    return f"{rho:+.2f}".replace("-", "−") if abs(rho) >= 0.005 else "0.00"
