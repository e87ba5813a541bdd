"""How long a move of the λ slider takes on Inspect, with Chromium on the same cores as the app.

"Picks on screen": from the key to the first frame whose points have other roles. "Server time": the processor time
that the app's process spends on this move, also on what it draws after the picks.

python -m benchmarks.slider [--moves 20]  → a table on stdout
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import Page

from acl.snapshots import shelf
from benchmarks.whatif import DIM, POOL, context
from tests.browser import App, browser_page, running_app

RECORDING = "recorded-er-accuacl-digits-s0"
TICK_S = 0.02
"""Less processor time than this within a look counts as rest."""
WATCH = """root => {
  const roles = () => root.lens.role.join(' '), before = roles(), start = performance.now();
  window.picksAfter = new Promise(done => {
    const look = () => {
      if (roles() !== before) done(performance.now() - start);
      else if (performance.now() - start > 10000) done(null);
      else requestAnimationFrame(look);
    };
    look();
  });
}"""


def spent(app: psutil.Process) -> float:
    times = app.cpu_times()
    return float(times.user + times.system)


def at_rest(app: psutil.Process) -> float:
    """Processor seconds that the app has spent, once it spends no more."""
    seconds = -1.0
    while (now := spent(app)) - seconds > TICK_S:
        seconds = now
        time.sleep(0.5)
    return now


def moves(page: Page, app: psutil.Process, n: int) -> tuple[list[float], list[float]]:
    """Milliseconds of the server and until the picks are seen; only moves by a tenth that change the picks count."""
    page.get_by_role("slider", name="λ, weight of the past").focus()
    page.keyboard.press("Home")
    server, screen = [], []
    for move in range(n):
        before = at_rest(app)
        page.locator(".lens").evaluate(WATCH)
        page.keyboard.press("PageUp" if move // 10 % 2 == 0 else "PageDown")
        seen = page.evaluate("() => window.picksAfter")
        if seen is not None:
            screen.append(seen)
            server.append(1000 * (at_rest(app) - before))
    return server, screen


def measured(app: App, link: str, n: int) -> tuple[list[float], list[float]]:
    assert app.process is not None
    with browser_page() as page:
        page.goto(f"{app.url}/inspect?{link}")
        # Once the UMAP has come: its formation is no part of a move.
        page.get_by_text("Right: features (UMAP)").wait_for(timeout=180_000)
        return moves(page, psutil.Process(app.process.pid), n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=20)
    n = parser.parse_args().moves
    print("| query | what | moves | median ms | worst ms |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        runs.mkdir()
        context(10).save(Path(folder) / "asked.safetensors")
        with running_app(runs, Path(folder)) as app:
            queries = {
                "recording of digits-demo, task 3": f"run={RECORDING}&task=3&round=1",
                f"{POOL:,} × {DIM}, 10 classes": f"snapshot={shelf.link(runs, Path(folder) / 'asked.safetensors')}",
            }
            for name, link in queries.items():
                for what, times in zip(("server time", "picks on screen"), measured(app, link, n), strict=True):
                    print(f"| {name} | {what} | {len(times)} | {statistics.median(times):.0f} | {max(times):.0f} |")


if __name__ == "__main__":
    main()
