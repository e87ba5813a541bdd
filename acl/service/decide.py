"""What the backend does with a run at one look, from what it has seen of it and what the other runs leave room for.

Nothing here asks a clock or a disk: the same look always gives the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from acl.runs.control import Control, Status, Target, as_position
from acl.system.processes import OUT_OF_MEMORY

MAX_TRIES = 3
PATIENCE_S = {"starting": 300.0, "score": 600.0}
"""How long a worker may say nothing, by what it does: its state or its phase."""
DEFAULT_PATIENCE_S = 60.0
MENDABLE = 2
"""The exit code of a worker whose run cannot work as it is."""


@dataclass(frozen=True)
class Attempts:
    """n: times that a worker was given again at `at`, where the run stands; exit_code: of the last worker that ended;
    alone: the last one was started with all the memory there is, because one before had too little."""

    n: int = 0
    at: Target | None = None
    exit_code: int | None = None
    alone: bool = False


@dataclass(frozen=True)
class Seen:
    """A run. ours: this backend started a worker on it; alive: that one or another's works on it; silent_s: seconds
    since the worker's last word."""

    control: Control | None = None
    status: Status | None = None
    ours: bool = False
    alive: bool = False
    silent_s: float = 0.0
    attempts: Attempts = Attempts()

    @property
    def heard(self) -> int:
        """The number of the last request."""
        return self.control.seq if self.control else 0


@dataclass(frozen=True)
class Load:
    """playing: slots that are taken; lonely: one of the runs needs all the memory there is; lack: what is missing for
    a worker on this run, slots apart."""

    playing: int
    slots: int
    lonely: bool = False
    lack: str = ""


@dataclass(frozen=True)
class Leave:
    """Nothing is to be done."""


@dataclass(frozen=True)
class Kill:
    """The worker hangs; a later look gives the run another."""

    status: Status


@dataclass(frozen=True)
class Start:
    """Give the run a worker."""

    attempts: Attempts


@dataclass(frozen=True)
class Queue:
    """Say that the run waits: for a slot, or for what lacks."""

    lack: str


@dataclass(frozen=True)
class Unqueue:
    """Nobody waits for it any more; no worker is there to say so."""

    status: Status


@dataclass(frozen=True)
class GiveUp:
    """The run has failed."""

    attempts: Attempts
    status: Status


Action = Leave | Kill | Start | Queue | Unqueue | GiveUp


def decide(seen: Seen, load: Load) -> Action:
    """What is to be done about one run, out of what was seen of it and of all others; nothing is looked at here."""
    status = seen.status
    if seen.alive:
        return Kill(status) if status and _hangs(seen, status) else Leave()
    if not waits(seen):
        return Unqueue(status) if status and _is_queued_in_vain(seen) else Leave()
    room = has_room(seen, load)
    if room and not load.lack:
        return _start(seen)
    lack = load.lack if room else ""
    said = status is not None and (status.state, status.error) == ("queued", lack)
    return Leave() if said else Queue(lack)


def concerns(seen: Seen) -> bool:
    """Whether another's worker may matter: a run nobody asked to play, or that is over, needs no look at its lock."""
    over = seen.status is not None and seen.status.state == "finished"
    return seen.control is not None and not over


def waits(seen: Seen) -> bool:
    """Whether the run needs a worker and has none."""
    return concerns(seen) and not seen.alive and _wanted(seen.control, seen.status)


def is_active(seen: Seen) -> bool:
    """Whether something goes on, so that the run may need something without anybody asking."""
    return seen.alive or waits(seen) or _is_queued_in_vain(seen)


def takes_slot(seen: Seen, paused_too: bool) -> bool:
    """Whether its worker counts; paused_too: also one that holds still."""
    # One that has just said "finished" gives its process to the next in a moment.
    works = seen.status is None or seen.status.state != "paused"
    return seen.alive and (works or paused_too)


def has_room(seen: Seen, load: Load) -> bool:
    """Whether a slot is free for it."""
    # A run that had too little memory gets all there is, once.
    if seen.attempts.exit_code == OUT_OF_MEMORY:
        return load.playing == 0
    return load.playing < load.slots and not load.lonely


def _is_queued_in_vain(seen: Seen) -> bool:
    queued = seen.status is not None and seen.status.state == "queued"
    return queued and concerns(seen) and not seen.alive and not waits(seen)


def _wanted(control: Control | None, status: Status | None) -> bool:
    if control is None or control.mode != "play":
        return False
    if status is None:
        return True
    if status.state in {"failed", "stopped"}:
        return control.seq > status.seq
    until, completed = as_position(control.until), as_position(status.completed)
    return not (until is not None and completed is not None and completed >= until)


def _hangs(seen: Seen, status: Status) -> bool:
    """Whether the worker has been silent for longer than its phase may take."""
    deaf = status.state == "paused" and seen.heard > status.seq
    if not (seen.ours or status.pid) or (status.state not in {"starting", "playing"} and not deaf):
        return False
    known = (status.state,) if deaf else (status.state, status.phase)
    patience = next((PATIENCE_S[name] for name in known if name in PATIENCE_S), DEFAULT_PATIENCE_S)
    return seen.silent_s > patience


def _start(seen: Seen) -> Start | GiveUp:
    """A worker, unless the run has used up its tries where it stands."""
    status, before = seen.status, seen.attempts
    too_little = before.exit_code == OUT_OF_MEMORY
    if status is None or not _has_crashed(status, too_little):
        return Start(Attempts())
    n = before.n if before.at == status.completed else 0
    tried = replace(before, n=n, at=status.completed)
    if before.exit_code == MENDABLE or (too_little and before.alone) or n >= MAX_TRIES:
        return GiveUp(tried, status)
    return Start(replace(tried, n=n + 1, alone=too_little))


def _has_crashed(status: Status, too_little: bool) -> bool:
    """Whether a worker ended without a word why. A run that had too little memory waits in the queue until it can be
    alone."""
    return status.state in {"starting", "playing", "paused"} or (status.state == "queued" and too_little)
