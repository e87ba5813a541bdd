"""Random query contexts: what a network might show a strategy, from unsure to overconfident."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from acl.selection.query import QueryContext, Samples


def make_samples(
    rng: np.random.Generator, n: int, n_classes: int = 4, dim: int = 6, scale: float = 2.0, first_id: int = 0
) -> Samples:
    """`n` samples with features like those after a ReLU and a softmax of logits with standard deviation `scale`."""
    h = torch.from_numpy(np.maximum(rng.normal(0.3, 1, (n, dim)), 0)).float()
    p = torch.softmax(torch.from_numpy(rng.normal(0, scale, (n, n_classes))), 1).float()
    ids = torch.from_numpy(first_id + 3 * np.arange(n))
    return Samples(ids, h, p)


def make_context(
    seed: int = 0,
    pool: int = 30,
    labelled: int = 8,
    memory: int = 5,
    n_classes: int = 4,
    dim: int = 6,
    scale: float = 2.0,
    **fields: Any,
) -> QueryContext:
    """A context whose pool, labelled and memory have the sizes given; `fields` are those of QueryContext."""
    rng = np.random.default_rng(seed)
    roles = [
        make_samples(rng, size, n_classes, dim, scale, first_id)
        for size, first_id in ((pool, 0), (labelled, 10_000), (memory, 20_000))
    ]
    values = {"n": 5, "lambda_": 0.4, "task": 1, "round": 2, "seed": seed, "n_classes": n_classes} | fields
    return QueryContext(*roles, classes=tuple(range(n_classes)), **values)


def with_duplicates(context: QueryContext, copies: int) -> QueryContext:
    """The first rows of the pool `copies` times over: exact duplicates under ids of their own."""
    size = -(-len(context.pool) // copies)
    rows = torch.arange(len(context.pool)) % size
    return replace(context, pool=Samples(context.pool.ids, context.pool.h[rows], context.pool.p[rows]))


def empty(n_classes: int = 4, dim: int = 6) -> Samples:
    return make_samples(np.random.default_rng(0), 0, n_classes, dim)
