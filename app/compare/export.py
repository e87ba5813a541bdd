"""What can be taken away from a comparison: its tables as CSV, and a report in one HTML file."""

from __future__ import annotations

import io
import zipfile
from dataclasses import fields

import pandas as pd
import streamlit as st

from acl.results import table
from acl.results.frames import Frames, as_csv, outcomes_of
from app.compare.cohorts import Chosen
from app.compare.details import what_differs
from app.compare.legend import baseline_of
from app.compare.significance import paired_results, unpaired
from app.store.session import RUNS
from app.widgets.browser.download import download


def offer(found: Chosen) -> None:
    """Below every view: made only when it is asked for."""
    baseline = baseline_of(found)
    with st.container(horizontal=True, key="compare-export"):
        download(
            "Report (HTML)", lambda: report_of(found, baseline), "comparison.html", "text/html", "compare-report",
            icon="description", help_="One file with interactive figures; it works without a network.",
        )  # fmt: skip
        download(
            "Tables (CSV)", lambda: tables_of(found), "comparison.zip", "application/zip", "compare-csv", icon="table",
            help_="Runs, tasks, matrices, queries, labels and outcomes, a row each; the same as acl.load_runs().",
        )  # fmt: skip


def tables_of(found: Chosen) -> bytes:
    """A zip of one CSV for each table of acl.results.frames, of the runs that count."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for field in fields(Frames):
            archive.writestr(f"{field.name}.csv", as_csv(_table(found, field.name)))
    return file.getvalue()


def _table(found: Chosen, name: str) -> pd.DataFrame:
    if name == "runs":
        return found.runs
    if name == "outcomes":
        return outcomes_of([found.folders[id_] for id_ in found.runs["run"]], RUNS)
    return found.rows(name)


def report_of(found: Chosen, baseline: str) -> str:
    # It brings plotly, which the page itself does without.
    from app.compare.report import report

    apart = unpaired(found.runs, baseline)
    comparable = found.runs[~found.runs["cohort"].isin(apart)][["cohort", "seed", "A", "LA", "F"]]
    results = paired_results(comparable, baseline)
    cells = table.results([found.folders[id_] for id_ in found.runs["run"]])
    return report(
        found.runs, found.rows("tasks"), found.rows("matrix"), found.looks, results, baseline,
        what_differs(found.runs, found.looks), cells.drop(columns="runs").round(2),
        [f"{name} is not compared with {baseline}: they differ in {why} too." for name, why in apart.items()]
        + found.left_out,
    )  # fmt: skip
