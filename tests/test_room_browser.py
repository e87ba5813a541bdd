"""Room and alignment in Chromium: what stands in one row, what is seen without scrolling, what is as high as what."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from acl.results import sweep
from acl.results.grid import grid
from acl.runs.control import request
from acl.runs.folder import create, list_runs
from acl.runs.fork import fork
from acl.service.worker import execute
from tests.browser import App, at_rest, browser_page, running_app
from tests.conftest import small_config

pytestmark = pytest.mark.e2e
HIGH = 768
"""A projector's screen: 1024 × 768."""


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> App:
    """With a finished race of four, and a fork that was steered."""
    runs = tmp_path_factory.mktemp("app") / "runs"
    axes = {"strategy": ["uniform", "entropy", "badge", "accuacl"], "seed": [0, 1, 2]}
    sweep.start(grid(small_config(), axes), runs, "Four strategies on SplitDigits, three seeds", "race")
    for run in list_runs(runs):
        execute(run)
    parent = create(small_config(seed=9), runs)
    execute(parent)
    child = fork(parent, (2, 1), {"lambda": 0.2}, runs)
    request(child.path, mode="play", changes={"n_query": 3, "n_end": 17})
    execute(child)
    with running_app(runs, tmp_path_factory.mktemp("elsewhere")) as app:
        yield app


def box(found: Locator) -> dict[str, float]:
    place = found.bounding_box()
    assert place
    return dict(place) | {"bottom": place["y"] + place["height"], "right": place["x"] + place["width"]}


def fork_of(app: App) -> str:
    return next(run.id for run in list_runs(app.runs) if "-fork-" in run.id)


def opened(page: Page, app: App, path: str, seen: str) -> None:
    page.set_viewport_size({"width": page.viewport_size["width"], "height": HIGH})
    page.goto(f"{app.url}/{path}")
    expect(page.locator(seen).first).to_be_visible()
    at_rest(page)


def test_a_run_with_much_to_say_keeps_its_buttons_in_the_first_row(app):
    with browser_page(width=1024) as page:
        opened(page, app, f"run?run={fork_of(app)}", ".st-key-header-ways button")
        expect(page.locator(".st-key-header")).to_contain_text("labels per round 3")
        buttons = [box(button) for button in page.locator(".st-key-header-ways button:visible").all()]
        assert len(buttons) == 3 and len({button["y"] for button in buttons}) == 1
        title = box(page.locator(".st-key-header h4"))
        assert abs(title["y"] + title["height"] / 2 - buttons[0]["y"] - buttons[0]["height"] / 2) < 12
        assert box(page.locator(".st-key-header-said"))["right"] <= buttons[0]["x"]


@pytest.mark.parametrize("projector", [False, True])
def test_a_finished_race_is_seen_without_scrolling(app, projector):
    with browser_page(width=1024) as page:
        opened(page, app, f"compare?view=race&projector={str(projector).lower()}", ".st-key-race-scrub")
        pictures = page.get_by_role("img", name=re.compile("accuracy on each task|all tasks so far"))
        expect(pictures).to_have_count(1 if projector else 5)
        assert all(box(picture)["bottom"] <= HIGH for picture in pictures.all())
        names = [box(name) for name in page.get_by_role("button", name=re.compile("New (race|sweep)")).all()]
        assert {name["y"] for name in names} == {box(page.locator(".st-key-race-controls button").first)["y"]}


def test_whole_pictures_in_the_gallery_of_a_run(app):
    with browser_page(width=1024) as page:
        opened(page, app, f"run?run={list_runs(app.runs)[-1].id}", ".st-key-gallery [title]")
        gallery = box(page.locator(".st-key-gallery [style*='flex-wrap']"))
        cards = [box(card) for card in page.locator(".st-key-gallery [title]").all()]
        seen = [card for card in cards if card["y"] < gallery["bottom"]]
        assert seen and all(card["bottom"] <= gallery["bottom"] + 1 for card in seen)


def test_all_that_can_be_changed_is_seen_at_once_before_a_room(app):
    run = create(small_config(seed=11, epochs=60), app.runs)
    request(run.path, mode="pause")
    with browser_page(width=1024) as page:
        opened(page, app, f"run?run={run.id}&projector=true", ".st-key-transport")
        page.get_by_role("button", name="Change").click()
        body = page.get_by_test_id("stPopoverBody")
        press = body.get_by_role("button", name="Nothing is changed yet")
        expect(press).to_be_visible()
        at_rest(page)
        assert box(press)["bottom"] <= box(body)["bottom"] <= HIGH


@pytest.mark.parametrize(
    "path",
    ["compare?view=race", "compare?view=curves", "compare?view=sweeps", "inspect?run={run}"],
)
def test_choices_in_a_row_are_as_high_as_the_menus_beside_them(app, path):
    """Segmented controls and menus, on every page that has both."""
    with browser_page(width=1440) as page:
        opened(page, app, path.format(run=list_runs(app.runs)[-1].id), "[data-variant=segmented_control]")
        menu = box(page.locator("[data-testid=stSelectbox] [role=combobox], [data-testid=stSelectbox] > div").last)
        choices = [box(one) for one in page.locator("[data-variant=segmented_control]:visible").all()]
        assert all(abs(one["height"] - menu["height"]) <= 1 for one in choices), (menu, choices)
