"""Every download, on every page, at the first press and from everywhere; or a sentence why not."""

from __future__ import annotations

import ast
import shutil
import time

import pytest
from playwright.sync_api import Page, expect

from acl.runs.folder import create
from acl.service.worker import execute
from tests.browser import App, at_rest, browser_page, running_app
from tests.conftest import small_config
from tests.house import modules

NAME = "recorded-er-accuacl-digits-s0"


def test_there_is_one_door_for_downloads():
    for path in [*modules("app"), *modules("pages")]:
        called = {node.attr for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute)}
        assert "download_button" not in called, path


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> App:
    with running_app(tmp_path_factory.mktemp("app") / "runs", tmp_path_factory.mktemp("elsewhere")) as app:
        yield app


def in_inspect(app: App, page: Page) -> None:
    page.goto(f"{app.url}/inspect?run={NAME}")
    expect(page.locator(".cards button")).to_have_count(10)


def row(page: Page, place: int) -> None:
    table = page.get_by_test_id("stDataFrame")
    expect(table).to_be_visible()
    at_rest(page)
    box = table.bounding_box()
    page.mouse.click(box["x"] + 15, box["y"] + 52 + 35 * place)


def taken(page: Page, name: str) -> str:
    with page.expect_download() as waiting:
        page.locator(".download").get_by_role("button", name=name, exact=True).click()
    assert waiting.value.path().stat().st_size > 50
    return waiting.value.suggested_filename


@pytest.mark.e2e
def test_each_page_s_downloads_come_at_the_first_press_when_inspect_was_open_before(app):
    with browser_page() as page:
        in_inspect(app, page)
        page.get_by_role("link", name="Library").click()
        row(page, 0)
        offer = page.locator(".download").first.evaluate("root => root.offer.url")
        assert taken(page, "Export").startswith("recorded-")
        assert taken(page, "Export → replay").endswith(".html")
        # What a press was about is there after any number of redraws.
        time.sleep(3)
        assert page.evaluate("url => fetch(url).then(reply => reply.status)", f"/{offer}") == 200
        in_inspect(app, page)
        page.get_by_role("link", name="Compare").click()
        page.goto(f"{app.url}/compare?view=curves&from=recorded")
        assert taken(page, "Tables (CSV)") == "comparison.zip"
        in_inspect(app, page)
        page.get_by_role("link", name="Run", exact=True).click()
        assert taken(page, "R as CSV") == "accuracy-matrix.csv"
        in_inspect(app, page)
        page.get_by_role("button", name="Export").click()
        assert taken(page, "CSV").endswith(".csv") and taken(page, "Parquet").endswith(".parquet")


@pytest.mark.e2e
def test_a_file_that_cannot_be_made_says_why(app):
    run = create(small_config(), app.runs)
    execute(run)
    with browser_page() as page:
        page.goto(f"{app.url}/library?q={run.id}")
        row(page, 0)
        button = page.locator(".download").get_by_role("button", name="Export", exact=True)
        expect(button).to_be_enabled()
        # The press comes before the page has seen that the run is gone.
        page.route("**/take/*", lambda route: (shutil.rmtree(run.path, ignore_errors=True), route.continue_()))
        page.evaluate("""() => {
          const root = document.querySelector('.download') || [...document.querySelectorAll('*')]
            .map(node => node.shadowRoot?.querySelector('.download')).find(Boolean);
          new MutationObserver(() => { window.said ||= root.querySelector('span').textContent; })
            .observe(root, {childList: true, subtree: true, characterData: true});
        }""")
        button.click()
        page.wait_for_function("() => window.said")
        assert run.id in page.evaluate("() => window.said")


@pytest.mark.e2e
def test_a_name_that_nobody_was_given_is_a_sentence(app):
    with browser_page() as page:
        reply = page.goto(f"{app.url}/take/anything")
        assert reply.status == 404 and "load the page again" in page.locator("body").inner_text()
