"""What the backend decides, as a table: one row for each way a look can go."""

from __future__ import annotations

import pytest

from acl.runs.control import Control, Status
from acl.service.decide import (
    DEFAULT_PATIENCE_S,
    MAX_TRIES,
    MENDABLE,
    PATIENCE_S,
    Attempts,
    GiveUp,
    Kill,
    Leave,
    Load,
    Queue,
    Seen,
    Start,
    Unqueue,
    decide,
    is_active,
    takes_slot,
)
from acl.system.processes import OUT_OF_MEMORY

PLAY, PAUSE, STOP = (Control(seq=5, mode=mode) for mode in ("play", "pause", "stop"))
HERE, THERE = (1, 2, "buy"), (1, 2, "train")
TO_HERE = Control(seq=5, mode="play", until=HERE)
FREE, FULL, EMPTY = Load(1, 2), Load(2, 2), Load(0, 2)
LONG = DEFAULT_PATIENCE_S + 1
LACK = "No GPU is free."


def status(state: str, **values: object) -> Status:
    return Status(state, **{"seq": 5, "completed": HERE, **values})  # type: ignore[arg-type]


def worked_on(state: str, silent_s: float, control: Control = PLAY, **values: object) -> Seen:
    """A worker of another backend, which has said its pid."""
    return Seen(control, status(state, **{"pid": 7, **values}), alive=True, silent_s=silent_s)


def crashed(state: str, attempts: Attempts, **values: object) -> Seen:
    return Seen(PLAY, status(state, **values), attempts=attempts)


def tried(n: int, exit_code: int | None = 1, alone: bool = False, at: object = HERE) -> Attempts:
    return Attempts(n, at, exit_code, alone)  # type: ignore[arg-type]


PLAYING, PAUSED, QUEUED, FAILED = map(status, ("playing", "paused", "queued", "failed"))
GREEDY = tried(0, OUT_OF_MEMORY)
TABLE = {
    # Nobody wants anything of it.
    "never asked for": (Seen(), FREE, Leave()),
    "never asked for, though it says that it waits": (Seen(None, QUEUED), FREE, Leave()),
    "finished": (Seen(PLAY, status("finished")), FREE, Leave()),
    "paused": (Seen(PAUSE, PAUSED), FREE, Leave()),
    "paused while it waited": (Seen(PAUSE, QUEUED), FREE, Unqueue(QUEUED)),
    "stopped while it waited": (Seen(STOP, QUEUED), FULL, Unqueue(QUEUED)),
    "stopped, and nobody asked since": (Seen(PLAY, status("stopped")), FREE, Leave()),
    "failed, and nobody asked since": (Seen(PLAY, FAILED), FREE, Leave()),
    "it is where it shall hold": (Seen(TO_HERE, PLAYING), FREE, Leave()),
    "it is beyond where it shall hold": (Seen(TO_HERE, status("playing", completed=THERE)), FREE, Leave()),
    # It is wanted and has no worker.
    "new": (Seen(PLAY), FREE, Start(Attempts())),
    "stopped, asked again": (Seen(PLAY, status("stopped", seq=4)), FREE, Start(Attempts())),
    "failed, asked again: all tries are new": (
        Seen(PLAY, status("failed", seq=4), attempts=tried(MAX_TRIES)), FREE, Start(Attempts()),
    ),
    "it is not yet where it shall hold": (
        Seen(TO_HERE, status("stopped", seq=4, completed=(1, 1, "train"))), FREE, Start(Attempts()),
    ),
    "it has not begun, and shall hold somewhere": (
        Seen(TO_HERE, status("stopped", seq=4, completed=None)), FREE, Start(Attempts()),
    ),
    "its turn has come": (Seen(PLAY, QUEUED), FREE, Start(Attempts())),
    "no slot": (Seen(PLAY), FULL, Queue("")),
    "no slot, as it says": (Seen(PLAY, QUEUED), FULL, Leave()),
    "no slot, where it said that something lacked": (Seen(PLAY, status("queued", error=LACK)), FULL, Queue("")),
    "no slot, and so nothing else lacks": (Seen(PLAY, QUEUED), Load(2, 2, lack=LACK), Leave()),
    "a slot, but something lacks": (Seen(PLAY, QUEUED), Load(1, 2, lack=LACK), Queue(LACK)),
    "a slot, but something lacks, as it says": (
        Seen(PLAY, status("queued", error=LACK)), Load(1, 2, lack=LACK), Leave(),
    ),
    "a slot, but a run needs all the memory": (Seen(PLAY), Load(1, 2, lonely=True), Queue("")),
    # Its worker died.
    "died as it started": (crashed("starting", tried(0)), FREE, Start(tried(1))),
    "died as it played": (crashed("playing", tried(1)), FREE, Start(tried(2))),
    "died as it paused": (crashed("paused", tried(0)), FREE, Start(tried(1))),
    "died under an earlier backend": (crashed("playing", Attempts()), FREE, Start(tried(1, None))),
    "died further on: all tries are new": (
        crashed("playing", tried(MAX_TRIES), completed=THERE), FREE, Start(tried(1, at=THERE)),
    ),
    "died too often here": (crashed("playing", tried(MAX_TRIES)), FREE, GiveUp(tried(MAX_TRIES), PLAYING)),
    "died, no slot": (crashed("playing", tried(0)), FULL, Queue("")),
    "cannot work": (crashed("playing", tried(0, MENDABLE)), FREE, GiveUp(tried(0, MENDABLE), PLAYING)),
    # It had too little memory.
    "out of memory, others play": (crashed("playing", GREEDY), FREE, Queue("")),
    "out of memory, others play, as it says": (crashed("queued", GREEDY), FREE, Leave()),
    "out of memory, now it is alone": (
        crashed("playing", GREEDY), EMPTY, Start(tried(1, OUT_OF_MEMORY, alone=True)),
    ),
    "out of memory, waited for that": (
        crashed("queued", GREEDY), EMPTY, Start(tried(1, OUT_OF_MEMORY, alone=True)),
    ),
    "out of memory also alone": (
        crashed("playing", tried(1, OUT_OF_MEMORY, alone=True)), EMPTY,
        GiveUp(tried(1, OUT_OF_MEMORY, alone=True), PLAYING),
    ),
    "out of memory also alone, asked again": (
        crashed("failed", tried(1, OUT_OF_MEMORY, alone=True), seq=4), EMPTY, Start(Attempts()),
    ),
    "died of something else when it was alone": (
        crashed("playing", tried(1, 1, alone=True)), FREE, Start(tried(2)),
    ),
    # It has a worker.
    "works": (worked_on("playing", 0.0), FREE, Leave()),
    "works, whoever asked": (worked_on("playing", 0.0, STOP), FREE, Leave()),
    "hangs": (worked_on("playing", LONG), FREE, Kill(status("playing", pid=7))),
    "ours has not said its pid and hangs": (
        Seen(PLAY, status("starting"), ours=True, alive=True, silent_s=PATIENCE_S["starting"] + 1), FREE,
        Kill(status("starting")),
    ),
    "another's has not said its pid": (worked_on("playing", LONG, pid=0), FREE, Leave()),
    "ours has said nothing at all": (Seen(PLAY, ours=True, alive=True, silent_s=1e9), FREE, Leave()),
    "a start takes long": (worked_on("starting", LONG), FREE, Leave()),
    "a start takes too long": (
        worked_on("starting", PATIENCE_S["starting"] + 1), FREE, Kill(status("starting", pid=7)),
    ),
    "a scoring takes long": (worked_on("playing", LONG, phase="score"), FREE, Leave()),
    "a scoring takes too long": (
        worked_on("playing", PATIENCE_S["score"] + 1, phase="score"), FREE,
        Kill(status("playing", pid=7, phase="score")),
    ),
    "a training takes too long": (
        worked_on("playing", LONG, phase="train"), FREE, Kill(status("playing", pid=7, phase="train")),
    ),
    "pauses, and has heard all": (worked_on("paused", LONG), FREE, Leave()),
    "pauses, and has not heard the last request, yet": (worked_on("paused", 1.0, seq=4), FREE, Leave()),
    "pauses, and does not hear": (worked_on("paused", LONG, seq=4), FREE, Kill(status("paused", pid=7, seq=4))),
    "pauses in a scoring, and does not hear": (
        worked_on("paused", LONG, seq=4, phase="score"), FREE, Kill(status("paused", pid=7, seq=4, phase="score")),
    ),
    "has just finished": (
        Seen(PLAY, status("finished", pid=7), ours=True, alive=True, silent_s=LONG), FREE, Leave(),
    ),
    "ours on a run whose control was lost hangs": (
        Seen(None, status("playing", pid=7), ours=True, alive=True, silent_s=LONG), FREE,
        Kill(status("playing", pid=7)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_what_is_decided(name):
    seen, load, action = TABLE[name]
    assert decide(seen, load) == action


@pytest.mark.parametrize("exit_code", [None, 0, 1, MENDABLE, OUT_OF_MEMORY, -9])
def test_a_run_that_dies_again_and_again_is_given_up(exit_code):
    """The backend keeps what it was told; nothing but the exit code changes between two starts."""
    attempts, starts = Attempts(exit_code=exit_code), 0
    while isinstance(action := decide(crashed("playing", attempts), EMPTY), Start):
        attempts = Attempts(action.attempts.n, action.attempts.at, exit_code, action.attempts.alone)
        starts += 1
    assert isinstance(action, GiveUp)
    assert starts == {MENDABLE: 0, OUT_OF_MEMORY: 1}.get(exit_code, MAX_TRIES)


@pytest.mark.parametrize(
    ("seen", "paused_too", "takes"),
    [
        (Seen(PLAY, PLAYING), True, False),
        (Seen(PLAY, ours=True, alive=True), False, True),
        (worked_on("playing", 0.0), False, True),
        (worked_on("finished", 0.0), False, True),
        (worked_on("paused", 0.0), False, False),
        (worked_on("paused", 0.0), True, True),
    ],
)
def test_which_workers_take_a_slot(seen, paused_too, takes):
    assert takes_slot(seen, paused_too) == takes


def test_a_run_is_active_unless_it_is_left_alone_for_good():
    """Whatever is done with it now, or may have to be done later without anybody asking."""
    asleep = {name for name, (seen, _, _) in TABLE.items() if not is_active(seen)}
    assert asleep == {
        "never asked for", "never asked for, though it says that it waits", "finished", "paused",
        "stopped, and nobody asked since", "failed, and nobody asked since",
        "it is where it shall hold", "it is beyond where it shall hold",
    }  # fmt: skip
    assert all(TABLE[name][2] == Leave() for name in asleep)
