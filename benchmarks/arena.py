"""How long a race takes, and how quickly the Compare page answers with 8 strategies × 10 seeds.

python benchmarks/arena.py  → a table on stdout. Starts a backend on a folder of its own, and ends it.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RACERS = ("accuacl", "uniform", "entropy", "badge")
EVERY = (*RACERS, "least_confidence", "kcenter", "bait", "full")


def finished(runs: Path, strategies: Sequence[str], seeds: int, first: int, keep: bool) -> tuple[float, str]:
    """Seconds from the wish to the last finished run of digits-demo, and the sweep."""
    from acl.presets import preset_config
    from acl.results import sweep
    from acl.results.grid import grid

    base = preset_config("digits-demo", **({} if keep else {"snapshots": "off"}))
    configs = grid(base, {"strategy": strategies, "seed": range(first, first + seeds)})
    start = time.perf_counter()
    started = sweep.start(configs, runs, f"{len(configs)} runs")
    while any(each.state != "finished" for each in sweep.progress(started, runs)):
        time.sleep(0.05)
    return time.perf_counter() - start, started.id


def page(sweep_id: str) -> tuple[float, list[float], int]:
    """Seconds of the first drawing of the curves, and of nine moves of the scrubber; bytes sent by the last."""
    from streamlit.testing.v1 import AppTest

    test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=120)
    test.query_params["view"], test.query_params["from"] = "curves", f"sweep:{sweep_id}"
    first = timed(lambda: test.switch_page(str(ROOT / "pages" / "compare.py")).run())
    assert not test.exception and any("×10" in block.proto.body for block in test.get("html"))
    slider = "compare-task"
    moves = [
        timed(lambda t=t: test.select_slider(key=slider).set_value(str(t)).run()) for t in (1, 2, 3, 4, 5, 4, 3, 2, 1)
    ]
    return first, moves, sum(chart.proto.ByteSize() for chart in test.get("echarts_chart"))


def timed(what: Callable[[], object]) -> float:
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        os.environ["ACL_RUNS"] = str(runs)
        from acl.service import backend

        backend.ensure(runs)
        time.sleep(20)  # until the spare is warm, as it is when somebody has looked at the page for a moment
        races = [finished(runs, RACERS, 5, first, keep=True)[0] for first in (1000, 2000, 3000)]
        sweep_s, sweep_id = finished(runs, EVERY, 10, 0, keep=False)
        backend.stop(runs)
        first, moves, size = page(sweep_id)
    print("| what | n | median | worst |\n|---|---|---|---|")
    print(f"| race of 4 strategies × 5 seeds | 3 | {statistics.median(races):.1f} s | {max(races):.1f} s |")
    print(f"| sweep of 8 strategies × 10 seeds | 1 | {sweep_s:.1f} s | {sweep_s:.1f} s |")
    print(f"| Compare of those 80, first drawing | 1 | {first:.2f} s | {first:.2f} s |")
    print(f"| Compare, scrubber moved | 9 | {1000 * statistics.median(moves):.0f} ms | {1000 * max(moves):.0f} ms |")
    print(f"\nCharts sent for one moment: {size / 1000:.0f} kB.")


if __name__ == "__main__":
    main()
