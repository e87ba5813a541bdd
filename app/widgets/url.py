"""Choices that live in the URL: a widget begins with what the link says, and the link follows the widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NoReturn

import streamlit as st

from app import words

NAMES = {"from": "choice of runs", "learner": "CL method", "strategies": "strategy", "band": "kind of band"}
"""What a value in the URL is called, where its name there does not say it."""


def begin(name: str, options: Sequence[str], default: str, said: Callable[[str], str] = str) -> str:
    """Set the widget with key `compare-<name>` to what the URL says, if it has nothing that is among `options` yet.
    Returns the key."""
    key = f"compare-{name}"
    if st.session_state.get(key) not in options:
        asked = st.query_params.get(name, default)
        if asked not in options:
            _absent(name, asked, f"“{words.plain(said(default))}” is shown")
        st.session_state[key] = asked if asked in options else default
    return key


def begin_many(name: str, options: Sequence[str]) -> str:
    """The same for a widget of several values."""
    key = f"compare-{name}"
    if key not in st.session_state:
        st.session_state[key] = st.query_params.get_all(name)
        for value in st.session_state[key]:
            if value not in options:
                _absent(name, value, "it is passed over")
    st.session_state[key] = [value for value in st.session_state[key] if value in options]
    return key


def _absent(name: str, asked: str, instead: str) -> None:
    st.toast(
        f"There is no {NAMES.get(name, name)} “{words.plain(asked[:60])}” here: {instead}.", icon=":material/info:"
    )


def keep(name: str, value: str | Sequence[str], default: str = "") -> None:
    """Write the value into the URL, or take it out where it is the default or nothing."""
    values = [value] if isinstance(value, str) else list(value)
    wanted = [] if values == [default] else values
    if st.query_params.get_all(name) == wanted:
        return
    if wanted:
        st.query_params[name] = wanted
    else:
        del st.query_params[name]


def go(**values: str) -> NoReturn:
    """Draw the page anew, with these chosen in the widgets that `begin` sets up."""
    st.session_state["compare-go"] = values
    st.rerun()


def arrive() -> None:
    """At the top of the page: what `go` was told."""
    for name, value in st.session_state.pop("compare-go", {}).items():
        st.session_state[f"compare-{name}"] = value


def select(
    label: str, name: str, options: Sequence[str], default: str, said: Callable[[str], str], unsaid: str,
    width: int | Literal["stretch"] = "stretch", label_visibility: Literal["visible", "collapsed"] = "visible",
    help_: str | None = None,
) -> str:  # fmt: skip
    """A selectbox whose choice lives in the URL; `unsaid` is the choice that a link leaves out ("": none)."""
    key = begin(name, options, default, said)
    chosen = st.selectbox(
        label, options, key=key, format_func=said, width=width, label_visibility=label_visibility, help=help_
    )
    keep(name, chosen, unsaid)
    return chosen


def segments(
    label: str, name: str, options: Sequence[str], default: str, said: Callable[[str], str], unsaid: str,
    help_: str | None = None,
) -> str:  # fmt: skip
    """The same as a row of buttons, its label not shown."""
    key = begin(name, options, default, said)
    chosen = st.segmented_control(
        label, options, key=key, format_func=said, required=True, help=help_, label_visibility="collapsed"
    )
    assert chosen is not None  # `begin` chose one, and one is required
    keep(name, chosen, unsaid)
    return chosen
