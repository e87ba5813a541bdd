"""What the network calls every test sample: recorded with each evaluation, and the accuracies follow from it."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from acl.events import Evaluated
from acl.plugins.registry import prepare
from acl.network.predictions import Predictions
from acl.runs import archive
from acl.runs.folder import create
from acl.runs.fork import fork
from acl.runs.verify import verify
from acl.service.worker import execute


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    run = create(config, tmp_path_factory.mktemp("predictions"))
    execute(run)
    return run


def test_accuracies_follow_from_them(run, config):
    stream = prepare(config)
    for event in run.history().of(Evaluated):
        found = Predictions.load(run.predictions(event.task, event.round))
        for own, accuracies in ((False, event.accuracy), (True, event.accuracy_aware)):
            for task, accuracy in zip(stream.tasks, accuracies, strict=False):
                ids = task.test_ids.tolist()
                called = found.of(ids, own)
                assert np.mean([c == y for c, y in zip(called, stream.labels[ids], strict=True)]) == accuracy
                assert not own or set(called) <= set(task.classes)


def test_a_task_that_has_not_come_is_called_nothing(run, config):
    later = prepare(config).tasks[1].test_ids[:3].tolist()
    assert Predictions.load(run.predictions(1, 0)).of(later, False) == [None, None, None]


def test_they_travel_and_are_shared(run, tmp_path):
    child = fork(run, (2, 1), {}, tmp_path / "forks")
    assert child.predictions(1, 3).exists() and not child.predictions(2, 2).exists()
    archive.export(run, tmp_path / "run.zip")
    again = archive.import_run(tmp_path / "run.zip", tmp_path / "imported")
    assert Predictions.load(again.predictions(2, 3)).of([0], False) is not None


def test_other_predictions_are_found(run, tmp_path):
    archive.export(run, tmp_path / "run.zip")
    again = archive.import_run(tmp_path / "run.zip", tmp_path)
    assert verify(again).sentence.startswith("Bit for bit the same")
    path = again.predictions(1, 1)
    tensors = load_file(path)
    save_file(tensors | {"said": tensors["said"][::-1].copy()}, path)
    assert "predictions/01-01.safetensors holds other predictions" in verify(again).sentence
    path.write_bytes(b"no tensors")
    assert "predictions/01-01.safetensors cannot be read" in verify(again).sentence


@pytest.mark.parametrize(
    "tensors",
    [
        {"ids": np.arange(3)},
        {"ids": np.arange(3), "said": np.arange(2), "own": np.arange(3)},
        {"ids": np.arange(3), "said": np.arange(3.0), "own": np.arange(3)},
        {"ids": np.array(3), "said": np.array(3), "own": np.array(3)},
    ],
)
def test_what_is_none_is_not_read(tensors, tmp_path):
    save_file(tensors, tmp_path / "x.safetensors")
    assert Predictions.load(tmp_path / "x.safetensors") is None
