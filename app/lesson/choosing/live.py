"""The student's own ten: which they are, and what they do, measured now by the measurers for the recording's query."""

from __future__ import annotations

import re

import streamlit as st

from acl.analysis.outcomes import record
from acl.analysis.outcomes.asked import Plan
from acl.config import UserError
from acl.service import measurer
from acl.service.measurer import Wish
from app.lesson.choosing.shipped import Shipped, new_and_past
from app.store.session import RUNS, ensure_backend

PICKS, BOUGHT, TROUBLE = "picks", "choice-bought", "choice-trouble"
TURN = "choice-turn"


def picks(found: Shipped) -> tuple[tuple[int, ...], str]:
    """What is picked, as this tab or the address (?picks=12,34) says; and what is said of the rest."""
    if PICKS in st.session_state:
        return st.session_state[PICKS], ""
    ids, said = known(st.query_params.get(PICKS, ""), found)
    st.session_state[PICKS] = ids
    return ids, said


def known(text: str, found: Shipped) -> tuple[tuple[int, ...], str]:
    """The candidates that an address names, the first `found.n` of them, and what is said of the rest."""
    parts = [part for part in text.split(",") if part]
    numbers = [int(part) for part in parts if re.fullmatch(r"[0-9]{1,9}", part)]
    ids = [i for i in dict.fromkeys(numbers) if i in found.candidates.index]
    passed = len(parts) - min(len(ids), found.n)
    if not passed:
        return tuple(sorted(ids)), ""
    what = "one of the picks is" if passed == 1 else f"{passed} of the picks are"
    return tuple(sorted(ids[: found.n])), (
        f"In the address {what} passed over: it names at most {found.n} of these {len(found.candidates)} digits, each "
        "once."
    )


def keep(ids: tuple[int, ...]) -> None:
    """Remember what is picked, here and in the address."""
    st.session_state[PICKS] = tuple(sorted(ids))
    if ids:
        st.query_params[PICKS] = ",".join(map(str, sorted(ids)))
    else:
        st.query_params.pop(PICKS, None)


def fill(ids: tuple[int, ...]) -> None:
    """Pick these in the place of what was clicked."""
    keep(ids)
    st.session_state.pop(BOUGHT, None)
    st.session_state[TURN] = turn() + 1


def turn() -> int:
    """Counts what was picked otherwise than by clicks: then the pictures show it, whatever was clicked meanwhile."""
    return int(st.session_state.get(TURN, 0))


# -- bought --------------------------------------------------------------------------------------------


def wish(found: Shipped, ids: tuple[int, ...]) -> Wish:
    own = (("yours", tuple(sorted(ids))),)
    plan = Plan(subsets=0, sizes=(), strategies=(), own=own, recorded=False, repeats=found.repeats)
    return Wish(found.run.path, found.at, plan)


def buy(found: Shipped, ids: tuple[int, ...]) -> None:
    """In a button's callback: what they do is asked for, unless it is known."""
    st.session_state[BOUGHT] = ids
    st.session_state.pop(TROUBLE, None)
    if result(found, ids) is not None:
        return
    try:
        ensure_backend()
        measurer.ask(RUNS, wish(found, ids))
    except UserError as error:
        st.session_state[TROUBLE] = str(error)
    except OSError as error:
        st.session_state[TROUBLE] = f"The folder of runs takes no files ({error.strerror})."


def bought() -> tuple[int, ...]:
    """What was bought last and is still looked at; empty if nothing is."""
    ids: tuple[int, ...] = st.session_state.get(BOUGHT, ())
    return ids


def again() -> None:
    """Back to the pictures, as they were picked."""
    st.session_state.pop(BOUGHT, None)
    st.session_state[TURN] = turn() + 1


def waits(found: Shipped) -> bool:
    """Whether what was bought is being measured."""
    ids = bought()
    return bool(ids) and result(found, ids) is None and measurer.is_asked(RUNS, wish(found, ids))


def trouble(found: Shipped) -> str:
    """Why what was bought cannot be measured; empty if it can."""
    ids = bought()
    said = str(st.session_state.get(TROUBLE, ""))
    return said or (measurer.trouble(RUNS, wish(found, ids)) if ids else "")


def result(found: Shipped, ids: tuple[int, ...]) -> tuple[float, float] | None:
    """new and past of a set, as in `Shipped`; None as long as not every order of it is measured."""
    kept = record.load(found.run, found.at, RUNS)
    mine = [o for o in kept if o.kind == "own" and o.horizon == "round" and sorted(o.ids) == sorted(ids)]
    rows = [o.likelihood for o in sorted(mine, key=lambda o: o.repeat) if o.repeat < found.repeats]
    return new_and_past(rows, found.at[0]) if len(rows) == found.repeats else None
