"""Make README's pictures anew, out of the app itself in Chromium: make pictures.

run.gif ten seconds of a run, race.png a race of four strategies, outcomes.png what sets of labels did. A minute or two
of a laptop that does little else.
"""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from acl.presets import preset_config
from acl.results import sweep
from acl.runs.control import request
from acl.runs.folder import create
from tests.browser import App, at_rest, browser_page, running_app

HERE = Path(__file__).resolve().parent
STRATEGIES = ("uniform", "entropy", "badge", "accuacl")
QUERY = "inspect?run=recorded-er-accuacl-digits-s0&task=3&round=1"
PACE_S, GIF_S, GIF_WIDTH = 0.6, 10.0, 960
PATIENCE_MS = 120_000


def live(page: Page, app: App, runs: Path) -> None:
    """run.gif: a run from its third task on."""
    run = create(preset_config("digits-demo", learner="er", strategy="accuacl", seed=1), runs)
    request(run.path, mode="play", pace=PACE_S)
    page.goto(f"{app.url}/run?run={run.id}")
    expect(page.get_by_text("task 3 of 5").first).to_be_visible(timeout=PATIENCE_MS)
    frames, began = [], time.monotonic()
    while time.monotonic() < began + GIF_S:
        frames.append(page.screenshot())
        page.wait_for_timeout(100)
    moving(frames, HERE / "run.gif")


def moving(frames: list[bytes], path: Path) -> None:
    """A GIF that plays again and again; all frames share one palette, so that nothing flickers."""
    pictures = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    size = (GIF_WIDTH, round(GIF_WIDTH * pictures[0].height / pictures[0].width))
    pictures = [picture.resize(size, Image.Resampling.LANCZOS) for picture in pictures]
    # Few pixels have the colours that matter, those of the curves: none of them may be merged away.
    palette = pictures[-1].quantize(256, method=Image.Quantize.MAXCOVERAGE)
    first, *rest = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    first.save(
        path, save_all=True, append_images=rest, duration=round(1000 * GIF_S / len(frames)), loop=0, optimize=True
    )


def race(page: Page, app: App, runs: Path) -> None:
    """race.png: five seeds each, at their end."""
    configs = [preset_config("digits-demo", strategy=each, seed=seed) for each in STRATEGIES for seed in range(5)]
    made = sweep.start(configs, runs, "Uniform, Entropy, BADGE, AccuACL × 5 seeds", "race")
    page.goto(f"{app.url}/compare?view=race&from=sweep:{made.id}")
    expect(page.get_by_text("All 20 runs finished")).to_be_visible(timeout=PATIENCE_MS)
    kept(page, "race.png")


def outcomes(page: Page, app: App) -> None:
    """outcomes.png: one query of the recording, measured."""
    page.goto(f"{app.url}/{QUERY}")
    expect(page.locator(".lens .plot").first).to_be_visible()
    page.get_by_text("What did it do?", exact=True).click()
    page.get_by_role("button", name="Measure", exact=True).click()
    expect(page.get_by_text("trainings measured")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("trainings measured")).to_have_count(0, timeout=PATIENCE_MS)
    at_rest(page)
    plane = page.locator("[class*=st-key-outcome-plane]").first
    plane.scroll_into_view_if_needed()
    kept(page, "outcomes.png", plane)


def kept(page: Page, name: str, near: Locator | None = None) -> None:
    """The window as it is; near: what is to stand in its middle."""
    if near is not None:
        near.evaluate("element => element.scrollIntoView({block: 'center'})")
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)
    Image.open(io.BytesIO(page.screenshot())).quantize(256).save(HERE / name, optimize=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as home, browser_page() as page:
        runs = Path(home) / "runs"
        with running_app(runs, Path(home)) as app:
            live(page, app, runs)
            race(page, app, runs)
            outcomes(page, app)


if __name__ == "__main__":
    main()
