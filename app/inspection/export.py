"""What can be taken away from a query: its scores, each figure, and a link to exactly this view."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import cache, partial
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from acl.analysis.what_if import Ranges, Settings, ranges, sentence, why
from acl.names import distinct
from acl.results.frames import as_csv
from app.charts.inspection import to_take_away
from app.charts.inspection.figure import for_paper
from app.charts.score_plane import HERO, View
from app.inspection import sample_card
from app.inspection.panels import judged_figures, ribbon, target
from app.inspection.samples import Choice
from app.inspection.source import Sight
from app.widgets import dialogs
from app.widgets.browser.download import download

TITLE = "Take it with you"
PARQUET = "application/vnd.apache.parquet"


def ask() -> None:
    """A button's callback: opens the dialog."""
    dialogs.ask(TITLE, None, width="large")


def offer(
    sight: Sight, frame: pd.DataFrame, choice: Choice, settings: Settings, shown: pd.DataFrame,
    views: Sequence[View], opened: int | None,
) -> None:  # fmt: skip
    """`frame` is every sample; `shown` the rows that the two `views` place; `opened` the sample whose card is open."""
    st.markdown("**Scores of every sample**")
    table = cache(partial(scores, sight, frame, choice, settings, shown, views[1]))
    with st.container(horizontal=True):
        download("CSV", lambda: as_csv(table()), f"{sight.title}.csv", "text/csv", "scores-csv")
        download("Parquet", lambda: _parquet(table()), f"{sight.title}.parquet", PARQUET, "scores-parquet")
    st.markdown("**Figures**, each a page that works without a network")
    drawn: dict[str, Callable[[], Figure]] = {
        view.title.split(",")[0]: partial(_picture, shown, view) for view in views
    }
    drawn["Target"] = lambda: target.figure(sight, choice, settings)
    if len(sight.context.memory):
        drawn["λ ribbon"] = lambda: ribbon.figure(sight, settings)
    if opened is not None and opened in set(sight.context.pool.ids.tolist()):
        drawn[f"Sample {opened}"] = partial(sample_card.against_target, sight, choice.ranking, opened)
    every = judged_figures.by_name(sight, settings)
    with st.container(horizontal=True):
        for name, draw in (drawn | every).items():
            download(name, _html(draw), f"{sight.title}-{name}.html", "text/html", f"html-{name}")
    st.caption("For PNG and SVG, the two pictures of the page have buttons of their own, the panels below a camera.")
    st.markdown("**Link to this view**")
    # What Streamlit calls the URL ends before the question mark.
    st.code(f"{st.context.url or ''}?{urlencode(st.query_params.to_dict())}", language=None)


def _html(draw: Callable[[], Figure]) -> Callable[[], str]:
    """Made only when it is asked for: it holds the whole of plotly."""
    return lambda: str(for_paper(draw()).to_html(include_plotlyjs=True))


def _picture(shown: pd.DataFrame, view: View) -> Figure:
    """One of the two linked pictures."""
    return to_take_away.scatter(shown, view, shown["colour"].tolist())


def scores(
    sight: Sight, frame: pd.DataFrame, choice: Choice, settings: Settings, shown: pd.DataFrame, view: View
) -> pd.DataFrame:  # fmt: skip
    """One row for each sample: id, role, rank (1 = first pick), label, prediction, true class (numbers and names),
    every score, its place in the map, the probability of each class; of the pool under AccuACL also whether it is a
    candidate, the reason, and the λ that pick it."""
    rank = {i: place for place, i in enumerate(choice.picked, start=1)}
    table = frame.drop(columns="colour", errors="ignore").rename(columns={"p": "predicted_p"})
    table.insert(2, "rank", table["id"].map(rank).astype("Int64"))
    for name in ("label", "true"):
        table[name] = table[name].astype("Int64")
    for name in ("label", "predicted", "true"):
        said = [sight.class_name(int(label)) if pd.notna(label) else None for label in table[name]]
        table.insert(list(table.columns).index(name) + 1, f"{name}_name", said)
    places = pd.DataFrame({"map_x": view.x, "map_y": view.y}, index=shown["id"])
    table = table.join(places, on="id")
    if choice.strategy == HERO:
        table = table.join(reasons(sight, choice, settings), on="id")
    p = np.concatenate([samples.p.numpy() for samples in sight.context.roles().values() if len(samples)])
    columns = distinct(f"p: {sight.class_name(label)}" for label in sight.context.classes)
    return pd.concat([table, pd.DataFrame(p, columns=list(columns))], axis=1)


def reasons(sight: Sight, choice: Choice, settings: Settings) -> pd.DataFrame:
    """Of each pool sample, by id: candidate, reason and the λ that pick it, as far apart as they are tried."""
    pool, ranking = sight.context.pool.ids.tolist(), choice.ranking
    candidates, tried = set(ranking.candidates.tolist()), 0
    found: list[Ranges] = [()] * len(pool)
    if len(sight.context.memory):
        lambdas, picked = ribbon.tried_here(sight, settings)
        tried = len(lambdas)
        found = [ranges(column, lambdas, lambda _: False) for column in picked.T.tolist()]
    rows = [
        {
            "candidate": place in candidates,
            "reason": sentence(why(place, ranking, between), tried),
            "picked_at_lambda": "; ".join(f"{low:g} to {high:g}" for low, high in between),
        }
        for place, between in enumerate(found)
    ]
    return pd.DataFrame(rows, index=pool)


def _parquet(table: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    table.to_parquet(file, index=False)
    return file.getvalue()
