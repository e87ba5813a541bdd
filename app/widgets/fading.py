"""What no longer holds is seen to be old at once, and what is being worked out instead is said above it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

# With the span it is a part of the page, which can be taken away again: style alone Streamlit puts aside, for good.
OLD = (
    "<span></span><style>.st-key-{key} {{ opacity: .25; transition: opacity .12s linear .08s; }}"
    "@media (prefers-reduced-motion: reduce) {{ .st-key-{key} {{ transition: none; }} }}</style>"
)


@contextmanager
def fading(key: str) -> Iterator[None]:
    """While this lasts, the container of this key shows what it held before, faint. Streamlit itself lets an answer
    stand as it was until the next one is whole. What takes less than a glance is not seen to fade."""
    place = st.empty()
    place.html(OLD.format(key=key))
    try:
        yield
    finally:
        place.empty()
