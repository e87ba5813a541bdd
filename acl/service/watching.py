"""Which runs of a folder the backend looks at: those where something goes on at every tick; the others a few at a tick,
in turn; and all of them as soon as anybody asks for anything (acl.runs.control.nudge)."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from acl.runs.control import Control, Status, nudge, read_control, read_status
from acl.runs.folder import Run, list_runs
from acl.service.decide import Attempts, Seen
from acl.service.engines import Job

LIST_S = 5.0
"""The folder is listed when it has changed, and this often: its time may be too coarse to show a change."""
AT_A_TICK = 20
"""Runs where nothing goes on: a thousand take 50 ticks. It costs the same however many there are."""


@dataclass
class Watched:
    """What the backend remembers of one run between two looks. active: it is looked at at every tick."""

    run: Run
    created: int
    active: bool = True
    marks: tuple[int, int] = (-1, -1)
    control: Control | None = None
    status: Status | None = None
    job: Job | None = None
    beat: tuple[int, float] = (-1, 0.0)
    attempts: Attempts = Attempts()

    def look(self) -> Seen:
        """Read control and status again if they changed; let go of the worker if it ended. Whether another's worker
        lives is not asked here."""
        code = self.job.poll() if self.job else None
        if code is not None:
            self.attempts, self.job = replace(self.attempts, exit_code=code), None
        # Joined as text: twenty times a second for twenty runs, a Path costs more than the look.
        marks = (mark(f"{self.run.path}/control.json"), mark(f"{self.run.path}/status.json"))
        if marks != self.marks:
            self.marks = marks
            self.control, self.status = read_control(self.run.path), read_status(self.run.path)
            if self.status and self.status.beat != self.beat[0]:
                self.beat = (self.status.beat, time.monotonic())
        ours = self.job is not None
        return Seen(self.control, self.status, ours, ours, time.monotonic() - self.beat[1], self.attempts)


class Watch:
    """Of the runs in `folder`; watched: by id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.watched: dict[str, Watched] = {}
        self._nudged, self._changed, self._listed_at = 0, 0, 0.0
        self._place = 0

    def due(self) -> list[Watched]:
        """The runs to look at now."""
        nudged = mark(nudge(self.folder))
        everyone = list(self.watched.values())
        if nudged != self._nudged:
            self._nudged = nudged
            return everyone
        begin = self._place if self._place < len(everyone) else 0
        self._place = begin + AT_A_TICK
        return [each for i, each in enumerate(everyone) if each.active or begin <= i < self._place]

    def find(self) -> None:
        """Runs that have come or gone. OSError or UserError where the folder cannot be listed: then none is lost."""
        changed, now = mark(self.folder), time.monotonic()
        if changed == self._changed and now - self._listed_at < LIST_S:
            return
        there = {run.id: run for run in list_runs(self.folder)}
        for id_, run in there.items():
            if id_ not in self.watched:
                self.watched[id_] = Watched(run, mark(run.path / "config.json"))
        for id_ in [id_ for id_, each in self.watched.items() if id_ not in there and not each.run.path.exists()]:
            gone = self.watched.pop(id_)
            if gone.job:
                gone.job.kill()
        self._changed, self._listed_at = changed, now


def mark(path: Path | str) -> int:
    """When it was changed, in ns; 0 where it is not."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
