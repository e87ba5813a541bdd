"""Where outcomes are kept: queries/03-02.outcomes.jsonl in the run folder, one line a set and repeat, only appended.

A folder that is not ours to write (a recording, a read-only disk) has them under .backend/outcomes of the runs folder.
A half last line is passed over, and cut before the next is written. What a line says is believed only where it can be
true; a set that was measured twice counts once.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from acl.analysis.outcomes.asked import MOST_REPEATS, MOST_SAMPLES, Horizon, Outcome, Trial
from acl.names import from_json
from acl.runs.folder import Run
from acl.runs.fork import Place
from acl.system.files import locked

ENDING = "outcomes.jsonl"
NOT_OURS = {errno.EROFS, errno.EACCES, errno.EPERM}
_OUTCOME = TypeAdapter(Outcome)
Key = tuple[Trial, Horizon]


def home(runs: Path) -> Path:
    """The folder for what the run folders do not take, and for requests to the measurers."""
    return runs / ".backend" / "outcomes"


def beside(run: Run, at: Place) -> Path:
    """In the run folder."""
    return run.path / "queries" / f"{at[0]:02d}-{at[1]:02d}.{ENDING}"


def elsewhere(run: Run, at: Place, runs: Path) -> Path:
    """For a run whose folder is not ours to write."""
    which = hashlib.blake2b(str(run.path.resolve()).encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()
    return home(runs) / "kept" / f"{run.id}-{which}" / beside(run, at).name


def load(run: Run, at: Place, runs: Path) -> list[Outcome]:
    """What was measured of a query, in the order it was written, each set and repeat once; empty if nothing was."""
    found: dict[Key, Outcome] = {}
    for path in (beside(run, at), elsewhere(run, at, runs)):
        for outcome in _read(path, at[0]):
            found.setdefault((outcome.trial, outcome.horizon), outcome)
    return list(found.values())


def state(run: Run, at: Place, runs: Path) -> tuple[tuple[str, int, int], ...]:
    """Names what is kept of a query as it is now, for caches: each file with its size and the time of its change."""
    paths = [path for path in (beside(run, at), elsewhere(run, at, runs)) if path.exists()]
    return tuple((str(path), (found := path.stat()).st_size, found.st_mtime_ns) for path in paths)


def all_of(run: Run, runs: Path) -> dict[Place, list[Outcome]]:
    """What was measured of every query of a run that has any."""
    folders = (run.path / "queries", elsewhere(run, (1, 1), runs).parent)
    names = {path.name for folder in folders for path in folder.glob(f"[0-9]*-[0-9]*.{ENDING}")}
    places = sorted(tuple(map(int, name.split(".")[0].split("-"))) for name in names)
    found = {(task, round_): load(run, (task, round_), runs) for task, round_ in places}
    return {at: outcomes for at, outcomes in found.items() if outcomes}


def append(run: Run, at: Place, runs: Path, outcomes: Sequence[Outcome]) -> None:
    """Add lines, whole or not at all, whoever else writes. OSError where no disk takes them."""
    lines = "".join(json.dumps(asdict(outcome)) + "\n" for outcome in outcomes).encode()
    if not run.recorded:
        try:
            _append(beside(run, at), lines)
            return
        except OSError as error:
            if error.errno not in NOT_OURS:
                raise
    _append(elsewhere(run, at, runs), lines)


def _append(path: Path, lines: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path):
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            end = _whole(fd)
            os.ftruncate(fd, end)
            os.lseek(fd, end, os.SEEK_SET)
            try:
                _write(fd, lines)
            except OSError:
                os.ftruncate(fd, end)
                raise
        finally:
            os.close(fd)


def _whole(fd: int) -> int:
    """Where the last whole line ends: a process may have been killed within the next."""
    end = os.lseek(fd, 0, os.SEEK_END)
    step = 4096
    while end:
        start = max(0, end - step)
        cut = os.pread(fd, end - start, start).rfind(b"\n")
        if cut >= 0:
            return start + cut + 1
        end = start
    return 0


def _write(fd: int, content: bytes) -> None:
    left = memoryview(content)
    # The system may take a part, as often as it likes.
    while left:
        written = os.write(fd, left)
        if not written:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        left = left[written:]


def _read(path: Path, task: int) -> list[Outcome]:
    try:
        content = path.read_bytes()
    except OSError:
        return []
    found = (_outcome(line, task) for line in content[: content.rfind(b"\n") + 1].splitlines())
    return [outcome for outcome in found if outcome is not None]


def _outcome(line: bytes, task: int) -> Outcome | None:
    try:
        outcome = _OUTCOME.validate_python(from_json(line.decode("utf-8")))
    except ValueError:
        return None
    return outcome if is_sound(outcome, task) else None


def is_sound(outcome: Outcome, task: int) -> bool:
    """Whether a query of task `task` can have this outcome: anything may stand in a file from elsewhere."""
    ids, figures = outcome.ids, (outcome.accuracy, outcome.accuracy_aware, outcome.likelihood)
    return (
        len(set(ids)) == len(ids) <= MOST_SAMPLES
        and all(0 <= i < 2**31 for i in ids)
        and 0 <= outcome.repeat < MOST_REPEATS
        and all(len(row) == task + (outcome.horizon == "next") for row in figures)
        and all(0 <= value <= 1 for row in figures for value in row)
    )
