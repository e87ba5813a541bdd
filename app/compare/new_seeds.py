"""More seeds of what a race or a sweep has run: what is missing is run, the rest stays."""

from __future__ import annotations

from functools import partial

import streamlit as st

from acl.config import UserError
from acl.results import sweep
from acl.results.significance import LEAST_FOR_P
from app import errors, words
from app.store.session import RUNS, ensure_backend
from app.widgets import dialogs
from app.widgets.one_press import once

ENOUGH = 10


def button(chosen: sweep.Sweep) -> None:
    st.button(
        "Add seeds", icon=":material/add:", key="add-seeds", on_click=dialogs.ask, args=("Add seeds", form, chosen.id),
        help="One seed decides nothing: the same settings are run on further seeds.",
    )  # fmt: skip


def button_of_source() -> None:
    """Where the runs that are compared are those of a race or a sweep."""
    kind, _, id_ = str(st.query_params.get("from", "")).partition(":")
    if kind == "sweep":
        try:
            button(sweep.load(id_, RUNS))
        except UserError as error:
            errors.show(error)


def form(id_: str) -> None:
    """How many; the button starts them."""
    try:
        chosen = sweep.load(id_, RUNS)
    except UserError as error:
        errors.show(error)
        return
    have = len({member.config.seed for member in chosen.members})
    st.write(f"**{words.plain(chosen.title)}** has {have} seed{'s' if have > 1 else ''}. A p-value needs "
             f"{LEAST_FOR_P}; with {ENOUGH} the intervals are good.")  # fmt: skip
    wanted = next((least - have for least in (LEAST_FOR_P, ENOUGH) if least > have), ENOUGH)
    n = int(st.number_input("Further seeds", value=wanted, step=1, key="add-seeds-n"))
    try:
        configs = sweep.more_seeds(chosen, n)
    except UserError as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    pressed = st.button(
        f"Run {len(configs):,} more", type="primary", icon=":material/play_arrow:", key="add-seeds-start"
    )
    try:
        with st.spinner("Making the runs…"):
            added = once(f"seeds-{id_}", pressed, partial(sweep.add_seeds, chosen, n, RUNS))
            if added is not None:
                ensure_backend()
    except UserError as error:
        errors.show(str(error), errors.details_of(error))
        return
    if added is not None:
        dialogs.done()
