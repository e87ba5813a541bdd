"""A real server and a real browser for the tests that drive the app as a person would."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from acl.service import backend

ROOT = Path(__file__).resolve().parent.parent
QUIET = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic",
]  # fmt: skip


expect.set_options(timeout=60_000)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class App:
    """`streamlit run app/main.py` from another directory, on its own runs folder."""

    def __init__(self, runs: Path, cwd: Path, entry: str = "main.py") -> None:
        self.runs, self.cwd, self.entry, self.port = runs, cwd, entry, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(ROOT / "app" / self.entry), f"--server.port={self.port}"],
            cwd=self.cwd,
            env={**os.environ, "ACL_RUNS": str(self.runs)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 60
        while not self._healthy():
            assert time.monotonic() < end and self.process.poll() is None, "the app did not start"
            time.sleep(0.1)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1) as reply:
                return reply.status == 200
        except OSError:
            return False

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None


@contextmanager
def running_app(runs: Path, cwd: Path, entry: str = "main.py") -> Iterator[App]:
    app = App(runs, cwd, entry)
    app.start()
    try:
        yield app
    finally:
        app.stop()
        backend.stop(runs)


def at_rest(page: Page) -> None:
    """Waits until the page is drawn to its end: a click into one that is being drawn can be lost."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


@contextmanager
def browser_page(width: int = 1440, dark: bool = False) -> Iterator[Page]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=QUIET)
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        page = context.new_page()
        page.set_default_timeout(60_000)
        yield page
        browser.close()
