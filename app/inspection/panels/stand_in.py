"""Memory for the past: how good the memory is as a stand-in for all samples of the past tasks, and what AccuACL would
pick, and that would do, if it saw them all."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from acl.analysis.outcomes import true_past
from acl.analysis.outcomes.asked import About
from acl.analysis.outcomes.true_past import StandIn
from acl.config import UserError
from acl.events import History
from acl.runs.folder import Run
from acl.runs.fork import Place
from acl.service import measurer
from acl.service.measurer import Wish
from app import words
from app.charts import written
from app.charts.inspection import target as figures
from app.charts.score_plane import HERO
from app.charts.written import number, whole_percent
from app.inspection.panels.draw import draw
from app.inspection.panels.outcomes.asked import PLANS, Shown
from app.inspection.panels.outcomes.known import rows_of as rows_at
from app.inspection.panels.outcomes.panel import open_here
from app.inspection.panels.outcomes.phrases import measured, sentence
from app.inspection.source import Sight
from app.store import runs as data
from app.store.session import POLL_S, RUNS, ensure_backend

TITLE = "Memory for the past"
NO_RUN = (
    "A snapshot file holds the samples of the memory, not the network and the images of the past tasks: how well the "
    "one stands in for the others is known for the queries of a run only."
)
NO_PAST = "There is no past in the first task: the memory stands in for nothing. See a later task."
NO_MEMORY = "The memory of this query is empty: nothing stands in for the past."
HELP = {"The": words.HELP["stand_in"], "With": words.HELP["true_past"]}
"""By the word that a sentence begins with."""
PLAN = PLANS["true_past"]
TROUBLE = "stand-in-trouble"


def panel(sight: Sight, history: History | None) -> None:
    if sight.run is None or sight.query is None or history is None:
        st.caption(NO_RUN)
        return
    if sight.query.task == 1:
        st.caption(NO_PAST)
        return
    if not len(sight.context.memory):
        st.caption(NO_MEMORY)
        return
    about = About.of(sight.run.id, sight.run.config, history, (sight.query.task, sight.query.round))
    wish = Wish(sight.run.path, (about.task, about.round), PLAN)
    rhythm = POLL_S if measurer.is_asked(RUNS, wish) else None
    st.fragment(_live, run_every=rhythm)(sight, about, wish, rhythm is not None)


def _live(sight: Sight, about: About, wish: Wish, polls: bool) -> None:
    assert sight.run
    found = known(sight.run, wish.at)
    waits = measurer.is_asked(RUNS, wish)
    if found is None and not waits:
        st.markdown(words.HELP["stand_in"])
    if found is not None:
        for said in sentences(sight, about, found):
            st.markdown(words.plain(said), help=HELP.get(said.split(" ", 1)[0]))
    with st.container(horizontal=True, vertical_alignment="center", key="stand-in-controls"):
        done = found is not None and not landed(sight, about).empty
        st.button(
            "Compare with the true past", icon=":material/history:", type="secondary" if done else "primary",
            key="stand-in-go", on_click=_ask, args=(wish,), disabled=waits or done,
            help="Trains the network of this query once more, looks at all samples of the past tasks with it, and "
            "measures what AccuACL would pick then, beside random sets. What is measured is kept.",
        )  # fmt: skip
        if done:
            st.button(
                "Its dot beside the others'", icon=":material/experiment:", type="tertiary", key="stand-in-to-outcomes",
                on_click=open_here,
            )  # fmt: skip
    if waits:
        _progress(wish)
    for why in dict.fromkeys(filter(None, (st.session_state.get(TROUBLE, ""), measurer.trouble(RUNS, wish)))):
        st.warning(words.plain(why), icon=":material/warning:")
    if found is not None:
        _picture(sight, found)
    if measurer.is_asked(RUNS, wish) != polls:
        st.rerun(scope="app")


def _ask(wish: Wish) -> None:
    st.session_state.pop(TROUBLE, None)
    try:
        ensure_backend()
        measurer.ask(RUNS, wish)
    except UserError as error:
        st.session_state[TROUBLE] = str(error)
    except OSError as error:
        st.session_state[TROUBLE] = f"{RUNS} takes no files ({error.strerror})."


def _progress(wish: Wish) -> None:
    found = measurer.progress(RUNS, wish)
    text, share = "Training the network of this query once more…", 0.0
    if found is not None:
        left = f" · {words.duration(found.eta_s)} left" if found.eta_s else ""
        text, share = f"{found.done:,} of {found.total:,} trainings measured{left}", found.done / max(found.total, 1)
    with st.container(horizontal=True, vertical_alignment="center", key="stand-in-progress"):
        st.progress(min(share, 1.0), text)
        st.button("Cancel", key="stand-in-cancel", on_click=measurer.cancel, args=(RUNS, wish))


# -- what is known -------------------------------------------------------------------------------------


def known(run: Run, at: Place) -> StandIn | None:
    return _known(str(run.path), at, str(RUNS), data.mark(true_past.place(run, at, RUNS)))


@st.cache_data(max_entries=32, show_spinner=False)
def _known(path: str, at: Place, runs: str, mark: tuple[int, int]) -> StandIn | None:
    return true_past.load(Run(Path(path)), at, Path(runs))


def rows_of(sight: Sight, about: About) -> pd.DataFrame:
    """All that was measured of this query, after this round."""
    assert sight.run
    return rows_at(Shown(sight, sight.run, about, "", "likelihood", False, "round"))


def landed(sight: Sight, about: About) -> pd.DataFrame:
    """What AccuACL's picks with the true past did, where that was measured."""
    rows = rows_of(sight, about)
    return rows[rows["kind"] == "true_past"]


def sentences(sight: Sight, about: About, found: StandIn) -> list[str]:
    low, middle, high = found.blind
    size, n = len(sight.context.memory), len(found.picks)
    said = [
        f"The memory of {size} lies {number(found.distance, 2)} from the true past (0: the same, 0.83: nothing in "
        f"common). Of blind memories of {size}, which lie at {number(low, 2)} to {number(high, 2)}, half of them below "
        f"{number(middle, 2)}, {whole_percent(100 * found.nearer)} are nearer.",
        f"Its Fisher information is {_times(found.size)} that of the past: at λ = {sight.context.lambda_:.2f} the past "
        f"makes up {whole_percent(100 * found.weight)} of the target, with the true past it would be "
        f"{whole_percent(100 * found.true_weight)}.",
    ]
    with_memory = len(set(found.picks) & set(found.memory_picks))
    bought = "" if sight.strategy == HERO else _bought(sight, about, found)
    said.append(
        f"With the true past AccuACL would keep {whole_percent(100 * found.entries)} of the same Fisher entries and "
        f"pick {with_memory or 'none'} of the same {n} samples as with the memory{bought}."
    )
    mine, rows = landed(sight, about), rows_of(sight, about)
    if len(mine) and set(mine["ids"].iloc[-1]) == set(found.picks):
        did = measured(rows, mine, about.task, about.n, "likelihood")
        said.append(sentence(f"AccuACL's {n} with the true past", did))
    gone = [sight.class_name(each.label) for each in found.classes if each.label not in sight.context.classes]
    if gone:
        said.append(f"The memory has lost {', '.join(gone)}: AccuACL asked nothing for that.")
    return said


def _bought(sight: Sight, about: About, found: StandIn) -> str:
    shared = len(set(found.picks) & set(about.picks or ()))
    return (
        f"; {shared or 'none'} of its {len(found.picks)} are among what {words.strategy(sight.strategy)} picked"
        if about.picks
        else ""
    )


def _times(ratio: float) -> str:
    return f"{number(ratio, 1)} times" if ratio >= 2 else f"{whole_percent(100 * ratio)} of"


def _picture(sight: Sight, found: StandIn) -> None:
    names = [sight.class_name(each.label) for each in found.classes]
    memory, past = ([getattr(each, part) for each in found.classes] for part in ("memory", "past"))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.markdown("**Where the information lies**", help=words.HELP["fisher"])
        said = ", ".join(
            f"{name} {whole_percent(100 * a)} of the memory's, {whole_percent(100 * b)} of the past's"
            for name, a, b in zip(names, memory, past, strict=True)
        )
        draw(figures.shares_of_classes(names, memory, past), "stand-in", alt=said)
    with right:
        st.dataframe(
            written.table(table(sight, found), {"memory": whole_percent, "past": whole_percent}),
            hide_index=True, column_config=COLUMNS, key="stand-in-table", placeholder="–",
        )  # fmt: skip


def table(sight: Sight, found: StandIn) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "class": [sight.class_name(each.label) for each in found.classes],
            "kept": [each.kept for each in found.classes],
            "memory": [100 * each.memory for each in found.classes],
            "past": [100 * each.past for each in found.classes],
            "cosine": [round(each.cosine, 2) for each in found.classes],
        }
    )


COLUMNS = {
    "class": st.column_config.TextColumn("Class", help="An output of the network."),
    "kept": st.column_config.NumberColumn("kept", help="Samples of the class in the memory."),
    "memory": st.column_config.NumberColumn("memory", help="Share of the memory's Fisher information."),
    "past": st.column_config.NumberColumn("past", help="Share of the Fisher information of the true past."),
    "cosine": st.column_config.NumberColumn("cosine", help=words.HELP["cosine"]),
}
