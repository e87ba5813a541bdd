"""The dialog that forks a run: from where, with what changed, and then to its page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from acl.config import EARLIER, FULL, METHOD, UserError
from acl.runs.control import request
from acl.runs.folder import Run
from acl.runs.fork import Place, changes_at, fork, past_of, places, settings_after
from acl.steering import differences
from app import errors, words
from app.store import runs as data
from app.store.session import RUNS, ensure_backend
from app.widgets import dialogs
from app.widgets.browser.leaving import open_run
from app.widgets.one_press import once
from app.widgets.steering_form import steering_form, useful


def ask(run: Run, at: Place | None = None, changes: Mapping[str, Any] | None = None) -> None:
    """A button's callback: opens the dialog with these changes to begin with."""
    dialogs.ask("Fork this run", form, run, at, changes or {})


def form(run: Run, at: Place | None, suggested: Mapping[str, Any]) -> None:
    """From where, and with what changed; the button forks and opens the child."""
    if run.config.method != METHOD:
        st.info(EARLIER, icon=":material/history:")
        return
    history = data.live_run(run.path).history()
    there = [place for place in places(history) if run.base(place[0]).exists()]
    if not there:
        st.info("This run kept nothing to go on from: only runs that have begun, and kept their models, can be forked.")
        return
    st.caption("A new run that shares this one's past, and goes on from here. Nothing shared is worked out again.")
    first = at if at in there else there[-1]
    place = st.selectbox("Go on from", there, there.index(first), format_func=words.at, key="fork-at")
    now = settings_after(run.config, past_of(history, place))
    changes = {}
    if now.strategy != FULL:
        wanted = {**suggested, **steering_form(f"fork-{place}", now.changed(**suggested), place[1] == 0)}
        changes = differences(now, useful(now, wanted))
    dropped = changes_at(place, [row.event for row in history.rows])
    if changes:
        st.markdown(f"Changed from there on: **{words.plain(words.changes(changes))}**")
    elif dropped:
        st.markdown(f"As it would have gone without the change made there ({words.plain(words.changes(dropped))}).")
    else:
        st.markdown("Nothing changed: the same again.")
    pressed = st.button("Fork and play", type="primary", icon=":material/fork_right:", key="fork-now")
    try:
        child = once(f"fork-{run.id}", pressed, partial(_made, run, place, changes))
        if child is None:
            return
        ensure_backend()
    except UserError as error:
        errors.show(error)
        return
    dialogs.close()
    open_run(child)


def _made(run: Run, place: Place, changes: Mapping[str, Any]) -> Run:
    """The fork, which plays at the pace of the run it left."""
    child = fork(run, place, changes, RUNS)
    request(child.path, mode="play", pace=data.control_of(run).pace)
    return child
