"""Products of last-layer gradients against those that autograd finds, one sample at a time."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from acl.analysis.gradients import products
from acl.config import RunConfig
from acl.network.inference import Seen
from acl.network.models import Network, build_model


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return build_model(RunConfig(model="mlp", width=12, precision="float64"), (1, 4, 4), 5).double()


def test_products_are_those_of_the_gradients_of_each_sample(network):
    x, y = torch.randn(7, 1, 4, 4, dtype=torch.float64), torch.tensor([0, 4, 2, 2, 1, 3, 0])
    new, old = slice(0, 4), slice(4, 7)
    h, logits = (each.detach() for each in network(x))
    found = products(Seen(h[new], logits[new]), y[new], Seen(h[old], logits[old]), y[old])
    gradients = [_gradient(network, x[i : i + 1], y[i : i + 1]) for i in range(7)]
    for i in range(4):
        for j in range(3):
            assert float(found[i, j]) == pytest.approx(float(gradients[i] @ gradients[4 + j]), rel=1e-10)


def test_a_step_that_learns_a_sample_moves_the_loss_of_another_as_the_product_says(network):
    x, y = torch.randn(2, 1, 4, 4, dtype=torch.float64), torch.tensor([1, 3])
    h, logits = (each.detach() for each in network(x))
    product = float(products(Seen(h[:1], logits[:1]), y[:1], Seen(h[1:], logits[1:]), y[1:]))
    before = float(cross_entropy(logits[1:], y[1:]))
    step, gradient = 1e-6, _gradient(network, x[:1], y[:1])
    with torch.no_grad():
        network.head.weight -= step * gradient[: network.head.weight.numel()].view_as(network.head.weight)
        network.head.bias -= step * gradient[network.head.weight.numel() :]
        after = float(cross_entropy(network(x[1:])[1], y[1:]))
    assert (before - after) / step == pytest.approx(product, rel=1e-3, abs=1e-7)


def _gradient(network: Network, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    loss = cross_entropy(network(x)[1], y)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, [network.head.weight, network.head.bias])])
