"""One run of the paper's table in a process of its own: measured first, and begun only if it will end in time."""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from acl.config import LARGEST, RunConfig, UserError
from acl.events import Evaluated, Finished
from acl.loop import Loop, Stage
from acl.plugins.learning import Learner
from acl.plugins.registry import prepare
from acl.runs.folder import resolved
from acl.stream.types import TaskStream
from acl.system.machine import described
from acl.system.numerics import settle
from benchmarks.figures.compute import digest, end_with_parent
from benchmarks.figures.grids import identity
from benchmarks.gpu.engine_checks import card
from benchmarks.gpu.paper_grid import epoch_steps, labels_of_rounds, task_steps

FIGURES = ("A", "F", "F_diag", "LA")
MARGIN = 1.1
"""How much longer than estimated a run may take."""
PROBE_EPOCHS, WARM_EPOCHS = 6, 2


class TooLong(Exception):
    """The run will not end in time; the message is a sentence."""


def work(config: RunConfig, more: dict[str, Any], deadline: float, connection: Connection) -> None:
    """The process of a run: sends ("line", the line), or ("late" or "failed", a sentence)."""
    threading.Thread(target=end_with_parent, daemon=True).start()
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
    """Seconds of the whole run. Measured, everything warm, in the first two tasks of a run with few epochs: steps
    without and with replay, those of a task's last epoch, where a learner may choose what to keep, forward passes."""
    probe = Loop(config.changed(epochs=PROBE_EPOCHS, n_end=min(config.n_start + config.n_query, config.n_end)), stream)
    last_round = min(config.rounds, 1)
    alone = _pace(probe, (1, 0), WARM_EPOCHS)
    _go(probe, "evaluate", (1, last_round))
    passed = _seconds(probe, lambda: probe.stage == "evaluate") / len(stream.tasks[0].test_ids)
    replaying = _pace(probe, (2, 0), WARM_EPOCHS)
    choosing = _pace(probe, (2, last_round), PROBE_EPOCHS - 1)
    plan, size = Learner(config).replay_plan(config.replay, config.memory_batch_size)
    replayed = math.ceil(config.memory / size) if plan == "once" else LARGEST
    total = 0.0
    for task in stream.tasks:
        for labels in labels_of_rounds(config):
            steps = epoch_steps(config, labels)
            with_replay = min(steps, replayed) if task.index > 1 else 0
            total += config.epochs * (with_replay * replaying + (steps - with_replay) * alone)
        total += epoch_steps(config, config.n_end) * max(choosing - alone, 0)
        tests = sum(len(other.test_ids) for other in stream.tasks[: task.index])
        queried = config.rounds * (len(task.train_ids) + config.memory)
        total += passed * ((config.rounds + 1) * tests + queried)
    return total


def _go(probe: Loop, stage: Stage, place: tuple[int, int]) -> None:
    """Step to where `stage` of task and round `place` begins."""
    while (probe.task, probe.round, probe.stage) != (*place, stage):
        probe.step()


def _pace(probe: Loop, place: tuple[int, int], after: int) -> float:
    """Seconds of one step of the training of task and round `place`, from its epoch `after` on."""
    _go(probe, "train", place)
    while probe.training is None or probe.training.epoch < after:
        probe.step()
    training = probe.training
    before = training.n_done
    return _seconds(probe, lambda: not training.done) / (training.n_done - before)


def _seconds(probe: Loop, goes_on: Callable[[], bool]) -> float:
    _wait(probe)
    began = time.monotonic()
    while goes_on():
        probe.step()
    _wait(probe)
    return time.monotonic() - began


def _wait(probe: Loop) -> None:
    if probe.device.type == "cuda":
        torch.cuda.synchronize()
