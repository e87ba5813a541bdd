"""How long a run takes here, measured: what is counted, what is timed, and what is said."""

from __future__ import annotations

import json

import pytest

from acl import plan
from acl.cli import main as cli
from acl.config import FULL
from acl.events import Bought, Trained
from acl.loop import Loop
from acl.network.inference import Inference
from acl.plan import Estimate, in_words
from acl.plugins.registry import prepare
from acl.presets import preset_config
from acl.service import estimate as measuring
from acl.service.estimate import estimate
from acl.steps import Steps
from acl.training import Training
from tests.conftest import small_config


@pytest.fixture
def quick(monkeypatch):
    """Fewer steps are timed."""
    monkeypatch.setattr(measuring, "MEASURED_S", 0.0)


# -- what is counted -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"strategy": FULL, "epochs": 1},
        {"learner": "finetune"},
        {"learner": "derpp", "memory": 40},
        {"replay": "once", "memory": 30, "n_query": 7},
        {"replay": "paper", "learner": "gss"},
        {"n_end": 6},
    ],
)
def test_steps_replays_and_forward_passes_are_those_of_the_run(values, monkeypatch):
    config = small_config(**values)
    stream = prepare(config)
    seen = {"steps": 0, "replayed": 0, "looked at": 0}
    step, look = Steps.step, Inference.step

    def counted_step(self, new, old):
        seen["steps"] += 1
        seen["replayed"] += old is not None
        return step(self, new, old)

    def counted_look(self):
        look(self)
        seen["looked at"] += len(self._parts[-1].logits)

    monkeypatch.setattr(Steps, "step", counted_step)
    monkeypatch.setattr(Inference, "step", counted_look)
    loop = Loop(config, stream)
    while not loop.done:
        # The logits that a memory stores are looked at too, but for them nobody counts.
        if loop.stage == "remember" and loop.learner.stores_logits:
            before = seen["looked at"]
            loop.step()
            seen["looked at"] = before
        else:
            loop.step()
    assert plan.all_steps(config, stream) == seen["steps"]
    assert plan.images_looked_at(config, stream) == seen["looked at"]
    how, size = loop.learner.replay_plan(config.replay, config.memory_batch_size)
    replayed = sum(
        config.epochs * measuring._replayed(how, size, there, plan.steps_an_epoch(config, n))
        for task, there in zip(stream.tasks, plan.remembered(config, stream), strict=True)
        for n in plan.labels(config, task)
    )
    assert replayed == seen["replayed"]


def test_the_loop_counts_with_the_same_plan():
    config = small_config()
    stream = prepare(config)
    loop, events = Loop(config, stream), []
    while not loop.done:
        events.append(loop.step())
    bought = [event for event in events if isinstance(event, Bought)]
    assert [event.n_labelled for event in bought] == [n for t in stream.tasks for n in plan.labels(config, t)]
    trained = sum(isinstance(event, Trained) for event in events)
    assert trained == len(bought)


@pytest.mark.parametrize(
    ("preset", "long"), [("digits-demo", False), ("cifar10-quick", False), ("cifar10-paper-m100", True)]
)
def test_resnet_is_long_and_demos_are_not(preset, long, stream):
    # On any stream: it is the network that decides, and the steps.
    assert plan.is_long(preset_config(preset).changed(n_start=10, n_query=10, n_end=40), stream) == long


def test_many_steps_are_long(config, stream):
    n = plan.all_steps(config, stream)
    epochs = config.epochs * plan.LONG_STEPS // n
    assert not plan.is_long(config.changed(epochs=epochs), stream)
    assert plan.is_long(config.changed(epochs=epochs + config.epochs), stream)


# -- what is timed -------------------------------------------------------------------------------------


def test_replayed_steps_plain_steps_and_forward_passes_are_multiplied(monkeypatch):
    config = small_config(replay="once", memory=20, n_end=40, n_query=17)
    stream = prepare(config)
    times = iter([0.25, 2.0])  # without replay, then with
    monkeypatch.setattr(measuring, "_step_s", lambda loop, begin: (begin(), next(times))[1])
    monkeypatch.setattr(measuring, "_image_s", lambda loop, ids: 0.125)
    # Rounds of 6, 23 and 40 labels, 16 a step: 1, 2 and 3 steps an epoch, 3 epochs, 2 tasks. In the second task the
    # memory's 20 samples are replayed in up to 2 steps of each epoch.
    steps, replayed = 2 * 3 * (1 + 2 + 3), 3 * (1 + 2 + 2)
    looked = [len(task.test_ids) for task in stream.tasks], [len(task.train_ids) for task in stream.tasks]
    images = 3 * looked[0][0] + 2 * looked[1][0] + 3 * sum(looked[0]) + 2 * (looked[1][1] + 20)
    made = estimate(config, stream)
    training_s = replayed * 2.0 + (steps - replayed) * 0.25
    assert made == Estimate(steps, training_s / steps, training_s + images * 0.125, "cpu")


@pytest.mark.parametrize("learner", ["er", "gss", "derpp", "er_ace", "finetune"])
def test_it_works_with_every_learner_and_leaves_no_trace(quick, learner, runs, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    config = small_config(learner=learner, lr=1e6)  # nothing diverges in it
    made = estimate(config, prepare(config))
    assert made.steps == plan.all_steps(config, prepare(config)) and made.seconds > made.steps * made.seconds_per_step
    assert not list(tmp_path.iterdir())


def test_at_least_two_steps_after_one_that_warms_up(quick, monkeypatch):
    config = small_config(epochs=1, n_end=6)  # one step and the training is over: another one begins
    worked = []
    step = Training.step

    def slow(self):
        worked.append((self.where, len(self.memory)))
        return step(self)

    monkeypatch.setattr(Training, "step", slow)
    estimate(config, prepare(config))
    assert worked == [((2, 0), 0)] * 3 + [((2, 0), 6)] * 3


def test_a_long_forward_pass_is_measured_in_part(quick, monkeypatch):
    config = small_config()
    seen = []
    step = Inference.step
    monkeypatch.setattr(Inference, "step", lambda self: (seen.append(len(self._todo[0])), step(self))[1])
    stream = prepare(config)
    estimate(config, stream)
    assert seen == [16, 16]
    monkeypatch.setattr(measuring, "MEASURED_S", 0.2)
    del seen[:]
    estimate(config, stream)
    assert seen == [16, 16, len(stream.tasks[-1].test_ids)]


# -- what is said --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (40.4, "40 seconds"), (89.0, "89 seconds"), (90.0, "1.5 minutes"), (3599.0, "60 minutes"),
     (5400.0, "1.5 hours"), (216000.0, "60 hours"), (3 * 86400.0, "3 days"), (33 * 86400.0, "33 days")],
)  # fmt: skip
def test_units_that_people_use(seconds, words):
    assert in_words(seconds) == words


def test_the_sentence():
    made = Estimate(174_000, 1.25, 216_000.0, "cpu")
    assert made.sentence == "About 60 hours here (measured just now: 1.2 s a step, 174,000 steps)."
    assert "0.57 s a step" in Estimate(1, 0.5662, 1.0, "cpu").sentence
    assert "8.4 ms a step" in Estimate(1, 0.00844, 1.0, "cpu").sentence


def test_the_command_says_it_and_gives_it_to_machines(quick, capsys, runs):
    options = ["--set", "n_end=10", "--set", "epochs=2"]
    assert cli(["estimate", *options]) == 0
    assert capsys.readouterr().out.startswith("About 1 second here (measured just now: ")
    assert cli(["estimate", "--json", *options]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out).keys() == {"steps", "seconds_per_step", "seconds", "device"} and not err
    assert json.loads(out)["steps"] == 10 and json.loads(out)["device"] == "cpu"
    assert cli(["estimate", "--set", "memory=-3"]) == 2


def test_a_long_run_says_it_before_it_begins(quick, runs, capsys, monkeypatch):
    said = []
    monkeypatch.setattr("acl.cli.commands.run.work", lambda run, quiet: said.append(capsys.readouterr().err))
    short = ["run", "--runs", str(runs), "--set", "device=auto"]
    monkeypatch.setattr("acl.system.device.no_gpu", lambda: "no NVIDIA driver")
    monkeypatch.setattr("acl.runs.folder.no_gpu", lambda: "no NVIDIA driver")
    assert cli(short) == cli([*short, "--set", "epochs=1000"]) == 0
    fallback = "acl: No GPU is usable here (no NVIDIA driver): this run is made for the CPU.\n"
    assert said[0] == fallback
    assert said[1].startswith(fallback + "acl: About ") and "40,000 steps" in said[1] and said[1].count("\n") == 2


def test_a_sweep_says_where_its_runs_are_made_for(runs, capsys, monkeypatch):
    monkeypatch.setattr("acl.system.device.no_gpu", lambda: "no NVIDIA driver")
    monkeypatch.setattr("acl.runs.folder.no_gpu", lambda: "no NVIDIA driver")
    monkeypatch.setattr("acl.service.backend.ensure", lambda runs, options: None)
    command = ["sweep", "--runs", str(runs), "--seeds", "0", "--strategies", "uniform", "--no-wait"]
    assert cli(command) == 0 and capsys.readouterr().err == ""
    assert cli([*command, "--set", "device=auto"]) == 0
    said = "acl: No GPU is usable here (no NVIDIA driver): these runs are made for the CPU.\n"
    assert capsys.readouterr().err == said
