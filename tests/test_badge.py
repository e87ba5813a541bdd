"""BADGE: factored distances against built gradient embeddings, and the law its picks are drawn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.stats import chisquare

from acl.seeds import key, uniforms
from acl.selection.query import QueryContext, Samples
from acl.strategies.badge import Badge, embed, race
from tests.contexts import make_context, with_duplicates

SURPRISE = 1e-4
"""p-value below which a fixed set of keys would be called biased."""


def built(samples: Samples) -> np.ndarray:
    """(p − onehot(argmax p)) ⊗ h, every entry."""
    p, h = samples.p.double().numpy(), samples.h.double().numpy()
    guess = np.eye(p.shape[1])[p.argmax(1)]
    return np.array([np.outer(r, x).ravel() for r, x in zip(p - guess, h, strict=True)])


def test_distances_are_those_of_the_built_embedding() -> None:
    pool = make_context(1, scale=1).pool
    gradients, g = embed(pool), built(pool)
    np.testing.assert_allclose(gradients.norm2, (g**2).sum(1), rtol=1e-12)
    for y in range(len(pool)):
        np.testing.assert_allclose(gradients.distance2(y), ((g - g[y]) ** 2).sum(1), rtol=1e-9, atol=1e-14)


def test_copies_have_distance_zero() -> None:
    pool = with_duplicates(make_context(2, pool=37, dim=33), 2).pool
    gradients = embed(pool)
    for y in range(18):
        assert gradients.distance2(y)[[y, y + 19]].tolist() == [0, 0]


def test_of_two_equal_classes_the_lower_is_the_guess() -> None:
    pool = Samples(torch.tensor([4]), torch.ones(1, 2), torch.tensor([[0.25, 0.375, 0.375]]))
    assert embed(pool).r.tolist() == [[0.25, -0.625, 0.375]]


def test_first_pick_has_the_largest_norm() -> None:
    context = make_context(3)
    selection = Badge().select(context)
    assert selection.ids[0] == context.pool.ids[np.linalg.norm(built(context.pool), axis=1).argmax()]


def test_race_follows_its_weights() -> None:
    weights, ids = torch.tensor([3.0, 0, 1, 2, 4], dtype=torch.float64), np.array([7, 3, 900, 12, 5])
    draws = 5000
    wins = np.bincount([race(weights, uniforms(key(0, "test", i), ids)) for i in range(draws)], minlength=5)
    share = weights.numpy() / float(weights.sum())
    assert wins[1] == 0
    assert chisquare(np.delete(wins, 1), np.delete(share, 1) * draws).pvalue > SURPRISE


def pairs_law(context: QueryContext) -> np.ndarray:
    """Probability of the second and third pick, by the definition of k-means++."""
    g = built(context.pool)
    first = int((g**2).sum(1).argmax())
    d1 = ((g - g[first]) ** 2).sum(1)
    law = np.zeros((len(g), len(g)))
    for second in range(len(g)):
        nearest = np.minimum(d1, ((g - g[second]) ** 2).sum(1))
        law[second] = d1[second] / d1.sum() * nearest / nearest.sum()
    return law


def test_second_and_third_pick_follow_the_law_of_k_means() -> None:
    context = make_context(4, pool=5, scale=1, n=3)
    draws = 2000
    law = pairs_law(context)
    seen = np.zeros_like(law)
    for seed in range(draws):
        _, second, third = (Badge().select(replace(context, seed=seed)).ids // 3).tolist()
        seen[second, third] += 1
    possible = law > 0
    assert seen[~possible].sum() == 0
    assert chisquare(seen[possible], law[possible] * draws).pvalue > SURPRISE


def test_copies_come_last_and_by_id() -> None:
    context = with_duplicates(make_context(5, pool=12, scale=1), 3)
    ids = Badge().select(replace(context, n=12)).ids
    assert sorted((ids[:4] // 3 % 4).tolist()) == [0, 1, 2, 3]
    assert ids[4:].tolist() == sorted(ids[4:].tolist())


def test_rounds_draw_anew() -> None:
    context = replace(make_context(6), n=20)
    picks = {tuple(Badge().select(replace(context, round=r, task=t)).ids.tolist()) for r in (1, 2) for t in (0, 1)}
    assert len(picks) == 4
