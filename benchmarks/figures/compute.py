"""The runs of a grid that its file lacks, each stepped to its end in a process of low priority that is kept."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from hashlib import blake2b
from importlib.metadata import version
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path

import numpy as np

from acl.config import FULL, RunConfig, UserError
from acl.events import Event, Finished, Scored, Trained
from acl.plugins.registry import prepare
from acl.runs.folder import resolved
from acl.stream.types import TaskStream
from benchmarks.figures.grids import Grid, identity
from benchmarks.figures.lines import Line, Lines

NAMES = ("learner", "strategy", "seed", "memory")
FIGURES = ("A", "F", "F_diag", "LA", "A_mean", "A_aware")


def missing(grid: Grid, lines: list[Line], data: str = "") -> list[RunConfig]:
    """The runs of `grid` that are not among `lines`, in the order of work."""
    there = {line["key"] for line in lines}
    return [config for config in grid.configs(data) if identity(config) not in there]


def computed(grid: Grid, path: Path, jobs: int, data: str = "") -> Iterator[tuple[RunConfig, Line | Exception]]:
    """Work out what is missing in `path`, `jobs` runs at a time; each is yielded once its line is on the disk.

    A run that fails is yielded with its error and the others go on. Closing the generator ends the processes.
    UserError for data that no run of the grid can use.
    """
    with Lines(path) as lines:
        todo = missing(grid, lines.all, data)
        if not todo:
            return
        # Said here, once; and what own images need to be read fast is then there for every process.
        images = _checked_images(grid, lines, todo[0])
        with ProcessPoolExecutor(jobs, get_context("spawn"), _start) as pool:
            try:
                work = {pool.submit(played, config): config for config in todo}
                for future in as_completed(work):
                    outcome = future.exception() or {**future.result(), "images": images}
                    if isinstance(outcome, BrokenExecutor):
                        raise UserError("A process died, perhaps of too little memory: go on with fewer jobs.")
                    if isinstance(outcome, dict):
                        lines.append(outcome)
                    yield work[future], outcome
            except BaseException:
                for child in active_children():
                    child.terminate()
                raise


def _checked_images(grid: Grid, lines: Lines, config: RunConfig) -> str:
    """The digest of the grid's images. UserError if its runs so far saw others."""
    images = digest(prepare(config))
    keys = {identity(config) for config in grid.configs()}
    if any(line["key"] in keys and line["images"] != images for line in lines.all):
        raise UserError(
            f"The runs of {grid.name} that are kept saw other images: give the data they had, or delete their file."
        )
    return images


def _start() -> None:
    """What a process does before its first run: it yields to all others, and ends with its parent only."""
    os.nice(19)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """Wait for the end of the parent, and end this process then."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def played(config: RunConfig) -> Line:
    """The line of one run, from beginning to end. Fractions are rounded to 6 digits, seconds to 3."""
    from acl.loop import Loop
    from acl.system.numerics import settle

    began = time.perf_counter()
    settle(config)
    stream = prepare(config)
    loop, events = Loop(resolved(config, stream), stream), []
    while not loop.done:
        events.append(loop.step())
    return _line(config, [event for event in events if event], time.perf_counter() - began)


def _line(config: RunConfig, events: list[Event], seconds: float) -> Line:
    (summary,) = (event.summary for event in events if isinstance(event, Finished))
    costs = [event.cost for event in events if isinstance(event, Scored)]
    return {
        "key": identity(config),
        **{name: getattr(config, name) for name in NAMES},
        "n_end": None if config.strategy == FULL else config.n_end,
        **{name: round(summary[name], 6) for name in FIGURES},
        "queries": len(costs),
        "forward_s": round(sum(cost["forward_s"] for cost in costs), 3),
        "score_s": round(sum(cost["score_s"] for cost in costs), 3),
        "train_s": round(sum(event.seconds for event in events if isinstance(event, Trained)), 3),
        "seconds": round(seconds, 3),
        "machine": machine(),
        "made": time.strftime("%Y-%m-%d"),
    }


def digest(stream: TaskStream) -> str:
    """Of the images, labels and tasks: equal where runs saw the same."""
    found = blake2b(np.ascontiguousarray(stream.images), digest_size=8)
    for ids in (stream.labels, *(ids for task in stream.tasks for ids in (task.train_ids, task.test_ids))):
        found.update(np.ascontiguousarray(ids))
    return found.hexdigest()


def machine() -> str:
    """What a run's last bits and its seconds depend on, in words."""
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "acl-explorer"))
    return f"{os.cpu_count()} CPUs, {capability}, {versions}"
