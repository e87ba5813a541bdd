"""How fast is it? Medians of repeats, the device waited for; ratios are of one process on one card."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from statistics import median

import torch

from acl.config import RunConfig, make_config
from acl.events import Scored
from acl.loop import Loop
from acl.plugins.registry import build, choices, prepare
from acl.presets import preset_config
from acl.stream.types import TaskStream
from acl.system.numerics import settle
from benchmarks.figures.grids import ASKED
from benchmarks.gpu.checking import Figure, Found, Setting
from benchmarks.gpu.inputs import context, stream
from benchmarks.gpu.plain_loop import PlainLoop
from benchmarks.gpu.same_runs import played

PAPER = "cifar10-paper-m100"
PAPER_STEPS = 174_000
"""Of a whole run of PAPER with a strategy: 5 tasks × (7 + 13 + … + 63 steps) × 100 epochs."""
PROCESSES = (1, 2, 4, 8)
WAIT_S = 60


def _config(setting: Setting, **values: object) -> RunConfig:
    """The paper's steps, 16 new and 16 old images in each; small: of a small network."""
    small = {"model": "cnn", "width": 16} if setting.small else {}
    return preset_config(
        PAPER, strategy="uniform", device=setting.device, replay="cycle", class_order=(0, 1, 2, 3), n_start=160,
        n_end=160, epochs=1, snapshots="off", **small, **values,
    )  # fmt: skip


def _images(config: RunConfig, setting: Setting) -> TaskStream:
    return stream(config, 8 if setting.small else 32, 200, 20, 4)


def _in_training(config: RunConfig, images: TaskStream) -> Loop:
    """A loop that stands at the first step of the second task's training, which has no end in sight."""
    settle(config)
    loop = Loop(config, images)
    while not (loop.task == 2 and loop.before_query):
        loop.step()
    loop.steer({"epochs": 10**6})
    while loop.stage != "train":
        loop.step()
    return loop


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _step_ms(step: Callable[[], object], setting: Setting) -> float:
    """Median over repeats of the milliseconds of one step, after a warm-up."""
    repeats, steps = (2, 2) if setting.small else (5, 30)
    found = []
    for repeat in range(repeats + 1):
        _wait(setting.device)
        began = time.perf_counter()
        for _ in range(steps):
            step()
        _wait(setting.device)
        if repeat:
            found.append(1000 * (time.perf_counter() - began) / steps)
    return median(found)


def steps(setting: Setting) -> Found:
    """One training step of ER in every way there is, against the plain loop."""
    config = _config(setting)
    images = _images(config, setting)
    settle(config)
    first, second = images.tasks[0].train_ids, images.tasks[1].train_ids
    plain = _step_ms(PlainLoop(config, images, second[:160], first[:100]).step, setting)
    figures = [Figure("plain loop, float32", f"{plain:.2f} ms a step", "the measure")]
    precisions = ("float32", "tf32", "bfloat16") if setting.device == "cuda" else ("float32", "bfloat16")
    for graphs in (False, True):
        for precision in precisions:
            for order in (torch.channels_last, torch.contiguous_format):
                loop = _in_training(config.changed(precision=precision, cuda_graphs=graphs), images)
                loop.model.to(memory_format=order)
                ms = _step_ms(loop.step, setting)
                last = order == torch.channels_last
                name = f"{'CUDA graphs' if graphs else 'eager'}, {precision}, channels {'last' if last else 'first'}"
                aimed = graphs and precision == "float32" and last
                target = "at least 3 times as fast" if aimed else ""
                figures.append(Figure(name, f"{ms:.2f} ms a step, {plain / ms:.1f} times as fast as plain", target))
                del loop
    return Found(f"plain loop {plain:.2f} ms a step; the rest below", tuple(figures))


def learners(setting: Setting) -> Found:
    """One training step of every learner, eager and with graphs."""
    figures = []
    for learner in choices("learners"):
        ms = []
        for graphs in (False, True):
            config = _config(setting, learner=learner, cuda_graphs=graphs)
            ms.append(_step_ms(_in_training(config, _images(config, setting)).step, setting))
        said = f"{ms[0]:.2f} ms a step eager, {ms[1]:.2f} with CUDA graphs: {ms[0] / ms[1]:.1f} times as fast"
        figures.append(Figure(f"{learner}, float32", said))
    return Found(f"{len(figures)} learners, below", tuple(figures))


def forward(setting: Setting) -> Found:
    """The forward pass of a whole query, as a run does it."""
    each = 20 if setting.small else 5000
    config = _config(setting).changed(n_start=16, n_query=16, n_end=48, class_order=(0, 1))
    run = played(config, stream(config, 8 if setting.small else 32, each, 20, 2))
    found = [event for event in run.events if isinstance(event, Scored)]
    said = f"{found[-1].cost['forward_s']:.3f} s, the run's first query {found[0].cost['forward_s']:.3f} s"
    return Found(said, (Figure(f"forward pass of a query over {2 * each:,} images", said, "at most 1 s"),))


def queries(setting: Setting) -> Found:
    """Each strategy's own work on what the network said, on the device."""
    figures = []
    for name in ASKED:
        n_pool, n, dim = (200, 8, 16) if setting.small else (2000 if name == "bait" else 10_000, 100, 512)
        query = context(2, n_pool, n, dim=dim, copies=False).on(setting.device)
        strategy = build("strategies", name, make_config({"strategy": name}))
        seconds = []
        for _ in range(2 if name == "bait" else 4):
            _wait(setting.device)
            began = time.perf_counter()
            strategy.select(query)
            _wait(setting.device)
            seconds.append(time.perf_counter() - began)
        target = "at most 5 ms" if name == "accuacl" else ""
        what = f"{name}: {n} of {n_pool:,} samples, 10 classes, {dim} dimensions"
        figures.append(Figure(what, f"{1000 * median(seconds[1:]):.1f} ms", target))
    return Found("every strategy, below", tuple(figures))


# -- several processes on one card ---------------------------------------------------------------------


def together(setting: Setting) -> Found:
    """Training steps of 1, 2, 4 and 8 processes at once, each with a network of its own."""
    counts = PROCESSES[:2] if setting.small else PROCESSES
    spawn = get_context("spawn")
    barrier = spawn.Barrier(counts[-1] + 1)
    children = [spawn.Process(target=_stepping, args=(n, counts, setting, barrier)) for n in range(counts[-1])]
    for child in children:
        child.start()
    figures, n_steps = [], _together_steps(setting)
    for graphs in (False, True):
        for k in counts:
            barrier.wait(WAIT_S)
            began = time.perf_counter()
            barrier.wait(WAIT_S)
            rate = k * n_steps / (time.perf_counter() - began)
            what = f"{k} {'process' if k == 1 else 'processes'}, {'CUDA graphs' if graphs else 'eager'}"
            figures.append(Figure(what, f"{rate:,.0f} steps a second, {3600 * rate / PAPER_STEPS:.2f} runs an hour"))
    for child in children:
        child.join()
    return Found(f"float32; a run is {PAPER_STEPS:,} training steps and nothing else", tuple(figures))


def _together_steps(setting: Setting) -> int:
    return 4 if setting.small else 150


def _stepping(number: int, counts: tuple[int, ...], setting: Setting, barrier: Barrier) -> None:
    """The process `number`: it takes part where more than that many are at work. One that fails stops all."""
    try:
        _step_together(number, counts, setting, barrier)
    except BaseException:
        barrier.abort()
        raise


def _step_together(number: int, counts: tuple[int, ...], setting: Setting, barrier: Barrier) -> None:
    for graphs in (False, True):
        config = _config(setting, cuda_graphs=graphs)
        loop = _in_training(config, _images(config, setting))
        for _ in range(2):
            loop.step()
        for k in counts:
            _wait(setting.device)
            barrier.wait(WAIT_S)
            for _ in range(_together_steps(setting) if number < k else 0):
                loop.step()
            _wait(setting.device)
            barrier.wait(WAIT_S)


# -- what a precision does to the result ---------------------------------------------------------------


def precisions(setting: Setting) -> Found:
    """One short run in each precision: one seed, so it shows no more than that nothing breaks."""
    known = {"dataset": "parquet", "data": setting.data} if setting.data else {}
    small = {"n_end": 200, "max_per_class": 200, "width": 16} if setting.small else {}
    config = preset_config(
        "cifar10-quick", **known, epochs=1 if setting.small else 5, device=setting.device, cuda_graphs=True,
        snapshots="off", **small,
    )  # fmt: skip
    images = prepare(config) if setting.data else _images_of_a_run(config, setting)
    figures = []
    for precision in ("float32", "tf32", "bfloat16") if setting.device == "cuda" else ("float32", "bfloat16"):
        run = played(config.changed(precision=precision), images)
        a, f, la = (100 * run.summary[name] for name in ("A", "F", "LA"))
        figures.append(Figure(f"{precision}, AccuACL", f"A {a:.1f}, F {f:.1f}, LA {la:.1f} in {run.seconds:.1f} s"))
    shown = "CIFAR-10" if setting.data else "made-up pictures"
    return Found(f"cifar10-quick with {config.epochs} epochs on {shown}, one seed", tuple(figures))


def _images_of_a_run(config: RunConfig, setting: Setting) -> TaskStream:
    return stream(config, 8 if setting.small else 32, 150 if setting.small else 500, 50)
