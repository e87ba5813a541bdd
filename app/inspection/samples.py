"""The samples of one query as a table: role, scores, ranks and colour of each; and who is picked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import streamlit as st
import torch

from acl.analysis.what_if import Ranking, Settings
from acl.config import RunConfig
from acl.plugins.asking import ask
from acl.selection.query import QueryContext
from acl.strategies.badge import embed
from acl.strategies.kcenter import nearest
from app import words
from app.charts import palette
from app.charts.score_plane import HERO, PLANE, ROLES, role_colours
from app.inspection import worth
from app.inspection.linked_scatters.component import CHANGES
from app.inspection.source import Sight, microscope
from app.store.runs import scores_of

MOST_NAMED, FEW_NAMED = 20, 6
MOST_DIFFERENCES = 10**10


@dataclass(frozen=True)
class Choice:
    """What a strategy picks here: sample ids in rank order, and the scores of the whole pool."""

    strategy: str
    picked: tuple[int, ...]
    scores: dict[str, np.ndarray]
    ranking: Ranking


def choose(sight: Sight, strategy: str, settings: Settings) -> Choice:
    """The picks of `strategy` under `settings`. UserError where it refuses this pool."""
    ranking = microscope(*sight.mark).rank(settings)
    ids = sight.context.pool.ids
    scores = {"distribution": ranking.distribution.numpy(), "magnitude": ranking.magnitude.numpy()}
    if strategy == HERO:
        return Choice(strategy, tuple(ids[ranking.picked].tolist()), scores, ranking)
    if strategy == sight.strategy and settings.n == sight.recorded.n:
        own = recorded_scores(sight)
        return Choice(strategy, sight.picks, scores | own, ranking)
    picked, own = selection(*sight.mark, strategy, settings.n, sight.config.to_json())
    return Choice(strategy, picked, scores | own, ranking)


def deciding(choice: Choice) -> dict[str, np.ndarray]:
    """The scores that the strategy looked at: every other one's are not AccuACL's two."""
    return {name: values for name, values in choice.scores.items() if (name in PLANE) == (choice.strategy == HERO)}


def recorded_scores(sight: Sight) -> dict[str, np.ndarray]:
    """The strategy's own scores as it left them; none where its table is gone."""
    table = scores_of(sight.run, sight.query) if sight.run and sight.query else None
    if table is None:
        return {}
    own = [c for c in table.columns if c not in {"id", "predicted", "rank", "picked", "label", *PLANE}]
    table = table.set_index("id").reindex(sight.context.pool.ids.tolist())
    return {name: table[name].to_numpy(float) for name in own}


@st.cache_data(max_entries=32, show_spinner=False)
def selection(
    path: str, changed_ns: int, strategy: str, n: int, config_json: str
) -> tuple[tuple[int, ...], dict[str, np.ndarray]]:
    """What any strategy picks of a snapshot's pool, and its scores."""
    context = replace(microscope(path, changed_ns).context, n=n)
    found = ask(strategy, RunConfig.from_json(config_json), context)
    return tuple(found.ids.tolist()), {name: values.numpy() for name, values in found.scores.items()}


@st.cache_data(max_entries=8, show_spinner=False)
def common_scores(path: str, changed_ns: int) -> dict[str, np.ndarray]:
    """What several strategies look at, of every pool sample: entropy, 1 − p, distance to a label, gradient norm."""
    return scores_without_settings(microscope(path, changed_ns).context)


def scores_without_settings(context: QueryContext) -> dict[str, np.ndarray]:
    pool = context.pool
    p, h = pool.p.double(), pool.h.double()
    top = p.amax(1)
    found = {
        "entropy": -torch.xlogy(p, p).sum(1),
        "least_confidence": 1 - top,
        "gradient_norm": embed(pool).norm2.sqrt(),
    }
    # Of very many samples it would take the page minutes; kCenter brings it where it is asked.
    if 0 < h.numel() * len(context.labelled) <= MOST_DIFFERENCES:
        found["distance"] = nearest(h, context.labelled.h.double())
    return {name: values.numpy() for name, values in found.items()}


def table(sight: Sight, choice: Choice) -> pd.DataFrame:
    """One row for each sample, pool first, then labelled and memory; scores are NaN outside the pool."""
    context = sight.context
    roles = [(role, samples) for role, samples in context.roles().items() if len(samples)]
    ids = np.concatenate([samples.ids.numpy() for _, samples in roles])
    p = torch.cat([samples.p for _, samples in roles])
    picked = set(choice.picked)
    in_pool = np.arange(len(ids)) < len(context.pool)
    now = in_pool & np.isin(ids, list(picked))
    role = np.repeat([name for name, _ in roles], [len(samples) for _, samples in roles]).astype(object)
    role[now] = "picks"
    frame = pd.DataFrame(
        {
            "id": ids,
            "role": pd.Categorical(role, categories=list(ROLES)),
            "predicted": np.asarray(context.classes)[p.argmax(1).numpy()],
            "p": p.amax(1).numpy(),
            "label": pd.Series([sight.labels.get(i, math.nan) for i in ids.tolist()], dtype=float),
        }
    )
    truth = sight.truth(ids.tolist())
    frame["true"] = np.nan if truth is None else np.where(truth >= 0, truth, np.nan)
    known = common_scores(*sight.mark) | worth.scores(sight) | choice.scores
    for name, values in known.items():
        frame[name] = np.concatenate([values, np.full(len(ids) - len(values), np.nan)])
    was = in_pool & np.isin(ids, sight.picks)
    change = np.where(now & ~was, "enters", np.where(was & ~now, "leaves", ""))
    frame["change"] = pd.Categorical(change, categories=CHANGES)
    return frame


def ranks(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The rank of each pool sample by each of these scores, 1 = largest; by id. Ties go to the lower id."""
    pool = frame[frame["role"].isin(["pool", "picks"])]
    return pool.set_index("id")[list(names)].rank(ascending=False, method="first")


def score_names(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if name not in NO_SCORES]


def _some(legend: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of very many classes a few, evenly over the ramp that their colours are; the hover card names each."""
    if len(legend) <= MOST_NAMED:
        return legend
    return [legend[int(place)] for place in np.linspace(0, len(legend) - 1, FEW_NAMED).round()]


def axes(strategy: str, names: Sequence[str]) -> tuple[str, str]:
    """The two most telling scores of a strategy, x and y."""
    x, y = words.axes(strategy) or PLANE
    return (x, y) if x in names and y in names else PLANE


COLOURS = {"role": "role", "class": "class, once labelled", "predicted": "predicted class", "true": "true class"}
OF_CLASSES = {"class": "label", "predicted": "predicted", "true": "true"}
"""Colours by class, and the column that says it."""
NO_SCORES = {"id", "role", "predicted", "p", "label", "true", "change", "colour"}


def colours(frame: pd.DataFrame, by: str, sight: Sight, strategy: str) -> tuple[list[str], list[tuple[str, str]]]:
    """A colour for each sample ("" is the faint default) and what the colours mean."""
    if by == "role":
        shade = role_colours(strategy)
        return [shade.get(role, "") for role in frame["role"].tolist()], []
    if by in OF_CLASSES:
        colour = palette.class_colours(sight.tasks)
        values = frame[OF_CLASSES[by]]
        present = sorted({int(v) for v in values.dropna()})
        legend = [(sight.class_name(v), colour.get(v, palette.OTHER)) for v in present]
        return [colour.get(int(v), palette.OTHER) if pd.notna(v) else "" for v in values], _some(legend)
    values = frame[by]
    found = np.full(len(frame), "", dtype=object)
    inside = values.notna().to_numpy()
    found[inside] = palette.score_colours(values[inside].to_numpy())
    steps = list(palette.SCORE_RAMP)
    name = words.score(by)
    return found.tolist(), [(f"low {name}", steps[0]), (f"high {name}", steps[-1])]
