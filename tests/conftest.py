"""Shared fixtures: a stream and a config so small that a whole run takes a fraction of a second."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
import torch

from acl.config import RunConfig
from acl.plugins.registry import prepare
from acl.presets import preset_config
from acl.runs.folder import resolved
from acl.stream.types import TaskStream
from app.store.session import PAGES
from app.widgets.browser import leaving
from tests.foreign import Site

torch.set_num_threads(1)
SMALL = {"classes_per_task": 5, "epochs": 3, "n_start": 6, "n_query": 4, "n_end": 16, "width": 12}


def small_config(**values: object) -> RunConfig:
    """Two tasks of five digits, three query rounds each."""
    config = preset_config("digits-demo", **{**SMALL, **values})
    return resolved(config, prepare(config))


@pytest.fixture(scope="session")
def config() -> RunConfig:
    return small_config()


@pytest.fixture(scope="session")
def stream(config: RunConfig) -> TaskStream:
    return prepare(config)


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """A page that was run here has put itself in the place of __main__, and a spawned process would run it again."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(autouse=True)
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is run without a browser has nobody who follows its link (tests/test_leaving_browser.py has)."""

    def switch(page: str, where: dict[str, str]) -> None:
        st.switch_page(PAGES / f"{page}.py", query_params=where)

    monkeypatch.setattr(leaving, "by_link", switch)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Where plug-ins of another party can be installed."""
    made = Site(tmp_path / "site", monkeypatch)
    yield made
    made.forget()


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for fetched sets and decoded images."""
    monkeypatch.setenv("ACL_DATA", str(tmp_path / "sets"))
    return tmp_path / "sets"
