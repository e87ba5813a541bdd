"""Settings that cannot go together: refused before anything is made, where a run would fail or mean nothing."""

from __future__ import annotations

import numpy as np
import pytest

from acl.cli import main
from acl.config import UserError
from acl.events import Steered
from acl.loop import Loop
from acl.plugins.contradictions import refuse_contradictions
from acl.plugins.registry import choices, prepare
from acl.runs.control import read_status, request
from acl.runs.folder import create, list_runs
from acl.runs.fork import fork
from acl.service.worker import execute
from acl.steps import Steps
from acl.stream.tasks import cut
from acl.stream.types import ImageSet
from tests.conftest import small_config
from tests.tools import play

TINY = {
    "epochs": 1, "n_start": 2, "n_query": 1, "n_end": 4, "memory": 4, "width": 4, "classes_per_task": 2,
    "lr": 0.001, "lr_end": 0.001,
}  # fmt: skip
ONE_STEP = {"classes_per_task": 4, "n_end": 2}
ONE_CLASS = {"scenario": "class", "classes_per_task": 1}


def images(height, width, channels=1, n=24):
    """Noise of four classes, two thirds of it for training."""
    pixels = np.random.default_rng(0).integers(0, 256, (n, height, width, channels), np.uint8)
    return ImageSet("noise", pixels, np.arange(n) % 4, tuple("abcd"), np.arange(n) < 2 * n // 3)


def new_loop(data, **settings):
    """As the command line and the page begin a run."""
    config = small_config().changed(**{**TINY, **settings})
    stream = cut(data, config)
    refuse_contradictions(config, stream)
    return Loop(config, stream)


# -- label noise ---------------------------------------------------------------------------------------


def test_label_noise_needs_another_class_to_be_wrong_with(runs, capsys):
    settings = [
        part for name, value in {**ONE_CLASS, "label_noise": 0.2}.items() for part in ("--set", f"{name}={value}")
    ]
    assert main(["run", *settings, "--runs", str(runs)]) == 2
    assert "label_noise must be 0 where a task has one class" in capsys.readouterr().err and not runs.exists()
    prepare(small_config().changed(**ONE_CLASS))
    prepare(small_config().changed(label_noise=0.2, scenario="domain", classes_per_task=1))


def test_nor_can_a_run_be_steered_or_forked_to_it(runs):
    run = create(small_config(**ONE_CLASS, class_order="0,1"), runs)
    request(run.path, mode="play", changes={"label_noise": 0.2})
    execute(run)
    assert "a wrong label is another class" in read_status(run.path).error and not run.history().of(Steered)
    with pytest.raises(UserError, match="a wrong label is another class"):
        fork(run, (2, 1), {"label_noise": 0.2}, runs)
    assert len(list_runs(runs)) == 1


# -- one image under batch normalisation ---------------------------------------------------------------


@pytest.mark.parametrize("learner", choices("learners"))
@pytest.mark.parametrize("replay", ["cycle", "once"])
def test_a_last_batch_of_one_joins_the_one_before_it_where_batch_normalisation_would_fail(learner, replay, monkeypatch):
    sizes = []
    batch = Steps._batch
    monkeypatch.setattr(Steps, "_batch", lambda self, table: sizes.append(table.shape[1]) or batch(self, table))
    loop = new_loop(images(8, 8), model="resnet18", learner=learner, replay=replay, batch_size=2, memory_batch_size=3)
    play(loop)
    assert loop.done and set(sizes) <= {2, 3, 4} and 3 in sizes


def test_nothing_else_is_trained_otherwise(monkeypatch):
    sizes = []
    batch = Steps._batch
    monkeypatch.setattr(Steps, "_batch", lambda self, table: sizes.append(table.shape[1]) or batch(self, table))
    play(new_loop(images(8, 8), learner="finetune", batch_size=2))
    assert sizes == [2, 2, 1, 2, 2] * 2
    sizes.clear()
    play(new_loop(images(9, 8), model="resnet18", learner="finetune", batch_size=2))
    assert sizes == [2, 2, 1, 2, 2] * 2


@pytest.mark.parametrize("settings", [{"batch_size": 1}, {"n_start": 1}, {"memory_batch_size": 1}])
@pytest.mark.parametrize("side", [4, 8])
def test_where_every_batch_would_be_of_one_it_is_refused(settings, side):
    (name,) = settings
    with pytest.raises(UserError, match=f"^{name} must be at least 2 for model=resnet18 on images of {side}×{side}"):
        new_loop(images(side, side), model="resnet18", **settings)
    play(new_loop(images(side, side), **{**ONE_STEP, **settings}))
    play(new_loop(images(9, 9), model="resnet18", **{**ONE_STEP, **settings}))


def test_a_task_of_one_image_is_refused_with_full_labels():
    data = images(8, 8, n=6)
    with pytest.raises(UserError, match="^The smallest task must be at least 2"):
        new_loop(data, model="resnet18", strategy="full", classes_per_task=1, learner="finetune")
    prepare(small_config(dataset="digits", model="resnet18", strategy="full", n_start=1))


# -- images that a network cannot take -----------------------------------------------------------------


@pytest.mark.parametrize("model", ["mlp", "cnn", "resnet18"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 4, 3), (2, 2, 1), (3, 2, 4), (4, 4, 3), (5, 40, 2), (8, 8, 1)])
@pytest.mark.parametrize("augment", ["none", "crop_flip"])
def test_every_network_takes_every_small_image_or_says_so(model, shape, augment):
    try:
        loop = new_loop(images(*shape), model=model, augment=augment, **ONE_STEP)
    except UserError as error:
        assert model == "cnn" and min(shape[:2]) < 2 and "2×2 pixels or more" in str(error)
        return
    try:
        play(loop)
    except UserError as error:
        # Twenty normalisations over two values each: its gradients may grow past all bounds, and that is said.
        assert model == "resnet18" and max(shape[:2]) <= 8 and "diverged" in str(error)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_frozen_backbone_takes_grey_and_colour(channels):
    settings = {"backbone": "mobilenet_v3_small", "weights": "random"}
    if channels in {1, 3}:
        play(new_loop(images(4, 4, channels), **settings, **ONE_STEP))
    else:
        with pytest.raises(UserError, match=f"1 or 3 channels, got {channels}"):
            new_loop(images(4, 4, channels), **settings)
