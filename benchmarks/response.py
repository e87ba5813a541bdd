"""How fast the tool answers: control requests to a playing worker, and a second start of the app.

python benchmarks/response.py [-n 40]  → a table on stdout
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from acl.plugins.registry import prepare
from acl.presets import preset_config
from acl.runs.control import read_status, request
from acl.runs.folder import Run, create, resolved
from acl.service import backend

ROOT = Path(__file__).resolve().parent.parent


def until(what: Callable[[], object]) -> float:
    """Seconds until `what` is true, looked at every millisecond."""
    start = time.perf_counter()
    while not what():
        time.sleep(0.001)
    return time.perf_counter() - start


def new_run(runs: Path, pace: float) -> Run:
    # Long trainings, so that requests arrive in the middle of one.
    config = preset_config("digits-demo", epochs=5000)
    run = create(resolved(config, prepare(config)), runs)
    request(run.path, mode="play", pace=pace)
    return run


def state(run: Run) -> str:
    status = read_status(run.path)
    return status.state if status else ""


def answers(runs: Path, n: int) -> dict[str, list[float]]:
    """Seconds from writing the wish to reading it fulfilled, in the middle of a training."""
    run = new_run(runs, 0.0)
    until(lambda: state(run) == "playing")
    found: dict[str, list[float]] = {"pause": [], "play": []}
    for _ in range(n):
        time.sleep(0.05)
        for mode, wanted in (("pause", "paused"), ("play", "playing")):
            request(run.path, mode=mode)
            found[mode].append(until(lambda wanted=wanted: state(run) == wanted))
    request(run.path, mode="stop")
    until(lambda: state(run) == "stopped")
    return found


def first_words(runs: Path) -> list[float]:
    """Seconds from Play to the first playing status, with the warm spare ready."""
    found = []
    for _ in range(3):
        time.sleep(15)  # the spare needs this long to be warm on two cores
        run = new_run(runs, 0.0)
        found.append(until(lambda run=run: state(run) == "playing"))
        request(run.path, mode="stop")
        until(lambda run=run: state(run) == "stopped")
    return found


def app_start(runs: Path) -> float:
    """Seconds until an installed app answers its health check."""
    port = 8765
    app = subprocess.Popen(
        [sys.executable, "-m", "app.launch", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "ACL_RUNS": str(runs)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def healthy() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    seconds = until(healthy)
    app.terminate()
    app.wait()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=40)
    n = parser.parse_args().n
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        rows = {"app answers (installed)": [app_start(runs) for _ in range(3)]}
        backend.ensure(runs)
        rows["Play to playing, warm spare"] = first_words(runs)
        rows |= {f"{mode} obeyed, in a training": seconds for mode, seconds in answers(runs, n).items()}
        backend.stop(runs)
    print("| what | n | median ms | 95 % ms | worst ms |\n|---|---|---|---|---|")
    for name, seconds in rows.items():
        ordered = sorted(1000 * s for s in seconds)
        p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        print(f"| {name} | {len(ordered)} | {statistics.median(ordered):.0f} | {p95:.0f} | {ordered[-1]:.0f} |")


if __name__ == "__main__":
    main()
