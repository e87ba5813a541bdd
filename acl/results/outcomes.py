"""acl.outcomes(): what sets of samples of a run's queries do, measured here or before, as one tidy table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from acl.analysis.outcomes.asked import Plan, Progress, queries
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.sets import Say
from acl.analysis.outcomes.summary import apart_from_the_run, table
from acl.analysis.outcomes.work import Work
from acl.config import UserError
from acl.runs.folder import Run, find_run
from acl.runs.fork import Place, parse_place
from acl.system.files import disk_trouble

Show = Callable[[Place, Progress], None]


def outcomes(
    run: str | Path, at: str | Sequence[str] | None = None, *, folder: str | Path = "runs", **plan: Any
) -> pd.DataFrame:
    """Measure what sets of samples do, for the queries `at` ("3.1", or several; None: all) of a run (an id in `folder`,
    or a path). plan: fields of acl.analysis.outcomes.asked.Plan, such as subsets=200, strategies=("badge",),
    lambdas=(0, 0.5, 1), repeats=3, horizon="round".

    A row for each set and repeat, with the columns of acl.analysis.outcomes.summary.table; its `summary` compares them
    with random sets. What was measured before is not measured again; all of it is kept in the run folder. UserError for
    what cannot be measured.
    """
    asked = Plan.from_json(plan)
    found = find_run(str(run), Path(folder))
    named = [at] if isinstance(at, str) else at
    places = asked_queries(found) if named is None else [parse_place(each) for each in named]
    return measure_queries(found, places, asked, Path(folder))


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
) -> pd.DataFrame:
    """What the plan wants of each of these queries, measured one piece after another. show: told how far it is."""
    return pd.concat([_query(run, at, plan, runs, show, say) for at in places], ignore_index=True)


def _query(run: Run, at: Place, plan: Plan, runs: Path, show: Show, say: Say) -> pd.DataFrame:
    query = Query.of(run, at)
    with disk_trouble("The record of outcomes", run.path):
        work = Work(query, plan, runs, say)
        show(at, work.progress())
        for piece in work.missing():
            work.step(piece)
            show(at, work.progress())
    rows = table(query.about, work.outcomes())
    if apart := apart_from_the_run(query.about, rows):
        say(apart)
    return rows
