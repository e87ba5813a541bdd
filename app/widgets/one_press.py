"""The door of every button that makes something: one press makes one, however often it is pressed.

A browser sends each click, and Streamlit draws the page again for each, also for those that were on their way when the
first one had made its run. A form is used up by the first press, and new again once it was drawn without one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from app.widgets.browser import leaving

T = TypeVar("T")


def once(form: str, pressed: bool, make: Callable[[], T]) -> T | None:
    """What `make` made at the first press of the button that this drawing of `form` shows; None while nobody has
    pressed. `make` draws nothing, so that no later click can break it off half-way. What it raises uses nothing up."""
    key = f"made-{form}"
    if not pressed:
        if not leaving.asked():  # else a late click of many, on the page that is being left, would make another
            st.session_state.pop(key, None)
        return None
    if key not in st.session_state:
        st.session_state[key] = make()
    made: T = st.session_state[key]
    return made
