"""The lesson: what each chapter says for whatever came out, and its frame: chapters, recordings, live runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from acl.config import UserError
from acl.events import Evaluated, History, Row, Started
from acl.network.predictions import Predictions
from acl.presets import preset_config
from acl.runs.control import read_control
from acl.runs.folder import Run, list_runs
from acl.runs.tags import tags_of
from acl.service.worker import execute
from app.lesson import page as lesson
from app.lesson import playing
from app.lesson.chapters import forgetting, memory
from app.lesson.digits import Digit, digits_html
from app.store import runs as data
from app.store.session import RECORDED
from tests.tools import every_page_looks_into

ROOT = Path(__file__).resolve().parent.parent
NUMBERS = [str(n) for n in range(1, len(lesson.CHAPTERS) + 1)]


@pytest.fixture(autouse=True)
def no_backend(monkeypatch, runs):
    """Pages are drawn without starting processes, on an empty runs folder."""
    runs.mkdir()
    every_page_looks_into(runs, monkeypatch)
    monkeypatch.setattr("acl.service.backend.ensure", lambda runs: None)
    monkeypatch.setattr("acl.service.backend.attach", lambda runs: None)


def page(**query: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    assert not test.exception
    return test


@pytest.mark.parametrize("number", NUMBERS)
def test_each_chapter_asks_its_question_and_is_in_the_address(number):
    test = page(chapter=number)
    assert lesson.CHAPTERS[int(number) - 1].QUESTION in test.markdown[0].value
    assert test.query_params["chapter"] == number


@pytest.mark.parametrize("wrong", ["0", "6", "-1", "two", "1.5", "١"])
def test_an_address_with_no_such_chapter_shows_the_first(wrong):
    test = page(chapter=wrong)
    assert forgetting.QUESTION in test.markdown[0].value and test.query_params["chapter"] == "1"


def test_one_goes_on_and_back():
    test = page()
    assert test.button(key="lesson-back").disabled
    test.button(key="lesson-next").click().run()
    assert test.query_params["chapter"] == "2" and memory.QUESTION in test.markdown[0].value
    test.button(key=f"lesson-{NUMBERS[-1]}").click().run()
    assert test.button(key="lesson-next").disabled and not test.exception


def test_every_recording_that_a_chapter_plays_is_there_with_its_predictions():
    for name in (forgetting.RECORDING, *memory.RECORDINGS.values()):
        run = Run(RECORDED / name)
        for event in run.history().of(Evaluated):
            assert Predictions.load(run.predictions(event.task, event.round)) is not None


def test_a_run_of_ones_own_has_another_seed_each_time_and_its_tag(runs):
    test = page()
    for seed in (1, 2):
        test.button(key=f"live-{forgetting.__name__}").click().run()
        assert not test.exception
        run = next(run for run in list_runs(runs) if run.config.seed == seed)
        assert run.config.learner == "finetune" and tags_of(run) == [playing.TAG]
        assert read_control(run.path).mode == "play"
        execute(run)
        test.run()
        assert any(f"live, seed {seed}" in said.value for said in test.markdown)
        assert len(test.success) == 1
        test.button(key="lesson-reset").click().run()
    assert len(list_runs(runs)) == 2


def test_without_a_worker_the_recording_stands_in(monkeypatch, runs):
    def no_room(*_: object) -> None:
        raise UserError("The disk is full.")

    test = page()
    monkeypatch.setattr(playing, "create", no_room)
    test.button(key=f"live-{forgetting.__name__}").click().run()
    assert any("The disk is full. The recording stands in." in said.value for said in test.caption)
    assert not test.exception and not list_runs(runs)


# -- what is said ----------------------------------------------------------------------------------------


def history(*finals: tuple[list[float], list[float]]) -> History:
    tasks = [{"classes": [2 * t, 2 * t + 1], "pool": 9, "test": 9} for t in range(5)]
    facts = [Started("digits", [str(c) for c in range(10)], tasks, "cpu", {})]
    facts += [Evaluated(t, 3, any_, own, any_, True) for t, (any_, own) in enumerate(finals, start=1)]
    return History(Row(i, 0.0, fact) for i, fact in enumerate(facts))


def test_forgetting_is_said_once_the_second_task_is_learned():
    assert forgetting.takeaway(history()) == forgetting.takeaway(history(([1.0], [1.0]))) == ""
    said = forgetting.takeaway(history(([1.0], [1.0]), ([0.0, 1.0], [0.76, 1.0])))
    assert "after task 2 it is 0 %" in said and "still gets 76 %" in said and "mostly still there" in said
    later = forgetting.takeaway(history(([1.0], [1.0]), ([0.0, 1.0], [0.76, 1.0]), ([0.1, 0.0, 1.0], [0.6, 0.5, 1.0])))
    assert later.endswith("After task 3: 10 % and 60 %: what it knew fades later, and 50 is what guessing gets.")


def test_guessing_is_not_called_knowing():
    said = forgetting.takeaway(history(([1.0], [1.0]), ([0.0, 1.0], [0.5, 1.0])))
    assert "still gets 50 %" in said and "still there" not in said


def test_what_contradicts_the_story_is_said_too():
    said = forgetting.takeaway(history(([1.0], [1.0]), ([0.9, 1.0], [0.95, 1.0]), ([0.9, 1.0, 1.0], [0.97, 1.0, 1.0])))
    assert "still there" not in said and "fades" not in said


def matrices(*kept: float) -> dict[int, list[list[float]]]:
    return {seed: [[1.0], [k, k]] for seed, k in enumerate(kept)}


def test_the_first_remembered_digits_do_most_or_it_is_said_that_they_do_not():
    over = history(*(([0.5] * tasks, [1.0] * tasks) for tasks in range(1, 6)))
    spread = (0.0, 0.01, 0.02, 0.0, 0.01, 0.02)
    group = lambda k: matrices(*(k + s for s in spread))  # noqa: E731
    rising = {0: group(0.2), 10: group(0.7), 20: group(0.8), 50: group(0.85)}
    said = memory.takeaway(over, 10, rising)
    assert "keeps 50 %" in said and "from 0 to 10: 50.0 ± 0.0 points more" in said and "most of it" in said
    falling = rising | {50: group(0.7)}
    assert "does not always keep more" in memory.takeaway(over, 10, falling)
    assert memory.takeaway(history(([1.0], [1.0])), 10, rising) == ""


def test_kept_is_the_mean_over_the_seeds():
    found = memory.kept_of({0: [[1.0], [0.4, 0.6]], 1: [[0.8], [0.2, 0.4]]})
    assert found["task"].tolist() == [1, 2] and found["kept"].tolist() == pytest.approx([90, 40])


def test_twenty_digits_two_of_each_class_in_the_order_of_the_tasks():
    stream = data.stream_of(preset_config("digits-demo").to_json())
    ids = forgetting.watched(stream)
    assert stream.labels[ids].tolist() == 2 * list(range(10)) and len(set(ids)) == 20
    assert set(ids) <= {int(i) for task in stream.tasks for i in task.test_ids}


def test_a_digit_is_right_wrong_or_not_yet_there():
    stream = data.stream_of(preset_config("digits-demo").to_json())
    image = stream.images[0]
    html = digits_html([Digit(image, "3", "3"), Digit(image, "3", "8"), Digit(image, "3", None)], 3)
    assert html.index("3 ✓") < html.index("“8”") < html.index("its task has not come yet")
