"""What the user wants of a run that is worked on: control.json, looked at now and then and obeyed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from acl.config import UserError
from acl.events import Event
from acl.loop import Loop
from acl.runs.control import Control, as_position, read_control
from acl.runs.folder import Run
from acl.service import reporting
from acl.service.reporting import ENDS_PHASE, Reporter
from acl.steering import differences, due

POLL_S = 0.03


class Stopped(Exception):
    """The user asked for the end of this worker; the run can be taken up again."""


class Wishes:
    """As they were at the last look. What was heard, and what of it cannot be done, goes to `report`."""

    def __init__(self, run: Run, report: Reporter) -> None:
        self.run, self.report = run, report
        self.control = Control(mode="play")
        self._mark = (0, 0)
        self._looked_at = 0.0
        self._refused = -1
        self._phase_began = time.monotonic()

    def look(self) -> None:
        """Read control.json again, if it was written since."""
        self._looked_at = time.monotonic()
        try:
            stat = os.stat(self.run.path / "control.json")
        except FileNotFoundError:
            return
        mark = (stat.st_mtime_ns, stat.st_ino)
        if mark == self._mark:
            return
        control = read_control(self.run.path)
        if control is not None:
            self._mark, self.control = mark, control
            self.report.seq = control.seq
            if control.seq != self._refused:
                self.report.note = ""
            self.report.speak_soon()

    @property
    def held(self) -> bool:
        """Whether the run shall stand still where it is."""
        if self.control.mode == "pause":
            return True
        until, completed = as_position(self.control.until), as_position(self.report.completed)
        return until is not None and completed is not None and completed >= until

    def obey(self) -> None:
        """Look now and then; wait here while the user wants the run to hold. Stopped where it shall end."""
        if time.monotonic() - self._looked_at >= POLL_S:
            self.look()
        if self.held:
            self._hold()
        if self.control.mode == "stop":
            raise Stopped

    def _hold(self) -> None:
        self.report.say("paused")
        while self.held and self.control.mode != "stop":
            time.sleep(POLL_S / 2)
            self.look()
            if self.report.silent_s >= reporting.HELD_BEAT_S:
                self.report.say("paused")
        self.report.measure_from_here()
        self._phase_began = time.monotonic()
        self.report.speak_soon()

    def steer(self, loop: Loop, record: Callable[[Event], None]) -> None:
        """Before a query: the settings that are wanted by now. Before buying: what a human chose instead."""
        control = self.control
        if control.seq == self._refused:
            return
        try:
            if control.changes and loop.before_query:
                changes = due(differences(loop.config, control.changes), at_task_start=loop.stage == "buy")
                if changes:
                    record(loop.steer(changes))
            choice = control.choice
            if choice and loop.stage == "buy" and (choice.task, choice.round) == (loop.task, loop.round):
                loop.check(choice)
                loop.choice = choice
        except UserError as error:
            # The run goes on as it was; the page says why.
            self._refused, self.report.note = control.seq, str(error)

    def keep_pace(self, loop: Loop, event: Event | None) -> None:
        """Stretch the phase to the pace the user asked for, evenly over a training."""
        ended = event is not None and type(event) in ENDS_PHASE
        training = loop.training
        share = 1.0 if ended else training.n_done / training.n_steps if training else 0.0
        while time.monotonic() < self._phase_began + self.control.pace * share:
            time.sleep(min(POLL_S, self.control.pace / 10))
            self.obey()
            self.report.heartbeat()
        if ended:
            self._phase_began = time.monotonic()
