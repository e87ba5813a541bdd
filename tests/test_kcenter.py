"""k-center against a loop over all pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from acl.selection.query import QueryContext
from acl.strategies import kcenter
from acl.strategies.kcenter import KCenter, nearest
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
