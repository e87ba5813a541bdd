"""The steps of a chapter that has several: which one is shown, and the way on."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st


def shown(key: str, names: Sequence[str]) -> str:
    """The step that was chosen here, or by the address (?key=name); the first one otherwise."""
    chosen = st.pills(
        "Step", names, default=names[0], required=True, key=key, bind="query-params", label_visibility="collapsed",
        wrap=True,
    )  # fmt: skip
    return chosen or names[0]


def go_on(key: str, names: Sequence[str], step: str, first: bool = True) -> None:
    """The button to the next step, none at the last; `first`: it is what one would press here."""
    after = names.index(step) + 1
    if after < len(names):
        st.button(
            names[after], icon=":material/arrow_forward:", key=f"{key}-on", type="primary" if first else "secondary",
            width="stretch", shortcut="Space" if first else None, on_click=go, args=(key, names[after]),
            help="The next step of this chapter.",
        )  # fmt: skip


def go(key: str, step: str) -> None:
    st.session_state[key] = step
