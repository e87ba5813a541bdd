"""What is a label worth? Of each sample of the pool, once enough random sets of the query were measured."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from acl.analysis.outcomes import record
from acl.analysis.outcomes.scores import TRUE_LABELS, columns, losses
from acl.analysis.outcomes.summary import parts
from acl.analysis.outcomes.worth import MOST_POOL, Worth, membership, sentence, sets_wanted, worth
from acl.runs.folder import Run
from acl.runs.fork import Place
from app import words
from app.charts.score_plane import WORTH
from app.charts.written import signed
from app.inspection.source import Sight
from app.store.session import RUNS

TITLE = "What is a label worth?"
Sets = tuple[list[tuple[int, ...]], dict[str, np.ndarray]]


def why_not(sight: Sight, n: int) -> str:
    """Why it cannot be asked of this query, which buys `n`; empty if it can."""
    pool = sight.context.pool
    if len(pool) > MOST_POOL:
        return (
            f"The worth of a label is worked out for pools of up to {MOST_POOL:,} samples; this one has {len(pool):,}."
        )
    if not 0 < n < len(pool):
        return "A set must leave samples out for their worth to be seen."
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
def _sets(path: str, at: Place, runs: str, state: tuple[Any, ...], pool: list[int]) -> Sets:
    """The random sets of the query's own size, and what they did, in points."""
    there = set(pool)
    # A record from elsewhere may name samples that this pool does not have.
    random = [
        outcome for outcome in record.load(Run(Path(path)), at, Path(runs))
        if (outcome.kind, outcome.horizon, outcome.repeat) == ("random", "round", 0) and there.issuperset(outcome.ids)
    ]  # fmt: skip
    # A quarter as many is drawn of every other size.
    own = max(Counter(len(outcome.ids) for outcome in random).items(), key=lambda each: each[1], default=(0, 0))[0]
    random = [outcome for outcome in random if len(outcome.ids) == own]
    each = [parts(outcome.likelihood, at[0]) for outcome in random]
    named = ("new", "past") if at[0] > 1 else ("new",)
    return [outcome.ids for outcome in random], {part: 100 * np.array([e[part] for e in each]) for part in named}


@st.cache_data(max_entries=8, show_spinner="Dividing what the random sets did among their samples…")
def _found(
    mark: tuple[str, int], n_sets: int, total: float, _sets: list[tuple[int, ...]], _outcomes: dict[str, np.ndarray],
    _sight: Sight,
) -> dict[str, Worth]:  # fmt: skip
    pool = _sight.context.pool
    ids = pool.ids.tolist()
    truth = _sight.truth(ids)
    labels = {} if truth is None else dict(zip(ids, truth.tolist(), strict=True))
    classes = columns(pool, labels, _sight.context.classes)
    if classes is None:
        return {}
    members, loss = membership(_sets, ids), losses(pool, classes).numpy()
    return {part: worth(members, values, classes.numpy(), loss) for part, values in _outcomes.items()}


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
