"""What can be asked of a query's outcomes, and what is asked: the plans, and the wishes that the backend fulfils."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st

from acl.analysis.outcomes.asked import About, Horizon, Plan
from acl.analysis.outcomes.worth import sets_wanted
from acl.config import UserError
from acl.runs.folder import Run
from acl.runs.fork import Place
from acl.service import measurer
from acl.service.measurer import Wish
from app.inspection import worth
from app.inspection.panels.outcomes import sensitivity
from app.inspection.source import Sight
from app.store.session import RUNS, ensure_backend

LAMBDAS = tuple(step / 10 for step in range(11))
REFERENCE = Plan(sizes=(1.0,), strategies=(), recorded=False)
"""Random sets of the query's size alone, which everything is held against."""
PLANS = {
    "measure": Plan(),
    "lambdas": replace(REFERENCE, lambdas=LAMBDAS),
    "true_past": replace(REFERENCE, recorded=True, true_past=True),
    **sensitivity.plans(REFERENCE),
    "steps": replace(REFERENCE, sizes=Plan().sizes, equal_steps=True),
    "classes": replace(REFERENCE, controls=("classes",)),
    "losses": replace(REFERENCE, controls=("losses",)),
    "lambda 0": replace(REFERENCE, lambdas=(0.0,)),
    "distribution": replace(REFERENCE, controls=("distribution",)),
    "magnitude": replace(REFERENCE, controls=("magnitude",)),
}


@dataclass(frozen=True)
class Shown:
    """What is looked at: the query, and how. by: who chose what was bought: a strategy, or "human"."""

    sight: Sight
    run: Run
    about: About
    by: str
    measure: str
    absolute: bool
    horizon: Horizon

    @property
    def at(self) -> Place:
        return self.about.task, self.about.round

    def wish(self, plan: Plan) -> Wish:
        return Wish(self.run.path, self.at, replace(plan, horizon=self.horizon))


def ask(here: Shown, name: str, plan: Plan) -> None:
    wish = here.wish(plan)
    try:
        ensure_backend()
        measurer.ask(RUNS, wish)
    except (UserError, OSError) as error:
        st.session_state["outcome-trouble"] = (
            str(error) if isinstance(error, UserError) else f"{RUNS} takes no files ({error.strerror})."
        )
        return
    st.session_state.pop("outcome-trouble", None)
    wishes(here.sight)[name] = wish


def wishes(sight: Sight) -> dict[str, Wish]:
    """What this tab asked last of each kind, of this query."""
    kept: dict[str, Wish] = st.session_state.setdefault(f"outcome-wishes-{sight.name}", {})
    return kept


def asked(here: Shown, plan: Plan) -> bool:
    return measurer.is_asked(RUNS, here.wish(plan))


def plans(here: Shown) -> dict[str, Plan]:
    """PLANS, and what the worth of this pool's samples needs."""
    if worth.why_not(here.sight, here.about.n):
        return PLANS
    return PLANS | {"worth": replace(REFERENCE, subsets=sets_wanted(len(here.sight.context.pool)))}


def active_wishes(here: Shown) -> list[Wish]:
    """What waits or is worked on, whichever tab asked for it."""
    wanted = [here.wish(plan) for plan in plans(here).values()] + list(wishes(here.sight).values())
    return [wish for wish in dict.fromkeys(wanted) if measurer.is_asked(RUNS, wish)]
