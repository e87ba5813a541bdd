"""What queries changed, by strategy over seeds: before and after from the events of the runs; and, of queries whose
outcomes were measured, how far each strategy's picks are from as many random labels, and how many fewer do as much."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from acl.analysis.outcomes import record
from acl.analysis.outcomes.summary import summary
from acl.results import changes
from acl.results.frames import outcomes_of
from acl.runs.folder import Run
from app.charts import written
from app.compare.cohorts import Chosen
from app.compare.effects.tables import NAMED, WRITTEN, by_cohort, by_set, columns
from app.store import runs as data
from app.store.session import RUNS
from app.widgets.url import segments

MEASURES = {"likelihood": "likelihood", "accuracy": "accuracy", "accuracy_aware": "own classes"}
BY_HORIZON = {"round": "after the round", "budget": "after the task's budget", "next": "after the next task"}


def view(found: Chosen, until: int) -> None:
    """As far as task `until`."""
    measure = segments("By", "outcome-by", list(MEASURES), "likelihood", MEASURES.__getitem__, "likelihood")
    st.markdown("**What a query changed**: after its labels were learned, minus before")
    rows = found.runs[["run", "cohort", "seed"]].merge(_changes(found, until, measure), on="run", sort=False)
    if rows.empty:
        st.caption("No query of these runs has been tested before and after.")
    else:
        st.dataframe(
            written.table(by_cohort(rows), WRITTEN),
            hide_index=True,
            width="content",
            column_config=columns(),
            placeholder="–",
        )
        st.caption(
            f"In points of {MEASURES[measure]}, mean over the queries up to task {until}, then over seeds, ± half the "
            "95 % interval over seeds. Strategies bought different labels before: only the measured differences below, "
            "in one and the same query, compare like with like."
        )
    st.markdown("**What picks did, against as many random labels** in the same query")
    measured = _measured(found, until, measure)
    if measured.empty:
        st.caption(
            "Nothing is measured of these runs yet: open a query in Inspect, “What did it do?”, or measure all of them "
            "with `acl outcomes RUN --all`."
        )
        return
    horizons = [each for each in BY_HORIZON if each in set(measured["horizon"])]
    horizon = horizons[0]
    if len(horizons) > 1:
        horizon = segments("Horizon", "outcome-at", horizons, horizon, BY_HORIZON.__getitem__, horizon)
    table = by_set(measured[measured["horizon"] == horizon])
    st.dataframe(
        written.table(table, WRITTEN), hide_index=True, width="content", column_config=columns(), placeholder="–"
    )
    st.caption(
        f"In points of {MEASURES[measure]} {BY_HORIZON[horizon]}, mean over measured queries up to task {until}, then "
        "over seeds. “Like random”: so many random labels, as a share of n, come nearest to it in new and past."
    )


# -- what is read --------------------------------------------------------------------------------------


def _changes(found: Chosen, until: int, measure: str) -> pd.DataFrame:
    tables = [_changed(str(run.path), data.mark(run.events)) for run in _counted(found)]
    rows = pd.concat(tables) if tables else pd.DataFrame(columns=changes.COLUMNS)
    return rows[(rows["measure"] == measure) & (rows["task"] <= until)]


def _measured(found: Chosen, until: int, measure: str) -> pd.DataFrame:
    tables = []
    for run in _counted(found):
        folder = record.elsewhere(run, (1, 1), RUNS).parent
        files = [path for each in (run.path / "queries", folder) for path in sorted(each.glob(f"*.{record.ENDING}"))]
        if files:
            tables.append(_sets(str(run.path), str(RUNS), tuple(map(data.mark, files)), measure))
    rows = pd.concat(tables) if tables else pd.DataFrame(columns=["task", "horizon"])
    return rows[rows["task"] <= until]


def _counted(found: Chosen) -> list[Run]:
    return [found.folders[id_] for id_ in found.runs["run"]]


@st.cache_data(max_entries=4000, show_spinner=False)
def _changed(path: str, mark: tuple[int, int]) -> pd.DataFrame:
    run = Run(Path(path))
    return changes.table(run.id, data.live_run(run.path).history())


@st.cache_data(max_entries=1000, show_spinner="Reading what was measured…")
def _sets(path: str, runs: str, marks: tuple[tuple[int, int], ...], measure: str) -> pd.DataFrame:
    sets = summary(outcomes_of([Run(Path(path))], Path(runs)), measure)
    return sets[sets["kind"].isin(NAMED)].reset_index(drop=True)
