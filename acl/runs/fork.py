"""A fork: a new run that shares another's past up to a query and goes on with other settings.

Nothing shared is worked out again: the events up to there are copied, the files they name are linked (they are
never written again, so that either run can be deleted), but for those that are still added to: these are copied.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from acl.config import RunConfig, UserError, check_method
from acl.events import Bought, Evaluated, Event, History, Resumed, Row, Scored, Steered, TaskStarted, to_line
from acl.plugins.registry import prepare
from acl.plugins.unused import refuse
from acl.runs.event_file import EventReader
from acl.runs.folder import Parent, Run, create
from acl.steering import differences, steered

Place = tuple[int, int]
PLACE = re.compile(r"(\d{1,9})\.(\d{1,9})")


def parse_place(text: str) -> Place:
    """(task, round) out of "3.2"."""
    found = PLACE.fullmatch(text)
    if found is None:
        raise UserError(f"A place is TASK.ROUND, for example 3.2, got '{text}'.")
    return int(found[1]), int(found[2])


def places(history: History) -> list[Place]:
    """Where a run can be forked: before each of its queries and each task's first labels, and before what is next."""
    asked = [(query.task, query.round) for query in history.of(Scored)]
    found = {*asked, *((event.task, event.round) for event in history.of(Bought))}
    following = next_place(history)
    return sorted(found | ({following} if following else set()))


def next_place(history: History) -> Place | None:
    """The query (or first labelling) that follows what has happened; None within a round and at the end."""
    last = next((row.event for row in reversed(history.rows) if not isinstance(row.event, Resumed | Steered)), None)
    if isinstance(last, TaskStarted):
        return last.task, 0
    if isinstance(last, Evaluated) and not last.final:
        return last.task, last.round + 1
    return None


def fork(run: Run, at: Place, changes: Mapping[str, Any], runs: Path, ghost: bool = False) -> Run:
    """The state of `run` just before query `at` = (task, round), as a new run in `runs`; round 0: before the task's
    first labels. `changes` hold from there on (acl.steering says which can). ghost: it exists to be compared with
    `run`. UserError where the run has no such place, or lacks what a fork needs."""
    check_method(run.config)
    reader = EventReader(run.events)
    history = History(reader.poll())
    if reader.trouble:
        raise UserError(f"{run.events} {reader.trouble}: the run can be looked at, not forked.")
    there = places(history)
    if at not in there:
        where = f"from {_written(there[0])} to {_written(there[-1])}" if there else "nowhere yet"
        raise UserError(f"{run.id} has no query {_written(at)} to fork before: it can be forked {where}.")
    if not run.base(at[0]).exists():
        raise UserError(f"{run.id} kept no model of the start of task {at[0]}: it can be looked at, not forked there.")
    past = past_of(history, at)
    settings = settings_after(run.config, past)
    wanted = settings.changed(**changes)
    refuse([wanted], changes)
    changes = differences(settings, changes)
    steered(settings, changes, at[1] == 0)
    if changes:
        prepare(wanted)

    def fill(child: Run) -> None:
        for path in _shared(run, past):
            _link(path, child.path / path.relative_to(run.path))
        lines = [to_line(row.event, seq, row.t) for seq, row in enumerate(past)]
        if changes:
            lines.append(to_line(Steered(*at, changes), len(lines), time.time()))
        child.events.write_text("".join(lines), "utf-8")

    return create(run.config, runs, Parent(run.id, *at, changes, ghost), fill)


def settings_after(config: RunConfig, rows: Iterable[Row]) -> RunConfig:
    """What holds after these events, of which some may have steered the run."""
    return steered_by(config, (row.event for row in rows))


def steered_by(config: RunConfig, events: Iterable[Event]) -> RunConfig:
    """The same of events alone."""
    for event in events:
        if isinstance(event, Steered):
            try:
                config = config.changed(**event.changes)
            except UserError:
                # No worker wrote this; acl.runs.damage says so. The run can still be looked at.
                continue
    return config


def led_by_hand(history: History) -> str:
    """What a human did to the run while it went on, in a few words; empty if nothing: only then does it stand for its
    settings."""
    steered_at = [f"{e.task}.{e.round}" for e in history.of(Steered)]
    chosen_at = [f"{e.task}.{e.round}" for e in history.of(Bought) if e.by == "human"]
    said = [f"steered at {', '.join(steered_at)}"] if steered_at else []
    said += [f"chosen by hand at {', '.join(chosen_at)}"] if chosen_at else []
    return " and ".join(said)


def past_of(history: History, at: Place) -> list[Row]:
    """What had happened just before query `at`."""
    past = []
    for row in history.rows:
        if isinstance(row.event, Steered | Scored | Bought) and (row.event.task, row.event.round) == at:
            break
        if not isinstance(row.event, Resumed):
            past.append(row)
    return past


def changes_at(place: Place | None, events: Iterable[Event]) -> dict[str, Any]:
    """What these events say was changed for the query at `place`."""
    there = [e.changes for e in events if isinstance(e, Steered) and (e.task, e.round) == place]
    return {name: value for changes in there for name, value in changes.items()}


def _shared(run: Run, past: list[Row]) -> list[Path]:
    """The files that these events name."""
    tasks = [run.base(row.event.task) for row in past if isinstance(row.event, TaskStarted)]
    asked = [row.event for row in past if isinstance(row.event, Scored)]
    stems = [run.snapshot(query.task, query.round).stem for query in asked]
    queries = [path for stem in stems for path in sorted((run.path / "queries").glob(f"{stem}.*"))]
    tested = [run.predictions(row.event.task, row.event.round) for row in past if isinstance(row.event, Evaluated)]
    return [path for path in (*tasks, *queries, *tested, run.thumbs) if path.exists()]


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == ".jsonl":
        shutil.copyfile(source, target)
        return
    try:
        os.link(source, target)
    except OSError:
        # Another disk, or one without links.
        shutil.copyfile(source, target)


def _written(place: Place) -> str:
    return f"{place[0]}.{place[1]}"
