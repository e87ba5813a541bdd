"""What is being measured, how far it is, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from acl.service import measurer
from acl.service.measurer import Wish
from app import words
from app.inspection.panels.outcomes.asked import Shown, plans, wishes
from app.store.session import RUNS


def progress(here: Shown, active: Sequence[Wish]) -> None:
    for wish in active:
        found = measurer.progress(RUNS, wish)
        with st.container(horizontal=True, vertical_alignment="center", key=f"outcome-progress-{wish.name}"):
            if found is None:
                text, share = "Restoring the network as it was before this query…", 0.0
            else:
                left = f" · {words.duration(found.eta_s)} left" if found.eta_s else ""
                text, share = (
                    f"{found.done:,} of {found.total:,} trainings measured{left}",
                    found.done / max(found.total, 1),
                )
            st.progress(min(share, 1.0), text)
            st.button("Cancel", key=f"outcome-cancel-{wish.name}", on_click=measurer.cancel, args=(RUNS, wish))


def trouble(here: Shown) -> None:
    found = [st.session_state["outcome-trouble"]] if "outcome-trouble" in st.session_state else []
    every = {here.wish(plan): None for plan in plans(here).values()} | dict.fromkeys(wishes(here.sight).values())
    found += [why for wish in every if (why := measurer.trouble(RUNS, wish))]
    for why in dict.fromkeys(found):
        st.warning(words.plain(why), icon=":material/warning:")
    said = [each for wish in every if (p := measurer.progress(RUNS, wish)) for each in p.said]
    for each in dict.fromkeys(said):
        st.caption(f":material/info: {words.plain(each)}")
