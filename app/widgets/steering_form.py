"""The settings a run that has begun can still be given, as widgets: for steering and for forks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import streamlit as st

from acl.config import FULL, RunConfig
from acl.plugins.registry import choices
from acl.plugins.unused import unused
from app import words

COLUMN = 240
"""The least pixels of one of two columns: side by side all settings have room also in large type."""
WIDTH = 2 * COLUMN + 60


def steering_form(key: str, now: RunConfig, memory: bool = False) -> dict[str, Any]:
    """The four settings a run can be steered by, as widgets, and if a task is still to begin the memory; the values of
    those that have a use, by name."""
    # The run's own may be a plug-in that is not installed here.
    names = list(dict.fromkeys([*(name for name in choices("strategies") if name != FULL), now.strategy]))
    grid = st.grid(2, min_column_width=COLUMN, gap="small")
    with grid.cell():
        name = st.selectbox(
            "Query strategy", names, names.index(now.strategy), format_func=words.strategy, key=f"{key}-strategy",
            help=words.of_menu("strategy", names),
        )  # fmt: skip
    further_down = {attribute: st.session_state.get(f"{key}-{widget}", getattr(now, attribute))
                    for attribute, widget in (("n_end", "end"), ("memory", "memory"))}  # fmt: skip
    why = {
        setting: f" {words.plain(words.why(sentence))}"
        for setting, sentence in unused(now.model_copy(update={"strategy": name, **further_down})).items()
    }
    with grid.cell():
        auto = st.toggle(
            "λ automatic", now.lambda_ is None, key=f"{key}-auto", disabled="lambda" in why,
            help=words.HELP["λ"] + why.get("lambda", ""),
        )  # fmt: skip
        weight = st.slider(
            "λ, weight of the past", 0.0, 1.0, 0.5 if now.lambda_ is None else now.lambda_, 0.01, key=f"{key}-lambda",
            disabled=auto or "lambda" in why,
        )  # fmt: skip
    with grid.cell():
        n_query = st.number_input(
            "Labels per query round", 1, None, now.n_query, key=f"{key}-query", disabled="n_query" in why,
            help="What the strategy buys at a time." + why.get("n_query", ""),
        )  # fmt: skip
    with grid.cell():
        n_end = st.number_input(
            "Label budget per task", now.n_start, None, now.n_end, key=f"{key}-end",
            help="Labels of one task in all. Less than it has by now: its next round buys nothing and ends it.",
        )  # fmt: skip
    chosen = {"strategy": name, "lambda": None if auto else weight, "n_query": int(n_query), "n_end": int(n_end)}
    if memory:
        with grid.cell():
            chosen["memory"] = _memory(key, now)
        if chosen["memory"] and not now.memory:
            with grid.cell():
                chosen["memory_policy"] = _policy(key, now)
    return useful(now, chosen)


def _memory(key: str, now: RunConfig) -> int:
    why = unused(now).get("memory")
    size = st.number_input(
        "Memory size", 0, None, now.memory, key=f"{key}-memory", disabled=why is not None,
        help="Where a task begins. Fewer: the others are dropped at once. More: room for what is labelled then; "
        "what is gone stays gone." + (f" {words.plain(words.why(why))}" if why else ""),
    )  # fmt: skip
    return int(size)


def _policy(key: str, now: RunConfig) -> str:
    """Of a memory that begins here: nothing was kept by another."""
    info = RunConfig.model_fields["memory_policy"]
    options: list[str] = list(get_args(info.annotation))
    return st.selectbox(
        str(info.title), options, options.index(now.memory_policy), key=f"{key}-policy", format_func=words.option,
        help=info.description,
    )  # fmt: skip


def useful(now: RunConfig, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `wanted` that can change something once it holds."""
    idle = unused(now.changed(**wanted))
    return {name: value for name, value in wanted.items() if name not in idle}
