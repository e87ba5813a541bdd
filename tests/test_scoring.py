"""Fast scoring picks what slow, literal scoring picks: on large, peaked, duplicated, nearly tied and hostile pools."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from acl.selection import fisher
from acl.selection.fisher import Information, Kept, js_distance, js_squared, js_squared_error, keep_largest
from acl.selection.query import QueryContext, Samples, best
from acl.strategies.accuacl import AccuACL, choose
from tests.contexts import empty, make_context, with_duplicates


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pool of this file counts as large."""
    monkeypatch.setattr(fisher, "BLOCK", 7)


def literal_scores(pool: Samples, kept: Kept) -> tuple[Tensor, Tensor]:
    """M and D of DESIGN section 3 in float64, every entry at once."""
    p, h = pool.p.double(), pool.h.double()
    f = (p * (1 - p))[:, kept.rows] * h.square()[:, kept.dims]
    mu = kept.values.mean()
    p_x, q = torch.softmax(f / mu, 1), torch.softmax(kept.values / mu, 0)
    mixed = p_x + q
    terms = torch.xlogy(p_x, 2 * p_x / mixed) + torch.xlogy(q, 2 * q / mixed)
    js = (torch.where(mixed > 0, terms, 0.0).sum(1) / 2).clamp_min(0).sqrt()
    return f.square().sum(1).sqrt(), torch.ones_like(js) if mu == 0 or js.mean() == 0 else torch.exp(-js / js.mean())


def literal_best(scores: Tensor, ids: list[int], n: int) -> list[int]:
    return sorted(ids, key=lambda i: (-float(scores[i]), i))[:n]


def compare(pool: Samples, kept: Kept, n: int, oversample: float) -> None:
    """Candidates and picks are the literal ones, magnitudes too; distribution scores up to rounding."""
    cut = round(min(oversample * n, len(pool)))
    magnitude, distribution = Information(pool, None, torch.zeros(1, 1).double()).scores(kept, cut)
    slow_magnitude, slow_distribution = literal_scores(pool, kept)
    candidates, picked = choose(magnitude, distribution, torch.arange(len(pool)), n, oversample)
    expected = literal_best(slow_distribution, list(range(len(pool))), cut)
    assert sorted(candidates.tolist()) == sorted(expected)
    assert picked.tolist() == literal_best(slow_magnitude, expected, n)
    assert torch.equal(magnitude, slow_magnitude)
    torch.testing.assert_close(distribution, slow_distribution, rtol=1e-6, atol=1e-6)


def kept_of(context: QueryContext, dims_per_class: int = 3) -> Kept:
    total = Information.of(context).target(context.lambda_).total
    return keep_largest(total, dims_per_class * len(context.classes))


def nearly_tied(context: QueryContext, by: str) -> QueryContext:
    """Copies of few samples whose features differ by one float32 ulp or by 1e-12, in random order."""
    copied = with_duplicates(context, 8).pool
    rng = torch.Generator().manual_seed(context.seed)
    steps = torch.randint(-2, 3, copied.h.shape, generator=rng)
    if by == "ulp":
        h = torch.where(steps > 0, torch.nextafter(copied.h, torch.tensor(math.inf)), copied.h)
        return replace(context, pool=replace(copied, h=h))
    return replace(context, pool=replace(copied, h=copied.h.double() * (1 + 1e-12 * steps), p=copied.p.double()))


CHANGES = {
    "random": lambda context: context,
    "duplicates": lambda context: with_duplicates(context, 8),
    "one ulp": lambda context: nearly_tied(context, "ulp"),
    "1e-12": lambda context: nearly_tied(context, "1e-12"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("scale", [0.1, 2, 8, 16, 60])
@pytest.mark.parametrize("seed", range(4))
def test_accuacl_picks_what_float64_picks(change: str, scale: float, seed: int) -> None:
    context = CHANGES[change](make_context(seed, pool=96, scale=scale, n_classes=5, dim=8, memory=9))
    for n in (1, 10, 30, 48, 90):
        compare(context.pool, kept_of(context), n, 2.0)
    compare(context.pool, kept_of(context), 10, 1.0)
    slow = choose(*literal_scores(context.pool, kept_of(context, 5)), context.pool.ids, context.n, 2.0)[1]
    assert torch.equal(AccuACL().select(context).ids, context.pool.ids[slow])


SIZES = st.sampled_from([0.0, 1e-150, 1e-30, 1e-9, 1e-8, 1e-4, 0.5, 1.0, 3.0, 30.0, 1e4, 1e15])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_accuacl_picks_what_float64_picks_from_hostile_pools(data: st.DataObject) -> None:
    """Rows are permutations of few values, so that many are equal but for the order of their sums; the target is
    flat, so that these tie; magnitudes run from nothing to far beyond what exp holds."""
    n_classes, k = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 6))
    values = torch.tensor(data.draw(st.lists(SIZES, min_size=k, max_size=k))).double()
    rng = torch.Generator().manual_seed(data.draw(st.integers(0, 999)))
    size = data.draw(st.integers(8, 40))
    noise = data.draw(st.sampled_from([0.0, 2.0**-53, 1e-12, 1e-3]))
    h = torch.stack([values[torch.randperm(k, generator=rng)] for _ in range(size)])
    h = h * (1 + noise * torch.randn(h.shape, generator=rng).double())
    p = torch.softmax(data.draw(st.sampled_from([0.0, 4.0, 40.0])) * torch.randn(size, n_classes, generator=rng), 1)
    pool = Samples(torch.arange(size), h, p)
    rows, dims = torch.arange(n_classes).repeat_interleave(k), torch.arange(k).repeat(n_classes)
    flat = torch.full((n_classes * k,), float(values.square().mean()) / 4).double()
    steep = flat * torch.linspace(0, 1e3, n_classes * k).double()
    for target in (flat, steep, torch.zeros_like(flat)):
        n = data.draw(st.integers(1, size))
        compare(pool, Kept(rows, dims, target), n, data.draw(st.sampled_from([1.0, 2.0])))


def test_the_cut_may_lie_between_equals_but_for_rounding() -> None:
    """Every row holds the same values in another order: their JS differ by rounding alone, and that decides."""
    rng = torch.Generator().manual_seed(0)
    values = torch.rand(40, generator=rng)
    h = torch.stack([values[torch.randperm(40, generator=rng)] for _ in range(200)])
    pool = Samples(torch.arange(200), h, torch.full((200, 2), 0.5))
    kept = Kept(torch.arange(2).repeat_interleave(40), torch.arange(40).repeat(2), torch.full((80,), 0.3).double())
    assert len(literal_scores(pool, kept)[1].unique()) > 1
    for n in (1, 5, 20, 50):
        compare(pool, kept, n, 2.0)


@pytest.mark.parametrize("peak", [1e-9, 1e-3, 1.0, 30.0, 600.0, 1e6])
@pytest.mark.parametrize("kept", [1, 7, 500])
def test_the_error_of_the_fast_distance_is_within_its_bound(peak: float, kept: int) -> None:
    rng = torch.Generator().manual_seed(kept)
    z = peak * torch.rand(300, kept, generator=rng).double() ** 4
    q = torch.softmax(torch.randn(kept, generator=rng).double(), 0)
    p = torch.softmax(z, 1)
    slow = js_distance(p, q).square()
    error = (js_squared(z, p.clone(), q) - slow).abs()
    bound = js_squared_error(torch.linalg.vector_norm(z, dim=1), kept)
    assert (error <= bound).all()
    assert peak > 30 or (bound < 1e-10).all()


def test_the_mean_of_many_embeddings_is_the_mean() -> None:
    context = make_context(3, pool=200, n_classes=5, dim=9)
    p, h = context.pool.p.double(), context.pool.h.double()
    f = (p * (1 - p))[:, :, None] * h.square()[:, None, :]
    torch.testing.assert_close(fisher.mean_embedding(context.pool), f.mean(0), rtol=1e-13, atol=0)
    assert not fisher.mean_embedding(empty()).any()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, 1.0 + 2**-52, 3.0, math.nan]), min_size=1, max_size=30), st.data())
def test_best_is_a_sort(scores: list[float], data: st.DataObject) -> None:
    ids = data.draw(st.permutations(range(len(scores))))
    n = data.draw(st.integers(1, len(scores) + 2))
    expected = sorted(range(len(scores)), key=lambda i: (-math.inf if math.isnan(scores[i]) else -scores[i], ids[i]))
    assert best(torch.tensor(scores, dtype=torch.float64), torch.tensor(ids), n).tolist() == expected[:n]


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 4), st.integers(1, 7), st.integers(1, 30), st.integers(0, 999))
def test_the_entries_kept_are_the_first_of_a_stable_sort(n_classes: int, dim: int, n_kept: int, seed: int) -> None:
    total = torch.randint(0, 4, (n_classes, dim), generator=torch.Generator().manual_seed(seed)).double()
    k = max(1, min(dim, n_kept // n_classes))
    rows = [sorted(range(dim), key=lambda i: (-float(total[c, i]), i))[:k] for c in range(n_classes)]
    kept = keep_largest(total, n_kept)
    assert kept.dims.tolist() == sum(rows, [])
    assert kept.rows.tolist() == [c for c in range(n_classes) for _ in range(k)]
