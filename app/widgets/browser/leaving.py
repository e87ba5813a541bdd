"""The door to another page after a press: the browser itself goes there, as by a link.

`st.switch_page` leaves while the page that is left may poll: a look that the browser asks for before it has heard of
the other page runs after that page, as part of the page that was left, and empties the screen (Streamlit 1.67; seen
after 6 of 16 presses in a fragment that looks twice a second). Who follows a link stops to look first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import streamlit as st

from acl.runs.folder import Run
from app.store.session import PAGES, forget_run

ASKED, HERE, FRESH = "leave-for", "page-here", "leave-run"

_component = st.components.v2.component(
    "acl_leaving",
    css=".st-key-leaving { display: none; }",
    js=(Path(__file__).parent / "leaving.js").read_text("utf-8"),
    isolate_styles=False,  # what is hidden and followed is the page's
)


def leave(page: str, where: Mapping[str, str]) -> NoReturn:
    """Go to pages/<page>.py with `where` in the address, from anywhere in a page, a dialog or a fragment of it."""
    if st.session_state.get(HERE) == page:  # looks that arrive late are this page's own
        st.switch_page(PAGES / f"{page}.py", query_params=dict(where))
    by_link(page, where)


def by_link(page: str, where: Mapping[str, str]) -> NoReturn:
    st.session_state[ASKED] = page, dict(where)
    st.rerun()


def asked() -> bool:
    """Whether the page is being left."""
    return ASKED in st.session_state


def draw(page: str) -> None:
    """Before anything else of `page`, which is drawn as ever until the browser has gone: the link to follow, if any."""
    st.session_state[HERE] = page
    if page == "start" and st.session_state.pop(FRESH, False):
        forget_run()
    name, where = st.session_state.get(ASKED, (page, {}))
    with st.container(key="leaving"):
        if name == page:
            st.session_state.pop(ASKED, None)
            return
        st.page_link(PAGES / f"{name}.py", label="Go on", query_params=where)
        _component(key="leaving-now")


def open_run(run: Run) -> NoReturn:
    """Go to the Run page of `run`."""
    st.session_state["run"] = run.id
    leave("run", {"run": run.id})


def new_run() -> NoReturn:
    """Go to the form of a new run; there no run is shown any more (the page that is left may still show one)."""
    st.session_state[FRESH] = True
    leave("start", {})
