"""What a worker leaves in the run folder: files first, then the event that names them; on a full disk it waits."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import TypeVar

from safetensors.torch import save_file

from acl.events import Bought, Evaluated, Event, Finished, Row, Scored, TaskStarted
from acl.loop import Loop
from acl.runs.event_file import EventWriter
from acl.runs.folder import Run
from acl.runs.recording import save_labels, save_predictions, save_query
from acl.service import lease, reporting
from acl.service.reporting import RESERVE_BYTES, Reporter
from acl.service.wishes import Stopped, Wishes
from acl.system.files import HOLDS, is_full, replace_file, write_json

OnWait = Callable[[str], None]
T = TypeVar("T")


class Recorder:
    """Of one worker. `on_wait` is told what a run on a full disk waits for, in a sentence."""

    writer: EventWriter

    def __init__(self, run: Run, report: Reporter, wishes: Wishes, on_wait: OnWait) -> None:
        self.run, self.report, self.wishes, self.on_wait = run, report, wishes, on_wait

    def open(self) -> None:
        """The events, for writing. Until then nothing is recorded."""
        self.writer = self._when_there_is_room(lambda: EventWriter(self.run.events))

    def close(self) -> None:
        """Nothing more is written."""
        self.writer.close()

    def append(self, event: Event) -> Row:
        """An event without files."""
        return self._when_there_is_room(lambda: self.writer.append(event))

    def record(self, loop: Loop, event: Event) -> None:
        """What has just happened in `loop`. Superseded if another worker has taken the run over."""
        lease.check(self.run.path, self.report.epoch)
        self._when_there_is_room(lambda: self._save(loop, event))
        self.append(event)

    def _save(self, loop: Loop, event: Event) -> None:
        """The files that belong to an event; done twice they are the same."""
        match event:
            case TaskStarted():
                path = self.run.base(event.task)
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, lambda temporary: save_file(loop.base_state(), temporary))
            case Scored():
                if loop.query is not None:
                    save_query(self.run, loop.query, loop.config, loop.last_round)
            case Bought():
                save_labels(self.run, event)
            case Evaluated():
                if loop.predictions is not None:
                    save_predictions(self.run, loop.predictions, (event.task, event.round), loop.config)
            case Finished():
                write_json(self.run.path / "summary.json", event.summary)
            case _:
                pass  # the event itself says it all

    def _when_there_is_room(self, write: Callable[[], T]) -> T:
        """What `write` returns; on a full disk the run holds, says why, and tries again every second."""
        report = self.report
        while True:
            try:
                done = write()
            except OSError as error:
                if not is_full(error):
                    raise
                trouble = f"{HOLDS[error.errno or 0]}: free some space, and the run goes on by itself."
                if trouble != report.trouble:
                    self.on_wait(f"Run {self.run.id} waits. {trouble}")
                report.trouble = trouble
                self._wait_for_room()
                continue
            if report.trouble:
                report.trouble = ""
                report.keep_reserve()
            return done

    def _wait_for_room(self) -> None:
        """At least a second, and until there is more than the status takes. A quota shows no free room: there every
        second is a try."""
        while True:
            self.report.say("paused")
            time.sleep(reporting.HELD_BEAT_S)
            self.wishes.look()
            if self.wishes.control.mode == "stop":
                raise Stopped
            free = shutil.disk_usage(self.run.path).free
            if free >= 4 * RESERVE_BYTES:
                return
