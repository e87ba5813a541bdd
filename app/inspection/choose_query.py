"""Which query the Inspect page shows: run, task and round, or a snapshot file that somebody drops in."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from acl.analysis.every_query import queries_of
from acl.config import UserError
from acl.events import History, Scored
from acl.runs.control import ACTIVE
from acl.runs.folder import Run, list_runs
from acl.snapshots import shelf as snapshot_shelf
from acl.stream.downloads import data_dir
from app import errors, words
from app.charts.score_plane import HERO
from app.inspection.source import Sight, sight_of_file, sight_of_run, why_none
from app.store import runs as data
from app.store.session import POLL_S, RECORDED, RUNS, shown_run
from app.widgets.shared_select import mirror

PLAY_S = 1.6
DROP_WIDTH = 420


def choose_sight() -> tuple[Sight | None, History | None]:
    """The query the URL or the controls name; None where there is nothing to look at, which is then said."""
    top = st.container(horizontal=True, vertical_alignment="bottom", key="inspect-header")
    dropped = st.query_params.get("snapshot")
    with top:
        title = st.empty()
        if dropped:
            sight = sight_of_file(dropped)
            title.markdown(f"#### Why these {sight.context.n}?")
            st.caption(f"Snapshot file **{words.plain(sight.file)}**")
            back_to_runs()
            return sight, None
        run = _choose_run()
    if run is None:
        title.markdown("#### Why these samples?")
        st.info(
            "Here a query is taken apart: which samples a strategy chose, and why. Start a run, or drop in a snapshot "
            "file of your own.",
            icon=":material/biotech:",
        )
        drop()
        return None, None
    config, history = run.config, data.live_run(run.path).history()
    queries = queries_of(run, history)
    if not queries:
        title.markdown("#### Why these samples?")
        st.info(words.plain(why_none(run, config, history)), icon=":material/info:")
        _follow(run, None)
        return None, None
    with top:
        query = _choose_query(run, queries)
    title.markdown(f"#### Why these {len(query.ids)}?")
    _follow(run, (query.task, query.round))
    return sight_of_run(run, config, history, query), history


def _choose_run() -> Run | None:
    """The run this tab looks at; any other can be chosen."""
    runs = {run.id: run for run in list_runs(RUNS, RECORDED)}
    current = shown_run()
    current = current or _newest()
    if current is None:
        return None
    runs.setdefault(current.id, current)
    chosen = mirror("Run", "inspect-run", list(runs), current.id, run_names(runs).__getitem__, width="stretch")
    if chosen != current.id:
        st.session_state["run"] = chosen
        st.query_params.clear()
        st.query_params["run"] = chosen
        st.rerun()
    return current


def _newest() -> Run | None:
    """The newest of one's own runs that has a query to look at; a newcomer sees the method this page is about."""
    for run in list_runs(RUNS):
        if (run.path / "config.json").exists() and queries_of(run, data.live_run(run.path).history()):
            return run
    recorded = list_runs(RECORDED)
    return next((run for run in recorded if run.config.strategy == HERO), next(iter(recorded), None))


def run_names(runs: Mapping[str, Run]) -> dict[str, str]:
    """What each run is called in the menu, which answers with that text: no two may be called alike. First what tells
    it from others of its settings, since the end may find no room."""
    names = {id_: _run_name(run) for id_, run in runs.items()}
    often = Counter(names.values())
    return {id_: name if often[name] == 1 else f"{name} · {id_}" for id_, name in names.items()}


def _run_name(run: Run) -> str:
    try:
        name = words.title(run)
    except UserError:
        return f"{run.id} (damaged)"
    return f"recorded · {name}" if run.recorded else f"{words.when(run.id)} {words.short_id(run.id)} · {name}".strip()


def _choose_query(run: Run, queries: list[Scored]) -> Scored:
    """A scrubber over the queries that have a snapshot; the URL names one, else the newest."""
    places = [(q.task, q.round) for q in queries]
    key = f"query-{run.id}"
    wanted = st.session_state.pop("go-to-query", None)
    if key not in st.session_state:
        wanted = wanted or _from_url(run) or places[-1]
    if wanted is not None:
        found = nearest(wanted, places)
        st.session_state[key] = _written(found)
        if found != wanted:
            st.toast(
                f"Task {wanted[0]}, round {wanted[1]} has no snapshot; the nearest is shown.", icon=":material/info:"
            )
    # A slider takes a pair for two ends of a range: its options are text.
    task, round_ = map(int, st.session_state[key].split("."))
    place = places.index(nearest((task, round_), places))
    st.session_state[key] = _written(places[place])
    st.button(
        "", icon=":material/chevron_left:", key="earlier", disabled=place == 0, help="The query before",
        on_click=_go_to, args=(places[max(place - 1, 0)],),
    )  # fmt: skip
    if len(places) > 1:
        st.select_slider(
            "Query", [_written(p) for p in places], key=key, width=160,
            format_func=lambda text: "task {} · round {}".format(*text.split(".")),
            label_visibility="collapsed",
        )  # fmt: skip
    st.button(
        "", icon=":material/chevron_right:", key="later", disabled=place == len(places) - 1, help="The next query",
        on_click=_go_to, args=(places[min(place + 1, len(places) - 1)],),
    )  # fmt: skip
    chosen = queries[place]
    if len(places) > 1 and st.toggle("Play", key="play-queries", help="Go on to the next query by itself."):
        st.fragment(_play, run_every=PLAY_S)(places, (chosen.task, chosen.round))
    return chosen


def _written(place: tuple[int, int]) -> str:
    return f"{place[0]}.{place[1]}"


def nearest(wanted: tuple[int, int], places: list[tuple[int, int]]) -> tuple[int, int]:
    """The place that is wanted, else the one closest to it: the same task if that has any."""
    return min(places, key=lambda p: (abs(p[0] - wanted[0]), abs(p[1] - wanted[1])))


def _from_url(run: Run) -> tuple[int, int] | None:
    params = st.query_params
    try:
        return (int(params["task"]), int(params["round"])) if params.get("run") == run.id else None
    except (KeyError, ValueError):
        return None


def _go_to(place: tuple[int, int]) -> None:
    st.session_state["go-to-query"] = place


def _play(places: list[tuple[int, int]], shown: tuple[int, int]) -> None:
    """Only the fragment's own ticks go on, not the redraw of the page that follows each of them."""
    now = time.monotonic()
    if now - st.session_state.get("played-at", 0.0) < PLAY_S / 2:
        return
    st.session_state["played-at"] = now
    place = places.index(shown)
    if place + 1 < len(places):
        _go_to(places[place + 1])
        st.rerun(scope="app")


def _follow(run: Run, shown: tuple[int, int] | None) -> None:
    """Keeps the page on the newest query while the run goes on."""
    status = data.status_of(run)
    if run.recorded or status is None or status.state not in ACTIVE:
        return
    if shown is None or st.toggle("Follow live", key="follow", help="Stay on the newest query of this run."):
        st.fragment(_look_for_newer, run_every=POLL_S)(run, shown)


def _look_for_newer(run: Run, shown: tuple[int, int] | None) -> None:
    queries = queries_of(run, data.live_run(run.path).history())
    if queries and (queries[-1].task, queries[-1].round) != shown:
        _go_to((queries[-1].task, queries[-1].round))
        st.rerun(scope="app")


def drop() -> None:
    """Somebody's own snapshot: embeddings and probabilities of any pipeline."""
    with st.container(width=DROP_WIDTH):
        file = st.file_uploader(
            "Snapshot of a query (.safetensors)", type=["safetensors"], key="snapshot-file",
            help="What acl.write_snapshot writes: ids, features and probabilities of pool, labelled and memory; see "
            "docs/app.md.",
        )  # fmt: skip
        pictures = st.file_uploader(
            "Its pictures and labels, if in a second file", type=["safetensors"], key="pictures-file",
            help="Tensors ids [N], images uint8 [N, H, W, 1 or 3], labels [N]; images or labels may be left out.",
        )  # fmt: skip
        typed = st.text_input(
            "Or its path on this machine, of any size", key="snapshot-path", disabled=file is not None,
            placeholder="below the runs or the data folder",
            help=f"Whole, or from {words.plain(str(RUNS))} or {words.plain(str(data_dir()))} on; it stays where it is. "
            "For files elsewhere: acl inspect FILE.",
        )  # fmt: skip
        if st.button("Look at it", icon=":material/biotech:", key="look"):
            try:
                name = _given(file, pictures, typed)
            except UserError as error:
                errors.show(error)
                return
            st.query_params.clear()
            st.query_params["snapshot"] = name
            st.rerun()


def back_to_runs() -> None:
    if st.button("Back to the runs", icon=":material/arrow_back:"):
        del st.query_params["snapshot"]
        st.rerun()


def _given(file: UploadedFile | None, pictures: UploadedFile | None, typed: str) -> str:
    """The name, for the URL, of what was dropped in or typed. UserError where it is no snapshot."""
    if file:
        return snapshot_shelf.keep(RUNS, file.name, file.getvalue(), pictures.getvalue() if pictures else None)
    if not typed.strip():
        raise UserError("Drop a snapshot file in, or type the path of one.")
    name = snapshot_shelf.link(RUNS, snapshot_shelf.below(typed, RUNS, data_dir()))
    sight_of_file(name)  # which checks it
    return name
