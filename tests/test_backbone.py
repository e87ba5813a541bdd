"""The frozen backbone, with random weights: features once, cached, and a run that learns on them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import get_model

from acl.analysis.outcomes import stacked
from acl.analysis.outcomes.query import Query
from acl.config import UserError
from acl.loop import Loop
from acl.network import backbone
from acl.plugins.registry import prepare
from acl.runs.folder import create
from tests.conftest import small_config
from tests.test_outcomes import check_stack, drawn, played
from tests.tools import facts, run_config

NAME = "mobilenet_v3_small"
FROZEN = {"backbone": NAME, "weights": "random"}


@pytest.fixture(autouse=True)
def data_folder(tmp_path_factory, monkeypatch):
    """One folder for the module's features, so that they are worked out once."""
    folder = tmp_path_factory.getbasetemp() / "frozen"
    monkeypatch.setenv("ACL_DATA", str(folder))
    return folder


@pytest.fixture(scope="module")
def images():
    return prepare(small_config()).images


def test_features_are_the_networks_own(images):
    features = backbone.cached_features(small_config(**FROZEN), images)
    network = backbone.backbone(NAME, "random")
    x = torch.nn.functional.interpolate(
        torch.from_numpy(images[:3]).permute(0, 3, 1, 2).float() / 255, size=(64, 64), mode="bilinear"
    ).expand(-1, 3, -1, -1)
    x = (x - torch.tensor(backbone.MEAN).view(3, 1, 1)) / torch.tensor(backbone.STD).view(3, 1, 1)
    pooled = network.avgpool(network.features(x)).flatten(1).numpy()
    assert features.shape == (len(images), 576) and features.dtype == np.float32
    np.testing.assert_allclose(features[:3], pooled, rtol=1e-3, atol=1e-5)


def test_they_are_worked_out_once(images, monkeypatch):
    first = backbone.cached_features(small_config(**FROZEN), images)
    monkeypatch.setattr(backbone, "compute", lambda *_: pytest.fail("worked out again"))
    assert (backbone.cached_features(small_config(**FROZEN), images) == first).all()


def test_a_run_on_features_is_the_same_every_time_and_learns():
    config = small_config(**FROZEN, epochs=20)
    loop = Loop(config, prepare(config))
    assert loop.images.shape == (576, 1, 1) and loop.model.head.in_features == config.width
    x = loop.images.batch(torch.arange(500))
    assert x.shape == (500, 576, 1, 1) and abs(float(x.mean())) < 0.2
    events = run_config(config)
    assert facts(events) == facts(run_config(config))
    # Five classes: even an untrained backbone lets the head do far better than chance on the newest task.
    assert events[-1].summary["LA"] > 0.5


def test_weights_from_a_file(tmp_path, images):
    network = get_model(NAME)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    torch.save(network.state_dict(), tmp_path / "w.pth")
    few = images[:4]
    loaded = [
        backbone.compute(backbone.backbone(NAME, str(tmp_path / f)), few, "cpu") for f in ("w.safetensors", "w.pth")
    ]
    assert (loaded[0] == loaded[1]).all()
    assert not np.allclose(loaded[0], backbone.compute(backbone.backbone(NAME, "random"), few, "cpu"))


def test_missing_and_wrong_weights_are_one_sentence(tmp_path, runs):
    with pytest.raises(UserError, match="acl data get mobilenet_v3_small"):
        small_config(backbone=NAME)
    with pytest.raises(UserError, match="nowhere.pth does not exist"):
        small_config(backbone=NAME, weights="nowhere.pth")
    (tmp_path / "bad.pth").write_bytes(b"nothing")
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    for name in ("bad.pth", "bad.safetensors", "other.safetensors"):
        with pytest.raises(UserError, match="does not hold this backbone's weights"):
            backbone.backbone(NAME, str(tmp_path / name))
    with pytest.raises(UserError, match="model=mlp and augment=none"):
        create(small_config(**FROZEN, model="cnn"), runs)
    assert not runs.exists()


def test_a_weights_file_never_runs_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("executed",))

    torch.save({"x": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(UserError, match="does not hold"):
        backbone.backbone(NAME, str(tmp_path / "evil.pth"))


@pytest.mark.parametrize("learner", ["er", "er_ace"])
def test_heads_are_measured_many_at_once(runs, learner):
    query = Query.of(played(runs, learner=learner, **FROZEN), (2, 2))
    assert stacked.can_stack(query)
    check_stack(query, drawn(query, 4))
