"""How a mistake is shown: its sentence, and folded below it, for the author of a plug-in, the line at fault."""

from __future__ import annotations

from contextlib import nullcontext

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import words


def show(sentence: str, details: str, where: DeltaGenerator | None = None) -> None:
    """where: the container that takes it; None for here."""
    with where or nullcontext():
        st.error(words.plain(sentence), icon=":material/error:")
        if details:
            with st.expander("Details"):
                st.code(details, language=None, wrap_lines=True)


def details_of(error: Exception) -> str:
    """The line of a plug-in at fault; empty for any other mistake."""
    return str(getattr(error, "details", ""))
