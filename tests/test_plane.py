"""Points in a plane: whatever they are there is a picture at once, and a sentence where UMAP would show no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from acl.analysis import embedding as layout
from acl.analysis import plane
from acl.config import UserError
from acl.selection.query import QueryContext, Samples
from tests.contexts import make_context

SINGLE = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1e-45, 1e-30, -1e-30, 1.0, 1e30, 1e38, -1e38, 3.4028235e38]),
)
SPREAD = np.random.default_rng(0).normal(size=(300, 6))


def by_svd(x: np.ndarray) -> np.ndarray:
    """The principal plane, up to signs, of well-behaved points."""
    u, s, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    return np.abs(u[:, :2] * s[:2])


@pytest.mark.parametrize("shape", [(50, 7), (7, 50), (40, 40), (12, 2)])
@pytest.mark.parametrize("scale", [1.0, 1e-150, 1e76])
def test_pca_is_the_principal_plane(shape, scale):
    x = np.random.default_rng(0).normal(size=shape)
    np.testing.assert_allclose(np.abs(plane.pca(x * scale)), by_svd(x) * scale, rtol=1e-6, atol=1e-9 * scale)


def test_the_largest_weight_of_each_component_is_positive():
    x = np.random.default_rng(0).normal(size=(60, 5)) * [9, 5, 1, 1, 1]
    assert (np.corrcoef(plane.pca(x).T, x.T)[0, 2], np.corrcoef(plane.pca(x).T, x.T)[1, 3]) > (0.9, 0.9)


def test_huge_constant_columns_hide_nothing():
    # About their mean, equal values that are no round numbers leave a rounding far larger than the rest.
    beside = np.c_[np.full((300, 4), [1e38, 0.1e38, 0.3e38, 0.7e38]), 1e-6 * SPREAD]
    np.testing.assert_allclose(plane.pca(beside), plane.pca(1e-6 * SPREAD), rtol=1e-9)
    assert plane.why_no_umap(beside) == ""


ALIKE, LINE, FEW, SAME = "are alike", "on one line", "too few for UMAP", "points that differ"
DEGENERATE = {
    "no sample": (SPREAD[:0], "there is no sample"),
    "one": (SPREAD[:1], "it is a single sample"),
    "two": (SPREAD[:2], LINE),
    "three": (SPREAD[:3], FEW),
    "as many as neighbours": (SPREAD[:15], FEW),
    "all alike": (np.full((300, 6), 0.1), ALIKE),
    "all zero": (np.zeros((300, 6)), "every number is 0"),
    "all alike and huge": (np.full((300, 4), [1e38, 0.1e38, 0.3e38, 0.7e38]), ALIKE),
    "one dimension": (SPREAD[:, :1], LINE),
    "one dimension that differs": (np.c_[np.full(300, 7.0), SPREAD[:, 0], np.full(300, -1e30)], LINE),
    "rank 1": (np.outer(SPREAD[:, 0], SPREAD[0]), LINE),
    "rank 1 in float32": (np.outer(SPREAD[:, 0], SPREAD[0]).astype(np.float32), LINE),
    "rank 1, wide": (np.outer(SPREAD[:20, 0], np.arange(500.0)), LINE),
    "one sample far away": (np.r_[SPREAD, np.full((1, 6), 1e38)], LINE),
    "columns of all sizes": (SPREAD * [1e38, 1e-30, 1, 1e10, 1e-10, 1e20], LINE),
    "ten points": (np.repeat(SPREAD[:10], 30, 0), SAME),
    "ten points after a thousand": (np.r_[np.zeros((1500, 6)), np.repeat(SPREAD[:9], 9, 0)], SAME),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_what_umap_cannot_show_is_said_at_once_and_drawn_as_it_is(name):
    x, said = DEGENERATE[name]
    why, xy = plane.why_no_umap(x), plane.pca(x)
    assert said in why and why.endswith(".")
    assert xy.shape == (len(x), 2) and np.isfinite(xy).all()
    # No rounding is drawn: what is alike is one point, what is on a line has no height.
    assert said not in {ALIKE, LINE} or not xy[:, 1].any()
    assert said != ALIKE or not xy.any()
    with pytest.raises(UserError) as refused:
        layout.umap(torch.from_numpy(x).double(), np.arange(len(x)), 0, {})
    assert str(refused.value) == why


HARD = {
    "tiny": 1e-30 * SPREAD,
    "denormal": 1e-45 * np.abs(SPREAD),
    "huge": 1e38 * SPREAD,
    "squares of the huge": (1e38 * SPREAD) ** 2,
    "sixteen": SPREAD[:16],
    "many duplicates": np.repeat(SPREAD[:20], 15, 0),
    "nearly all alike": np.r_[np.zeros((280, 6)), SPREAD[:20]],
    "columns beside a huge constant": np.c_[np.full(300, 1e30), SPREAD],
    "one-hot": np.eye(40),
    "a grid": np.stack(np.meshgrid(np.arange(9.0), np.arange(9.0)), -1).reshape(-1, 2),
    "wide": np.random.default_rng(1).normal(size=(30, 3000)),
}


@pytest.mark.parametrize("name", HARD)
def test_umap_takes_every_other_size_of_numbers(name):
    x = torch.from_numpy(HARD[name])
    first = layout.umap(x, np.arange(len(x)), 0, {})
    again = layout.umap(x, np.arange(len(x)), 0, dict(enumerate(map(tuple, first.tolist()))))
    for xy in (first, again):
        assert xy.shape == (len(x), 2) and np.isfinite(xy).all() and np.ptp(xy, 0).min() > 0.1


def test_a_layout_does_not_depend_on_the_size_of_the_numbers():
    x, ids = torch.from_numpy(SPREAD[:60]), np.arange(60)
    np.testing.assert_allclose(layout.umap(x * 2.0**120, ids, 0, {}), layout.umap(x, ids, 0, {}))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), n=st.integers(0, 40), dim=st.integers(1, 6), copies=st.integers(1, 4))
def test_any_points_have_a_picture_and_at_most_one_reason(data, n, dim, copies):
    x = np.repeat(data.draw(arrays(np.float64, (n, dim), elements=SINGLE)), copies, 0)
    for points in (x, x**2 / 4):
        xy, flat, why = plane.pca(points), plane.why_flat(points), plane.why_no_umap(points)
        assert xy.shape == (len(x), 2) and np.isfinite(xy).all()
        assert why.startswith(flat[:-1]) and (not flat or why.endswith(", and UMAP would show no more."))
        assert why or len(points) > plane.NEIGHBOURS
        assert flat or (xy[:, 0].any() and xy[:, 1].any())


@settings(max_examples=100, deadline=None)
@given(data=st.data(), n=st.integers(1, 25), dim=st.integers(1, 4), sure=st.booleans())
def test_both_spaces_of_any_query_have_a_picture(data, n, dim, sure):
    h = torch.from_numpy(data.draw(arrays(np.float32, (n, dim), elements=SINGLE)))
    p = torch.softmax(torch.from_numpy(data.draw(arrays(np.float32, (n, 3), elements=st.floats(-80, 80, width=32)))), 1)
    p = torch.nn.functional.one_hot(p.argmax(1), 3).float() if sure else p
    pool = Samples(torch.arange(n), h, p)
    nobody = pool.take(torch.arange(0))
    context = QueryContext(pool, nobody, nobody, (0, 1, 2), 1, 0.0, 1, 1, 0, 3)
    for space in ("features", "fisher"):
        x = layout.vectors(context, space).numpy()
        xy, why = plane.pca(x), plane.why_no_umap(x)
        assert np.isfinite(xy).all() and (why or n > plane.NEIGHBOURS)
        assert space == "features" or not sure or "alike" in why or n == 1


def test_no_fisher_information_at_all_is_said():
    context = make_context(1)
    sure = {
        role: replace(s, p=torch.nn.functional.one_hot(s.p.argmax(1), 4).float()) for role, s in context.roles().items()
    }
    x = layout.vectors(replace(context, **sure), "fisher").numpy()
    assert "All 43 samples are alike in this space (every number is 0)" in plane.why_no_umap(x)


def test_neighbours_are_found_some_at_a_time_and_beside_huge_numbers(monkeypatch):
    x = torch.tensor([[0.0], [1.0], [2.0], [100.0], [0.4], [1.9]])
    known, xy, missing = np.arange(4), np.array([[0.0, 0], [1, 0], [2, 0], [50, 50]]), np.array([4, 5])
    monkeypatch.setattr(layout, "MISSING_AT_ONCE", 1)
    for scaled in (x, x * 1e36, torch.cat([x, torch.full_like(x, 1e30)], 1)):
        placed = layout.beside_neighbours(scaled, known, xy, missing, k=2)
        np.testing.assert_allclose(placed, [[0.5, 0.0], [1.5, 0.0]])
