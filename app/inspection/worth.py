"""What is a label worth? Of each sample of the pool, once enough random sets of the query were measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from acl.analysis.outcomes import divided, record
from acl.analysis.outcomes.scores import TRUE_LABELS
from acl.analysis.outcomes.worth import MOST_POOL, Worth, sentence, sets_wanted
from acl.runs.folder import Run
from acl.runs.fork import Place
from app import words
from app.charts.score_plane import WORTH
from app.charts.written import signed
from app.inspection.source import Sight
from app.store.session import RUNS

TITLE = "What is a label worth?"


def why_not(sight: Sight, n: int) -> str:
    """Why it cannot be asked of this query, which buys `n`; empty if it can."""
    pool = sight.context.pool
    if why := divided.why_not(len(pool), n):
        return why
    return TRUE_LABELS.format("pool") if sight.truth(pool.ids.tolist()) is None else ""


def found(sight: Sight) -> dict[str, Worth]:
    """By new and past, as far as there is one, in points of likelihood after this round; empty before enough random
    sets were measured, and where the true classes are not known."""
    if sight.run is None or sight.query is None:
        return {}
    at = (sight.query.task, sight.query.round)
    state = record.state(sight.run, at, RUNS)
    context = sight.context
    if not state or len(context.pool) > MOST_POOL:
        return {}
    sets, outcomes = _sets(str(sight.run.path), at, str(RUNS), state, context.pool.ids.tolist())
    if len(sets) < sets_wanted(len(context.pool)) or why_not(sight, len(sets[0])):
        return {}
    return _found(sight.mark, len(sets), float(outcomes["new"].sum()), sets, outcomes, sight)


@st.cache_data(max_entries=8, show_spinner=False)
def _sets(path: str, at: Place, runs: str, state: tuple[Any, ...], pool: list[int]) -> divided.Blind:
    return divided.blind(record.load(Run(Path(path)), at, Path(runs)), at[0], pool)


@st.cache_data(max_entries=8, show_spinner="Dividing what the random sets did among their samples…")
def _found(
    mark: tuple[str, int], n_sets: int, total: float, _sets: list[tuple[int, ...]], _outcomes: dict[str, np.ndarray],
    _sight: Sight,
) -> dict[str, Worth]:  # fmt: skip
    ids = _sight.context.pool.ids.tolist()
    truth = _sight.truth(ids)
    labels = {} if truth is None else dict(zip(ids, truth.tolist(), strict=True))
    return divided.divided((_sets, _outcomes), _sight.context, labels)


def scores(sight: Sight) -> dict[str, np.ndarray]:
    """By the name of the colour, of every sample of the pool: what stands above the bars alone."""
    return {f"worth_{part}": each.weights for part, each in found(sight).items() if each.is_told}


def of_sample(row: pd.Series[Any]) -> str:
    """For the card of one: empty where nothing is told of it."""
    told = [f"{axis.title} {signed(row[name], 2)}" for name, axis in WORTH.items() if pd.notna(row.get(name))]
    return f"{'; '.join(told).capitalize()} points of likelihood, against others of its class." if told else ""


def said(sight: Sight) -> None:
    """Which bars each part passed or missed; nothing before it was measured."""
    here = found(sight)
    if not here:
        return
    st.markdown(f"**{TITLE}**", help=words.HELP["worth"], width="content")
    for part, each in here.items():
        st.markdown(words.plain(sentence(part, each)))
    if told := [f"“{WORTH[f'worth_{part}'].title}”" for part, each in here.items() if each.is_told]:
        st.caption(f"Both pictures above have it as a colour: View, Colour, {' or '.join(told)}.")
