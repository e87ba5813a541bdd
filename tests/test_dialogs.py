"""Dialogs in Chromium: what is open stays open, with what was typed, while a run that ends draws its page anew."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from acl.events import Bought
from acl.plugins.registry import prepare
from acl.presets import preset_config
from acl.results import sweep
from acl.runs.control import request
from acl.runs.folder import Run, create, list_runs, resolved
from acl.runs.fork import fork
from tests.browser import App, at_rest, browser_page, running_app
from tests.tools import state_of, wait_for

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> App:
    with running_app(tmp_path_factory.mktemp("app") / "runs", tmp_path_factory.mktemp("elsewhere")) as app:
        yield app


def held_run(app: App, until: tuple[int, int, str], **settings: object) -> Run:
    """A run that holds there once a page has been opened, and ends within seconds of `finish`."""
    config = preset_config("digits-demo", **settings)
    run = create(resolved(config, prepare(config)), app.runs)
    request(run.path, mode="play", until=until)
    return run


def finish(run: Run) -> None:
    request(run.path, mode="play", until=None, pace=0.0)
    wait_for(lambda: state_of(run.path) == "finished", 120)


def drawn_anew(page: Page) -> None:
    """The page has seen the end of the run, and has drawn itself for it."""
    page.wait_for_timeout(3000)
    at_rest(page)


def children(app: App, run: Run) -> list[Run]:
    return [other for other in list_runs(app.runs) if other.parent and other.parent.run == run.id]


def opened(page: Page, button: str) -> Locator:
    page.get_by_role("button", name=button, exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


def test_a_fork_is_written_while_the_run_ends_and_made_as_it_was_written(app):
    run = held_run(app, (5, 2, "evaluate"))
    with browser_page() as page:
        page.goto(f"{app.url}/run?run={run.id}")
        expect(page.locator(".st-key-header")).to_contain_text("paused", timeout=120_000)
        dialog = opened(page, "Fork")
        place = dialog.get_by_role("combobox", name="Go on from")
        place.fill("task 2, round 2")
        place.press("Enter")
        expect(place).to_have_value(re.compile("task 2"))
        written = place.input_value()
        # The settings below are those of this place: they are others now.
        page.wait_for_timeout(1000)
        at_rest(page)
        labels = dialog.get_by_role("spinbutton", name="Labels per query round")
        labels.fill("7")
        labels.press("Enter")
        expect(dialog).to_contain_text("labels per round 7")
        finish(run)
        expect(page.locator(".st-key-header")).to_contain_text("finished")
        drawn_anew(page)
        expect(place).to_have_value(written)
        expect(labels).to_have_value("7")
        dialog.get_by_role("button", name="Fork and play").click()
        expect(page.locator(".st-key-header")).to_contain_text("from 2.2")
        expect(page.get_by_role("dialog")).to_have_count(0)
    (child,) = children(app, run)
    assert child.parent and child.parent.changes == {"n_query": 7}


def compared(app: App, page: Page, seed: int) -> Run:
    """The page Compare on a run that holds: it draws itself anew when the run ends."""
    run = held_run(app, (1, 0, "evaluate"), seed=seed)
    page.goto(f"{app.url}/compare?view=curves&runs={run.id}")
    expect(page.get_by_text("None of these runs has finished yet")).to_be_visible()
    page.context.new_page().goto(f"{app.url}/run?run={run.id}")  # which looks after the backend
    wait_for(lambda: state_of(run.path) == "paused", 120)
    return run


def test_a_sweep_is_written_while_a_run_ends_and_started_as_it_was_written(app):
    with browser_page() as page:
        run = compared(app, page, 71)
        dialog = opened(page, "New sweep")
        written = {"Seeds": "72", "Title": "Unhurried", "Other settings, one a line": "epochs=2\nwidth=16"}
        for name, text in written.items():
            dialog.get_by_role("textbox", name=name).fill(text)
        dialog.get_by_role("textbox", name="Title").press("Tab")
        expect(dialog.get_by_role("button", name="Start 7 runs")).to_be_enabled()
        finish(run)
        expect(page.get_by_text("None of these runs has finished yet")).to_have_count(0)
        drawn_anew(page)
        for name, text in written.items():
            expect(dialog.get_by_role("textbox", name=name)).to_have_value(text)
        dialog.get_by_role("button", name="Start 7 runs").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_text("Unhurried", exact=True)).to_be_visible()
    (made,) = [each for each in sweep.list_sweeps(app.runs) if each.title == "Unhurried"]
    assert {(m.config.seed, m.config.epochs, m.config.width) for m in made.members} == {(72, 2, 16)}
    sweep.cancel(made, app.runs)


@pytest.mark.parametrize("late_ms", [0, 300, 700, 1200, 2000])
def test_a_press_counts_whenever_it_comes_while_the_page_is_drawn_anew(app, late_ms):
    before = {each.id for each in sweep.list_sweeps(app.runs)}
    with browser_page() as page:
        run = compared(app, page, 80 + late_ms)
        dialog = opened(page, "New race")
        dialog.get_by_role("radio", name="1", exact=True).click()
        expect(dialog.get_by_text("4 runs")).to_be_visible()
        at_rest(page)
        finish(run)
        page.wait_for_timeout(late_ms)
        dialog.get_by_role("button", name="Start the race").click()
        expect(page.get_by_role("dialog")).to_have_count(0, timeout=60_000)
    (made,) = [each for each in sweep.list_sweeps(app.runs) if each.id not in before]
    assert len(made.members) == 4
    sweep.cancel(made, app.runs)


def test_what_was_chosen_by_hand_stays_while_a_ghost_begins_and_the_page_is_drawn_anew(app):
    run = held_run(app, (2, 1, "score"))
    with browser_page() as page:
        page.goto(f"{app.url}/run?run={run.id}")
        dialog = opened(page, "Choose or label by hand")
        cards = dialog.locator(".hands .card")
        last = cards.nth(25).get_attribute("data-id")
        cards.nth(0).click()
        cards.nth(25).click()
        said = "10 of 10 chosen · 1 of the strategy's picks replaced · 0 labelled by hand"
        expect(dialog.locator(".said")).to_have_text(said)
        ghost = fork(run, (1, 1), {}, app.runs, ghost=True)
        request(ghost.path, mode="play")
        wait_for(lambda: state_of(ghost.path) == "finished", 120)
        drawn_anew(page)
        expect(dialog.locator(".said")).to_have_text(said)
        dialog.get_by_role("button", name="Buy these 10").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_text("Chosen by hand: 10 samples, 1 not the strategy's")).to_be_visible()
        dialog = opened(page, "Choose or label by hand")
        finish(run)
        drawn_anew(page)
        expect(dialog).to_contain_text("does not wait with this query any longer")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    bought = next(event for event in run.history().of(Bought) if event.by == "human")
    assert int(last) in bought.ids


def test_a_dismissed_dialog_stays_away_and_another_page_is_without_it(app):
    run = held_run(app, (1, 0, "evaluate"), seed=90)
    with browser_page() as page:
        page.goto(f"{app.url}/run?run={run.id}")
        expect(page.locator(".st-key-header")).to_contain_text("paused", timeout=120_000)
        opened(page, "Fork")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        finish(run)
        expect(page.locator(".st-key-header")).to_contain_text("finished")
        drawn_anew(page)
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.get_by_role("link", name="Library").click()
        expect(page.locator(".st-key-library").first).to_be_visible()
        page.get_by_role("link", name="Run", exact=True).click()
        opened(page, "Fork")
        # Streamlit now and then puts an address into the browser's history twice: then Back is pressed once more.
        page.go_back()
        if "/run" in page.url:
            page.go_back()
        expect(page.locator(".st-key-library").first).to_be_visible()
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.go_forward()
        expect(page.locator(".st-key-header")).to_contain_text("finished")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_export_stays_while_the_page_follows_a_live_run(app):
    run = held_run(app, (1, 1, "evaluate"), snapshots="all")
    with browser_page() as page:
        page.context.new_page().goto(f"{app.url}/run?run={run.id}")
        wait_for(lambda: state_of(run.path) == "paused", 120)
        page.goto(f"{app.url}/inspect?run={run.id}")
        page.get_by_text("Follow live").click()
        expect(page.get_by_role("switch", name="Follow live")).to_be_checked()
        at_rest(page)
        dialog = opened(page, "Export")
        expect(dialog.locator("code")).to_contain_text("task=1&round=1")
        request(run.path, mode="play", until=(1, 3, "evaluate"))
        expect(dialog.locator("code")).to_contain_text("task=1&round=3")
    request(run.path, mode="stop")
