"""The paper's table of whatever has been run: click a cell for its runs; copy it as Markdown, LaTeX or CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from acl.metrics import mean as mean_of
from acl.plugins.unused import own
from acl.results import table
from acl.results.cohorts import plugin_label
from acl.runs.folder import Run
from app import words
from app.charts.written import MINUS, percent, signed
from app.compare import published
from app.compare.cohorts import Chosen
from app.compare.legend import remarks
from app.widgets.browser.leaving import open_run

HERE = Path(__file__).parent
PLACE = ("learner", "strategy", "dataset", "memory")
FORMATS = {"md": ("Markdown", "markdown"), "latex": ("LaTeX", "latex"), "csv": ("CSV", None)}

_component = st.components.v2.component(
    "acl_paper_table",
    html='<div class="paper-table"></div>',
    css=(HERE / "paper_table.css").read_text("utf-8"),
    js=(HERE / "paper_table.js").read_text("utf-8"),
)


def view(found: Chosen) -> None:
    with st.container(horizontal=True, key="compare-remarks"):
        remarks(found)
    runs = [found.folders[id_] for id_ in found.runs["run"]]
    cells = table.results(runs)
    columns, rows = table.grid(cells)
    drawn = _drawn(columns, rows, found)
    opened = _component(key="compare-table", data=drawn, on_opened_change=_nothing).opened
    if isinstance(opened, str) and opened:
        st.session_state["compare-cell"] = opened
    st.caption(f"{table.caption(cells)} Click a cell for its runs.")
    if any(cell.get("measured") for row in drawn["rows"] for cell in row["cells"]):
        st.caption(published.RULE)
    for remark in table.kept_apart(runs):
        st.caption(words.plain(remark))
    for cell in cells.to_dict("records"):
        if _name(*(cell[part] for part in PLACE)) == st.session_state.get("compare-cell"):
            _runs_of_cell(cell, found)
    _copies(cells)


def _nothing() -> None:
    """Streamlit delivers a trigger only to those who registered for it."""


# -- what is drawn -------------------------------------------------------------------------------------


def _drawn(columns: Sequence[tuple[str, int]], rows: Sequence[Any], found: Chosen) -> dict[str, Any]:
    """What the component draws: heads, and rows of cells; a CL method is named once."""
    above, lines = None, []
    for learner, strategy, cells in rows:
        places = [(learner, strategy, *column, metric) for column in columns for metric in table.METRICS]
        drawn = [_cell(cell, place, found) for cell, place in zip(cells, places, strict=True)]
        lines.append({"learner": learner if learner != above else "", "strategy": strategy, "cells": drawn})
        above = learner
    heads = [{"name": name, "memory": f"M = {memory}"} for name, memory in columns]
    return {
        "heads": heads,
        "metrics": list(table.METRIC_NAMES.values()),
        "rows": lines,
        "opened": st.session_state.get("compare-cell"),
    }


def _name(learner: str, strategy: str, data: str, memory: int) -> str:
    return f"{learner} · {strategy} · {data}, M = {memory}"


def _cell(cell: table.Cell | None, place: tuple[str, str, str, int, str], found: Chosen) -> dict[str, Any]:
    """One figure; without one, why there is none. place: CL method, strategy, data, memory, metric."""
    if cell is None:
        return {"text": table.MISSING, "hint": why_missing(found.frames.runs, *place[:4])}
    drawn = {
        "text": cell.text(" ± ", with_n=False).replace("-", MINUS), "n": f"n={cell.n}", "place": cell.place,
        "key": _name(*place[:4]),
        "hint": f"{cell.n} runs: click to see them",
    }  # fmt: skip
    theirs = published.figures().get(place)
    if theirs and published.as_in_the_paper(found.folders[id_].config for id_ in cell.runs):
        mean, std = theirs
        spread = f" ± {std:.1f}" if std == std else ""
        name, ours = _as_they_count(cell, place[4], found)
        drawn["paper"] = f"{name}paper {mean:.1f}{spread} ({signed(ours - mean)})"
        drawn["measured"] = [
            f"{name.split()[0] + ' ' if name else ''}{one.text()} {one.beside(mean, std)}".strip()
            for one in published.measured().get(place, [])
        ]
    return drawn


def _as_they_count(cell: table.Cell, metric: str, found: Chosen) -> tuple[str, float]:
    """Our figure of the kind the paper prints, in percent, and its name where that is another: the authors' F is
    initial minus last accuracy, our F_diag."""
    if metric != "F":
        return "", cell.mean
    ours = mean_of([100 * (found.folders[id_].summary or {}).get("F_diag", float("nan")) for id_ in cell.runs])
    return f"F_diag {ours:.1f}, ", ours


def why_missing(runs: pd.DataFrame, learner: str, strategy: str, data: str, memory: int) -> str:
    """Why there is no figure: nobody ran it, or what was run does not count."""
    labels = {"learner": ("learners", learner), "strategy": ("strategies", strategy), "dataset": ("datasets", data)}
    no_memory = runs["learner"].map(lambda name: "memory" not in own("learners", name))
    here = no_memory | (runs["memory"] == memory)
    for column, (kind, label) in labels.items():
        # A label may name a variant: "AccuACL (lambda=0.5)".
        here &= runs[column].map(lambda name, kind=kind: plugin_label(kind, name)) == label.split(" (")[0]
    states = runs[here]
    if states.empty:
        return "not run"
    unfinished, hand = (states["state"] != "finished").sum(), (states["by_hand"] != "").sum()
    said = [f"{unfinished} not finished"] * bool(unfinished) + [f"{hand} led by hand"] * bool(hand)
    return ", ".join(said) or "run with other settings only"


# -- below it ------------------------------------------------------------------------------------------


def _runs_of_cell(cell: dict[Any, Any], found: Chosen) -> None:
    """The runs behind the cell that was clicked."""
    st.markdown(f"**{words.plain(_name(*(cell[part] for part in PLACE)))}**: its runs")
    with st.container(horizontal=True, key="cell-runs"):
        for id_ in cell["runs"]:
            run = found.folders[id_]
            if st.button(_run_label(run), key=f"cell-{id_}", icon=":material/show_chart:", help=id_):
                open_run(run)


def _run_label(run: Run) -> str:
    summary = run.summary or {}
    return f"seed {run.config.seed}: A {percent(100 * summary['A'])}, F {percent(100 * summary['F'])}"


def _copies(cells: pd.DataFrame) -> None:
    with st.expander("Copy as Markdown, LaTeX or CSV", icon=":material/content_copy:"):
        tabs = st.tabs([label for label, _ in FORMATS.values()])
        for tab, (name, (_, language)) in zip(tabs, FORMATS.items(), strict=True):
            with tab:
                st.code(table.FORMATS[name](cells), language=language)
