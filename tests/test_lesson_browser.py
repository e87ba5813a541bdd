"""The lesson in Chromium: it moves by itself, it runs live, keys lead through it, and it fits a projector."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from acl.runs.folder import list_runs
from app.lesson import page as lesson
from app.lesson.chapters import forgetting, memory
from tests.browser import App, at_rest, browser_page, running_app
from tests.tools import state_of, wait_for

pytestmark = pytest.mark.e2e
LAST = len(lesson.CHAPTERS)
AT_ONCE_MS = 100
CLICKS = 10


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> App:
    with running_app(tmp_path_factory.mktemp("app") / "runs", tmp_path_factory.mktemp("elsewhere")) as app:
        yield app


def test_the_first_page_moves_by_itself_then_runs_live(app):
    with browser_page(width=1024) as page:
        page.goto(app.url)
        expect(page.get_by_text(forgetting.QUESTION)).to_be_visible()
        expect(page.locator(".st-key-lesson-accuracy canvas").first).to_be_visible()
        expect(page.get_by_text("recorded").first).to_be_visible()
        expect(page.get_by_text("· task 2, round")).to_be_visible()
        page.keyboard.press("Space")
        run = wait_for(lambda: next(iter(list_runs(app.runs)), None))
        expect(page.get_by_text("Your run is starting")).to_be_visible()
        assert page.locator(".st-key-lesson-accuracy canvas").count() > 0
        expect(page.get_by_text("live, seed 1")).to_be_visible()
        page.keyboard.press("Space")
        wait_for(lambda: state_of(run.path) == "paused")
        expect(page.get_by_role("button", name=re.compile("^Play on"))).to_be_visible()
        page.keyboard.press("Space")
        wait_for(lambda: state_of(run.path) == "finished", seconds=300)
        expect(page.get_by_test_id("stAlert")).to_contain_text("Right after its own task")
        page.get_by_role("button", name="Open").click()
        expect(page).to_have_url(re.compile(f"run={run.id}"))


def test_keys_lead_through_all_chapters_and_the_address_says_where_one_is(app):
    with browser_page(width=1024) as page:
        page.goto(app.url)
        expect(page.get_by_text(lesson.CHAPTERS[0].QUESTION)).to_be_visible()
        for key, at in (("ArrowRight", 2), ("ArrowLeft", 1), (str(LAST), LAST), ("ArrowLeft", LAST - 1)):
            # The keys are the buttons': they work once these are drawn.
            expect(page.locator(f".st-key-lesson-{LAST} button").first).to_be_visible()
            at_rest(page)
            page.keyboard.press(key)
            expect(page).to_have_url(re.compile(rf"chapter={at}\b"))
            expect(page.get_by_text(lesson.CHAPTERS[at - 1].QUESTION)).to_be_visible()
        page.reload()
        expect(page.get_by_text(lesson.CHAPTERS[at - 1].QUESTION)).to_be_visible()


@pytest.mark.parametrize("number", range(1, LAST + 1))
@pytest.mark.parametrize("projector", [False, True])
def test_a_chapter_is_one_screen(app, number, projector):
    with browser_page(width=1024) as page:
        page.set_viewport_size({"width": 1024, "height": 768})
        page.goto(f"{app.url}/?chapter={number}" + ("&projector=true" if projector else ""))
        expect(page.get_by_text(lesson.CHAPTERS[number - 1].QUESTION)).to_be_visible()
        at_rest(page)
        page.wait_for_timeout(1500)
        # The sentence to take away has its place from the beginning.
        box = page.locator(".st-key-takeaway").bounding_box()
        assert box["y"] + box["height"] <= 768, box
        assert page.get_by_test_id("stException").count() == 0


@pytest.mark.parametrize(
    "number, projector, query", [(1, False, ""), (1, True, ""), (2, True, "&remembered=50"), (3, True, "")]
)
def test_a_chapter_with_its_last_sentence_is_one_screen_too(app, number, projector, query):
    with browser_page(width=1024) as page:
        page.set_viewport_size({"width": 1024, "height": 768})
        page.goto(f"{app.url}/?chapter={number}{query}" + ("&projector=true" if projector else ""))
        if number == 1:
            page.get_by_text("Is it 0 or 1?").click()  # here lines fall and rise, and both is explained
        if number < 3:
            expect(page.get_by_role("button", name="Again")).to_be_visible()
        expect(page.get_by_test_id("stAlert")).to_be_visible()
        at_rest(page)
        box = page.get_by_test_id("stAlert").bounding_box()
        assert box["y"] + box["height"] <= 768, box


def answered_ms(page: Page, clicks: int) -> float:
    """Milliseconds from the press of chapter 2's button to the words. From within the page, so that neither the driver
    nor what is between counts."""
    button = page.locator(f".st-key-live-{memory.__name__.replace('.', '-')} button").first
    expect(page.get_by_role("button", name="Again")).to_be_visible()  # its recording is over
    at_rest(page)
    found: float = button.evaluate(
        """(button, clicks) => new Promise(found => {
            const pressed = performance.now();
            new MutationObserver((_, watch) => {
                if (document.body.innerText.includes("Your run is starting")) {
                    watch.disconnect();
                    found(performance.now() - pressed);
                }
            }).observe(document.body, {subtree: true, childList: true, characterData: true});
            for (let i = 0; i < clicks; i++) button.click();
        })""",
        clicks,
    )
    return found


def test_a_press_is_answered_at_once_and_ten_make_one_run(app):
    with browser_page(width=1024) as page:
        page.goto(f"{app.url}/?chapter=2")
        chart = page.locator(".st-key-lesson-memory")
        expect(page.get_by_role("button", name="Again")).to_be_visible()
        before, place = len(list_runs(app.runs)), chart.bounding_box()
        took = [answered_ms(page, clicks=CLICKS)]
        # The picture that is there stays in its place.
        assert chart.bounding_box() == place
        expect(page.get_by_text("live, seed 1")).to_be_visible()
        assert len(list_runs(app.runs)) == before + 1
        # On a machine that does other things meanwhile one of three is as fast as the page can be.
        while min(took) >= AT_ONCE_MS and len(took) < 3:
            page.locator(".st-key-lesson-reset button").first.click()
            took.append(answered_ms(page, clicks=1))
        assert min(took) < AT_ONCE_MS, took


@pytest.mark.parametrize("projector", [False, True])
def test_the_chart_stays_where_it_is_as_the_memory_fills(app, projector):
    with browser_page(width=1024) as page:
        page.goto(f"{app.url}/?chapter=2&remembered=50" + ("&projector=true" if projector else ""))
        expect(page.get_by_text("Nothing is left of the past")).to_be_visible()
        chart = page.locator(".st-key-lesson-memory")
        page.wait_for_timeout(500)  # the page's own type and style have come
        first = chart.bounding_box()
        expect(page.get_by_text("What is left of the past: 50 digits")).to_be_visible()
        assert chart.bounding_box() == first


def test_a_help_that_is_shown_takes_no_press_from_its_neighbours(app):
    with browser_page(width=1024) as page:
        for query, named in (
            ("?chapter=3", "lesson-2"),
            ("?chapter=3", "labels-play"),
            ("library", "projector-switch"),
        ):
            page.goto(f"{app.url}/{query}")
            button = page.locator(f".st-key-{named}").get_by_role("button").last
            button.wait_for()
            if "chapter" in page.url:
                expect(page.get_by_test_id("stAlert")).to_be_visible()  # it has played, and is drawn no more
            at_rest(page)
            button.hover()
            help_ = page.get_by_test_id("stTooltipContent")
            expect(help_).to_be_visible()
            box = help_.bounding_box()
            hit = page.evaluate(
                "([x, y]) => !!document.elementFromPoint(x, y).closest('[role=tooltip]')",
                [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2],
            )
            assert not hit, named


def test_the_end_leads_on(app):
    with browser_page(width=1024) as page:
        page.goto(f"{app.url}/?chapter={LAST}")
        expect(page.get_by_role("button", name=re.compile("^Start a run"))).to_be_visible()
        at_rest(page)
        page.keyboard.press("ArrowRight")
        expect(page).to_have_url(re.compile("/start"))
        expect(page.get_by_role("button", name="Start the run")).to_be_visible()
