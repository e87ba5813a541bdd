"""The Library page's table of runs and what can be done with one."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from acl.config import EARLIER, METHOD, UserError
from acl.events import History
from acl.results.replay import replay
from acl.runs.archive import as_bytes, import_run
from acl.runs.control import ACTIVE, request
from acl.runs.folder import Run, delete, list_runs
from acl.runs.fork import led_by_hand, settings_after, steered_by
from acl.runs.sameness import telling
from acl.runs.tags import keep_tags, tags_of
from acl.steering import differences
from app import errors, words
from app.charts import written
from app.charts.written import percent
from app.store import runs as data
from app.store.session import POLL_S, RECORDED, RUNS, ensure_backend, forget_run
from app.widgets import dialogs
from app.widgets import fork_dialog as forking
from app.widgets.browser import width
from app.widgets.browser.download import download
from app.widgets.browser.leaving import leave, new_run, open_run

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

MOST_INDENT = 8
MOST_MB = 2000
INDENT = "\u2003"
COLUMNS: dict[str, ColumnConfig | str] = {
    "state": st.column_config.TextColumn("State", width=90),
    "progress": st.column_config.ProgressColumn("Done", format="percent", min_value=0, max_value=1, width=90),
    "fork": st.column_config.TextColumn("Fork", width=150, help="Below the run it left: task.round, what changed."),
    "data": "Data",
    "learner": "CL method",
    "strategy": "Strategy",
    "tags": st.column_config.ListColumn("Tags", width=110),
    "A": st.column_config.NumberColumn("A ↑", help=words.HELP["A"], width=80),
    "LA": st.column_config.NumberColumn("LA ↑", help=words.HELP["LA"], width=80),
    "F": st.column_config.NumberColumn("F ↓", help=words.HELP["F"], width=80),
    "λ": st.column_config.TextColumn("λ", help=words.HELP["λ"], width=60),
    "labels": st.column_config.NumberColumn("Labels/task", width=90),
    "memory": st.column_config.NumberColumn("Memory", help=words.HELP["memory"], width=80),
    "seed": st.column_config.NumberColumn("Seed", width=60),
    "changed": st.column_config.TextColumn("Changed", width=220, help="What was done to it since it began."),
    "started": st.column_config.TextColumn("Started", width=130),
    "id": "Run",
}

PERCENT = ("A", "LA", "F")
SELDOM = ("fork", "tags", "changed")
WIDE = ("progress", "data", "λ", "labels", "memory", "LA", "id")
"""Columns that a narrow window has no room for; they are found in the run."""


def page() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = st.text_input(
            "Search", key="q", bind="query-params", placeholder="any word of a row, e.g. accuacl", width=320,
            label_visibility="collapsed",
        )  # fmt: skip
        # At the left: the table's own tools lie over what is above its right end.
        if st.button("New run", icon=":material/add:"):
            new_run()
        with st.popover("Import", icon=":material/upload_file:"):
            _import()
    columns = [name for name in COLUMNS if name not in WIDE] if width.narrow() else list(COLUMNS)
    st.fragment(_table, run_every=2 * POLL_S)(search, columns)


def _import() -> None:
    file = st.file_uploader(
        "A run, exported here or elsewhere (.zip)", type=["zip"], key="import-file", max_upload_size=MOST_MB
    )
    if st.button("Import it", disabled=file is None, key="import-now") and file:
        try:
            run = import_run(file, RUNS)
        except UserError as error:
            errors.show(error)
            return
        st.toast(f"{run.id} is in the library.", icon=":material/check:")


def _table(search: str, columns: list[str]) -> None:
    runs = as_tree(list_runs(RUNS)) + list_runs(RECORDED)
    rows = [row for row in map(_row, runs) if search.lower() in " ".join(map(str, row.values())).lower()]
    if not rows:
        st.info("No run matches." if runs else "No runs yet: press New run to start one.", icon=":material/info:")
        return
    frame = pd.DataFrame(rows)
    # A column that says nothing of any run takes the room of those that do.
    columns = [name for name in columns if name not in SELDOM or any(row[name] for row in rows)]
    # The selection is of places in the table: a table of other runs, or in another order, is another widget.
    ids = " ".join(row["id"] for row in rows)
    with st.container(key="library"):
        event = st.dataframe(
            written.table(frame, dict.fromkeys(PERCENT, percent)), hide_index=True, placeholder="–",
            column_config=COLUMNS, column_order=columns,
            on_select="rerun", selection_mode="multi-row", key=f"runs-{zlib.crc32(ids.encode())}",
            height=min(38 + 35 * len(frame), 560),
        )  # fmt: skip
    chosen = [i for i in event.selection.rows if i < len(rows)]
    if not chosen:
        st.caption("Click the box at the left of a row to choose a run, or of several to compare, tag or delete them.")
        return
    by_id = {run.id: run for run in runs}
    marked = [by_id[rows[i]["id"]] for i in chosen]
    if len(marked) == 1:
        _actions(marked[0], rows[chosen[0]])
    else:
        several(marked)
    dialogs.follow()


def as_tree(runs: list[Run]) -> list[Run]:
    """Newest first, but each fork below the run it left, if that is still there."""
    here = {run.id for run in runs}
    children: dict[str, list[Run]] = {}
    for run in runs:
        parent = data.parent_of(run)
        children.setdefault(parent.run if parent and parent.run in here else "", []).append(run)

    def below(id_: str) -> list[Run]:
        return [found for run in children.get(id_, []) for found in (run, *below(run.id))]

    tree = below("")
    # Runs that name each other as parents, as only a forged archive can, hang from nowhere.
    return tree + [run for run in runs if run not in tree]


def _fork(run: Run) -> str:
    """Where a fork left its parent, and with what changed; indented by how often it was forked."""
    parent = data.parent_of(run)
    if parent is None:
        return ""
    depth, up = 0, Run(run.path.with_name(parent.run))
    while (further := data.parent_of(up)) is not None and depth < MOST_INDENT:
        depth, up = depth + 1, Run(run.path.with_name(further.run))
    kind = "ghost" if parent.ghost else "from"
    there = any((folder / parent.run).exists() for folder in (RUNS, RECORDED))
    gone = "" if there else " of a deleted run"
    changed = f": {words.changes(parent.changes)}" if parent.changes else ""
    return f"{INDENT * depth}↳ {kind} {parent.task}.{parent.round}{gone}{changed}"


def _row(run: Run) -> dict[str, Any]:
    """One row; a folder that cannot be read says so in its state and stays in the list."""
    started = f"{run.id[0:4]}-{run.id[4:6]}-{run.id[6:8]} {run.id[9:11]}:{run.id[11:13]}"
    row: dict[str, Any] = {"id": run.id, "started": started if run.id[:8].isdigit() else "", "trouble": ""}
    row |= {"fork": _fork(run), "tags": tags_of(run)}
    row["changed"] = " · ".join(words.happened(None, data.interventions_of(run)))
    # What the table says in its headings can be searched for too.
    row["also"] = "fork" if row["fork"] else ""
    status = data.status_of(run)
    row["state"] = "recorded" if run.recorded else words.STATE[status.state][0] if status else "new"
    row["progress"] = 1.0 if run.recorded else status.progress if status else 0.0
    try:
        config = run.config
    except UserError as error:
        return {**row, "state": "damaged", "trouble": str(error)}
    config = steered_by(config, data.interventions_of(run))
    summary, used = run.summary or {}, telling(config)
    return {
        **row,
        "data": data.label_of("datasets", config.dataset),
        "learner": data.label_of("learners", config.learner),
        "strategy": data.label_of("strategies", config.strategy),
        "λ": _lambda(used),
        "labels": used.get("n_end"),
        "memory": used.get("memory"),
        "seed": config.seed,
        "also": f"{row['also']} seed {config.seed}",
        **{name: 100 * summary[name] if name in summary else None for name in ("A", "LA", "F")},
        "trouble": status.error if status and status.state == "failed" else "",
    }


def _lambda(used: Mapping[str, Any]) -> str:
    if "lambda" not in used:
        return "–"
    return "auto" if used["lambda"] is None else f"{used['lambda']:g}"


def _actions(run: Run, row: dict[str, Any]) -> None:
    if row["trouble"]:
        errors.show(row["trouble"])
    status = data.status_of(run)
    active = status is not None and status.state in ACTIVE
    damaged = row["state"] == "damaged"
    live = data.live_run(run.path)
    history = live.history()
    earlier = not damaged and run.config.method != METHOD
    if live.reader.trouble:
        st.warning(words.plain(f"events.jsonl {live.reader.trouble}."), icon=":material/warning:")
    for sentence in [] if damaged else data.damage_of(run, run.config, history):
        st.warning(words.plain(sentence), icon=":material/warning:")
    if earlier:
        st.caption(f":material/history: {EARLIER}")
    if hand := led_by_hand(history):
        st.caption(f":material/tune: This run was {words.plain(hand)}{words.plain(_before(run, history))}.")
    over = run.recorded or damaged or earlier or (status is not None and status.state == "finished")
    with st.container(horizontal=True, key="actions"):
        if st.button("Open run", icon=":material/open_in_new:", type="primary", disabled=damaged):
            open_run(run)
        playing = active and row["state"] == "playing"
        st.button("Resume", icon=":material/play_arrow:", disabled=over or playing, on_click=_resume, args=(run,))
        st.button("Fork", icon=":material/fork_right:", disabled=damaged or earlier, on_click=forking.ask, args=(run,))
        download(
            "Export", lambda: as_bytes(run), f"{run.id}.zip", "application/zip", f"export-{run.id}", disabled=damaged
        )
        download(
            "Export → replay", lambda: replay(run), f"{run.id}.html", "text/html", f"replay-{run.id}", icon="movie",
            help_="One page that plays this run in any browser, without a server or a network.", disabled=damaged,
        )  # fmt: skip
        st.button("Delete", icon=":material/delete:", disabled=run.recorded, on_click=_ask_to_delete, args=([run],))
        _tags([run])
        st.markdown(f"{words.plain(_title(run))}  \n:small[{run.id}]")


def _before(run: Run, history: History) -> str:
    """What its row, which shows the settings that hold, does not say: with which it began."""
    began, now = run.config, settings_after(run.config, history.rows)
    changed = differences(now, began.model_dump(by_alias=True))
    return f"; it began with {words.changes(changed)}" if changed else ""


def _title(run: Run) -> str:
    try:
        return words.title(run)
    except UserError:
        return "Damaged run"


def _resume(run: Run) -> None:
    try:
        request(run.path, mode="play", until=None)
        ensure_backend()
        st.toast(f"{run.id} goes on.")
    except UserError as error:
        errors.pass_by(error)


def several(runs: list[Run]) -> None:
    """What can be done with more than one."""
    mine = [run for run in runs if not run.recorded]
    with st.container(horizontal=True, vertical_alignment="center", key="actions"):
        st.markdown(f"**{len(runs)} runs**", width="content")
        if st.button("Compare", icon=":material/compare_arrows:", type="primary"):
            where = {"view": "curves", "from": "named", "runs": ",".join(run.id for run in runs)}
            leave("compare", where)
        st.button("Delete", icon=":material/delete:", disabled=not mine, on_click=_ask_to_delete, args=(mine,))
        _tags(mine)


def _tags(runs: list[Run]) -> None:
    """The tags that all of these have; what is added or taken away is so in each of them."""
    runs = [run for run in runs if not run.recorded]
    if not runs:
        return
    common = sorted(set.intersection(*(set(tags_of(run)) for run in runs)))
    every = sorted({tag for run in list_runs(RUNS) for tag in tags_of(run)})
    key = f"tags-{zlib.crc32(' '.join(run.id for run in runs).encode())}"
    if key not in st.session_state:
        st.session_state[key] = common

    def changed() -> None:
        try:
            for run in runs:
                keep_tags(run, (set(tags_of(run)) - set(common)) | set(st.session_state[key]))
        except UserError as error:
            st.session_state[key] = common
            errors.pass_by(error)

    st.multiselect(
        "Tags", every, key=key, accept_new_options=True, placeholder="add a tag", label_visibility="collapsed",
        on_change=changed, width=260,
    )  # fmt: skip


def _ask_to_delete(runs: list[Run]) -> None:
    dialogs.ask("Delete for good?", _confirm, runs)


def _confirm(runs: list[Run]) -> None:
    if len(runs) == 1:
        st.write(
            f"**{words.plain(_title(runs[0]))}** ({runs[0].id}) and everything in its folder will be gone for good."
        )
    else:
        st.write(f"**{len(runs)} runs** and everything in their folders will be gone for good.")
    with st.container(horizontal=True):
        if st.button("Delete for good", type="primary", icon=":material/delete_forever:"):
            refused = [said for run in runs if (said := _delete(run))]
            if refused:
                dialogs.refused("Not deleted", refused)
            dialogs.done()
        if st.button("Keep it" if len(runs) == 1 else "Keep them"):
            dialogs.done()


def _delete(run: Run) -> str:
    """Stop its worker first: a folder that is being written to must not vanish under the writer. Why it is still there,
    in a sentence; "" if it is not."""
    status = data.status_of(run)
    try:
        if status and status.state in ACTIVE:
            request(run.path, mode="stop")
            time.sleep(0.5)
        delete(run)
    except UserError as error:
        return str(error)
    if st.session_state.get("run") == run.id:
        forget_run()
    return ""
