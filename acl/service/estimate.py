"""How long a run takes on this machine: a few steps of its own training are worked and timed, the rest is counted.

Left out are scoring (what a strategy takes to choose once it has the forward passes: for BADGE, BAIT and k-center on a
large pool it can be as long again), reading the images, a frozen backbone's first look at them, choosing the memory
(which for GSS is a gradient of each sample), and writing files.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Int64
from numpy import ndarray

from acl import plan
from acl.config import RunConfig
from acl.loop import Loop
from acl.memory import Labelled, Memory
from acl.network.inference import Inference
from acl.plan import Estimate
from acl.seeds import key, shuffled
from acl.stream.types import TaskStream
from acl.system.numerics import settle
from acl.training import Training

MEASURED_S = 1.0  # of steps with replay, and as long of steps without
LEAST_STEPS = 2


def estimate(config: RunConfig, stream: TaskStream) -> Estimate:
    """The time of a whole run of `config` (its device decided), measured in a few seconds on a network and images of
    its own: no run folder is read or written. UserError for what a run would refuse."""
    settle(config)
    # What a step takes does not depend on its size, and so small a one cannot diverge.
    loop = Loop(config.changed(lr=1e-9, lr_end=0.0), stream)
    replay, size = loop.learner.replay_plan(config.replay, config.memory_batch_size)
    every_step = loop.config.changed(replay="cycle", memory_batch_size=size)
    labelled, memory = _late(loop)
    plain_s = _step_s(loop, lambda: _training(loop, every_step, labelled, loop.memory))
    replayed_s = _step_s(loop, lambda: _training(loop, every_step, labelled, memory)) if len(memory) else plain_s
    steps = replayed = 0
    for task, there in zip(stream.tasks, plan.remembered(config, stream), strict=True):
        for n in plan.labels(config, task):
            here = plan.steps_an_epoch(config, n)
            steps += config.epochs * here
            replayed += config.epochs * _replayed(replay, size, there, here)
    training_s = replayed * replayed_s + (steps - replayed) * plain_s
    looking_s = plan.images_looked_at(config, stream) * _image_s(loop, stream.tasks[-1].test_ids)
    return Estimate(steps, training_s / steps, training_s + looking_s, config.device)


def _replayed(replay: str, size: int, n_memory: int, steps: int) -> int:
    """Steps of an epoch that replay a batch of the memory."""
    if not n_memory:
        return 0
    return steps if replay == "cycle" else min(steps, -(-n_memory // min(size, n_memory)))


def _late(loop: Loop) -> tuple[Labelled, Memory]:
    """What the last training of a run works on: all labels of the last task that fill batches, and the memory of the
    tasks before it. A last, smaller batch would be timed as if it were a whole one."""
    bought = [_some(loop, index) for index in range(len(loop.stream.tasks))]
    memory = loop.memory
    if loop.uses_memory and len(bought) > 1:
        past = np.concatenate(bought[:-1])
        memory = memory.updated(past, loop.stream.labels[past])
        if loop.learner.stores_logits:
            memory = memory.with_logits(memory.ids, torch.zeros(memory.logits.shape))
    size = loop.config.batch_size
    ids = np.sort(bought[-1][: max(len(bought[-1]) // size * size, size)])
    return Labelled(ids, loop.stream.labels[ids]), memory


def _some(loop: Loop, index: int) -> Int64[ndarray, " budget"]:
    """As many samples of a task as its budget buys, drawn as its first labels are."""
    task = loop.stream.tasks[index]
    order = shuffled(key(loop.config.seed, "start", task.index), task.train_ids)
    return order[: plan.budget(loop.config, task)]


def _training(loop: Loop, config: RunConfig, labelled: Labelled, memory: Memory) -> Training:
    where = (len(loop.stream.tasks), config.rounds)
    return Training(config, loop.steps, labelled, memory, where, False)


def _step_s(loop: Loop, begin: Callable[[], Training]) -> float:
    """Seconds of one training step: the mean over about MEASURED_S, after a first one that warms up."""
    training, n = begin(), 0
    training.step()
    start = _now(loop)
    while n < LEAST_STEPS or time.perf_counter() - start < MEASURED_S:
        training = begin() if training.done else training
        training.step()
        n += 1
    return (_now(loop) - start) / n


def _image_s(loop: Loop, ids: Int64[ndarray, " test"]) -> float:
    """Seconds of one image in a forward pass of eval_batch images; of a smaller one where that takes long."""
    n = min(loop.config.batch_size, len(ids))
    _pass_s(loop, ids[:n])
    seconds = _pass_s(loop, ids[:n]) / n
    whole = ids[: loop.config.eval_batch]
    return seconds if seconds * len(whole) > MEASURED_S else _pass_s(loop, whole) / len(whole)


def _pass_s(loop: Loop, ids: Int64[ndarray, " some"]) -> float:
    start = _now(loop)
    Inference(loop.model, loop.images, ids, len(ids)).step()
    return _now(loop) - start


def _now(loop: Loop) -> float:
    """Seconds, when all that was asked of a GPU is done."""
    if loop.device.type == "cuda":
        torch.cuda.synchronize(loop.device)
    return time.perf_counter()
