"""What the forms say before a long run begins; `acl estimate` is played by other programs, and once asked for real."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from acl.cli import entry as cli
from acl.cli.commands.estimate import asked
from acl.config import FULL
from acl.plugins.registry import prepare
from acl.runs.folder import resolved
from app import words
from app.widgets import how_long as howlong
from tests.conftest import small_config
from tests.tools import wait_for

ROOT = Path(__file__).resolve().parent.parent
MEASURING, NOT_MEASURED = "Measuring how long this takes here…", "could not be measured"
LONG = {"model": "resnet18", "n_end": 12}


@pytest.fixture(autouse=True)
def alone(monkeypatch, runs):
    """No backend, an empty runs folder, nothing measured before."""
    runs.mkdir()
    for module in ("app.store.session", "app.new_run.page", "app.compare.new_sweep"):
        monkeypatch.setattr(f"{module}.RUNS", runs)
    monkeypatch.setattr("acl.service.backend.ensure", lambda runs: None)
    monkeypatch.setattr("acl.service.backend.attach", lambda runs: None)
    howlong._measurement.clear()


@pytest.fixture
def program(monkeypatch):
    """program(*command) takes the place of `acl estimate`; the list of those that were started."""
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def play(*command: str) -> list[subprocess.Popen[bytes]]:
        def start(_, **options):
            started.append(real(command, **options))
            return started[-1]

        monkeypatch.setattr(howlong.subprocess, "Popen", start)
        return started

    yield play
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def says(steps: int = 174_000, step_s: float = 1.3, seconds: float = 216_000.0) -> tuple[str, str]:
    made = {"steps": steps, "seconds_per_step": step_s, "seconds": seconds, "device": "cpu"}
    return "echo", json.dumps(made)


def form(**values: object) -> AppTest:
    """The form of a new run with these settings."""
    test = AppTest.from_file(str(ROOT / "app" / "contents.py"), default_timeout=30)
    test.switch_page(str(ROOT / "pages" / "start.py")).run()
    widgets = {widget.key: widget for kind in ("selectbox", "number_input") for widget in test.get(kind)}
    for name, value in values.items():
        widgets[f"new-digits-demo-{name}"].set_value(value)
    test.run()
    assert not test.exception
    return test


def said(test: AppTest) -> str:
    return " ".join(str(part.value) for part in (*test.info, *test.warning, *test.caption))


def over(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def test_it_is_measured_while_the_page_goes_on_and_said_as_a_warning_above_an_hour(program):
    started = program("sleep", "100")
    test = form(**LONG)
    assert MEASURING in said(test) and not over(started[0])
    test.run()
    assert len(started) == 1  # never two at once
    other_tab = form(**LONG)
    assert MEASURING in said(other_tab) and len(started) == 1
    howlong._measurement.clear()
    program(*says())
    test.run()
    wait_for(lambda: over(started[1]))
    test.run()
    warning = "About 60 hours here (measured just now: 1.3 s a step, 174,000 steps)."
    assert warning in [w.value for w in test.warning] and MEASURING not in said(test)


def test_under_an_hour_it_is_no_warning(program):
    started = program(*says(steps=100, step_s=0.2, seconds=20.0))
    test = form(**LONG)
    wait_for(lambda: over(started[0]))
    test.run()
    assert "About 20 seconds here (measured just now: 0.2 s a step, 100 steps)." in [i.value for i in test.info]
    assert not test.warning


def test_other_settings_end_what_was_measured_and_those_that_change_no_time_do_not(program):
    started = program("sleep", "100")
    test = form(**LONG)
    test.number_input(key="new-digits-demo-seed").set_value(3).run()
    test.selectbox(key="new-digits-demo-strategy").set_value("uniform").run()
    assert len(started) == 1 and not over(started[0])
    test.number_input(key="new-digits-demo-memory").set_value(20).run()
    assert len(started) == 2 and over(started[0]) and not over(started[1])
    test.selectbox(key="new-digits-demo-model").set_value("mlp").run()
    assert over(started[1]) and MEASURING not in said(test)


def test_what_nobody_can_ask_for_any_longer_is_ended_with_its_pipe(program):
    started = program("sleep", "100")
    form(**LONG)
    howlong._measurement.clear()
    assert over(started[0]) and started[0].stdout.closed


def test_a_tab_whose_measurement_another_one_ended_begins_it_again(program):
    started = program("sleep", "100")
    first, second = form(**LONG), form(**LONG)
    second.number_input(key="new-digits-demo-memory").set_value(20).run()
    assert over(started[0])
    first.run()
    assert MEASURING in said(first) and len(started) == 3 and not over(started[2])


def test_what_cannot_be_measured_is_said_and_can_be_started(program):
    started = program("false")
    test = form(**LONG)
    wait_for(lambda: over(started[0]))
    test.run()
    assert NOT_MEASURED in said(test)
    assert not next(b for b in test.button if b.label == "Start the run").disabled


def test_after_ten_minutes_it_is_not_just_now(program, monkeypatch):
    started = program(*says())
    test = form(**LONG)
    wait_for(lambda: over(started[0]))
    test.run()
    assert len(started) == 1
    now = time.monotonic()
    monkeypatch.setattr(howlong.time, "monotonic", lambda: now + 601)
    test.run()
    assert len(started) == 2


def test_short_runs_and_missing_data_are_not_measured(program, data_dir):
    started = program("false")
    test = form()
    test.selectbox(key="preset").set_value("cifar10-paper-m100").run()
    assert not started and not test.exception and "acl data get cifar10" in " ".join(e.value for e in test.error)


def test_device_auto_that_becomes_the_cpu_is_said(monkeypatch):
    monkeypatch.setattr("acl.system.device.no_gpu", lambda: "CUDA_VISIBLE_DEVICES is empty")
    monkeypatch.setattr("acl.runs.folder.no_gpu", lambda: "CUDA_VISIBLE_DEVICES is empty")
    sentence = "No GPU is usable here (CUDA_VISIBLE_DEVICES is empty): this run is made for the CPU."
    assert words.plain(sentence) in said(form(device="auto")) and "No GPU" not in said(form(device="cpu"))


def test_a_grid_takes_as_long_as_its_runs_by_those_at_once(program, monkeypatch, runs):
    monkeypatch.setattr("app.widgets.how_long.slots", lambda: 4)
    monkeypatch.setattr("app.widgets.how_long.os.cpu_count", lambda: 2)
    started = program(*says(seconds=7200.0))

    def sheet() -> None:
        from app.compare.new_sweep import sweep_form

        sweep_form()

    test = AppTest.from_function(sheet, default_timeout=30).run()
    test.text_area(key="sweep-others").set_value("model=resnet18\nn_start=10").run()
    wait_for(lambda: over(started[0]))
    test.run()
    # 7 strategies, 5 seeds, two processors: 35 × 2 hours / 2.
    assert "About 35 hours here for these 35 runs, 2 at once, if they do not slow each other down" in said(test)


@pytest.mark.parametrize(
    "values",
    [{}, {"model": "resnet18", "augment": "crop_flip"}, {"learner": "finetune", "strategy": FULL},
     {"class_order": "3,1,0,2,5,4,9,8,7,6", "shuffle_classes": False}, {"max_per_class": 40, "top_classes": 3},
     {"strategy": "accuacl", "lambda": 0.5}, {"learner": "er", "memory_policy": "reservoir"}],
)  # fmt: skip
def test_the_options_name_the_same_run(values):
    config = small_config(**values)
    arguments = cli.parser().parse_args(["estimate", "--json", *howlong._options(config)])
    again, _ = asked(arguments)
    assert again == config == resolved(config, prepare(config))


def test_what_changes_no_time_is_measured_once():
    key = howlong._key(small_config())
    for same in ({"seed": 1}, {"strategy": "badge"}, {"lambda": 0.5}, {"snapshots": "off"}, {"dims_per_class": 1}):
        assert howlong._key(small_config(**same)) == key, same
    for other in ({"learner": "derpp"}, {"strategy": FULL}, {"memory": 20}, {"threads": 2}, {"n_end": 12}):
        assert howlong._key(small_config(**other)) != key, other


@pytest.mark.slow
def test_for_real():
    test = form(**LONG)
    assert MEASURING in said(test)

    def done() -> str:
        test.run()
        return said(test) if MEASURING not in said(test) else ""

    assert "here (measured just now: " in wait_for(done, 120)
