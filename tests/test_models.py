"""The networks: shapes, sizes, first weights from the seed alone."""

from __future__ import annotations

import pytest
import torch

from acl.config import make_config
from acl.models import GridMean, build_model


def parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("model", ["mlp", "cnn", "resnet18"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32)])
def test_every_network_gives_features_and_logits(model, shape):
    config = make_config({"model": model, "width": 24})
    h, logits = build_model(config, shape, 7)(torch.zeros(2, *shape))
    assert h.shape == (2, config.feature_dim) and logits.shape == (2, 7)


def test_first_weights_come_from_the_seed_alone():
    config = make_config({"model": "resnet18"})
    torch.manual_seed(1)
    first = build_model(config, (3, 32, 32), 10).state_dict()
    torch.manual_seed(2)
    again = build_model(config, (3, 32, 32), 10).state_dict()
    other = build_model(config.changed(seed=1), (3, 32, 32), 10).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["body.layer4.1.conv2.weight"], other["body.layer4.1.conv2.weight"])


def test_resnet18_has_the_stem_for_small_images():
    model = build_model(make_config({"model": "resnet18"}), (3, 32, 32), 10)
    assert parameters(model) == 11_173_962
    seen = {}
    model.body.layer1.register_forward_hook(lambda module, x, y: seen.update(small=y.shape[2:]))
    model(torch.zeros(1, 3, 32, 32))
    large = build_model(make_config({"model": "resnet18"}), (3, 64, 64), 200)
    large.body.layer1.register_forward_hook(lambda module, x, y: seen.update(large=y.shape[2:]))
    assert large(torch.zeros(1, 3, 64, 64))[0].shape == (1, 512)
    assert tuple(seen["small"]) == tuple(seen["large"]) == (32, 32)


@pytest.mark.parametrize("size", [(4, 4), (16, 16), (14, 7), (3, 2)])
def test_the_mean_over_a_grid_is_torchs(size):
    x = torch.randn(2, 3, *size)
    grid = GridMean(4)
    expected = torch.nn.functional.adaptive_avg_pool2d(x, 4)
    assert torch.equal(grid(x), expected) and torch.allclose(grid.as_products(x), expected, atol=1e-6)


def test_running_statistics_belong_to_the_base_of_a_task():
    from acl.loop import Loop
    from acl.registry import prepare
    from tests.conftest import small_config

    config = small_config(model="resnet18")
    state = Loop(config, prepare(config)).base_state()
    assert {"model.body.bn1.running_mean", "model.body.bn1.num_batches_tracked"} <= state.keys()
