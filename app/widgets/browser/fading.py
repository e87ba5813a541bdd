"""What no longer holds is seen to be old at once, and what is being worked out instead is said above it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

import streamlit as st

# With the span it is a part of the page, which can be taken away again: style alone Streamlit puts aside, for good.
OLD = (
    "<span></span><style>.st-key-{key} {{ opacity: .25; transition: opacity .12s linear .08s; }}"
    "@media (prefers-reduced-motion: reduce) {{ .st-key-{key} {{ transition: none; }} }}</style>"
)


@contextmanager
def fading(key: str, asked: Hashable) -> Iterator[None]:
    """While this lasts, the container of this key shows what it held before, faint, if that answers something else than
    is `asked` now. Streamlit itself lets an answer stand as it was until the next one is whole. What takes less than a
    glance is not seen to fade."""
    place = st.empty()
    if st.session_state.get(f"answered-{key}") != asked:
        place.html(OLD.format(key=key))
    yield
    st.session_state[f"answered-{key}"] = asked
    place.empty()
