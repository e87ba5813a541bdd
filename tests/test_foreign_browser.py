"""Whatever a run or a link holds, a browser that looks at it asks this app and nobody else."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Page, expect

from acl.runs.folder import Run, create, list_runs
from acl.service.worker import execute
from tests.browser import App, at_rest, browser_page, running_app
from tests.conftest import small_config
from tests.hostile import hostile_run, hostile_sweep, letters

LINKS = [
    "library", "run?run={run}", "inspect?run={run}&task=1&round=1", "compare?view=curves&from=all",
    "compare?view=curves&from=all&detail=What differs", "compare?view=table&from=all",
    "compare?view=significance&from=all", "compare?view=sweeps", "compare?view=race",
    "?chapter={text}&asked={text}&remembered={text}", "start?preset={text}",
    "run?run={text}", "inspect?run={text}", "inspect?snapshot={text}", "library?q={text}",
    "compare?view={text}&from={text}&preset={text}&learner={text}&strategies={text}&detail={text}&baseline={text}",
]  # fmt: skip


@contextmanager
def listener() -> Iterator[tuple[int, list[str]]]:
    """A server, and what it is asked for."""
    heard: list[str] = []

    class Ear(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ear) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, heard
        server.shutdown()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = create(small_config(), tmp_path_factory.mktemp("good"))
    execute(run)
    return run


def hostile_runs(good: Run, runs: Path, texts: list[str]) -> list[Run]:
    """A run for each text, led by hand and not, and sweeps of them."""
    runs.mkdir()
    shutil.copytree(good.path, runs / good.id)
    made = []
    for number, text in enumerate(texts):
        for led in (True, False):
            run = Run(runs / f"{good.id[:-4]}{2 * number + led:04x}")
            shutil.copytree(good.path, run.path)
            hostile_run(run, text, led)
            made.append(run)
        for kind in ("sweep", "race"):
            hostile_sweep(small_config(), made[-1], text, runs, kind)
    return made


def watched(page: Page, app: App) -> tuple[list[str], list[str]]:
    """Addresses other than the app's that the page asks for, and what its policy refused."""
    asked: list[str] = []
    refused: list[str] = []

    def note(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != urlsplit(app.url).netloc:
            asked.append(url)

    page.on("request", lambda request: note(request.url))
    page.on("websocket", lambda socket: note(socket.url))
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    return asked, refused


def test_no_page_asks_anybody_else(good, tmp_path):
    with listener() as (port, heard):
        every = letters(port)
        texts = [every["the first half"], every["the second half"]]
        runs = tmp_path / "runs"
        made = hostile_runs(good, runs, texts)
        with running_app(runs, tmp_path) as app, browser_page() as page:
            asked, refused = watched(page, app)
            for link in LINKS:
                for run, text in zip(made[1::2], texts, strict=True):
                    said = quote(text.encode("utf-8", "replace")[:1500], safe="")
                    page.goto(f"{app.url}/{link.format(run=run.id, text=said)}")
                    expect(page.get_by_test_id("stApp")).to_be_visible()
                    page.wait_for_timeout(500)
                    at_rest(page)
                    assert page.get_by_test_id("stException").count() == 0, link
                    assert not heard and not asked and not refused, (link, heard, asked, refused)
    assert len(list_runs(runs)) == 5


LOUD = """
import streamlit as st
st.markdown("![x](http://127.0.0.1:{port}/markdown) <img src='http://127.0.0.1:{port}/html'>", unsafe_allow_html=True)
st.html("<style>body {{ background: url(http://127.0.0.1:{port}/style) }}</style>")
st.button("![x](http://127.0.0.1:{port}/button)")
"""


def test_what_forgot_the_door_is_stopped_by_the_browser(tmp_path):
    """The second wall alone: the same page asks where nothing stands behind it."""
    with listener() as (port, heard):
        (tmp_path / "loud.py").write_text(LOUD.format(port=port))
        (tmp_path / "walled.py").write_text(
            "import streamlit as st\nfrom starlette.middleware import Middleware\nfrom app.policy import NothingElse\n"
            "app = st.App('loud.py', middleware=[Middleware(NothingElse)])\n"
        )
        for entry, silent in (("walled.py", True), ("loud.py", False)):
            with running_app(tmp_path / "runs", tmp_path, entry=str(tmp_path / entry)) as app, browser_page() as page:
                page.goto(app.url)
                expect(page.get_by_test_id("stButton")).to_be_visible()
                page.wait_for_timeout(500)
                assert (not heard) is silent, (entry, heard)
