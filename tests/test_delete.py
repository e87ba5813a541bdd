"""What is deleted or forgotten for good is asked for first, and what the disk refuses is said until it is dismissed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from acl.results import sweep
from acl.runs.control import Status, write_status
from acl.runs.folder import create, list_runs
from app.compare import sweeps
from app.library import page as library
from app.widgets import dialogs
from tests.conftest import small_config
from tests.failing_disk import Disk
from tests.house import ROOT
from tests.tools import every_page_looks_into


@pytest.fixture
def here(runs, monkeypatch) -> Path:
    runs.mkdir()
    every_page_looks_into(runs, monkeypatch)
    return runs


def asked(title: str, body: object, *args: object, name: str = "library", **query: str) -> AppTest:
    """A page on which a button has just asked."""
    test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
    test.session_state[dialogs.OPEN] = dialogs.Dialog(title, body, args, "small")
    for key, value in query.items():
        test.query_params[key] = value
    return quiet(test.switch_page(str(ROOT / "pages" / f"{name}.py")).run())


def press(test: AppTest, label: str) -> AppTest:
    return quiet(next(each for each in test.button if each.label == label).click().run())


def quiet(test: AppTest) -> AppTest:
    assert not test.exception, [each.value for each in test.exception]
    return test


def labels(test: AppTest) -> set[str]:
    return {each.label for each in test.button}


def some_runs(here: Path, n: int) -> list:
    made = [create(small_config(seed=seed), here) for seed in range(n)]
    for run in made:
        write_status(run.path, Status("stopped"))
    return made


def test_a_run_is_deleted_when_that_is_pressed_and_kept_when_not(here):
    one, other = some_runs(here, 2)
    test = press(asked("Delete for good?", library._confirm, [one]), "Keep it")
    assert len(list_runs(here)) == 2 and "Delete for good" not in labels(test)
    test = press(asked("Delete for good?", library._confirm, [one]), "Delete for good")
    assert list_runs(here) == [other] and not labels(test) & {"Delete for good", "Close"}


def test_what_the_disk_does_not_delete_is_said_until_it_is_dismissed(here, monkeypatch):
    one, other = some_runs(here, 2)
    test = asked("Delete for good?", library._confirm, [one, other])
    disk = Disk(here, monkeypatch)
    disk.begin(errno.EACCES, fail_at=0, only="rename")
    test = press(test, "Delete for good")
    disk.begin()
    left = list_runs(here)
    assert len(left) == 1
    for _ in range(2):
        said = [each.value for each in test.error]
        assert len(said) == 1 and "permission is denied" in said[0], said
        quiet(test.run())
    test = press(test, "Close")
    assert not test.error and not labels(test) & {"Close", "Delete for good"} and list_runs(here) == left


def test_a_sweep_is_forgotten_when_that_is_pressed_and_kept_when_not(here):
    made = sweep.start([small_config(seed=3)], here, "three seeds")
    test = asked("Forget this sweep?", sweeps._confirm, made, name="compare", view="sweeps")
    press(test, "Keep it")
    assert len(sweep.list_sweeps(here)) == 1
    test = asked("Forget this sweep?", sweeps._confirm, made, name="compare", view="sweeps")
    press(test, "Forget it")
    assert not sweep.list_sweeps(here) and len(list_runs(here)) == 1


def test_a_sweep_that_the_disk_keeps_is_said_to_be_there_until_that_is_dismissed(here, monkeypatch):
    made = sweep.start([small_config(seed=3)], here, "three seeds")
    test = asked("Forget this sweep?", sweeps._confirm, made, name="compare", view="sweeps")
    unlink = os.unlink

    def refuses(path, **kwargs):
        if str(path).endswith(f"{made.id}.json"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        unlink(path, **kwargs)

    monkeypatch.setattr(os, "unlink", refuses)
    test = press(test, "Forget it")
    for _ in range(2):
        assert any("read-only disk" in each.value for each in test.error), [each.value for each in test.error]
        quiet(test.run())
    press(test, "Close")
    assert len(sweep.list_sweeps(here)) == 1
