"""The lesson: what each chapter says for whatever came out, and its frame: chapters, recordings, live runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from acl.config import UserError
from acl.events import Bought, Evaluated, History, Remembered, Row, Started
from acl.network.predictions import Predictions
from acl.presets import preset_config
from acl.runs.control import Status, read_control
from acl.runs.folder import list_runs
from acl.runs.tags import tags_of
from acl.service.worker import execute
from acl.system.files import write_json
from app.lesson import measured, playing
from app.lesson import page as lesson
from app.lesson.changes import changes
from app.lesson.chapters import forgetting, memory
from app.lesson.digits import Digit, Remembrance, digits_html, memory_html
from app.lesson.material import DIGITS
from app.store import runs as data
from assets.measure import BASE
from tests.tools import every_page_looks_into

ROOT = Path(__file__).resolve().parent.parent
NUMBERS = [str(n) for n in range(1, len(lesson.CHAPTERS) + 1)]


@pytest.fixture(autouse=True)
def no_backend(monkeypatch, runs):
    """Pages are drawn without starting processes, on an empty runs folder."""
    runs.mkdir()
    every_page_looks_into(runs, monkeypatch)


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


def test_the_end_leads_on_to_a_run_of_ones_own():
    test = page(chapter=NUMBERS[-1])
    assert not test.exception and test.button(key="lesson-end").label == "Start a run"
    test.button(key="lesson-end").click().run()
    assert not test.exception
    assert any(button.label == "Start the run" for button in test.button)


def test_every_chapter_has_what_the_frame_asks_of_one():
    asked = {name for name in vars(lesson.Chapter) if not name.startswith("_")} | {*lesson.Chapter.__annotations__}
    assert asked == {"QUESTION", "draw", "rhythm", "reset"}
    for chapter in lesson.CHAPTERS:
        assert asked <= vars(chapter).keys(), chapter


def test_every_recording_that_a_chapter_plays_is_there_with_what_it_draws():
    run = DIGITS.recording
    for event in run.history().of(Evaluated):
        assert Predictions.load(run.predictions(event.task, event.round)) is not None
    assert memory.RECORDINGS.keys() == set(memory.SIZES)
    for size, run in memory.RECORDINGS.items():
        history = run.history()
        held = {i for event in history.of(Remembered) for i in event.ids}
        most = max((len(event.ids) for event in history.of(Remembered)), default=0)
        assert most == size and history.finished and run.config.seed == 0
        assert data.pictures(run, sorted(held)) is not None
        # The recording is the run of this seed among those whose means stand beside it.
        finals = [event.accuracy for event in history.finals()]
        measured_ = measured.runs(memory=size)[0]
        assert all(a == pytest.approx(b, abs=1e-6) for a, b in zip(finals, measured_, strict=True))


def test_a_run_of_ones_own_has_another_seed_each_time_and_its_tag(runs):
    test = page()
    for seed in (1, 2):
        test.button(key=f"live-{forgetting.__name__}").click().run()
        assert not test.exception
        run = next(run for run in list_runs(runs) if run.config.seed == seed)
        # Until it has a picture of its own, the one that is there stays, and it is said what is waited for.
        assert any(said.value.startswith("Your run is starting: a process is made") for said in test.caption)
        assert not any("live, seed" in said.value for said in test.markdown)
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
    for _ in range(2):  # also when it is drawn again
        assert any("The disk is full. The recording stands in." in said.value for said in test.caption)
        assert not test.exception and not list_runs(runs)
        test.run()


@pytest.mark.parametrize("state", playing.WAITS_FOR)
def test_while_a_run_starts_it_is_said_what_it_waits_for(monkeypatch, runs, state):
    test = page()
    test.button(key=f"live-{forgetting.__name__}").click().run()
    run = list_runs(runs)[0]
    if state:
        write_json(run.path / "status.json", asdict(Status(state=state)))
    test.run()
    said = [one.value for one in test.caption if one.value.startswith("Your run is starting")]
    assert said == [
        f"Your run is starting: {playing.WAITS_FOR[state]}. Until its first test the picture stays as it is."
    ]
    assert test.button(key=f"starting-{forgetting.__name__}").disabled and len(test.get("echarts_chart")) == 1
    drawn = json.loads(test.get("echarts_chart")[0].proto.spec)
    assert drawn["dataset"][0]["source"], "no empty chart"


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


def test_an_old_line_that_falls_or_rises_is_explained_by_what_the_run_shows():
    falls = history(([1.0], [1.0]), ([0.0, 1.0], [0.6, 1.0]))
    assert changes(history(), False) == changes(history(([1.0], [1.0])), False) == []
    (said,) = changes(falls, own=False)
    assert said.startswith("**Task 1 falls** from 100 % to 0 % later in task 2: labels teach the new names alone")
    (said,) = changes(falls, own=True)
    assert said.startswith("**Task 1 falls** from 100 % to 60 %") and "now serves the new classes" in said
    own = [[1.0], [0.5, 1.0], [0.8, 0.95, 1.0], [0.7, 0.9, 1.0, 1.0]]
    up = history(*(([0.0] * len(now), now) for now in own))
    fall, rise = changes(up, own=True)
    assert fall.startswith("**Task 1 falls** from 100 % to 50 %")
    assert rise.startswith("**Task 1 rises** from 50 % to 80 % in task 3, though none") and rise.endswith("it is 70 %.")
    # What moves by less than a few digits is not spoken of.
    assert changes(history(([1.0], [1.0]), ([0.92, 1.0], [1.0, 1.0]), ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0])), False) == []


def test_a_fall_at_once_is_said_with_the_labels_that_brought_it():
    tasks = [{"classes": [2 * t, 2 * t + 1], "pool": 9, "test": 9} for t in range(5)]
    facts = [
        Started("digits", [str(c) for c in range(10)], tasks, "cpu", {}),
        Evaluated(1, 3, [1.0], [1.0], [1.0], True),
        Bought(2, 0, [4, 5, 6], [2, 3, 2], "start", 3),
        Evaluated(2, 0, [0.1, 1.0], [0.9, 1.0], [0.1, 1.0], False),
    ]
    (said,) = changes(History(Row(i, 0.0, fact) for i, fact in enumerate(facts)), own=False)
    assert said.startswith("**Task 1 falls** from 100 % to 10 % at once, with the first 3 labels of task 2:")


def test_the_recording_shows_both_and_the_chapter_says_them():
    run = DIGITS.recording.history()
    assert "with the first 10 labels of task 5" in changes(run, False)[0]
    assert [said.split("**")[1] for said in changes(run, True)] == ["Task 3 falls", "Task 2 rises"]
    asked = page()
    asked.session_state[f"playing-{forgetting.__name__}"].stop = 99
    asked.radio(key="asked").set_value("own").run()
    assert any("**Task 2 rises**" in said.value for said in asked.caption)


@pytest.mark.parametrize("size", memory.SIZES)
def test_a_live_run_of_chapter_2_is_one_of_those_whose_means_stand_beside_it(runs, size):
    test = page(chapter="2", remembered=str(size))
    test.button(key=f"live-{memory.__name__}").click().run()
    (run,) = list_runs(runs)
    settings = run.config.model_dump(by_alias=True)
    usual = preset_config("digits-demo", **BASE, memory=size, seed=1).model_dump(by_alias=True)
    assert settings == usual


@pytest.mark.parametrize("kept", [0, 3, 50])
def test_a_memory_has_its_places_from_the_beginning(kept):
    one = Remembrance(np.zeros((8, 8, 1), np.uint8), "red", "from task 1")
    html = memory_html([one] * kept, places=50)
    assert html.count('title="from task 1"') == kept and html.count('title="free"') == 50 - kept


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
