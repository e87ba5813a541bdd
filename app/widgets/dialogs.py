"""The door of every dialog: one is open at a time, and stays open until it is dismissed or done.

A page draws itself anew when a run begins or ends, and Streamlit closes a dialog that is not drawn again, with all that
was typed in it and a press that is on its way. So what is open is kept in the session, and drawn before every page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import streamlit as st

from app import errors

OPEN = "open-dialog"
Width = Literal["small", "medium", "large"]


@dataclass
class Dialog:
    """body: None where the page itself brings it (`fill`); page: the one that it was opened on, None until then."""

    title: str
    body: Callable[..., None] | None
    args: tuple[Any, ...]
    width: Width
    page: str | None = None


def ask(title: str, body: Callable[..., None] | None, *args: Any, width: Width = "small") -> None:
    """Open a dialog, in a button's callback: `body(*args)` draws it, again and again."""
    st.session_state[OPEN] = Dialog(title, body, args, width)


def draw(page: str) -> None:
    """Before anything else of `page`: a page that stops half-way, or begins again, leaves the dialog as it is."""
    dialog = st.session_state.get(OPEN)
    if dialog is None:
        return
    dialog.page = dialog.page or page
    if dialog.page != page:
        close()
    elif dialog.body is not None:
        _draw(dialog, dialog.body, *dialog.args)


def fill(title: str, body: Callable[..., None], *args: Any) -> None:
    """The same for a dialog that shows what the page has just worked out, if it is the one that is open."""
    dialog = st.session_state.get(OPEN)
    if dialog is not None and dialog.title == title:
        _draw(dialog, body, *args)


def _draw(dialog: Dialog, body: Callable[..., None], *args: Any) -> None:
    st.dialog(dialog.title, width=dialog.width, on_dismiss=close)(body)(*args)


def follow() -> None:
    """At the end of a fragment with buttons that ask: the whole page opens what was asked for. A dialog that is opened
    in what polls could be lost to its next tick."""
    dialog = st.session_state.get(OPEN)
    if dialog is not None and dialog.page is None:
        st.rerun()


def close() -> None:
    """It was dismissed, or what it asked for is done: the next page is without it."""
    st.session_state.pop(OPEN, None)


def done() -> NoReturn:
    close()
    st.rerun()


def refused(title: str, sentences: Sequence[str]) -> NoReturn:
    """In the place of the open dialog: what could not be done, until that is dismissed."""
    ask(title, _refused, sentences)
    st.rerun()


def _refused(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        errors.show(sentence)
    if st.button("Close"):
        done()
