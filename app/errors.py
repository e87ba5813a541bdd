"""How a mistake is shown: its sentence, and folded below it, for the author of a plug-in, the line at fault.

A sentence may repeat what anybody wrote: it is text, never Markdown.
"""

from __future__ import annotations

from contextlib import nullcontext

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from acl.names import printable
from app import words


def show(sentence: object, details: str = "", where: DeltaGenerator | None = None) -> None:
    """sentence: a text, or the error that has it; where: the container that takes it; None for here."""
    with where or nullcontext():
        st.error(words.plain(str(sentence)), icon=":material/error:")
        if details:
            with st.expander("Details"):
                st.code(printable(details), language=None, wrap_lines=True)


def pass_by(error: Exception) -> None:
    """In a corner, for a while: what a press could not do."""
    st.toast(words.plain(str(error)), icon=":material/error:", duration="long")


def details_of(error: Exception) -> str:
    """The line of a plug-in at fault; empty for any other mistake."""
    return str(getattr(error, "details", ""))
