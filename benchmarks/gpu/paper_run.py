"""One run of the paper's table in a process of its own: measured first, and begun only if it will end in time."""

from __future__ import annotations

import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

import torch

from acl.config import RunConfig, UserError
from acl.datasets.base import TaskStream
from acl.events import Evaluated, Finished
from acl.loop import Loop
from acl.machine import described
from acl.numerics import settle
from acl.registry import prepare
from acl.runs import resolved
from benchmarks.figures.compute import digest
from benchmarks.figures.grids import identity
from benchmarks.gpu.engine_checks import card
from benchmarks.gpu.paper_grid import epoch_steps, labels_of_rounds, task_steps

FIGURES = ("A", "F", "F_diag", "LA")
MARGIN = 1.1
"""How much longer than estimated a run may take."""
PROBE_EPOCHS = 4


class TooLong(Exception):
    """The run will not end in time; the message is a sentence."""


def work(config: RunConfig, more: dict[str, Any], deadline: float, connection: Connection) -> None:
    """The process of a run: sends ("line", the line), or ("late" or "failed", a sentence)."""
    try:
        connection.send(("line", line_of(config, more, deadline)))
    except TooLong as late:
        connection.send(("late", str(late)))
    except UserError as error:
        connection.send(("failed", str(error)))
    except Exception as error:  # noqa: BLE001 - the other runs go on
        traceback.print_exc()
        connection.send(("failed", f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"))


def line_of(config: RunConfig, more: dict[str, Any], deadline: float) -> dict[str, Any]:
    """Play `config` to its end; `more`: what was set beside the paper's settings. TooLong as soon as it is clear that
    it will not end by `deadline` (time.monotonic())."""
    stream: TaskStream = prepare(config)
    config_here = resolved(config, stream)
    settle(config_here)
    expected = estimated(config_here, stream)
    left = deadline - time.monotonic()
    if expected * MARGIN > left:
        raise TooLong(f"it would take about {expected:.0f} s, and {max(left, 0):.0f} s are left")
    began, loop = time.monotonic(), Loop(config_here, stream)
    while not loop.done:
        event = loop.step()
        if isinstance(event, Evaluated) and event.final and loop.progress < 1:
            left, spent = deadline - time.monotonic(), time.monotonic() - began
            needed = spent / loop.progress * (1 - loop.progress)
            if needed > left:
                raise TooLong(f"it is slower than thought: after task {event.task} {needed:.0f} s more are needed, "
                              f"and {max(left, 0):.0f} s are left")  # fmt: skip
    assert isinstance(event, Finished)
    where = card(config.device)
    return {
        "key": identity(config),
        **{name: getattr(config, name) for name in ("preset", "learner", "strategy", "dataset", "memory", "seed")},
        "precision": config.decided_precision, "cuda_graphs": config.cuda_graphs, "device": config.device, "set": more,
        **{name: round(float(event.summary[name]), 6) for name in FIGURES},
        "R": [[round(value, 6) for value in row] for row in event.summary["R"]],
        "seconds": round(time.monotonic() - began, 1), "steps": len(stream.tasks) * task_steps(config),
        "card": where["card"], "driver": where.get("driver", "none"), "torch": where["torch"],
        "acl": described(config.device)["acl"], "images": digest(stream), "made": time.strftime("%Y-%m-%d"),
    }  # fmt: skip


# -- how long will it take? ----------------------------------------------------------------------------


def estimated(config: RunConfig, stream: TaskStream) -> float:
    """Seconds of the whole run: steps without and with replay, and forward passes, are measured on a run of few epochs
    that has begun the second task, everything warm."""
    probe = Loop(config.changed(epochs=PROBE_EPOCHS, n_end=min(config.n_start + config.n_query, config.n_end)), stream)
    alone = _pace(probe, until=(1, 1), epochs=2)
    while probe.stage != "evaluate":
        probe.step()
    evaluated = _seconds(probe, lambda: probe.stage == "evaluate") / len(stream.tasks[0].test_ids)
    replaying = _pace(probe, until=(2, 1), epochs=2)
    total = 0.0
    for task in stream.tasks:
        for labels in labels_of_rounds(config):
            steps = config.epochs * epoch_steps(config, labels)
            total += steps * (alone if task.index == 1 else max(replaying, alone))
        tests = sum(len(other.test_ids) for other in stream.tasks[: task.index])
        queried = config.rounds * (len(task.train_ids) + config.memory)
        total += evaluated * ((config.rounds + 1) * tests + queried)
    return total


def _pace(probe: Loop, until: tuple[int, int], epochs: int) -> float:
    """Seconds of one step over the last `epochs` epochs of the training of task and round `until`."""
    while not ((probe.task, probe.round) == until and probe.stage == "train"):
        probe.step()
    while probe.training is None or probe.training.epoch < PROBE_EPOCHS - epochs:
        probe.step()
    training = probe.training
    before = training.n_done
    seconds = _seconds(probe, lambda: not training.done)
    return seconds / (training.n_done - before)


def _seconds(probe: Loop, goes_on: Any) -> float:
    _wait(probe)
    began = time.monotonic()
    while goes_on():
        probe.step()
    _wait(probe)
    return time.monotonic() - began


def _wait(probe: Loop) -> None:
    if probe.device.type == "cuda":
        torch.cuda.synchronize()
