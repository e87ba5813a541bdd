"""One run in one process: steps the loop, obeys control.json, writes what happened into the run folder.

`python -m acl.service.worker RUN` works until the run is finished, stopped or fails. Exit code 0: finished,
stopped or in the hands of another worker; 2: a mistake the user can mend; 3: out of memory (the backend tries
once more, alone); 1: anything else (the backend tries again).
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from acl.config import UserError
from acl.events import Bought, Event, History, Resumed, TaskStarted
from acl.loop import Loop
from acl.plugins.blame import is_out_of_memory
from acl.plugins.registry import prepare
from acl.runs.control import Status
from acl.runs.event_file import EventReader
from acl.runs.folder import Run
from acl.service import lease
from acl.service.recorder import OnWait, Recorder
from acl.service.reporting import Reporter, to_log
from acl.service.wishes import Stopped, Wishes
from acl.system.files import disk_trouble, open_at_all, try_lock
from acl.system.gauge import Gauge
from acl.system.machine import described
from acl.system.numerics import settle
from acl.system.processes import OUT_OF_MEMORY, born, check_threads, out_of_memory

OnEvent = Callable[[Loop, Event], None]


class Taken(UserError):
    """Another process works on this run."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"Run {run.id} is being worked on by another process: pause or stop it there.")


class Worker:
    """Holds the run's lock from `__init__` to `close`, or where locks do not reach its lease alone (`epoch` not 0).
    `on_event` is told of every fact (a progress bar), `on_wait` what it waits for, in a sentence."""

    def __init__(
        self, run: Run, on_event: OnEvent | None = None, epoch: int = 0, on_wait: OnWait | None = None
    ) -> None:
        self.run, self.on_event, self.epoch = run, on_event, epoch
        self._lock: IO[str] | None = None
        if epoch == 0:
            with disk_trouble("The run", run.path):
                self._take_lock()
                self.epoch = lease.take_over(run.path)
        lease.check(run.path, self.epoch)
        self.report = Reporter(run, self.epoch)
        self.wishes = Wishes(run, self.report)
        self.recorder = Recorder(run, self.report, self.wishes, on_wait or to_log)
        self.report.keep_reserve()

    def _take_lock(self) -> None:
        self._lock = try_lock(self.run.path / "worker.lock")
        if self._lock is None:
            raise Taken(self.run)
        self._lock.seek(0)
        self._lock.truncate()
        self._lock.write(f"{os.getpid()} {born(os.getpid())}\n")
        self._lock.flush()

    def close(self) -> None:
        """Give the reserve and the lock of the run folder back."""
        self.report.drop_reserve()
        if self._lock:
            self._lock.close()

    def work(self) -> Status:
        """Run to the end, or until stopped; returns the last status. UserError for what a user can mend."""
        report, wishes = self.report, self.wishes
        report.write(Status("starting"))
        wishes.look()
        loop = self._prepared()
        self._take_up(loop)
        try:
            while not loop.done:
                wishes.obey()
                wishes.steer(loop, self._record)
                event = loop.step()
                if event is not None:
                    self._record(event)
                report.heartbeat()
                wishes.keep_pace(loop, event)
        except Stopped:
            return report.say("stopped")
        except UserError:
            # Where it stands: the last heartbeat may be of a round before.
            report.say("playing")
            raise
        finally:
            self.recorder.close()
        return report.say("finished")

    def _prepared(self) -> Loop:
        config = self.run.config
        self.report.device = config.device
        settle(config)
        with self.report.heard():
            stream = prepare(config)
            self.loop = Loop(config, stream)
            self.report.begin(self.loop, Gauge(config.device, config.threads))
        return self.loop

    def _take_up(self, loop: Loop) -> None:
        """Open the events for writing; if there are any, go to where they end and say so."""
        lease.check(self.run.path, self.epoch)
        reader = EventReader(self.run.events)
        history = History(reader.poll())
        if reader.trouble:
            raise UserError(f"{self.run.events} {reader.trouble}: the run can be looked at, not taken up.")
        self.recorder.open()
        if not history.rows:
            return
        if history.finished is None:
            history.add(self.recorder.append(_resumed(history, loop.config.device)))
        loop.restore(history, self._base(history))
        for row in history.rows:
            self.report.complete(row.event)
        self.report.measure_from_here()

    def _base(self, history: History) -> dict[str, Tensor]:
        started = history.of(TaskStarted)
        if not started:
            return {}
        path = self.run.base(started[-1].task)
        try:
            open_at_all(path)
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise UserError(
                f"{path} is missing or damaged ({error}): the run can be looked at, but not taken up again."
            ) from None

    def _record(self, event: Event) -> None:
        self.recorder.record(self.loop, event)
        self.report.complete(event)
        if self.on_event:
            self.on_event(self.loop, event)


def _resumed(history: History, device: str) -> Resumed:
    """That the run goes on where `history` ends."""
    bases = history.of(TaskStarted)
    task = bases[-1].task if bases else 1
    rounds = [event.round for event in history.of(Bought) if bases and event.task == task]
    return Resumed(task, max(rounds, default=0), history.last_durable, described(device))


def execute(run: Run, on_event: OnEvent | None = None, epoch: int = 0, on_wait: OnWait | None = None) -> Status:
    """Work on `run` in this process. A mistake the user can mend, and what a disk refuses, is left in the status and
    raised again."""
    worker = Worker(run, on_event, epoch, on_wait)
    try:
        check_threads()
        with disk_trouble("The run", run.path):
            return worker.work()
    except lease.Superseded:
        raise
    except UserError as error:
        worker.report.fail(error)
        raise
    finally:
        worker.close()


def main(path: str, epoch: int = 0) -> int:
    """Work on a run folder; the exit code: 0 at its end, 2 for what a user can mend, OUT_OF_MEMORY, or 1."""
    try:
        execute(Run(Path(path)), epoch=epoch)
    except (lease.Superseded, Taken) as error:
        # Nothing failed: two backends one after the other may each have given the run a worker.
        print(error, file=sys.stderr)
    except UserError as error:
        if error.__cause__:
            traceback.print_exception(error.__cause__)
        print(error, file=sys.stderr)
        return 2
    except Exception as error:
        traceback.print_exc()
        if not is_out_of_memory(error):
            return 1
        print(out_of_memory(error), file=sys.stderr)
        return OUT_OF_MEMORY
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
