"""You choose: in a query that waits, swap the strategy's picks or label samples yourself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from acl.config import UserError
from acl.events import Bought, History, Scored
from acl.runs.control import Control, Status, request
from acl.runs.folder import Run
from acl.steering import Choice
from app import errors, words
from app.store import runs as data
from app.store.session import ensure_backend
from app.widgets import dialogs
from app.widgets.browser import sent
from app.widgets.gallery import COLUMNS, sprite

HERE = Path(__file__).parent
MOST_CARDS = 400

_component = st.components.v2.component(
    "acl_hands",
    html='<div class="hands"></div>',
    css=(HERE / "by_hand.css").read_text("utf-8"),
    js=(HERE / "by_hand.js").read_text("utf-8"),
)


def waiting(history: History, status: Status | None) -> Scored | None:
    """The query that is scored and holds before its samples are bought."""
    queries, bought = history.of(Scored), history.of(Bought)
    if not queries or status is None or status.state != "paused":
        return None
    last = queries[-1]
    done = bought and (bought[-1].task, bought[-1].round) >= (last.task, last.round)
    return None if done else last


def button(run: Run, query: Scored | None) -> None:
    """In the row of buttons, where it always stands: it can be pressed while a query waits, and opens the dialog."""
    st.button(
        "Choose or label by hand", icon=":material/touch_app:", key=f"hands-{run.id}",
        type="primary" if query else "secondary", disabled=query is None,
        on_click=partial(dialogs.ask, "You choose", _choose, run, query, width="large"),
        help="While a query waits (Step phase, after it has chosen): swap its picks for others, or give labels "
        "yourself, also wrong ones.",
    )  # fmt: skip


def chosen(query: Scored, control: Control) -> None:
    """What was chosen in the dialog by now."""
    mine = control.choice
    if mine and (mine.task, mine.round) == (query.task, query.round):
        n_others = len(set(mine.ids) - set(query.ids))
        n_labels = sum(label is not None for label in mine.labels)
        st.caption(
            f"Chosen by hand: {len(mine.ids)} samples, {n_others} not the strategy's, {n_labels} with a label."
            " Bought at the next step: press Play or Step."
        )


def _choose(run: Run, query: Scored) -> None:
    history = data.live_run(run.path).history()
    if waiting(history, data.status_of(run)) != query:
        st.info("The run does not wait with this query any longer.", icon=":material/info:")
        return
    st.caption(
        f"Task {query.task}, round {query.round}. Click cards, or draw a frame over them; the keys shown label the "
        "card under the pointer. What you do not label is asked of the data."
    )
    event = _component(
        key="hands", data=cards(run, query, history, data.control_of(run).choice), on_bought_change=_nothing
    )
    if event.bought is None:
        return
    ids = sent.samples(sent.value(event.bought, "ids"))
    labels = sent.labels(sent.value(event.bought, "labels"))
    if ids is None or labels is None or len(ids) != len(labels):
        st.error("What was chosen cannot be read: choose again.", icon=":material/error:")
        return
    choice = Choice(query.task, query.round, ids, labels)
    try:
        request(run.path, choice=choice)
        ensure_backend()
    except UserError as error:
        errors.show(error)
        return
    dialogs.done()


def cards(run: Run, query: Scored, history: History, choice: Choice | None = None) -> dict[str, Any]:
    """What the browser gets: the picks, then the rest of the pool in the strategy's own order as far as it is known.
    choice: what was chosen by hand before, and is gone on with if it is of this query."""
    ids = order(run, query, history)[:MOST_CARDS]
    ranks = {i: f"pick {place}" for place, i in enumerate(query.ids, start=1)}
    names = words.class_names(history)
    seen = [c for task in (history.started.tasks[: query.task] if history.started else []) for c in task["classes"]]
    # The task's own classes come first: keys 1 to 9 are for those.
    own = set(history.started.tasks[query.task - 1]["classes"]) if history.started else set()
    classes = sorted(dict.fromkeys(seen), key=lambda c: (c not in own, c))
    mine = choice if choice and (choice.task, choice.round) == (query.task, query.round) else None
    given = zip(mine.ids, mine.labels, strict=True) if mine else ()
    images = data.pictures(run, ids)
    return {
        "query": f"{run.id} {query.task}.{query.round}",
        "cards": [{"id": str(i), "title": "?", "line": ranks.get(i, ""), "hint": f"sample {i}"} for i in ids],
        "picks": [str(i) for i in query.ids],
        "chosen": [str(i) for i in (mine.ids if mine else query.ids)],
        "given": [[str(i), classes.index(label)] for i, label in given if label in classes],
        "most": len(query.ids),
        "classes": [names[c] for c in classes],
        "numbers": classes,
        "keys": keys(classes, names),
        "url": sprite(images) if images is not None and len(images) else "",
        "columns": COLUMNS,
        "size": 48,
    }


def keys(classes: list[int], names: Mapping[int, str]) -> list[str]:
    """The key of each class, as far as there are any: digits are their own keys, so that a 3 is never a 4."""
    if all(c <= 9 and names[c] == f"class {c}" for c in classes):
        return [str(c) for c in classes]
    return [str(place) for place in range(1, min(len(classes), 9) + 1)]


def order(run: Run, query: Scored, history: History) -> list[int]:
    """Picks first, then the rest of the pool: by distribution score where it is known, so that near misses come
    early."""
    scores = data.scores_of(run, query)
    if scores is None:
        return [*query.ids, *_unlabelled(run, query, history)]
    rest = scores[~scores["picked"]].sort_values("distribution", ascending=False, kind="stable")
    return [*query.ids, *rest["id"].tolist()]


def _unlabelled(run: Run, query: Scored, history: History) -> list[int]:
    """What else is in the pool of a run that keeps no scores: the task's data say, if they are here."""
    try:
        task = data.stream_of(run.config.to_json()).tasks[query.task - 1]
    except (UserError, IndexError):
        return []
    taken = {*query.ids, *(i for event in history.bought(query.task) for i in event.ids)}
    return [i for i in task.train_ids.tolist() if i not in taken]


def _nothing() -> None:
    """Streamlit delivers a trigger only to those who registered for it."""
