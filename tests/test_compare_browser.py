"""The Compare page in Chromium: a race from form to end, play, the table's cells, and what can be taken away."""

from __future__ import annotations

import re
import time
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from acl.results import sweep
from acl.results.grid import grid
from acl.runs.control import read_control
from acl.runs.folder import create, list_runs
from acl.runs.tags import tags_of
from acl.service.worker import execute
from tests.browser import App, at_rest, browser_page, running_app
from tests.conftest import small_config
from tests.tools import wait_for

pytestmark = pytest.mark.e2e
WIDER = "() => document.querySelector('[data-testid=stMain]').scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> App:
    with running_app(tmp_path_factory.mktemp("app") / "runs", tmp_path_factory.mktemp("elsewhere")) as app:
        yield app


def start_race(page: Page, app: App, seeds: int) -> None:
    page.goto(f"{app.url}/compare?view=race")
    page.get_by_role("button", name="New race").click()
    expect(page.get_by_role("button", name="Start the race")).to_be_enabled()
    at_rest(page)
    page.get_by_role("radio", name=str(seeds), exact=True).click()
    expect(page.get_by_text(f"{4 * seeds} runs.")).to_be_visible()
    at_rest(page)
    page.get_by_role("button", name="Start the race").click()
    expect(page.get_by_role("dialog")).to_have_count(0, timeout=90_000)


def test_a_race_of_four_from_the_form_to_significance(app):
    with browser_page() as page:
        start_race(page, app, 3)
        expect(page).to_have_url(re.compile("from=sweep"))
        for name in ("Uniform", "Entropy", "BADGE", "AccuACL"):
            expect(page.locator("[data-testid=stHtml]").get_by_text(name, exact=True).first).to_be_visible()
        page.set_default_timeout(180_000)
        expect(page.get_by_text("All 12 runs finished")).to_be_visible(timeout=180_000)
        expect(page.get_by_text(re.compile(r"^after task 5, mean of 3 seeds: kept \d+"))).to_have_count(4)
        page.locator(".st-key-race-scrub").get_by_text("Play").click()
        expect(page).to_have_url(re.compile(r"moment=1\.2"))
        expect(page).to_have_url(re.compile(r"moment=2\."))
        page.locator(".st-key-race-scrub").get_by_text("Play").click()
        page.get_by_role("button", name="How sure is that?").click()
        expect(page.get_by_text("3 paired seeds").first).to_be_visible()
        expect(page).to_have_url(re.compile("view=significance"))
    assert len(list_runs(app.runs)) == 12


def test_a_race_of_one_seed_is_stepped_as_one(app):
    made = sweep.start(
        grid(small_config(seed=50, epochs=40), {"strategy": ["uniform", "accuacl"]}), app.runs, "steps", "race"
    )
    sweep.hold(made, app.runs)
    with browser_page() as page:
        page.goto(f"{app.url}/compare?view=race&from=sweep:{made.id}")
        page.get_by_role("button", name="Step round").click()
        wait_for(lambda: all((c := read_control(app.runs / m.run)) and c.until for m in made.members))
        expect(page.get_by_text(re.compile(r"\d+ at random: \d+ of")).first).to_be_visible()
        page.get_by_role("button", name="Play", exact=True).click()
        expect(page.get_by_text("All 2 runs finished")).to_be_visible()


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1024, True)])
def test_curves_follow_the_scrubber_and_fit_the_screen(app, width, dark):
    with browser_page(width=width, dark=dark) as page:
        page.goto(f"{app.url}/compare?view=curves&from=recorded")
        expect(page.get_by_role("img", name="Learning accuracy against forgetting")).to_be_visible()
        expect(page.locator(".st-key-compare-scrub")).to_contain_text("after task 5 of 5")
        page.locator(".st-key-compare-scrub").get_by_text("Play").click()
        expect(page).to_have_url(re.compile("task=1"))
        expect(page).to_have_url(re.compile("task=3"))
        page.locator(".st-key-compare-scrub").get_by_text("Play").click()
        for view in ("Table", "Significance", "Sweeps", "Race", "Curves"):
            page.get_by_role("radio", name=view).click()
            expect(page).to_have_url(re.compile(f"view={view.lower()}|view=curves|compare$"))
            assert page.evaluate(WIDER) <= 0
        expect(page.get_by_text("Traceback")).to_have_count(0)


def test_a_cell_of_the_table_leads_to_its_runs(app):
    with browser_page() as page:
        page.goto(f"{app.url}/compare?view=table&from=recorded")
        button = page.locator(".paper-table button").first
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name=re.compile(r"^seed 0: A \d")).click()
        expect(page).to_have_url(re.compile("/run.*run=recorded-"))


def test_report_and_tables_are_downloaded(app, tmp_path: Path):
    with browser_page() as page:
        page.goto(f"{app.url}/compare?view=curves&from=recorded")
        with page.expect_download() as csv:
            page.get_by_role("button", name="Tables (CSV)").click()
        with page.expect_download() as report:
            page.get_by_role("button", name="Report (HTML)").click()
        csv.value.save_as(tmp_path / "tables.zip")
        report.value.save_as(tmp_path / "report.html")
        with zipfile.ZipFile(tmp_path / "tables.zip") as archive:
            assert len(pd.read_csv(archive.open("runs.csv"))) >= 2
        # Opened from the disk: the figures are there without a network.
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"file://{tmp_path / 'report.html'}")
        expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
        time.sleep(0.5)
        assert {url.split(":")[0] for url in asked} <= {"file", "data", "blob"}


def test_a_sweep_from_its_form_to_its_curves(app):
    with browser_page() as page:
        page.goto(f"{app.url}/compare?view=sweeps")
        page.get_by_role("button", name="New sweep").click()
        page.get_by_role("textbox", name="Seeds").fill("70")
        page.get_by_role("textbox", name="Title").fill("By hand")
        page.get_by_role("textbox", name="Other settings").fill("epochs=2\nwidth=16")
        page.get_by_role("textbox", name="Other settings").blur()
        expect(page.get_by_role("button", name="Start 7 runs")).to_be_enabled()
        at_rest(page)
        page.get_by_role("button", name="Start 7 runs").click()
        expect(page.get_by_text("By hand", exact=True)).to_be_visible()
        expect(page.get_by_text("7 of 7 finished")).to_be_visible(timeout=120_000)
        page.locator(".st-key-sweep-curves button").click()
        expect(page.get_by_text("LeastConf").first).to_be_visible()
        expect(page).to_have_url(re.compile("view=curves|from=sweep"))


def test_several_runs_of_the_library_are_tagged_and_compared(app):
    made = [create(small_config(strategy=name, seed=90), app.runs) for name in ("uniform", "accuacl")]
    for run in made:
        execute(run)
    with browser_page() as page:
        page.goto(f"{app.url}/library?q=-s90-")
        expect(page.get_by_text("Click the box at the left")).to_be_visible()
        frame = page.locator(".st-key-library canvas").first.bounding_box()
        for row in (52, 87):
            page.mouse.click(frame["x"] + 16, frame["y"] + row)
        expect(page.get_by_text("2 runs", exact=True)).to_be_visible()
        tags = page.get_by_role("combobox", name="Tags")
        tags.fill("pair")
        tags.press("Enter")
        tags.press("Escape")
        wait_for(lambda: all(tags_of(run) == ["pair"] for run in made))
        page.get_by_role("button", name="Compare", exact=True).click()
        expect(page).to_have_url(re.compile("runs="))
        expect(page.get_by_role("combobox", name="Runs")).to_have_value("2 chosen runs")
        page.goto(f"{app.url}/compare?view=curves&from=tag:pair")
        expect(page.get_by_text("AccuACL ×1")).to_be_visible()
