"""What did it do? The labels of this query, measured: what they taught of the new task and kept of the old ones,
against random labels, every strategy, fewer labels and one's own choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from acl.analysis.class_counts import DRAWS, p_of_counts
from acl.analysis.outcomes import record
from acl.analysis.outcomes.asked import About, Horizon, Plan
from acl.analysis.outcomes.summary import apart_from_the_run
from acl.analysis.outcomes.summary import table as tidy
from acl.analysis.outcomes.worth import SETS_A_SAMPLE, sets_wanted
from acl.config import UserError
from acl.events import Bought, History
from acl.runs.folder import Run
from acl.runs.fork import Place
from acl.service import measurer
from acl.service.measurer import Wish
from app import words
from app.charts import outcomes_plane as charts
from app.charts import palette, written
from app.charts.written import signed, whole_percent
from app.inspection import worth
from app.inspection.panels import outcome_dots as dots
from app.inspection.panels import sensitivity
from app.inspection.panels.outcome_words import measured, sentence
from app.inspection.panels.predicted import predicted
from app.inspection.source import Sight
from app.store.session import POLL_S, RUNS, ensure_backend
from app.widgets import projector
from app.widgets.gallery import Card, cards_html

TITLE = "What did it do?"
NO_BASE = (
    "A snapshot file holds scores, not the network and its training: what its labels do can be measured for the "
    "queries of a run only."
)
WHAT = (
    "Each dot is a set of labels, bought in this query instead of what was bought, and the network trained on with "
    "it. Grey: as many labels bought blindly. Joined: fewer of them."
)
MEASURES = {"likelihood": "likelihood", "accuracy": "accuracy", "accuracy_aware": "own classes"}
HORIZONS: dict[Horizon, str] = {
    "round": "after this round", "budget": "after this task's budget", "next": "after the next task"
}  # fmt: skip
LAMBDAS = tuple(step / 10 for step in range(11))
NO_PAST = "The first task has no past whose samples could stand in the memory's place."
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
CONTROLS = {
    "lambdas": ("Path over λ", "AccuACL's picks at λ = 0, 0.1, … 1."),
    "true_past": ("True past", "AccuACL's picks with every sample of the past tasks in the memory's place."),
    "steps": ("Equal gradient steps", "Fewer labels, trained for as many steps as all of them."),
    "classes": ("Same class counts", "Random sets with as many samples of each class as the picks."),
    "losses": ("Same losses", "Random sets with as many samples as the picks of each tenth of the pool by the loss of "
                              "the true label: is it only how hard they are?"),
    "lambda 0": ("λ = 0", "AccuACL that asks for the new task only."),
    "distribution": ("D alone", "The largest distribution scores."),
    "magnitude": ("M alone", "The largest magnitudes."),
}  # fmt: skip
NET = "new · 1/t + past · (t − 1)/t: the mean over all tasks seen."
MOST_CARDS = 20


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


def open_here() -> None:
    """From another panel, in a button's callback."""
    st.session_state["panel"] = TITLE


def panel(sight: Sight, history: History | None) -> None:
    if sight.run is None or sight.query is None or history is None:
        st.caption(NO_BASE)
        return
    at = (sight.query.task, sight.query.round)
    about = About.of(sight.run.id, sight.run.config, history, at)
    by = next((e.by for e in history.of(Bought) if (e.task, e.round) == at), sight.strategy)
    # What polls is one container: what comes and goes in it moves nothing else.
    active = _active(_switches(sight, about, by, draw=False))
    if active:
        # What was asked before this app began is gone on with.
        try:
            ensure_backend()
        except UserError as error:
            st.session_state["outcome-trouble"] = str(error)
    rhythm = POLL_S if active else None
    st.fragment(_live, run_every=rhythm)(sight, about, by, rhythm is not None)


def _live(sight: Sight, about: About, by: str, polls: bool) -> None:
    if st.session_state.pop("outcome-picked", False):
        # Its samples are marked in the pictures above.
        st.rerun(scope="app")
    top = st.container()
    with top:
        headline = st.container()
        buttons = st.container(horizontal=True, vertical_alignment="center", key="outcome-controls")
    with buttons:
        shown = _switches(sight, about, by)
    active = _active(shown)
    rows = rows_of(shown)
    with headline:
        for said in sentences(shown, rows, bool(active)):
            st.markdown(words.plain(said))
    _progress(shown, active)
    _trouble(shown)
    _picture(shown, rows)
    _controls(shown, rows, active)
    sensitivity.row(
        sight, rows, lambda name: shown.wish(PLANS[name]) in active, lambda name: _ask(shown, name, PLANS[name])
    )
    if not active:
        predicted(sight, rows, shown.measure)
        worth.said(sight)
    # A small network may be done between the first look and the last.
    now = bool(_active(shown))
    if now != polls or now != bool(active):
        st.rerun(scope="app")


# -- what is asked -------------------------------------------------------------------------------------


def _switches(sight: Sight, about: About, by: str, draw: bool = True) -> Shown:
    """The first row: Measure, one's own, and how it is looked at."""
    assert sight.run
    chosen = {
        name: st.session_state.get(f"outcome-{name}") or first
        for name, first in (("measure", "likelihood"), ("scale", "differences"), ("horizon", "round"))
    }
    if draw:
        here = Shown(sight, sight.run, about, by, "", False, _horizon(chosen["horizon"]))
        st.button(
            "Measure", icon=":material/experiment:", type="primary", key="outcome-go", on_click=_ask,
            args=(here, "measure", PLANS["measure"]), disabled=_asked(here, PLANS["measure"]),
            help=f"{PLANS['measure'].subsets} random sets, every strategy's picks in {PLANS['measure'].repeats} "
            "orders, and fewer labels. What is measured is kept with the run.",
        )  # fmt: skip
        _own_button(here)
        st.space("stretch")
        chosen["measure"] = st.segmented_control(
            "Measured by", list(MEASURES), default="likelihood", required=True, key="outcome-measure",
            format_func=MEASURES.__getitem__, label_visibility="collapsed",
            help="Likelihood: mean probability of the true class on each task's test set.",
        )  # fmt: skip
        chosen["scale"] = st.segmented_control(
            "Scale", ["differences", "absolute"], default="differences", required=True, key="outcome-scale",
            label_visibility="collapsed",
        )  # fmt: skip
        chosen["horizon"] = st.selectbox(
            "Horizon", list(HORIZONS), key="outcome-horizon", format_func=HORIZONS.__getitem__, width=210,
            label_visibility="collapsed",
        )  # fmt: skip
    return Shown(
        sight, sight.run, about, by, chosen["measure"], chosen["scale"] == "absolute", _horizon(chosen["horizon"])
    )  # fmt: skip


def _horizon(name: object) -> Horizon:
    return next((each for each in HORIZONS if each == name), "round")


def own_ids(sight: Sight) -> tuple[int, ...]:
    """What is lassoed above, as far as it can be bought."""
    lassoed = st.session_state.get(f"lasso-{sight.name}", [])
    pool = set(sight.context.pool.ids.tolist()) if lassoed else set()
    return tuple(sorted({int(i) for i in lassoed if i in pool}))


def _own_button(here: Shown) -> None:
    ids = own_ids(here.sight)
    known = [tuple(sorted(found)) for found in rows_of(here)["ids"]] if ids else []
    count = "" if not ids else " sample" if len(ids) == 1 else f" {len(ids)} samples"
    st.button(
        f"Measure {'this' if len(ids) == 1 else 'these'}{count}", icon=":material/star:", key="outcome-own",
        on_click=_ask_own, args=(here, ids), disabled=not ids or ids in known,
        help="The samples lassoed in the pictures above, as a star." if ids not in known else "They are measured.",
    )  # fmt: skip


def _ask_own(here: Shown, ids: tuple[int, ...]) -> None:
    rows = rows_of(here)
    number = rows[rows["kind"] == "own"]["ids"].nunique() + 1
    # Random sets of the same size stand beside it.
    sizes = tuple({1.0, len(ids) / here.about.n}) if 0 < len(ids) <= here.about.n else (1.0,)
    plan = replace(REFERENCE, sizes=sizes, own=((f"yours {number}", ids),))
    _ask(here, "own", plan)


def _ask(here: Shown, name: str, plan: Plan) -> None:
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
    _wishes(here.sight)[name] = wish


def _wishes(sight: Sight) -> dict[str, Wish]:
    """What this tab asked last of each kind, of this query."""
    kept: dict[str, Wish] = st.session_state.setdefault(f"outcome-wishes-{sight.name}", {})
    return kept


def _asked(here: Shown, plan: Plan) -> bool:
    return measurer.is_asked(RUNS, here.wish(plan))


def _plans(here: Shown) -> dict[str, Plan]:
    """PLANS, and what the worth of this pool's samples needs."""
    if worth.why_not(here.sight, here.about.n):
        return PLANS
    return PLANS | {"worth": replace(REFERENCE, subsets=sets_wanted(len(here.sight.context.pool)))}


def _active(here: Shown) -> list[Wish]:
    """What waits or is worked on, whichever tab asked for it."""
    wanted = [here.wish(plan) for plan in _plans(here).values()] + list(_wishes(here.sight).values())
    return [wish for wish in dict.fromkeys(wanted) if measurer.is_asked(RUNS, wish)]


# -- what is known -------------------------------------------------------------------------------------


def rows_of(here: Shown) -> pd.DataFrame:
    """What the record says of the query at this horizon, as a tidy table."""
    state = record.state(here.run, here.at, RUNS)
    rows = _rows(str(here.run.path), here.at, str(RUNS), state, here.about)
    return rows[rows["horizon"] == here.horizon]


@st.cache_data(max_entries=8, show_spinner=False)
def _rows(path: str, at: Place, runs: str, state: tuple[Any, ...], _about: About) -> pd.DataFrame:
    return tidy(_about, record.load(Run(Path(path)), at, Path(runs)))


def sentences(here: Shown, rows: pd.DataFrame, active: bool) -> list[str]:
    """On top: what the recorded picks did, and one's own newest set. active: something is being measured."""
    about = here.about
    if about.picks is None:
        return ["Nothing was bought in this query yet: its strategies and random sets can be measured all the same."]
    if not about.n:
        return ["No label was bought in this query: there is nothing to measure."]
    if rows.empty:
        state = "is being measured" if active else "is not measured yet: press Measure"
        return [f"What these {about.n} labels changed {state}. {WHAT}"]
    said = []
    picks = rows[rows["kind"] == "recorded"]
    if len(picks):
        found = measured(rows, picks, about.task, about.n, here.measure)
        count = str(found.n) if found.n > 1 else "sample"
        whose = f"The {count} chosen by hand" if here.by == "human" else f"{words.strategy(here.by)}'s {count}"
        said.append(sentence(whose, found))
    own = rows[rows["kind"] == "own"]
    if len(own):
        newest = own[own["name"] == own["name"].iloc[-1]]
        found = measured(rows, newest, about.task, about.n, here.measure)
        said.append(sentence(f"Your {found.n}" if found.n > 1 else "Your sample", found))
    if apart := apart_from_the_run(about, rows):
        said.append(apart)
    if about.task == 1:
        said.append("There is no past in the first task: only what is learned can differ.")
    return said


def class_counts(here: Shown) -> str:
    """The classes of the picks against those of the pool; empty where nobody here knows them."""
    pool = here.sight.context.pool.ids.tolist()
    truth = here.sight.truth(pool)
    if truth is None or not here.about.picks:
        return ""
    label_of = dict(zip(pool, truth.tolist(), strict=True))
    labels = [label_of[i] for i in here.about.picks if i in label_of]
    classes = sorted(set(truth.tolist()))
    picked, there = ([values.count(c) for c in classes] for values in (labels, truth.tolist()))
    p, exact = p_of_counts(picked, there)
    counts = ", ".join(
        f"{a} of {here.sight.class_name(c)} ({whole_percent(100 * b / len(pool))} of the pool)"
        for c, a, b in zip(classes, picked, there, strict=True) if a
    )  # fmt: skip
    how = "Fisher's exact test" if exact else f"Fisher's exact test by {DRAWS:,} random draws"
    lean = "such counts are usual in blind draws" if p >= 0.05 else "blind draws seldom have such counts"
    return f"Classes of the picks: {counts}: {lean} (p = {p:.2g}, {how})."


# -- what is drawn -------------------------------------------------------------------------------------


def _progress(here: Shown, active: Sequence[Wish]) -> None:
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


def _trouble(here: Shown) -> None:
    found = [st.session_state["outcome-trouble"]] if "outcome-trouble" in st.session_state else []
    wishes = {here.wish(plan): None for plan in _plans(here).values()} | dict.fromkeys(_wishes(here.sight).values())
    found += [why for wish in wishes if (why := measurer.trouble(RUNS, wish))]
    for why in dict.fromkeys(found):
        st.warning(words.plain(why), icon=":material/warning:")
    said = [each for wish in wishes if (p := measurer.progress(RUNS, wish)) for each in p.said]
    for each in dict.fromkeys(said):
        st.caption(f":material/info: {words.plain(each)}")


def _picture(here: Shown, rows: pd.DataFrame) -> None:
    picture = dots.picture(rows, here.about.task, here.about.n, here.measure, here.absolute, here.by)
    grid = st.grid(2, min_column_width=charts.WIDTH, gap=("xsmall", "medium"))
    with grid.cell():
        _plane(here, picture)
        _samples(here)
    with grid.cell():
        if len(rows):
            table = dots.table(rows, here.measure, here.by)
            st.dataframe(
                written.table(table, WRITTEN),
                hide_index=True,
                column_config=columns(here.about.task),
                placeholder="–",
                key="outcome-table",
            )
            st.caption(
                f"{WHAT} Bars are one standard error; the ring is what was bought. Click a dot to see its samples."
            )
        if counts := class_counts(here):
            st.caption(words.plain(counts))


def _plane(here: Shown, picture: charts.Picture) -> None:
    spec, height = charts.line(picture) if here.about.task == 1 else charts.plane(picture)
    key = f"outcome-plane-{here.sight.name}"

    def picked() -> None:
        chosen = st.session_state.get(key)
        found = ids_of(chosen, charts.selectable(picture))
        st.session_state[f"outcome-dot-{here.sight.name}"] = found
        st.session_state[f"lasso-{here.sight.name}"] = list(found)
        st.session_state["outcome-picked"] = True

    alt = "What sets of labels did: the new task learned against the old tasks kept"
    projector.scaled_chart(spec, key, charts.WIDTH, height, alt, picked)


def ids_of(state: Any, series: dict[str, list[tuple[int, ...]]]) -> tuple[int, ...]:
    """The samples of the dot that the browser says is chosen; none for anything else."""
    for group in (state or {}).get("selection", {}).get("selected", []):
        sets = series.get(group.get("series_id") or "", [])
        places = [i for i in group.get("data_indices", []) if isinstance(i, int) and 0 <= i < len(sets)]
        if places:
            return sets[places[0]]
    return ()


def _samples(here: Shown) -> None:
    """The pictures of the dot that was clicked, as long as its samples are those marked above."""
    ids = st.session_state.get(f"outcome-dot-{here.sight.name}", ())
    if not ids or set(ids) != set(st.session_state.get(f"lasso-{here.sight.name}", [])):
        return
    some = list(ids[:MOST_CARDS])
    truth = here.sight.truth(some)
    labels = truth.tolist() if truth is not None else [here.sight.labels.get(i, -1) for i in some]
    colours = palette.class_colours(here.sight.tasks)
    made = [
        Card("", (), colours.get(label, palette.OTHER), f"sample {i}: {here.sight.class_name(label)}")
        for i, label in zip(some, labels, strict=True)
    ]
    more = f", the first {len(some)} here" if len(ids) > len(some) else ""
    st.caption(f"The {len(ids)} samples of this dot{more}; they are marked in both pictures above.")
    st.html(cards_html(here.sight.pictures(some), made, size=34))


def _controls(here: Shown, rows: pd.DataFrame, active: Sequence[Wish]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="outcome-more"):
        st.markdown("Controls", width="content", help="Sets that tell whether an effect has a simpler reason.")
        for name, (label, meaning) in CONTROLS.items():
            there = _is_there(rows, name)
            why = NO_PAST if name == "true_past" and here.about.task == 1 else ""
            st.button(
                label, key=f"outcome-{name}", on_click=_ask, args=(here, name, PLANS[name]), help=why or meaning,
                disabled=bool(why) or here.wish(PLANS[name]) in active,
                icon=":material/check:" if there else ":material/add:",
            )  # fmt: skip
        blind = int(((rows["kind"] == "random") & (rows["n"] == here.about.n)).sum())
        if here.horizon == "round" and blind >= PLANS["measure"].subsets:
            _worth_button(here, blind, active)


def _worth_button(here: Shown, blind: int, active: Sequence[Wish]) -> None:
    """The second press. blind: random sets of the query's size that are measured."""
    why, plan = worth.why_not(here.sight, here.about.n), _plans(here).get("worth", REFERENCE)
    there = not why and blind >= plan.subsets
    st.button(
        "Worth of a label", key="outcome-worth", on_click=_ask, args=(here, "worth", plan),
        disabled=bool(why) or there or here.wish(plan) in active,
        icon=":material/check:" if there else ":material/add:",
        help=words.plain(why) or f"{plan.subsets:,} random sets, {SETS_A_SAMPLE} for each sample of the pool, and what "
        "each sample adds to those it is in.",
    )  # fmt: skip


def _is_there(rows: pd.DataFrame, control: str) -> bool:
    lambdas = set(rows.loc[rows["kind"] == "lambda", "name"])
    if control in {"lambdas", "lambda 0"}:
        return {f"{each:g}" for each in PLANS[control].lambdas} <= lambdas
    return bool((rows["kind"] == {"steps": "equal_steps"}.get(control, control)).any())


WRITTEN = {"new": signed, "past": signed, "net": signed, "beats": whole_percent}


def columns(task: int) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    than = "Points from the mean of random sets of as many labels. ↑ better"
    return {
        "set": "Labels",
        "n": number("n", help="How many."),
        "new": number("new", help=f"The new task. {than}"),
        "past": number("past", help=f"Mean over the old tasks. {than}") if task > 1 else None,
        "net": number("net", help=f"{NET} {than}"),
        "beats": number("beats", help="Of the random sets, the share whose net is lower."),
        "fewer": number(
            "like", format="%d random", help="So many random labels do about the same; – where no number of them does."
        ),
    }
