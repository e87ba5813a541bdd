"""One run in one process: steps the loop, obeys control.json, writes what happened into the run folder.

`python -m acl.service.worker RUN` works until the run is finished, stopped or fails. Exit code 0: finished,
stopped or in the hands of another worker; 2: a mistake the user can mend; 3: out of memory (the backend tries
once more, alone); 1: anything else (the backend tries again).
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from acl.config import UserError
from acl.events import (
    Bought,
    Evaluated,
    Event,
    Finished,
    History,
    Resumed,
    Scored,
    TaskStarted,
    Trained,
)
from acl.loop import Loop
from acl.plugins.blame import PluginError, is_out_of_memory
from acl.plugins.registry import prepare
from acl.runs.control import Control, State, Status, Target, as_position, read_control, read_status, write_status
from acl.runs.folder import EventReader, EventWriter, Run
from acl.runs.recording import save_labels, save_predictions, save_query
from acl.service import lease
from acl.steering import differences, due
from acl.system.files import HOLDS, disk_trouble, is_full, open_at_all, replace_file, try_lock, write_json
from acl.system.gauge import Gauge
from acl.system.machine import described
from acl.system.numerics import settle
from acl.system.processes import OUT_OF_MEMORY, born, check_threads, out_of_memory

POLL_S, BEAT_S, HELD_BEAT_S = 0.03, 0.25, 1.0
# Room for the status on a disk that is full, so that it can be said.
RESERVE_BYTES = 2**16
ENDS_PHASE = {Scored: "score", Bought: "buy", Trained: "train", Evaluated: "evaluate"}
OnEvent = Callable[[Loop, Event], None]
OnWait = Callable[[str], None]
T = TypeVar("T")


class Stopped(Exception):
    """The user asked for the end of this worker; the run can be taken up again."""


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
        self.run, self.on_event, self.epoch, self.on_wait = run, on_event, epoch, on_wait or _to_log
        self.pid, self.born = os.getpid(), born(os.getpid())
        self._lock: IO[str] | None = None
        if epoch == 0:
            with disk_trouble("The run", run.path):
                self._take_lock()
                self.epoch = lease.take_over(run.path)
        self._check_lease()
        self.control = Control(mode="play")
        self._control_mark = (0, 0)
        self._last_poll = self._last_beat = 0.0
        before = read_status(run.path) or Status("starting")
        self._beat, self._worked = before.beat, before.worked_s
        self._said, self._said_at = "", time.monotonic()
        self.completed: Target | None = None
        self._device = ""
        self._gauge: Gauge | None = None
        self._phase_began = self._playing_since = time.monotonic()
        self._progress_then = 0.0
        self._refused, self._note, self._trouble = -1, "", ""
        self._keep_reserve()

    def _take_lock(self) -> None:
        self._lock = try_lock(self.run.path / "worker.lock")
        if self._lock is None:
            raise Taken(self.run)
        self._lock.seek(0)
        self._lock.truncate()
        self._lock.write(f"{self.pid} {self.born}\n")
        self._lock.flush()

    def _check_lease(self) -> None:
        lease.check(self.run.path, self.epoch)

    def close(self) -> None:
        self._drop_reserve()
        if self._lock:
            self._lock.close()

    # -- the run ---------------------------------------------------------------------------------------

    def work(self) -> Status:
        """Run to the end, or until stopped; returns the last status. UserError for what a user can mend."""
        self._write(Status("starting"))
        self._look_at_control()
        config = self.run.config
        self._device = config.device
        settle(config)
        with self._heard():
            stream = prepare(config)
            self.loop = Loop(config, stream)
            self._gauge = Gauge(config.device, config.threads)
        self._take_up()
        try:
            while not self.loop.done:
                self._obey()
                self._steer()
                event = self.loop.step()
                if event is not None:
                    self._record(event)
                self._heartbeat()
                self._keep_pace(event)
        except Stopped:
            return self._say("stopped")
        except UserError:
            # Where it stands: the last heartbeat may be of a round before.
            self._say("playing")
            raise
        finally:
            self.writer.close()
        return self._say("finished")

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """Heartbeats from a thread of their own: a large set, or a backbone's first look at it, takes minutes."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(HELD_BEAT_S):
                # What hinders this hinders the next word of the worker too, which says so.
                with suppress(OSError, lease.Superseded):
                    self._write(Status("starting"))

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _take_up(self) -> None:
        """Open the events for writing; if there are any, go to where they end and say so."""
        self._check_lease()
        reader = EventReader(self.run.events)
        history = History(reader.poll())
        if reader.trouble:
            raise UserError(f"{self.run.events} {reader.trouble}: the run can be looked at, not taken up.")
        self.writer = self._when_there_is_room(lambda: EventWriter(self.run.events))
        if not history.rows:
            return
        if history.finished is None:
            bases = history.of(TaskStarted)
            resumed = Resumed(
                bases[-1].task if bases else 1,
                max((e.round for e in history.of(Bought) if e.task == bases[-1].task), default=0) if bases else 0,
                history.last_durable,
                described(self._device),
            )
            history.add(self._when_there_is_room(lambda: self.writer.append(resumed)))
        self.loop.restore(history, self._base(history))
        for row in history.rows:
            self._complete(row.event)
        self._progress_then = self.loop.progress

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
        """Files first, then the event that names them."""
        self._check_lease()
        self._when_there_is_room(lambda: self._save(event))
        self._when_there_is_room(lambda: self.writer.append(event))
        self._complete(event)
        if self.on_event:
            self.on_event(self.loop, event)

    def _save(self, event: Event) -> None:
        """The files that belong to an event; done twice they are the same."""
        match event:
            case TaskStarted():
                path = self.run.base(event.task)
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, lambda temporary: save_file(self.loop.base_state(), temporary))
            case Scored():
                if self.loop.query is not None:
                    save_query(self.run, self.loop.query, self.loop.config, self.loop.last_round)
            case Bought():
                save_labels(self.run, event)
            case Evaluated():
                if self.loop.predictions is not None:
                    save_predictions(self.run, self.loop.predictions, (event.task, event.round), self.loop.config)
            case Finished():
                write_json(self.run.path / "summary.json", event.summary)
            case _:
                pass  # the event itself says it all

    def _when_there_is_room(self, write: Callable[[], T]) -> T:
        """What `write` returns; on a full disk the run holds, says why, and tries again every second."""
        while True:
            try:
                done = write()
            except OSError as error:
                if not is_full(error):
                    raise
                trouble = f"{HOLDS[error.errno or 0]}: free some space, and the run goes on by itself."
                if trouble != self._trouble:
                    self.on_wait(f"Run {self.run.id} waits. {trouble}")
                self._trouble = trouble
                self._wait_for_room()
                continue
            if self._trouble:
                self._trouble = ""
                self._keep_reserve()
            return done

    def _wait_for_room(self) -> None:
        """At least a second, and until there is more than the status takes. A quota shows no free room: there every
        second is a try."""
        while True:
            self._say("paused")
            time.sleep(HELD_BEAT_S)
            self._look_at_control()
            if self.control.mode == "stop":
                raise Stopped
            free = shutil.disk_usage(self.run.path).free
            if free >= 4 * RESERVE_BYTES:
                return

    @property
    def _reserve(self) -> Path:
        return self.run.path / ".reserve"

    def _keep_reserve(self) -> None:
        try:
            self._reserve.write_bytes(os.urandom(RESERVE_BYTES))
        except OSError as error:
            self._drop_reserve()
            _to_log(f"No room is kept for the status: {error}")

    def _drop_reserve(self) -> None:
        # Where the disk lets go of nothing, more than this file is amiss, and is said.
        with suppress(OSError):
            self._reserve.unlink()

    def _complete(self, event: Event) -> None:
        phase = ENDS_PHASE.get(type(event))
        if phase is not None and isinstance(event, Scored | Bought | Trained | Evaluated):
            self.completed = (event.task, event.round, phase)

    # -- what the user wants ---------------------------------------------------------------------------

    def _look_at_control(self) -> None:
        self._last_poll = time.monotonic()
        try:
            stat = os.stat(self.run.path / "control.json")
        except FileNotFoundError:
            return
        mark = (stat.st_mtime_ns, stat.st_ino)
        if mark == self._control_mark:
            return
        control = read_control(self.run.path)
        if control is not None:
            self._control_mark, self.control = mark, control
            self._last_beat = 0.0

    @property
    def _held(self) -> bool:
        if self.control.mode == "pause":
            return True
        until, completed = as_position(self.control.until), as_position(self.completed)
        return until is not None and completed is not None and completed >= until

    def _obey(self) -> None:
        """Look at the control file now and then; wait here while the user wants the run to hold."""
        if time.monotonic() - self._last_poll >= POLL_S:
            self._look_at_control()
        if self._held:
            self._say("paused")
            while self._held and self.control.mode != "stop":
                time.sleep(POLL_S / 2)
                self._look_at_control()
                if time.monotonic() - self._last_beat >= HELD_BEAT_S:
                    self._say("paused")
            self._playing_since, self._progress_then = time.monotonic(), self.loop.progress
            self._phase_began = time.monotonic()
            self._last_beat = 0.0
        if self.control.mode == "stop":
            raise Stopped

    def _steer(self) -> None:
        """Before a query: the settings that are wanted by now. Before buying: what a human chose instead."""
        loop, control = self.loop, self.control
        if control.seq == self._refused:
            return
        try:
            if control.changes and loop.before_query:
                changes = due(differences(loop.config, control.changes), at_task_start=loop.stage == "buy")
                if changes:
                    self._record(loop.steer(changes))
            choice = control.choice
            if choice and loop.stage == "buy" and (choice.task, choice.round) == (loop.task, loop.round):
                loop.check(choice)
                loop.choice = choice
        except UserError as error:
            # The run goes on as it was; the page says why.
            self._refused, self._note = control.seq, str(error)

    def _keep_pace(self, event: Event | None) -> None:
        """Stretch the phase to the pace the user asked for, evenly over a training."""
        ended = event is not None and type(event) in ENDS_PHASE
        training = self.loop.training
        share = 1.0 if ended else training.n_done / training.n_steps if training else 0.0
        while time.monotonic() < self._phase_began + self.control.pace * share:
            time.sleep(min(POLL_S, self.control.pace / 10))
            self._obey()
            self._heartbeat()
        if ended:
            self._phase_began = time.monotonic()

    # -- what the user is told -------------------------------------------------------------------------

    def _heartbeat(self) -> None:
        if time.monotonic() - self._last_beat >= BEAT_S:
            self._say("playing")

    def _say(self, state: State) -> Status:
        loop, position = self.loop, self.loop.next_phase
        training = loop.training
        n_pool = len(loop.pool) if not loop.done else 0
        status = Status(
            state,
            task=position.task,
            round=position.round,
            phase=position.phase,
            epoch=training.epoch if training else 0,
            epochs=loop.config.epochs,
            progress=loop.progress,
            eta_s=self._eta() if state == "playing" else None,
            images_per_s=loop.images_per_s,
            pool=n_pool,
            n=loop.n_wanted if not loop.done else 0,
            rounds=loop.rounds,
            error=self._trouble or (self._note if self.control.seq == self._refused else ""),
        )
        return self._write(status)

    def _write(self, status: Status) -> Status:
        self._check_lease()
        self._last_beat = time.monotonic()
        self._beat += 1
        now = time.monotonic()
        self._worked += now - self._said_at if self._said == "playing" else 0.0
        self._said, self._said_at = status.state, now
        status = replace(
            status,
            worked_s=round(self._worked, 3),
            seq=self.control.seq,
            pid=self.pid,
            born=self.born,
            device=self._device,
            gpu=_gpu() if self._device == "cuda" else "",
            **(asdict(self._gauge.read()) if self._gauge else {}),
            completed=self.completed,
            beat=self._beat,
        )
        try:
            write_status(self.run.path, status)
        except OSError as error:
            if not is_full(error):
                raise
            self._drop_reserve()
            self._try_status(status)
        return status

    def _try_status(self, status: Status) -> None:
        try:
            write_status(self.run.path, status)
        except OSError as error:
            # The run matters more than what is said of it.
            _to_log(f"The status could not be written: {error}")

    def _eta(self) -> float | None:
        gained = self.loop.progress - self._progress_then
        spent = time.monotonic() - self._playing_since
        return spent / gained * (1 - self.loop.progress) if gained > 0.005 else None

    def fail(self, error: UserError) -> None:
        """Leave the reason where the app finds it, if the disk still takes it."""
        status = read_status(self.run.path) or Status("failed")
        details = error.details if isinstance(error, PluginError) else ""
        try:
            self._write(replace(status, state="failed", error=str(error), details=details))
        except OSError as trouble:
            _to_log(f"The status of {self.run.id} could not be written: {trouble}")


def _to_log(text: str) -> None:
    """On stderr, which is worker.log in a worker: on the disk that may be full."""
    with suppress(OSError):
        print(text, file=sys.stderr)


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
        worker.fail(error)
        raise
    finally:
        worker.close()


def main(path: str, epoch: int = 0) -> int:
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


def _gpu() -> str:
    """The GPU this process works on, as CUDA_VISIBLE_DEVICES names it: of those it is shown torch takes the first."""
    return (os.environ.get("CUDA_VISIBLE_DEVICES") or "0").split(",")[0].strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
