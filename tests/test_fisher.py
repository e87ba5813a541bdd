"""Fisher embeddings against autograd, scores and objective against literal loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon

from acl.selection import fisher
from acl.selection.fisher import (
    factors,
    js_distance,
    keep_largest,
    magnitude_and_distribution,
    mean_embedding,
    target,
    trace_objective,
)
from acl.selection.query import Samples
from tests.contexts import empty, make_context, make_samples


def built(samples: Samples) -> np.ndarray:
    """f[k, i] = p_k (1 − p_k) h_i² of every sample, every entry."""
    p, h = samples.p.double().numpy(), samples.h.double().numpy()
    return np.array([np.outer(a * (1 - a), b**2) for a, b in zip(p, h, strict=True)])


def test_embedding_is_the_expected_squared_gradient() -> None:
    """E over y ~ p of (∂ log p_y / ∂ W_ki)², by autograd, one sample and one label at a time."""
    rng = np.random.default_rng(0)
    h, weight = torch.from_numpy(rng.normal(size=(6, 5))), torch.from_numpy(rng.normal(size=(3, 5)))
    p = torch.softmax(h @ weight.T, 1)
    a, b = factors(Samples(torch.arange(6), h.float(), p.float()))
    for x in range(6):
        expected = torch.zeros_like(weight)
        for y in range(3):
            w = weight.clone().requires_grad_()
            torch.log_softmax(h[x] @ w.T, 0)[y].backward()
            expected += p[x, y] * w.grad.square()
        torch.testing.assert_close(a[x, :, None] * b[x, None, :], expected, rtol=1e-5, atol=1e-9)


def test_mean_embedding_is_the_mean() -> None:
    samples = make_samples(np.random.default_rng(1), 20)
    np.testing.assert_allclose(mean_embedding(samples), built(samples).mean(0), rtol=1e-12)
    assert not mean_embedding(empty()).any()


@pytest.mark.parametrize("lambda_", [0.0, 0.3, 1.0])
def test_target_weighs_the_past_by_lambda(lambda_: float) -> None:
    context = make_context(2, lambda_=lambda_)
    past, new = built(context.memory).mean(0), built(context.pool).mean(0)
    np.testing.assert_allclose(target(context).past, lambda_ * past, rtol=1e-12)
    np.testing.assert_allclose(target(context).total, lambda_ * past + (1 - lambda_) * new, rtol=1e-12)


def test_target_without_memory_is_the_pool() -> None:
    context = make_context(2, memory=0, lambda_=1.0)
    np.testing.assert_allclose(target(context).total, built(context.pool).mean(0), rtol=1e-12)


def test_js_distance_is_scipys() -> None:
    rng = np.random.default_rng(3)
    p, q = rng.dirichlet(np.ones(9) / 3, 40), rng.dirichlet(np.ones(9))
    p[0], p[1, :4], p[2] = q, 0, np.eye(9)[4]
    p /= p.sum(1, keepdims=True)
    ours = js_distance(torch.from_numpy(p), torch.from_numpy(q))
    np.testing.assert_allclose(ours[1:], [jensenshannon(row, q) for row in p[1:]], rtol=1e-12)
    assert ours[0] < 1e-7


def test_js_distance_of_disjoint_and_empty_entries() -> None:
    p, q = torch.tensor([[1.0, 0, 0], [0, 1, 0]]).double(), torch.tensor([0.0, 1, 0]).double()
    assert js_distance(p, q).tolist() == [pytest.approx(np.sqrt(np.log(2))), 0]


def test_keep_largest_shares_equally_and_ties_to_the_lower_dimension() -> None:
    total = torch.tensor([[1.0, 3, 3, 2], [5, 5, 5, 5]]).double()
    kept = keep_largest(total, 5)
    assert kept.rows.tolist() == [0, 0, 1, 1]
    assert kept.dims.tolist() == [1, 2, 0, 1]
    assert kept.values.tolist() == [3, 3, 5, 5]


@pytest.mark.parametrize(("n_kept", "per_class"), [(1, 1), (2, 1), (6, 3), (8, 4), (100, 4)])
def test_keep_largest_takes_at_least_one_and_at_most_all(n_kept: int, per_class: int) -> None:
    assert len(keep_largest(torch.rand(2, 4).double(), n_kept).rows) == 2 * per_class


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    context = make_context(4)
    whole = magnitude_and_distribution(context, 3)
    monkeypatch.setattr(fisher, "CHUNK_ENTRIES", 50)
    for ours, expected in zip(magnitude_and_distribution(context, 3), whole, strict=True):
        assert torch.equal(ours, expected)


def test_all_distributions_tie_where_the_target_is_zero() -> None:
    context = make_context(5)
    dead = replace(context, pool=replace(context.pool, h=torch.zeros_like(context.pool.h)), memory=empty())
    magnitude, distribution = magnitude_and_distribution(dead, 5)
    assert not magnitude.any() and (distribution == 1).all()


def test_all_distributions_tie_where_every_distance_is_zero() -> None:
    """One sample over and over: each is spread exactly like the target."""
    pool = Samples(torch.arange(4), torch.ones(4, 2), torch.full((4, 2), 0.5))
    context = make_context(6, pool=4, labelled=0, memory=0, n_classes=2, dim=2, n=1)
    magnitude, distribution = magnitude_and_distribution(replace(context, pool=pool), 5)
    assert (distribution == 1).all() and (magnitude == 0.5).all()


@pytest.mark.parametrize("memory", [0, 5])
def test_trace_objective_is_the_sum_it_says(memory: int) -> None:
    context = make_context(7, memory=memory)
    picks = context.pool.take(torch.tensor([2, 5, 11]))
    lambda_ = context.lambda_ if memory else 0
    past = lambda_ * built(context.memory).mean(0) if memory else np.zeros((4, 6))
    new = (1 - lambda_) * built(context.pool).mean(0)
    total, cover = past + new, built(picks).mean(0)
    kept = [(k, i) for k in range(4) for i in np.argsort(-total[k], kind="stable")[:3]]
    epsilon = 1e-3 * np.mean([total[j] for j in kept])
    objective = trace_objective(context, picks, 3)
    assert objective.past == pytest.approx(sum(past[j] / (cover[j] + epsilon) for j in kept))
    assert objective.new == pytest.approx(sum(new[j] / (cover[j] + epsilon) for j in kept))
    assert objective.total == objective.past + objective.new
