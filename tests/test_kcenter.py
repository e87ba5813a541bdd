"""k-center against a loop over all pairs, and its shortcuts against every distance worked out, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from acl.selection.query import QueryContext
from acl.strategies import kcenter
from acl.strategies.kcenter import KCenter, greedy, may_be_nearest, nearest
from tests.contexts import empty, make_context, with_duplicates


def naive(context: QueryContext) -> list[int]:
    points = context.pool.h.double().numpy()
    centres = list(context.labelled.h.double().numpy())
    picked: list[int] = []
    if not centres:
        mean = points.mean(0)
        picked.append(int(np.argmin([np.linalg.norm(x - mean) for x in points])))
        centres.append(points[picked[0]])
    while len(picked) < context.n:
        left = [i for i in range(len(points)) if i not in picked]
        distance = {i: min(np.linalg.norm(points[i] - c) for c in centres) for i in left}
        picked.append(max(left, key=lambda i: (distance[i], -i)))
        centres.append(points[picked[-1]])
    return context.pool.ids[picked].tolist()


@pytest.mark.parametrize("labelled", [0, 8])
@pytest.mark.parametrize("seed", range(5))
def test_picks_are_those_of_a_loop(seed: int, labelled: int) -> None:
    context = make_context(seed, labelled=labelled, n=(1, 7, 30)[seed % 3])
    assert KCenter().select(context).ids.tolist() == naive(context)
    twins = with_duplicates(context, 3)
    assert KCenter().select(twins).ids.tolist() == naive(twins)


def test_score_is_the_distance_to_the_labelled() -> None:
    context = make_context(1)
    expected = torch.cdist(context.pool.h.double(), context.labelled.h.double()).amin(1)
    torch.testing.assert_close(KCenter().select(context).scores["distance"], expected)


def test_without_labels_the_first_pick_is_the_centre() -> None:
    selection = KCenter().select(make_context(1, labelled=0))
    assert selection.scores["distance"].argmin() * 3 == selection.ids[0]


def test_a_copy_of_a_labelled_sample_has_distance_zero() -> None:
    context = make_context(2, dim=300)
    context = replace(context, labelled=replace(context.pool, ids=context.pool.ids + 10_000), memory=empty(dim=300))
    selection = KCenter().select(context)
    assert not selection.scores["distance"].any()
    assert torch.equal(selection.ids, context.pool.ids[: context.n])


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    points, centres = make_context(3).pool.h.double(), make_context(4).pool.h.double()
    whole = nearest(points, centres)
    monkeypatch.setattr(kcenter, "CHUNK_ENTRIES", 70)
    assert torch.equal(nearest(points, centres), whole)


def every_distance(points: Tensor, centres: Tensor) -> Tensor:
    """All in float64, from the differences."""
    return torch.cdist(points.double(), centres.double(), compute_mode="donot_use_mm_for_euclid_dist")


def eager(points: Tensor, start: Tensor, n: int) -> list[int]:
    """Every sample compared with every new centre."""
    distance, picked = start.clone(), []
    for _ in range(n):
        picked.append(int(distance.argmax()))
        distance = torch.minimum(distance, every_distance(points, points[picked[-1:]])[:, 0])
        distance[picked] = -1
    return picked


POOLS = {
    "random": lambda rng, n, d: torch.randn(n, d, generator=rng),
    "clusters": lambda rng, n, d: 9 * torch.eye(d)[torch.arange(n) % d] + 1e-3 * torch.randn(n, d, generator=rng),
    "one far from zero": lambda rng, n, d: 1e4 + torch.randn(n, d, generator=rng),
    "duplicates": lambda rng, n, d: torch.randn(1 + n // 9, d, generator=rng)[torch.arange(n) % (1 + n // 9)],
    "whole numbers": lambda rng, n, d: torch.randint(0, 2, (n, d), generator=rng).float(),
    "one ulp": lambda rng, n, d: 1 + 2**-23 * torch.randint(0, 2, (n, d), generator=rng),
    "1e-12": lambda rng, n, d: 1 + 1e-12 * torch.randint(0, 3, (n, d), generator=rng).double(),
    "tiny": lambda rng, n, d: 1e-25 * torch.randn(n, d, generator=rng),
    "huge": lambda rng, n, d: 1e25 * torch.randn(n, d, generator=rng),
    "mixed": lambda rng, n, d: (
        torch.randn(n, d, generator=rng) * 10 ** torch.empty(n, 1).uniform_(-20, 20, generator=rng)
    ),
    "dead": lambda rng, n, d: torch.zeros(n, d),
}


@pytest.mark.parametrize("kind", POOLS)
@settings(max_examples=30, deadline=None)
@given(size=st.integers(2, 120), centres=st.integers(1, 60), dim=st.integers(1, 40), seed=st.integers(0, 999))
def test_shortcuts_change_no_bit_and_no_pick(kind: str, size: int, centres: int, dim: int, seed: int) -> None:
    every = POOLS[kind](torch.Generator().manual_seed(seed), size + centres, dim)
    points, labelled = every[:size], every[size:]
    start = every_distance(points, labelled).amin(1)
    assert torch.equal(nearest(points, labelled), start)
    n = 1 + seed % size
    assert greedy(points, start, [], n) == eager(points, start, n)


@pytest.mark.parametrize("tries", [0, 1, 3])
def test_all_are_brought_up_to_date_where_single_ones_do_not_end(tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kcenter, "STALE_TRIES", tries)
    for kind in POOLS:
        points = POOLS[kind](torch.Generator().manual_seed(tries), 80, 9)
        start = every_distance(points, points[:5] + 1).amin(1)
        assert greedy(points, start, [], 60) == eager(points, start, 60)


def test_products_rule_out_most_centres_and_never_the_nearest() -> None:
    points, centres = make_context(5, pool=300, dim=64).pool.h.split((200, 100))
    near, exact = may_be_nearest(points, centres), every_distance(points, centres)
    assert near[torch.arange(200), exact.argmin(1)].all()
    assert near.sum() < 210
