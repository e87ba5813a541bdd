"""QueryContext: what it refuses, and the order it keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from acl.config import UserError
from acl.selection.query import Samples, best, first_equal
from acl.snapshots.snapshot import load_snapshot
from tests.contexts import empty, make_context


def test_keeps_every_role_in_order_of_id() -> None:
    context = make_context(1)
    turned = replace(context, pool=context.pool.take(torch.arange(29, -1, -1)))
    assert turned.pool.ids.tolist() == sorted(context.pool.ids.tolist())
    assert torch.equal(turned.pool.h, context.pool.h) and torch.equal(turned.pool.p, context.pool.p)


def test_samples_in_order_are_not_copied() -> None:
    pool = make_context(1).pool
    assert pool.sorted() is pool


@pytest.mark.parametrize("value", [-0.1, 0.0])
def test_refuses_what_is_no_probability(value: float) -> None:
    context = make_context(2)
    p = context.labelled.p.clone()
    p[3] = value
    with pytest.raises(UserError, match="probabilities p of the labelled"):
        replace(context, labelled=replace(context.labelled, p=p))


def test_refuses_what_sums_up_to_more_than_one_and_features_without_columns() -> None:
    context = make_context(2)
    for row in (torch.full_like(context.pool.p[0], 2.0), torch.full_like(context.pool.p[0], 0.9)):
        p = context.pool.p.clone()
        p[3] = row
        with pytest.raises(UserError, match=r"probabilities p of the pool have a row whose sum is (8|3.6), not 1"):
            replace(context, pool=replace(context.pool, p=p))
    half = {role: replace(s, p=s.p.half().float()) for role, s in context.roles().items()}
    replace(context, **half)
    empty = {role: replace(s, h=s.h[:, :0]) for role, s in context.roles().items()}
    with pytest.raises(UserError, match="have no columns"):
        replace(context, **empty)


@pytest.mark.parametrize("classes", ["[1e400, 1, 2, 3]", "[" * 100_000])
def test_classes_that_are_no_list_of_numbers(tmp_path, classes) -> None:
    path = tmp_path / "odd.safetensors"
    make_context(2).save(path)
    with safe_open(path, framework="pt") as file:
        metadata = {**file.metadata(), "classes": classes}
    save_file(load_file(path), path, metadata)
    with pytest.raises(UserError, match="metadata that cannot be read"):
        load_snapshot(path)


def test_best_gives_ties_to_the_lower_id() -> None:
    score, ids = torch.tensor([1.0, 3, 3, 2]).double(), torch.tensor([5, 9, 4, 7])
    assert best(score, ids, 3).tolist() == [2, 1, 3]


def test_first_equal_names_the_first_copy() -> None:
    h, p = torch.tensor([[0.0], [1], [-0.0], [1], [1]]), torch.tensor([[0.5], [1], [0.5], [1], [0.5]])
    assert first_equal(Samples(torch.arange(5), h, p)).tolist() == [0, 1, 0, 1, 4]
    assert first_equal(empty()).tolist() == []
