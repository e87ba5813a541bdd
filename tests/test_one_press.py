"""One press makes one run: on every form that makes any, however often its button is pressed."""

from __future__ import annotations

import re

import pytest
import streamlit as st
from playwright.sync_api import expect

from acl.config import UserError
from acl.results import sweep
from acl.runs.folder import list_runs
from app.new_run import page as start
from app.widgets import fork_dialog
from app.widgets.one_press import once
from tests.browser import at_rest, browser_page, running_app

CLICKS = 10


def test_a_press_uses_the_form_up_until_it_is_drawn_anew(monkeypatch):
    monkeypatch.setattr(st, "session_state", {})
    made: list[int] = []

    def make() -> int:
        made.append(len(made))
        return made[-1]

    assert once("form", False, make) is None
    assert [once("form", True, make) for _ in range(CLICKS)] == [0] * CLICKS
    assert once("another", True, make) == 1
    assert once("form", False, make) is None and once("form", True, make) == 2


def test_what_failed_uses_nothing_up(monkeypatch):
    monkeypatch.setattr(st, "session_state", {})

    def full() -> int:
        raise UserError("The disk is full.")

    with pytest.raises(UserError):
        once("form", True, full)
    assert once("form", True, lambda: 1) == 1


@pytest.mark.parametrize("module", [start, fork_dialog])
def test_whatever_makes_a_run_on_a_press_goes_through_the_door(module):
    assert module.once is once


def test_ten_clicks_start_one_run_and_open_it(tmp_path):
    with running_app(tmp_path / "runs", tmp_path) as app, browser_page() as page:
        page.goto(f"{app.url}/start")
        button = page.get_by_role("button", name="Start the run")
        button.wait_for()
        at_rest(page)
        # As fast as a browser can: from within the page, so that none waits for what the one before it did.
        button.evaluate(f"button => {{ for (let i = 0; i < {CLICKS}; i++) button.click() }}")
        page.wait_for_url("**/run?run=*")
        expect(page.locator(".st-key-transport")).to_be_visible()
        at_rest(page)
        assert len(list_runs(tmp_path / "runs")) == 1


def test_ten_clicks_start_one_race(tmp_path):
    with running_app(tmp_path / "runs", tmp_path) as app, browser_page() as page:
        page.goto(f"{app.url}/compare?from=recorded&view=curves")
        page.get_by_role("button", name="New race").click()
        button = page.get_by_role("button", name="Start the race")
        button.wait_for()
        at_rest(page)
        button.evaluate(f"button => {{ for (let i = 0; i < {CLICKS}; i++) button.click() }}")
        expect(page).to_have_url(re.compile("from=sweep"))
        at_rest(page)
        assert len(sweep.list_sweeps(tmp_path / "runs")) == 1
