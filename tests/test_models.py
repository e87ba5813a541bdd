"""The networks: shapes, sizes, first weights from the seed alone."""

from __future__ import annotations

import pytest
import torch

from acl.config import make_config
from acl.network.models import GridMean, build_model


def parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("model", ["mlp", "cnn", "resnet18"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32)])
def test_every_network_gives_features_and_logits(model, shape):
    config = make_config({"model": model, "width": 24})
    h, logits = build_model(config, shape, 7)(torch.zeros(2, *shape, dtype=getattr(torch, config.numbers)))
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


def test_resnet18_for_larger_images_begins_as_torchvisions():
    """Normal weights of variance 2/fan_out in all convolutions but the new stem; small images keep torch's default."""
    large = build_model(make_config({"model": "resnet18"}), (3, 64, 64), 200)
    small = build_model(make_config({"model": "resnet18"}), (3, 32, 32), 10)
    for name, module in large.body.named_modules():
        if not isinstance(module, torch.nn.Conv2d):
            continue
        weight, bound = module.weight.detach(), (module.in_channels * module.kernel_size[0] ** 2) ** -0.5
        expected = (2 / (module.out_channels * module.kernel_size[0] ** 2)) ** 0.5
        if name == "conv1":
            assert weight.abs().max() <= bound
        else:
            assert float(weight.std()) == pytest.approx(expected, rel=0.05)
            assert weight.abs().max() > 3 * expected  # not uniform
        assert dict(small.body.named_modules())[name].weight.detach().abs().max() <= bound
    bound = 512**-0.5
    assert float(large.head.weight.detach().std()) == pytest.approx(bound / 3**0.5, rel=0.05)


def test_a_seed_means_the_same_network_in_either_precision():
    double, single = (build_model(make_config({"precision": p}), (1, 8, 8), 10) for p in ("float64", "float32"))
    for name, value in double.state_dict().items():
        assert value.dtype == torch.float64 and torch.equal(value.float(), single.state_dict()[name])


@pytest.mark.parametrize("size", [(4, 4), (16, 16), (14, 7), (3, 2)])
def test_the_mean_over_a_grid_is_torchs(size):
    x = torch.randn(2, 3, *size)
    grid = GridMean(4)
    expected = torch.nn.functional.adaptive_avg_pool2d(x, 4)
    assert torch.equal(grid(x), expected) and torch.allclose(grid.as_products(x), expected, atol=1e-6)


def test_running_statistics_belong_to_the_base_of_a_task():
    from acl.loop import Loop
    from acl.plugins.registry import prepare
    from tests.conftest import small_config

    config = small_config(model="resnet18")
    state = Loop(config, prepare(config)).base_state()
    assert {"model.body.bn1.running_mean", "model.body.bn1.num_batches_tracked"} <= state.keys()
