"""Chapter 4 in Chromium: ten pictures, some picked by key, are bought, and land as a star."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from acl.analysis.outcomes import record
from app.lesson.chapters import choice
from app.lesson.choosing.shipped import shipped
from app.lesson.page import CHAPTERS
from tests.browser import at_rest, browser_page, running_app
from tests.tools import wait_for

pytestmark = pytest.mark.e2e
NUMBER = CHAPTERS.index(choice) + 1
BUY = "Buy and train"


def picked(page: Page) -> list[str]:
    return [str(each.get_attribute("data-id")) for each in page.locator(".picks button[aria-pressed=true]").all()]


def test_ten_clicked_pictures_are_bought_and_land_as_a_star(tmp_path):
    runs, found = tmp_path / "runs", shipped()
    with running_app(runs, tmp_path) as app, browser_page(width=1024) as page:
        page.goto(f"{app.url}/?chapter={NUMBER}&look={choice.BUY}")
        cards = page.locator(".picks button")
        expect(cards).to_have_count(60)
        expect(page.get_by_role("button", name=BUY)).to_be_disabled()
        for k in range(0, 32, 4):
            cards.nth(k).click()
        cards.nth(40).focus()
        for key in ("Space", "ArrowRight", "ArrowRight", "ArrowLeft", "ArrowDown", "Enter"):
            page.keyboard.press(key)
        expect(page.get_by_text("10 of 10 picked")).to_be_visible()
        cards.nth(59).click()
        expect(page.get_by_text("no room for more")).to_be_visible()
        wanted = [int(found.candidates.index[k]) for k in (*range(0, 32, 4), 40, 51)]
        assert [int(i) for i in picked(page)] == wanted
        expect(page.get_by_text(choice.QUESTION)).to_be_visible()

        page.get_by_role("button", name=BUY).click()
        expect(page.get_by_text("Your ten teach more of the new than")).to_be_visible(timeout=120_000)
        expect(page.get_by_role("img", name="yours")).to_be_visible()
        own = [o for o in record.load(found.run, found.at, runs) if o.kind == "own"]
        assert len(own) == found.repeats and set(own[0].ids) == set(wanted)
        assert not record.beside(found.run, found.at).exists()

        # What was picked is in the address: it opens again, and a strategy can take its place.
        page.goto(page.url)
        expect(page.locator(".picks button[aria-pressed=true]")).to_have_count(10)
        assert [int(i) for i in picked(page)] == wanted
        page.get_by_text("Entropy", exact=True).click()
        wait_for(lambda: {int(i) for i in picked(page)} == set(found.chosen_by("entropy")))
        at_rest(page)
