"""What runs are called and what they are doing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from acl.config import RunConfig
from acl.events import Bought, History, Started, Steered
from acl.runs.control import ACTIVE, Control, Status
from acl.runs.folder import Parent, Run
from app.charts.written import whole_percent
from app.store.runs import interventions_of, label_of, parent_of
from app.words.of_settings import changes, option

Colour = Literal["gray", "green", "orange", "blue", "red"]
STATE: dict[str, tuple[str, str, Colour]] = {
    "queued": ("waiting for a free slot", "hourglass_empty", "gray"),
    "starting": ("starting", "hourglass_top", "gray"),
    "playing": ("playing", "play_circle", "green"),
    "paused": ("paused", "pause_circle", "orange"),
    "finished": ("finished", "check_circle", "blue"),
    "stopped": ("stopped", "stop_circle", "gray"),
    "failed": ("failed", "error", "red"),
}


def run_title(config: RunConfig) -> str:
    parts = [
        label_of("learners", config.learner),
        label_of("strategies", config.strategy),
        label_of("datasets", config.dataset),
        f"seed {config.seed}",
    ]
    return " · ".join(parts)


MOST_CHANGES = 2
OF_A_RUN = re.compile(r"\d{8}-\d{6}-.*-([0-9a-f]{4})")


def title(run: Run) -> str:
    """What a run is called in titles, menus and lists: its settings, and what was done to it since. UserError where
    its settings cannot be read."""
    return " · ".join([run_title(run.config), *happened(parent_of(run), interventions_of(run))])


def happened(parent: Parent | None, done: Sequence[Steered | Bought]) -> list[str]:
    """What makes a run another than its settings say: that it is a fork, and what a human did to it."""
    said = [f"{'ghost' if parent.ghost else 'fork'} of {short_id(parent.run)} from {parent.task}.{parent.round}"
            ] if parent else []  # fmt: skip
    changed = [f"{changes(e.changes)} from {since(e.task, e.round)}" for e in done if isinstance(e, Steered)]
    said += changed if len(changed) <= MOST_CHANGES else [f"{len(changed)} changes of settings"]
    hand = by_hand([event for event in done if isinstance(event, Bought)])
    return [*said, hand] if hand else said


def by_hand(chosen: Sequence[Bought]) -> str:
    """E.g. "2 picks and 3 labels by hand"; empty where there are none."""
    picks, labels = sum(len(event.replaced) for event in chosen), sum(len(event.by_hand) for event in chosen)
    counts = [f"{n} {what}{'s' if n > 1 else ''}" for n, what in ((picks, "pick"), (labels, "label")) if n]
    return f"{' and '.join(counts)} by hand" if counts else "chosen by hand" if chosen else ""


def since(task: int, round_: int) -> str:
    return f"task {task}, round {round_}" if round_ > 1 else f"task {task}"


def short_id(run: str) -> str:
    """The end of a run's id, which tells it from others of its settings; names given by people stay whole."""
    found = OF_A_RUN.fullmatch(run)
    return found[1] if found else run


def when(id_: str) -> str:
    """When a run or a sweep was made, out of its id: "11-26 23:46"; "" where people gave the name."""
    found = re.match(r"\d{4}(\d\d)(\d\d)-(\d\d)(\d\d)\d\d-", id_)
    return "{}-{} {}:{}".format(*found.groups()) if found else ""


def phase(config: RunConfig, status: Status, n_tasks: int) -> str:
    """What the run is doing, e.g. "task 3 of 5 · query round 2 of 3 · choosing 10 of 231"."""
    if not status.task:
        return "getting ready"
    where = f"task {status.task} of {n_tasks}" if n_tasks else f"task {status.task}"
    round_ = f"query round {status.round} of {status.rounds or config.rounds}" if status.round else "first labels"
    doing = {
        "score": f"choosing {status.n} of {status.pool:,}",
        "buy": f"labelling {status.n}",
        "train": f"training, epoch {status.epoch} of {status.epochs}",
        "evaluate": "testing on every task so far",
    }
    return " · ".join([where, round_, doing.get(status.phase, status.phase)])


def pace_of_work(status: Status) -> str:
    """Time left, throughput and device, as far as they are known."""
    parts = []
    if status.eta_s is not None and status.state == "playing":
        parts.append(f"{duration(status.eta_s)} left")
    if status.images_per_s:
        parts.append(f"{status.images_per_s:,.0f} img/s")
    if status.device:
        parts.append(device(status))
    return " · ".join(parts)


def device(status: Status) -> str:
    """Where the run works, what it takes of the memory there, and how busy that is as long as it works, e.g.
    "GPU H100 · 3.1 of 79 GiB · 92 % busy"."""
    parts = [_short_device(status.device_name) or option(status.device)]
    if status.memory_used and status.state in ACTIVE:
        used = f"{status.memory_used / 2**30:.1f}"
        # Of a machine's memory other programs hold the larger part, of a card's the runs do.
        parts.append(f"{used} of {status.memory_total / 2**30:.0f} GiB" if status.device == "cuda" else f"{used} GiB")
    if status.busy is not None and status.state == "playing":
        parts.append(f"{whole_percent(status.busy)} busy")
    return " · ".join(parts)


def _short_device(name: str) -> str:
    """ "NVIDIA H100 80GB HBM3" is "GPU H100": without maker, memory and socket."""
    if not name or name.startswith("CPU"):
        return name
    model = re.sub(r"^((NVIDIA|Tesla|GeForce) )+", "", name)
    return "GPU " + re.sub(r"[ -](\d+ ?GB|SXM|PCI|HBM).*", "", model)


def duration(seconds: float) -> str:
    if seconds < 1:
        return "under 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def requested(control: Control, status: Status | None) -> str:
    """What was asked for and not yet seen by the worker; empty if nothing."""
    if status is None or control.seq <= status.seq or status.state == "finished":
        return ""
    if control.mode == "play" and control.until:
        return f"asked for, not yet begun: play until it has {DONE.get(control.until[2], control.until[2])}"
    return f"asked for, not yet done: {control.mode}"


DONE = {"score": "chosen", "buy": "labelled", "train": "trained", "evaluate": "tested"}
"""The phases of a round, done: choose, label, train, test."""


def at(place: tuple[int, int]) -> str:
    """A place where a run can be forked."""
    return f"task {place[0]}, before round {place[1]}" if place[1] else f"task {place[0]}, before its first labels"


def class_names(history: History) -> dict[int, str]:
    """What classes are called: "cat", and "class 3" where the name is only the number."""
    started = history.of(Started)
    names = started[0].class_names if started else []
    return {c: f"class {name}" if name == str(c) else name for c, name in enumerate(names)}
