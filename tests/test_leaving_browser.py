"""Every press that leads to another page, while the page it leaves looks as often as it can for what is new."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from app.lesson.chapters import trade
from tests.browser import App, at_rest, browser_page, running_app

RECORDED = "recorded-er-accuacl-digits-s0"
TIMES = 2


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home = tmp_path_factory.mktemp("leaving")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACL_UI_POLL", "0.02")
        with running_app(home / "runs", home) as found:
            yield found


def _button(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("button", name=name, exact=True).first.click()


def _rows(*heights: int) -> Callable[[Page], None]:
    def choose(page: Page) -> None:
        expect(page.get_by_text("Click the box at the left")).to_be_visible()
        frame = page.locator(".st-key-library canvas").first.bounding_box()
        assert frame is not None
        for height in heights:
            page.mouse.click(frame["x"] + 16, frame["y"] + height)

    return choose


def _both(*steps: Callable[[Page], None]) -> Callable[[Page], None]:
    def all_of_them(page: Page) -> None:
        for step in steps:
            step(page)

    return all_of_them


def _to_the_end(page: Page) -> None:
    """Of chapter 5: its last step leads on."""
    for _ in list(trade.STEPS)[1:]:
        page.locator(".st-key-trade-on button").first.click()
        at_rest(page)


DOORS: dict[str, tuple[str, Callable[[Page], None], str, str]] = {
    "Library: New run": ("library", _button("New run"), "/start", "Watch a network learn"),
    "Library: Open run": ("library", _both(_rows(52), _button("Open run")), "/run?run=", "Recorded"),
    "Library: Compare": ("library", _both(_rows(52, 87), _button("Compare")), "/compare?", "Filter"),
    "Run: Compare": (f"run?run={RECORDED}", _button("Compare"), "/compare?", "Filter"),
    "Run: New run": (f"run?run={RECORDED}", _button("New run"), "/start", "Watch a network learn"),
    "Run, unknown: Start a new run": ("run?run=none", _button("Start a new run"), "/start", "Watch a network learn"),
    "Inspect, unknown: Start a new run": (
        "inspect?run=none", _button("Start a new run"), "/start", "Watch a network learn",
    ),
    "New run: a recording": (
        "start", lambda page: page.locator(f".st-key-open-{RECORDED} button").click(), "/run?run=recorded", "Compare",
    ),
    "New run: Start the run": ("start", _button("Start the run"), "/run?run=", "Compare"),
    "Lesson: Inspect": ("?chapter=5", _both(_to_the_end, _button("Inspect")), "/inspect?", "Target"),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_no_press_ends_on_an_empty_page(app: App, door: str) -> None:
    start, press, address, shown = DOORS[door]
    with browser_page() as page:
        for _ in range(TIMES):
            page.goto(f"{app.url}/{start}")
            at_rest(page)
            press(page)
            expect(page).to_have_url(re.compile(re.escape(address)))
            expect(page.get_by_test_id("stMain").get_by_text(shown).first).to_be_visible()
            # What was asked for before has been answered by now, and the page still stands.
            page.wait_for_timeout(500)
            expect(page.get_by_test_id("stMain").get_by_text(shown).first).to_be_visible(timeout=1000)


def test_the_projector_stays_on(app: App) -> None:
    with browser_page() as page:
        page.goto(f"{app.url}/run?run={RECORDED}&projector=true")
        _button("Compare")(page)
        expect(page).to_have_url(re.compile("/compare"))
        expect(page.get_by_role("switch", name="Projector")).to_be_checked()


def test_a_way_back(app: App) -> None:
    """Back leads to the page that was left, and not from there to the other once more."""
    with browser_page() as page:
        page.goto(f"{app.url}/run?run={RECORDED}")
        _button("Compare")(page)
        expect(page).to_have_url(re.compile("/compare"))
        at_rest(page)
        page.go_back()
        expect(page.locator(".st-key-transport")).to_be_visible()
        page.wait_for_timeout(1000)
        expect(page).to_have_url(re.compile("/run"))
