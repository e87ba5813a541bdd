"""Below the curves: each task, matrices, costs, labels, and what differs between the compared runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from acl.config import FULL, RunConfig
from acl.plugins.description import Kind
from acl.results.cohorts import differing, with_cohorts
from acl.results.frames import among_own
from acl.results.grid import PLUGINS
from acl.results.spread import over_seeds
from app import words
from app.charts import comparison as arena_charts
from app.charts import comparison_grids as arena_grids
from app.charts.palette import Look, ink, looks
from app.compare.cohorts import Chosen
from app.compare.effects import outcomes
from app.store.runs import label_of
from app.widgets import projector
from app.widgets.url import segments

MOST_TASKS = 20
COLUMNS = 5
MATRIX_COLUMNS = 4
HEIGHT = 240
TASK_HEIGHT, MATRIX_HEIGHT = 190, 240


@dataclass(frozen=True)
class Seen:
    """What a view shows: the runs, the cohort others are held against, the last task shown, what a band means
    ("std", "half" or ""), and whether accuracies are those among each task's own classes."""

    found: Chosen
    baseline: str
    until: int
    spread: str
    own: bool

    @property
    def matrix(self) -> pd.DataFrame:
        return among_own(self.found.rows("matrix")) if self.own else self.found.rows("matrix")

    @property
    def runs(self) -> pd.DataFrame:
        return among_own(self.found.runs) if self.own else self.found.runs


def tabs(seen: Seen) -> None:
    """Only the chosen one is worked out."""
    first = next(iter(DETAILS))
    DETAILS[segments("Details", "detail", list(DETAILS), first, str, first)](seen)


def _ink() -> str:
    return ink(st.context.theme.type == "dark")


def _each_task(seen: Seen) -> None:
    st.caption("Accuracy on each task after it and every later task was learned: how it fades.")
    bands = over_seeds(seen.matrix, ["cohort", "on", "after"], "accuracy")
    shown = sorted(bands["on"].unique())[:MOST_TASKS]
    tables = [arena_charts.wide(bands[bands["on"] == j], seen.found.looks, "after", seen.spread) for j in shown]
    columns = min(COLUMNS, len(tables))
    spec = arena_grids.each_task(tables, seen.found.looks, seen.found.n_tasks, seen.until, columns, TASK_HEIGHT)
    projector.chart(
        spec, key="compare-tasks", height=TASK_HEIGHT * -(-len(tables) // columns), alt="Accuracy on each task"
    )
    if seen.found.n_tasks > len(shown):
        st.caption(f"The first {len(shown)} of {seen.found.n_tasks} tasks.")


def _matrices(seen: Seen) -> None:
    against = st.toggle(f"Difference from {words.plain(seen.baseline)}", key="difference", bind="query-params")
    cells = over_seeds(seen.matrix, ["cohort", "after", "on"], "accuracy")
    cells = cells[cells["after"] <= seen.until].assign(value=100 * cells["mean"])
    st.caption(
        f"{words.HELP['R']} In percent, mean over seeds; rows: after task, columns: on task."
        + (f" Blue: above {words.plain(seen.baseline)}, red: below, in points." if against else "")
    )
    tables = {look.name: cells[cells["cohort"] == look.name] for look in seen.found.looks}
    if against:
        base = tables.pop(seen.baseline).set_index(["after", "on"])["value"]
        tables = {
            name: t.assign(value=t["value"] - base.reindex(pd.MultiIndex.from_frame(t[["after", "on"]])).to_numpy())
            for name, t in tables.items()
        }
        tables = {name: table.dropna(subset=["value"]) for name, table in tables.items()}
    if not tables:
        st.info("There is nothing to compare it with: choose runs of more than one strategy.")
        return
    columns = min(MATRIX_COLUMNS, len(tables))
    spec = arena_grids.matrices(tables, seen.found.n_tasks, _ink(), columns, MATRIX_HEIGHT, against)
    projector.chart(spec, key="compare-R", height=MATRIX_HEIGHT * -(-len(tables) // columns), alt="Accuracy matrices")


def _against_labels(seen: Seen) -> None:
    """The paper's figure of label budgets: cohorts that differ in the budget alone become one line."""
    runs = seen.runs.assign(settings=[_without(text, "n_end") for text in seen.runs["settings"]])
    families = with_cohorts(runs.drop(columns="cohort")).rename(columns={"cohort": "family"})
    families["x"] = families["labels"] / families["tasks"]
    _against(families, "labels per task", seen.spread)
    if families.groupby("family")["x"].nunique().max() == 1:
        st.caption("One label budget a strategy so far: a sweep over label budgets turns the points into lines.")


def _against_seconds(seen: Seen) -> None:
    """The paper's figure of costs."""
    families = seen.runs.rename(columns={"cohort": "family"}).assign(x=seen.runs["query_s"])
    # Seconds differ from seed to seed; the mean stands for the cohort.
    families["x"] = families.groupby("family")["x"].transform("mean")
    _against(families, "seconds a query (forward pass and scores)", seen.spread)
    st.caption("Without queries (full labels): a line across.")


def _without(settings: str, name: str) -> str:
    return json.dumps({key: value for key, value in json.loads(settings).items() if key != name}, sort_keys=True)


def _against(families: pd.DataFrame, x: str, spread: str) -> None:
    """A and F of each family against `x`; those that choose nothing have no place on that axis."""
    first = families.drop_duplicates("family")
    drawn = looks(zip(first["family"], first["strategy"], strict=True))
    chooses = (families["strategy"] != FULL) & families["x"].notna()
    grid = st.grid(2, min_column_width=440, gap=("xsmall", "medium"))
    for metric, title, better in (("A", "Kept", "↑"), ("F", "Forgetting", "↓")):
        points = over_seeds(families[chooses], ["family", "x"], metric)
        points[["mean", "std", "half"]] *= 100
        means = families[~chooses].groupby("family")[metric].mean()
        level = {str(name): 100 * float(mean) for name, mean in means.items()}
        with grid.cell():
            st.markdown(f"**{title}** {better} after the last task", help=words.HELP[metric])
            spec = arena_charts.against(points, drawn, level, x, spread)
            projector.chart(spec, key=f"compare-against-{metric}", height=HEIGHT, alt=f"{title} against {x}")


def _labels(seen: Seen) -> None:
    st.caption(f"Labels bought of each class up to task {seen.until}, mean over seeds.")
    bought = seen.found.rows("labels")
    classes = list(bought.sort_values(["task", "label"])["class"].drop_duplicates())
    bought = bought[bought["task"] <= seen.until]
    seeds = seen.found.runs["cohort"].value_counts()
    sums = bought.groupby(["cohort", "class"], sort=False)["n"].sum().reset_index()
    sums["mean"] = sums["n"] / sums["cohort"].map(seeds)
    order = {look.name: place for place, look in enumerate(seen.found.looks)}
    sums = sums.sort_values("cohort", key=lambda names: names.map(order), kind="stable")
    # Full labels would take all of the scale, and leave the others in one shade.
    runs = seen.found.runs
    choosers = sums["cohort"].isin(runs.loc[runs["strategy"] != FULL, "cohort"])
    most = float(sums.loc[choosers if choosers.any() else ~choosers, "mean"].max())
    tall = arena_charts.row_height([look.name for look in seen.found.looks], 30)
    spec = arena_grids.labels(sums, classes, _ink(), most)
    projector.chart(
        spec, key="compare-labels", height=70 + tall * len(seen.found.looks), alt="Labels bought of each class"
    )


def _time(seen: Seen) -> None:
    st.caption("Mean over seeds, on the machines these runs had; a run that shared its cores took longer.")
    peak = (
        seen.found.rows("queries").groupby("cohort")["peak_bytes"].max()
        if len(seen.found.frames.queries)
        else pd.Series()
    )
    rows = seen.found.runs.groupby("cohort", sort=False).agg(
        **{name: (name, "mean") for name in ("query_s", "train_s", "images_per_s")},
    )
    rows["peak_mb"] = peak.reindex(rows.index) / 1e6
    rows["query_s"] *= 1000
    rows["images_per_s"] = rows["images_per_s"].round().astype("Int64")
    st.dataframe(
        rows.reset_index(), hide_index=True, width="content", placeholder="–",
        column_config={
            "cohort": st.column_config.TextColumn("Strategy"),
            "query_s": st.column_config.NumberColumn("One query", format="%.1f ms", help="Forward pass and scores."),
            "train_s": st.column_config.NumberColumn("All training", format="%.2f s"),
            "images_per_s": st.column_config.NumberColumn("Images a second", format="localized",
                                                          help="In training, replayed ones included."),
            "peak_mb": st.column_config.NumberColumn("Extra memory of a query", format="%.1f MB", help="The most."),
        },
    )  # fmt: skip


def _differences(seen: Seen) -> None:
    """Field by field: only what is not the same in all of them."""
    table = what_differs(seen.found.runs, seen.found.looks)
    if table.empty:
        st.caption("Nothing differs but the seed.")
        return
    st.caption(
        "Everything else is equal in all of them. – : the setting has no effect there. "
        f"Seeds: {words.plain(seeds(seen.found))}"
    )
    st.dataframe(table, hide_index=True, width="content", placeholder="–")


def what_differs(runs: pd.DataFrame, shown: Sequence[Look]) -> pd.DataFrame:
    """A row for each setting that differs, a column for each cohort."""
    first = runs.drop_duplicates("cohort").set_index("cohort")["settings"].map(json.loads)
    names = {info.alias or name: info.title for name, info in RunConfig.model_fields.items()}
    apart = differing(list(first))
    return pd.DataFrame(
        [
            {"Setting": names.get(name, name), **{look.name: _said(first[look.name], name) for look in shown}}
            for name in apart
        ]
    )


def _said(settings: dict[str, object], name: str) -> str:
    if name not in settings:
        return "–"
    value = settings[name]
    if value is None:
        return "auto"
    kind: Kind | None = PLUGINS.get(name)
    return label_of(kind, str(value)) if kind else words.option(value) if isinstance(value, str) else str(value)


def seeds(found: Chosen) -> str:
    """Which seeds each cohort has; once, where all have the same."""
    each = {str(name): sorted(group) for name, group in found.runs.groupby("cohort", sort=False)["seed"]}
    written = {name: ", ".join(map(str, values)) for name, values in each.items()}
    if len(set(written.values())) == 1:
        return next(iter(written.values())) + "."
    return "; ".join(f"{name}: {values}" for name, values in written.items()) + "."


DETAILS: dict[str, Callable[[Seen], None]] = {
    "Each task": _each_task,
    "Matrices R": _matrices,
    "Against labels": _against_labels,
    "Against query time": _against_seconds,
    "Labels bought": _labels,
    "What labels did": lambda seen: outcomes.view(seen.found, seen.until),
    "Time": _time,
    "What differs": _differences,
}
