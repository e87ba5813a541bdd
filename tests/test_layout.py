"""Layouts against independent references: NumPy's SVD, SciPy's Procrustes, scikit-learn's trustworthiness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from sklearn.manifold import trustworthiness

from acl.analysis import embedding as layout
from acl.analysis.plane import pca
from acl.config import UserError
from acl.snapshots.snapshot import load_snapshot
from tests.contexts import make_context

QUERIES = Path(__file__).resolve().parent.parent / "assets" / "runs" / "recorded-er-accuacl-digits-s0" / "queries"


def query(name: str) -> tuple[torch.Tensor, np.ndarray]:
    context = load_snapshot(QUERIES / f"{name}.safetensors").context
    return layout.vectors(context, "features"), layout.ids(context)


def places(ids: np.ndarray, xy: np.ndarray) -> dict[int, tuple[float, float]]:
    return {int(i): (float(x), float(y)) for i, (x, y) in zip(ids, xy, strict=True)}


@pytest.fixture(scope="module")
def first() -> tuple[np.ndarray, np.ndarray]:
    x, ids = query("04-02")
    return ids, layout.umap(x, ids, 0, {})


def test_the_fisher_space_is_the_embedding_over_the_kept_entries():
    context = make_context(1, n_classes=4, dim=9)
    p = torch.cat([s.p for s in context.roles().values()]).double()
    h = torch.cat([s.h for s in context.roles().values()]).double()
    f = (p * (1 - p))[:, :, None] * h[:, None, :] ** 2
    n = len(context.pool)
    target = context.lambda_ * f[-len(context.memory) :].mean(0) + (1 - context.lambda_) * f[:n].mean(0)
    kept = target.argsort(1, descending=True)[:, :5]
    expected = torch.stack([f[:, k, kept[k]] for k in range(4)], 1).reshape(len(f), -1)
    torch.testing.assert_close(layout.vectors(context, "fisher"), expected)


def test_alignment_is_the_best_rotation():
    rng = np.random.default_rng(0)
    onto, xy = rng.normal(size=(30, 2)), rng.normal(size=(40, 2))
    rows, there = np.arange(5, 25), np.arange(20)
    here = xy[rows] - xy[rows].mean(0)
    rotation, _ = orthogonal_procrustes(here, onto[there] - onto[there].mean(0))
    expected = (xy - xy[rows].mean(0)) @ rotation + onto[there].mean(0)
    np.testing.assert_allclose(layout.aligned(xy, onto, rows, there), expected)
    turned = xy @ np.array([[0.0, 1.0], [1.0, 0.0]]) + 7
    everyone = np.arange(len(xy))
    np.testing.assert_allclose(layout.aligned(turned, xy, everyone, everyone), xy, atol=1e-12)


def test_the_subset_is_the_same_in_every_round():
    ids = np.arange(0, 3000, 3)
    in_pool, needed = ids >= 60, (ids >= 60) & (ids < 90)
    here = layout.subset(5, ids, in_pool, needed, 200)
    assert here.sum() == 200 and here[needed].all() and here[~in_pool].all()
    # Ten of those kept are labelled and gone: nobody else but ten new ones come.
    gone = np.isin(ids, ids[here & in_pool & ~needed][:10])
    later = layout.subset(5, ids[~gone], in_pool[~gone], needed[~gone], 200)
    assert set(ids[here & ~gone]) <= set(ids[~gone][later])
    assert layout.subset(5, ids, in_pool, needed, 5)[needed].all()


def test_many_labels_leave_room_for_the_pool():
    ids = np.arange(3000)
    in_pool, needed = ids < 1000, ids < 20
    kept = layout.subset(5, ids, in_pool, needed, 200)
    assert (kept[in_pool].sum(), kept[~in_pool].sum()) == (110, 90) and kept[needed].all()


def test_missing_samples_lie_among_their_neighbours():
    x = torch.tensor([[0.0], [1.0], [2.0], [100.0], [0.4]])
    known, xy = np.arange(4), np.array([[0.0, 0], [1, 0], [2, 0], [50, 50]])
    placed = layout.beside_neighbours(x, known, xy, np.array([4]), k=2)
    np.testing.assert_allclose(placed, [[0.5, 0.0]])


def test_umap_keeps_neighbours_together_better_than_pca(first):
    x, _ = query("04-02")
    ours = trustworthiness(x, first[1])
    assert ours > 0.95 and ours > trustworthiness(x, pca(x.numpy()))


def test_umap_is_the_same_every_time(first):
    x, ids = query("04-02")
    np.testing.assert_array_equal(layout.umap(x, ids, 0, {}), first[1])


@pytest.mark.filterwarnings("ignore:precomputed_knn")
@pytest.mark.parametrize("case", ["from nothing", "from the one before", "many samples"])
def test_a_layout_that_is_watched_is_the_same_to_the_last_bit(case, first, monkeypatch):
    monkeypatch.setattr(layout, "FORMING_S", 0.0)
    monkeypatch.setattr(layout, "MANY", 100 if case == "many samples" else layout.MANY)
    x, ids = query("04-02")
    before = places(*first) if case == "from the one before" else {}
    told: list[tuple[float, np.ndarray]] = []
    xy = layout.umap(x, ids, 0, before, lambda share, formed: told.append((share, formed)))
    np.testing.assert_array_equal(layout.umap(x, ids, 0, before), xy)
    epochs = {"from nothing": 500, "from the one before": 100, "many samples": 200}[case]
    np.testing.assert_allclose([share for share, _ in told], np.arange(1, epochs + 1) / epochs)
    np.testing.assert_array_equal(told[-1][1], xy)
    # It forms: late pictures are nearer to the last one than early ones.
    far = [float(np.linalg.norm(formed - xy)) for _, formed in told]
    assert np.mean(far[-epochs // 4 :]) < 0.5 * np.mean(far[: epochs // 4])


def test_who_watches_a_layout_may_fail_and_the_next_is_not_watched(first):
    def fails(share: float, formed: np.ndarray) -> None:
        raise UserError("Nobody looks.")

    x, ids = query("04-02")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(UserError):
        patch.setattr(layout, "FORMING_S", 0.0)
        layout.umap(x, ids, 0, {}, fails)
    np.testing.assert_array_equal(layout.umap(x, ids, 0, {}), first[1])


def test_layouts_stay_where_those_before_them_were():
    def moved(xy: np.ndarray, ids: np.ndarray, before: dict[int, tuple[float, float]]) -> float:
        rows = layout.shared(ids, before)
        return float(np.median(np.linalg.norm(xy[rows] - [before[int(i)] for i in ids[rows]], axis=1)))

    chained, free, trusted = 0.0, 0.0, []
    for task in (1, 2, 3):
        before: dict[int, tuple[float, float]] = {}
        for round_ in (1, 2, 3):
            x, ids = query(f"{task:02d}-{round_:02d}")
            xy = layout.umap(x, ids, 0, before)
            if before:
                chained += moved(xy, ids, before)
                free += moved(layout.umap(x, ids, 0, {}), ids, before)
                trusted.append(trustworthiness(x, xy))
            before = places(ids, xy)
    assert chained < 0.5 * free
    assert min(trusted) > 0.95


def test_the_next_task_is_turned_onto_the_memory_it_shares():
    x, ids = query("05-01")
    known = load_snapshot(QUERIES / "04-03.safetensors").context
    last = layout.umap(layout.vectors(known, "features"), layout.ids(known), 0, {})
    before = places(layout.ids(known), last)
    rows = layout.shared(ids, before)
    assert 3 <= len(rows) < len(ids) / 2
    xy = layout.umap(x, ids, 0, before)
    onto = np.array([before[int(i)] for i in ids[rows]])
    # Nothing is left to gain by turning it once more.
    np.testing.assert_allclose(layout.aligned(xy, onto, rows, np.arange(len(rows)))[rows], xy[rows], atol=1e-3)


def test_neighbours_are_those_of_the_slow_search_and_each_comes_before_its_twins():
    x = np.random.default_rng(3).normal(size=(1500, 7)).astype(np.float32)
    x[700] = x[3]
    index, far = layout.neighbours(x, 5)
    apart = np.linalg.norm(x[:, None].astype(float) - x[None], axis=2)
    assert index[:, 0].tolist() == list(range(len(x))) and not far[:, 0].any()
    np.testing.assert_allclose(far, np.sort(apart, 1)[:, :5], atol=2e-3)
    np.testing.assert_allclose(np.take_along_axis(apart, index, 1), np.sort(apart, 1)[:, :5], atol=2e-3)
