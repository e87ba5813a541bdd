"""What an idle backend costs, and how soon it answers: a folder of runs that are finished, then Play on one more.

python benchmarks/idle.py [-n 1000]  → a table on stdout
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from acl.plugins.registry import prepare
from acl.presets import preset_config
from acl.runs.control import Status, read_status, request, write_status
from acl.runs.folder import Run, create, resolved
from acl.service import backend

RECORDED = Path(__file__).resolve().parent.parent / "assets" / "runs" / "recorded-er-uniform-digits-s0"
SETTLE_S = 20.0
"""The warm spare has imported torch by then."""
PLAYS = 3


def until(what: Callable[[], object]) -> float:
    """Seconds until `what` is true, looked at every millisecond."""
    start = time.perf_counter()
    while not what():
        time.sleep(0.001)
    return time.perf_counter() - start


def fill(runs: Path, n: int) -> None:
    """`n` finished runs, as somebody played them: what the backend reads of them."""
    for i in range(n):
        path = runs / f"{RECORDED.name}-{i:04x}"
        path.mkdir(parents=True)
        for name in ("config.json", "events.jsonl", "summary.json"):
            shutil.copy(RECORDED / name, path / name)
        write_status(path, Status("finished", seq=1))
        request(path, mode="play")


def idle_percent(process: psutil.Process, seconds: float) -> float:
    """% of a core that the backend itself takes; its spare worker is another process."""

    def spent() -> float:
        times = process.cpu_times()
        return times.user + times.system

    before, start = spent(), time.perf_counter()
    time.sleep(seconds)
    return 100 * (spent() - before) / (time.perf_counter() - start)


def press_play(run: Run) -> tuple[float, float]:
    """Seconds from the request to the backend's word that it starts a worker, and to the worker's own first word."""
    start = time.perf_counter()
    request(run.path, mode="play")
    until(lambda: read_status(run.path))
    answered = time.perf_counter() - start
    until(lambda: (status := read_status(run.path)) and status.pid)
    spoken = time.perf_counter() - start
    request(run.path, mode="stop")
    until(lambda: (status := read_status(run.path)) and status.state == "stopped")
    return answered, spoken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30.0, help="of idleness that are measured")
    arguments = parser.parse_args()
    config = preset_config("digits-demo")
    config = resolved(config, prepare(config))
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        fill(runs, arguments.n)
        fresh = [create(config, runs) for _ in range(PLAYS)]
        backend.ensure(runs)
        until(lambda: backend.running(runs))
        process = backend.running(runs)
        assert process is not None
        try:
            time.sleep(SETTLE_S)
            load = os.getloadavg()[0]
            percent = idle_percent(process, arguments.seconds)
            pressed = []
            for run in fresh:
                pressed.append(press_play(run))
                time.sleep(SETTLE_S)
        finally:
            backend.stop(runs)
    answered, spoken = (1000 * statistics.median(times) for times in zip(*pressed, strict=True))
    print("| runs | load of the machine | % of a core, idle | Play to starting, ms | Play to the first word, ms |")
    print("|---|---|---|---|---|")
    print(f"| {arguments.n} | {load:.1f} | {percent:.2f} | {answered:.0f} | {spoken:.0f} |")


if __name__ == "__main__":
    main()
