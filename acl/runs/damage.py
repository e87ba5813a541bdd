"""What is wrong with a run folder, in sentences: what its events name and is gone, or cannot be opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from acl.config import RunConfig, UserError
from acl.events import History, Scored, Steered, TaskStarted
from acl.runs.folder import Run
from acl.system.files import open_at_all

MOST_NAMED = 3
GONE = "gone"


def damage(run: Run, config: RunConfig, history: History) -> list[str]:
    """A sentence for each kind of trouble; none for what the run's settings never kept."""
    bases = [run.base(event.task) for event in history.of(TaskStarted)]
    queries = [kept for query in history.of(Scored) for kept in _kept(run, query)] if config.snapshots != "off" else []
    # Of the queries of a task only the last may have been kept, and which that was depends on how the run was steered.
    expected = {*bases, *(queries if config.snapshots == "all" else [])}
    if not history.rows and _state(run.events) in {"", GONE} and _state(run.path / "tasks") != GONE:
        return [f"{run.events.name} is gone or holds nothing: without it nothing of the run can be shown."]
    found: dict[str, list[Path]] = {GONE: []}
    for path in (*bases, *queries, run.thumbs):
        state = _state(path)
        if state and (state != GONE or path in expected):
            found.setdefault(state, []).append(path)
    lines = [line for state, paths in found.items() for line in _said(run, paths, state)]
    return [*lines, *_steered_wrong(config, history)]


def _state(path: Path) -> str:
    """What is wrong with a file: gone, damaged or not readable, and why; "" if nothing is."""
    try:
        if not path.is_dir():
            open_at_all(path)
    except FileNotFoundError:
        return GONE
    except OSError as error:
        return f"not readable ({error.strerror})"
    return "damaged" if path.suffix in {".safetensors", ".parquet"} and unreadable(path) else ""


def _steered_wrong(config: RunConfig, history: History) -> Iterator[str]:
    for event in history.of(Steered):
        try:
            config = config.changed(**event.changes)
        except UserError as error:
            yield f"The events say that the run was steered at {event.task}.{event.round}, which cannot be: {error}"


def _kept(run: Run, query: Scored) -> tuple[Path, Path]:
    return run.snapshot(query.task, query.round), run.scores(query.task, query.round)


def _said(run: Run, paths: list[Path], what: str) -> Iterator[str]:
    if paths:
        names = ", ".join(path.relative_to(run.path).as_posix() for path in paths[:MOST_NAMED])
        more = f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else ""
        yield f"{names}{more} {'is' if len(paths) == 1 else 'are'} {what}: the rest of the run can still be looked at."


def unreadable(path: Path) -> str:
    """Why a file of tensors or a table cannot be opened; empty if it can. Only its outline is read."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from safetensors import SafetensorError, safe_open

    try:
        open_at_all(path)
        if path.suffix == ".safetensors":
            with safe_open(path, framework="np"):
                return ""
        pq.read_metadata(path)
    except (SafetensorError, pa.ArrowException, OSError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    return ""
