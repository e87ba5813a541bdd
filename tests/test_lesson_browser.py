"""The lesson in Chromium: it moves by itself, it runs live, keys lead through it, and it fits a projector."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from acl.runs.folder import list_runs
from app.lesson import page as lesson
from app.lesson.chapters import forgetting
from tests.browser import App, at_rest, browser_page, running_app
from tests.tools import state_of, wait_for

pytestmark = pytest.mark.e2e
LAST = len(lesson.CHAPTERS)


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
        expect(page.get_by_text("live, seed 1")).to_be_visible()
        page.keyboard.press("Space")
        wait_for(lambda: state_of(run.path) == "paused")
        expect(page.get_by_role("button", name=re.compile("^Play on"))).to_be_visible()
        page.keyboard.press("Space")
        wait_for(lambda: state_of(run.path) == "finished", seconds=120)
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
