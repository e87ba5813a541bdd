"""The gallery below the views, and the card of one sample: picture, probabilities, its FIE, its nearest in memory."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
import torch
from plotly.graph_objects import Figure

from acl.analysis.what_if import Ranking
from app import words
from app.charts import palette
from app.charts.inspection import target as figures
from app.charts.score_plane import HERO, PLANE
from app.charts.written import percent
from app.inspection import deciding, worth
from app.inspection import samples as pool
from app.inspection.panels.draw import draw
from app.inspection.samples import Choice
from app.inspection.source import Sight, microscope
from app.widgets import cards
from app.widgets.gallery import Card, cards_html

A_PAGE = 60
NEIGHBOURS = 4
LIKELY = 5


def groups(frame: pd.DataFrame, choice: Choice, lasso: list[int]) -> dict[str, list[int]]:
    """The gallery's groups by name, each a list of sample ids."""
    inside = frame[frame["role"].isin(["pool", "picks"])]
    rest = inside[inside["role"] == "pool"]["id"]
    found = {"Picks": list(choice.picked)}
    if choice.strategy == HERO:
        passed = set(inside["id"].to_numpy()[choice.ranking.candidates.numpy()].tolist())
        found["Left out by distribution (D)"] = [i for i in rest.tolist() if i not in passed]
        found["Left out by magnitude (M)"] = [i for i in rest.tolist() if i in passed]
    else:
        found["Not picked"] = rest.tolist()
    shown = set(frame["id"].tolist())
    found["Lasso"] = [i for i in lasso if i in shown]
    return found


def ordered(ids: list[int], frame: pd.DataFrame, by: str) -> list[int]:
    """Largest score first; "rank" keeps the order the ids came in. Without a score (memory): last."""
    if by == "rank":
        return ids
    scores = frame.set_index("id")[by].reindex(ids)
    return [int(i) for i in scores.sort_values(ascending=False, kind="stable", na_position="last").index]


def card_of(row: Mapping[Hashable, Any], sight: Sight, colour: str, ranks: pd.DataFrame) -> Card:
    known = pd.notna(row["label"])
    title = sight.class_name(int(row["label"])) if known else _unlabelled(sight, row)
    mark = {"enters": "+ ", "leaves": "− "}.get(row["change"], "")
    if row["role"] in {"memory", "labelled"}:
        return Card(mark + title, (str(row["role"]),), colour, f"sample {row['id']}")
    rank = ranks.loc[row["id"]]
    lines = (f"M {rank['magnitude']:.0f} · D {rank['distribution']:.0f}",)
    hint = f"sample {row['id']}: M = {row['magnitude']:.4g}, D = {row['distribution']:.4g}"
    return Card(mark + title, lines, colour, hint)


def _unlabelled(sight: Sight, row: Mapping[Hashable, Any]) -> str:
    """In brackets the true class, which no strategy sees."""
    return f"({sight.class_name(int(row['true']))})" if pd.notna(row["true"]) else "no label"


def gallery(
    sight: Sight, frame: pd.DataFrame, choice: Choice, lasso: list[int], opened: int | None,
    on_opened: Callable[[int], None],
) -> None:  # fmt: skip
    found = groups(frame, choice, lasso)
    names = list(found)
    group_key = f"group-{sight.name}-{'lasso' if lasso else ''}-{choice.strategy}"
    # The sort comes first, where the card of a sample never lies.
    with st.container(horizontal=True, vertical_alignment="center", key="gallery-controls"):
        by = st.selectbox(
            "Sort", ["rank", *pool.score_names(frame)], key="gallery-sort", width=210,
            format_func=lambda name: "order of choice" if name == "rank" else words.score(name),
            label_visibility="collapsed",
        )  # fmt: skip
        group = st.segmented_control(
            "Gallery", names, default="Lasso" if lasso else "Picks", required=True, key=group_key,
            format_func=lambda name: f"{name} ({len(found[name]):,})", label_visibility="collapsed",
        )  # fmt: skip
    ids = ordered(found[group], frame, by)
    if not ids:
        empty = {
            "Lasso": "Draw a lasso around points in either picture: their samples appear here.",
            "Left out by magnitude (M)": "Every sample that passed the distribution cut was picked.",
        }
        st.caption(empty.get(group, "Nothing here."))
        return
    pages = -(-len(ids) // A_PAGE)
    page = st.pagination(pages, key=f"page-{group_key}-{group}") if pages > 1 else 1
    shown = ids[(page - 1) * A_PAGE : page * A_PAGE]
    rows = frame.set_index("id", drop=False).loc[shown].to_dict("records")
    ranks = pool.ranks(frame, PLANE)
    made = [card_of(row, sight, row["colour"] or "rgba(128,138,150,.45)", ranks) for row in rows]
    cards.gallery(shown, made, sight.pictures(shown), opened, "gallery", on_opened)


def sample_card(sight: Sight, frame: pd.DataFrame, choice: Choice, why: str, opened: int) -> None:
    """Everything there is to know of one sample."""
    row = frame[frame["id"] == opened].iloc[0]
    known = sight.class_name(int(row["label"])) if pd.notna(row["label"]) else "not labelled yet"
    if pd.isna(row["label"]) and pd.notna(row["true"]):
        known += f", truly {sight.class_name(int(row['true']))}"
    role = {"picks": "picked", "pool": "in the pool, not picked"}.get(row["role"], row["role"])
    picture = sight.pictures([opened])
    with st.container(horizontal=True, vertical_alignment="center"):
        if picture is not None:
            st.html(cards_html(picture, [Card("", (), palette.OTHER)], size=72), width=100)
        predicted = sight.class_name(int(row["predicted"]))
        st.markdown(f"**Sample {opened}** · {role}  \n{words.plain(known)}, predicted {words.plain(predicted)}")
    if why:
        st.markdown(words.plain(why))
    if told := worth.of_sample(row):
        st.caption(told, help=words.HELP["worth"])
    st.html(_probabilities(sight, str(row["role"]), opened))
    if row["role"] in {"pool", "picks"}:
        st.markdown("**Its Fisher information against the target**", help=words.HELP["D"])
        draw(against_target(sight, choice.ranking, opened), f"sample-{opened}")
        deciding.expander(sight, choice.ranking, opened)
    _nearest(sight, opened)


def _probabilities(sight: Sight, role: str, opened: int) -> str:
    """Bars of the likeliest classes, as HTML."""
    samples = sight.context.roles()["pool" if role == "picks" else role]
    p = samples.p[samples.ids == opened][0].double()
    colour = palette.class_colours(sight.tasks)
    bars = []
    for value, column in zip(*(t.tolist() for t in torch.topk(p, min(LIKELY, len(p)))), strict=True):
        label = sight.context.classes[column]
        bars.append(
            f'<div style="display:grid;grid-template-columns:7rem 1fr 3.4rem;gap:.5rem;align-items:center;'
            f'font-size:.8rem;font-variant-numeric:tabular-nums"><span style="white-space:nowrap;overflow:hidden;'
            f'text-overflow:ellipsis">{escape(sight.class_name(label))}</span>'
            f'<span style="height:9px;border-radius:5px;'
            f'background:{colour.get(label, palette.OTHER)};width:{max(100 * value, 0.5):.1f}%"></span>'
            f'<span style="text-align:right">{escape(percent(100 * value))}</span></div>'
        )
    return "".join(bars)


def against_target(sight: Sight, ranking: Ranking, opened: int) -> Figure:
    names = [sight.class_name(sight.context.classes[int(k)]) for k in ranking.kept.rows]
    return figures.sample_against_target(*profiles(sight, ranking, opened), names)


def profiles(sight: Sight, ranking: Ranking, opened: int) -> tuple[np.ndarray, np.ndarray]:
    """p_x and q over the kept entries: how the sample's and the target's Fisher information are spread."""
    scope = microscope(*sight.mark)
    position = int((scope.context.pool.ids == opened).nonzero()[0, 0])
    own, target = scope.information.spread(ranking.kept, position)
    return own.numpy(), target.numpy()


def nearest_memory(sight: Sight, opened: int) -> list[tuple[int, float]]:
    """The memory samples nearest in feature space, with their distances."""
    memory = sight.context.memory
    for samples in sight.context.roles().values():
        here = samples.ids == opened
        if bool(here.any()) and len(memory):
            distance = torch.cdist(samples.h[here].double(), memory.h.double())[0]
            order = torch.argsort(distance, stable=True)
            return [(int(memory.ids[i]), float(distance[i])) for i in order if int(memory.ids[i]) != opened][
                :NEIGHBOURS
            ]
    return []


def _nearest(sight: Sight, opened: int) -> None:
    found = nearest_memory(sight, opened)
    if not found:
        st.caption("The memory is empty in the first task: nothing to compare with.")
        return
    st.markdown("**Nearest in memory**", help="The memory samples closest to it in feature space, and how far.")
    ids = [i for i, _ in found]
    colour = palette.class_colours(sight.tasks)
    made = [
        Card(sight.class_name(sight.labels[i]) if i in sight.labels else "no label", (f"distance {d:.3g}",),
             colour.get(sight.labels.get(i, -1), palette.OTHER), f"sample {i}")
        for i, d in found
    ]  # fmt: skip
    st.html(cards_html(sight.pictures(ids), made, size=48))
