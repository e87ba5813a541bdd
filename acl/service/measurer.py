"""The measurers: up to two processes that measure outcomes (acl.analysis.outcomes). They are asked, and answer, through
files.

A wish (.backend/outcomes/requests/*.json) names a query of a run and a plan; what is measured is appended to the record
of the run (acl.analysis.outcomes.record) piece by piece, and .backend/outcomes/progress/*.json says how far it is. The
newest wish goes first, after the piece under way; a request that is taken away is not gone on with. Both processes work
on one wish, each piece is claimed by a lock, which a process that is killed gives back; what is in the record is never
measured again. The backend starts them when there is a wish; they end by themselves when there was none for a while.

Importing this module is cheap: what is heavy is imported by the process.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acl.analysis.outcomes import record
from acl.analysis.outcomes.asked import Plan, Progress
from acl.config import UserError
from acl.plugins.blame import is_out_of_memory
from acl.runs.folder import Run
from acl.runs.fork import Place
from acl.service import keeper
from acl.service.keeper import serve, waiting
from acl.system.files import REASONS, read_json, write_json

if TYPE_CHECKING:
    from acl.analysis.outcomes.work import Work

PROCESSES = 2
"""Of one thread each, where there are so many cores: a small network on two threads is slower, not faster."""
NICENESS = 15
MOST_SAID = 200
MOST_KEPT = 4
"""Queries that a process keeps ready; a network and the features of its pool each."""
home = record.home


@dataclass(frozen=True)
class Wish:
    """What `plan` wants of query `at` = (task, round) of the run in the folder `run`."""

    run: Path
    at: Place
    plan: Plan

    @property
    def name(self) -> str:
        """A digest, 16 hexadecimal digits: the same for the same run, query and plan."""
        text = json.dumps([str(self.run.resolve()), self.at, self.plan.to_json()])
        return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


# -- for those who ask ---------------------------------------------------------------------------------


def ask(runs: Path, wish: Wish) -> None:
    """Leave the wish for the measurers, unless it lies there already; what went wrong with it before is forgotten.
    OSError where the folder takes nothing. The backend of `runs` must be running (acl.service.backend.ensure)."""
    path = _request(runs, wish)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in (_progress(runs, wish.name), _failure(runs, wish.name)):
        old.unlink(missing_ok=True)
    write_json(path, {"run": str(wish.run), "at": wish.at, "plan": wish.plan.to_json()}, sync=False)


def is_asked(runs: Path, wish: Wish) -> bool:
    """Whether it waits or is worked on; afterwards `progress` or `trouble` says how it ended."""
    return _request(runs, wish).exists()


def cancel(runs: Path, wish: Wish) -> None:
    """What is measured stays; asked again, it is gone on with. The piece under way is still finished."""
    _request(runs, wish).unlink(missing_ok=True)


def progress(runs: Path, wish: Wish) -> Progress | None:
    """How far it is; None before it has begun."""
    raw = read_json(_progress(runs, wish.name))
    try:
        return None if raw is None else Progress(raw["done"], raw["total"], raw["eta_s"], tuple(raw["said"]))
    except (KeyError, TypeError):
        return None


def trouble(runs: Path, wish: Wish) -> str:
    """Why it could not be measured; empty if nothing is known against it."""
    return str((read_json(_failure(runs, wish.name)) or {}).get("error", ""))


def _request(runs: Path, wish: Wish) -> Path:
    return home(runs) / "requests" / f"{wish.name}.json"


def _progress(runs: Path, name: str) -> Path:
    return home(runs) / "progress" / f"{name}.json"


def _failure(runs: Path, name: str) -> Path:
    return home(runs) / "failed" / f"{name}.json"


# -- for the backend -----------------------------------------------------------------------------------


def asked(runs: Path) -> list[Path]:
    """The requests that wait or are worked on, the newest first."""
    return waiting(home(runs) / "requests")


class Keeper(keeper.Keeper):
    """Of one measurer."""

    module = "acl.service.measurer"

    @property
    def home(self) -> Path:
        return home(self.runs)

    def refuse(self, request: Path, why: str) -> None:
        _refuse(self.runs, request, why)


def keepers(runs: Path) -> list[Keeper]:
    """One Keeper for each measurer: as many as there are CPU cores, at most PROCESSES."""
    return [Keeper(runs) for _ in range(min(PROCESSES, os.cpu_count() or 1))]


def _refuse(runs: Path, request: Path, why: str) -> None:
    with suppress(OSError):  # a full disk takes no word of it either; the request goes in any case
        _put(_failure(runs, request.stem), {"error": why})
    request.unlink(missing_ok=True)


def _put(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, value, sync=False)


def _read(path: Path) -> Wish | None:
    raw = read_json(path, {"run"})
    try:
        assert raw is not None
        task, round_ = map(int, raw["at"])
        return Wish(Path(raw["run"]), (task, round_), Plan.from_json(raw["plan"]))
    except (AssertionError, KeyError, TypeError, ValueError):
        return None


# -- the process ---------------------------------------------------------------------------------------


class Measurer:
    """The work of one measurer process on the requests below `runs`."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self._ready: dict[str, tuple[int, Work]] = {}

    def step(self) -> bool:
        """Measure one piece, of the newest wish that has one which nobody else works on. False if there is none."""
        return any(self._attempt(request) for request in asked(self.runs))

    def _attempt(self, request: Path) -> bool:
        """One piece of a wish, or its end: whatever is raised, this process goes on."""
        wish = _read(request)
        if wish is None:
            request.unlink(missing_ok=True)
            return True
        try:
            return self._advance(request, wish)
        except UserError as error:
            why = str(error)
        except Exception as error:
            why = _why(error)
        self._ready.pop(request.stem, None)
        _refuse(self.runs, request, why)
        return True

    def _advance(self, request: Path, wish: Wish) -> bool:
        work = self._work(request.stem, wish)
        left = work.missing()
        if not left:
            self._tell(request.stem, work)
            request.unlink(missing_ok=True)
            return True
        for piece in left:
            place = next(i for i, whole in enumerate(work.pieces) if piece[0] in whole)
            with _claimed(home(self.runs) / "claims" / request.stem, place) as mine:
                # Another process may have measured it between the look and the claim.
                rest = [trial for each in work.missing() for trial in each if trial in set(piece)] if mine else []
                if rest:
                    self._tell(request.stem, work)
                    work.step(rest)
                    self._tell(request.stem, work)
                    return True
        return False

    def _work(self, name: str, wish: Wish) -> Work:
        """The wish, ready to be worked off: restoring a query and asking every strategy takes a while."""
        from acl.analysis.outcomes.query import Query
        from acl.analysis.outcomes.work import Work

        run = Run(wish.run)
        changed = run.events.stat().st_mtime_ns if run.events.exists() else 0
        if name in self._ready:
            seen, work = self._ready[name]
            # What a run that goes on adds changes only a query that was not answered yet.
            if seen == changed or work.query.bought is not None:
                return work
        known = next((w.query for seen, w in self._ready.values() if _same(w, wish) and seen == changed), None)
        work = Work(known or Query.of(run, wish.at), wish.plan, self.runs)
        while len(self._ready) >= MOST_KEPT:
            del self._ready[next(iter(self._ready))]
        self._ready[name] = changed, work
        return work

    def _tell(self, name: str, work: Work) -> None:
        _put(_progress(self.runs, name), asdict(work.progress()))


def _same(work: Work, wish: Wish) -> bool:
    return work.query.run.path == wish.run and work.query.place == wish.at


@contextmanager
def _claimed(path: Path, place: int) -> Iterator[bool]:
    """Whether this process has piece `place` to itself: a lock on one byte, gone with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError:
            yield False
        else:
            yield True


def _why(error: Exception) -> str:
    if is_out_of_memory(error):
        return "The memory of this machine does not hold it."
    if isinstance(error, OSError) and error.errno in REASONS:
        return f"The record of outcomes cannot be written: {REASONS[error.errno]}."
    traceback.print_exception(error)
    said = " ".join(str(error).split())[:MOST_SAID].rstrip(".")
    return f"{type(error).__name__}: {said} (see measurer.log)."


def main(runs: Path) -> None:
    """Measure for this runs folder until nobody has asked for IDLE_S seconds (acl.service.keeper.serve)."""
    # Whoever waits for it may wait; a training and the page may not.
    os.nice(NICENESS)
    serve(runs, Measurer(runs).step)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
