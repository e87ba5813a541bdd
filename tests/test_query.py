"""QueryContext: what it refuses, and the order it keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from acl.config import UserError
from acl.query import Samples, best, first_equal
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


def test_best_gives_ties_to_the_lower_id() -> None:
    score, ids = torch.tensor([1.0, 3, 3, 2]).double(), torch.tensor([5, 9, 4, 7])
    assert best(score, ids, 3).tolist() == [2, 1, 3]


def test_first_equal_names_the_first_copy() -> None:
    h, p = torch.tensor([[0.0], [1], [-0.0], [1], [1]]), torch.tensor([[0.5], [1], [0.5], [1], [0.5]])
    assert first_equal(Samples(torch.arange(5), h, p)).tolist() == [0, 1, 0, 1, 4]
    assert first_equal(empty()).tolist() == []
