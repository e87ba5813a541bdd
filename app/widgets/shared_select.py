"""A select box that shows something others change too: another tab, a link, the page itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import streamlit as st

T = TypeVar("T")


def mirror(
    label: str, name: str, options: Sequence[T], value: T, said: Callable[[T], str],
    width: int | Literal["stretch"], help_: str | None = None,
) -> T:  # fmt: skip
    """Shows `value`, without a label. Returns it, or once what was chosen instead: the caller then changes what is
    mirrored.

    Every value gets a widget of its own (keys `name-1`, `name-2`, …), and there is no callback: a browser that has
    not heard of the newest value yet sends what it still shows along with any press of a button, and that would
    pass for a choice.
    """
    seen, number = st.session_state.get(name, (value, 1))
    number += seen != value
    chosen = st.selectbox(
        label, options, options.index(value), format_func=said, key=f"{name}-{number}", help=help_, width=width,
        label_visibility="collapsed",
    )  # fmt: skip
    # Also where the change is refused, the next drawing shows what holds.
    st.session_state[name] = value, number + (chosen != value)
    return chosen
