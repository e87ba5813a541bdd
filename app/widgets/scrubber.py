"""A slider through time with a switch that plays it: everything that is drawn from its value follows.

It stands in a fragment that is drawn again every `rhythm` seconds: that is what makes it go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal

import streamlit as st

from app.widgets.url import begin, keep


def rhythm(name: str, period_s: float, otherwise: float | None) -> float | None:
    """Seconds after which the fragment around the scrubber must be drawn again."""
    return period_s if st.session_state.get(f"play-{name}") else otherwise


def scrubber(
    name: str, options: Sequence[str], said: Callable[[str], str], period_s: float,
    width: int | Literal["stretch"] = 300,
) -> str:  # fmt: skip
    """The option chosen: the last one at first, or what the URL says under `name`. Playing goes round and round."""
    if len(options) == 1:
        return options[0]
    key = begin(name, options, options[-1], said)
    playing = st.toggle("Play", key=f"play-{name}", help="Go through it by itself.")
    if playing and _due(name, period_s):
        place = options.index(st.session_state[key]) + 1
        st.session_state[key] = options[place % len(options)]
    chosen = st.select_slider("Moment", options, key=key, format_func=said, label_visibility="collapsed", width=width)
    keep(name, chosen, options[-1])
    return chosen


def _due(name: str, period_s: float) -> bool:
    """Whether it is time for the next one: a redraw for another reason must not hurry it."""
    now, key = time.monotonic(), f"played-{name}"
    if now - st.session_state.get(key, 0.0) < 0.8 * period_s:
        return False
    st.session_state[key] = now
    return True
