"""The one place where a query strategy is asked: its answer is checked before anybody uses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from acl.config import RunConfig
from acl.names import printable
from acl.plugins.blame import blamed, fault, is_masked, kind_of
from acl.plugins.registry import build, plugin
from acl.selection.query import COLUMNS, QueryContext, Selection


def ask(
    name: str, config: RunConfig, context: QueryContext, during: AbstractContextManager[None] | None = None
) -> Selection:
    """What the strategy `name` chooses in `context`: ids as int64, scores as float64, on the CPU.

    `during` is entered while it works. One of ours works where the context lies, others on the CPU. PluginError where
    it raises, or answers anything but `context.n` different ids of the pool and for each score one number for each
    pool sample.
    """
    found, strategy = plugin("strategies", name), build("strategies", name, config)
    # Ours leave the context as it is (tests/test_strategies.py); of others nobody knows, and it will be written down.
    shown = context if found.ours else deepcopy(context.on("cpu"))
    where = type(strategy).select, type(strategy)
    with blamed(found, *where), during or nullcontext():
        answer = strategy.select(shown)
    with blamed(found, *where):
        wrong = next(_wrong(answer, context.on("cpu")), "")
    if wrong:
        raise fault(found, wrong, *where)
    ids = _vector(answer.ids)
    assert ids is not None
    scores = {name: torch.as_tensor(_vector(values)).to(torch.float64) for name, values in answer.scores.items()}
    return Selection(ids.to(torch.int64), scores, frozenset(answer.partial))


def _vector(value: Any) -> Tensor | None:
    """Numbers in a row, of a tensor, an array or a list; None where `value` is nothing of that kind."""
    if is_masked(value):
        return None
    try:
        found = value.detach().cpu() if isinstance(value, Tensor) else torch.from_numpy(np.array(value))
    except (TypeError, ValueError, RuntimeError):
        return None
    real = found.ndim == 1 and found.layout == torch.strided and not found.is_complex() and found.dtype != torch.bool
    return found if real else None


def _wrong(answer: Any, context: QueryContext) -> Iterator[str]:
    """What is wrong with an answer, each time what all that follows relies on."""
    if not isinstance(answer, Selection):
        yield f"must return a Selection, it returned {kind_of(answer)}"
    ids = _vector(answer.ids)
    if ids is None or (ids.is_floating_point() and len(ids)):
        yield f"returned ids that are {kind_of(answer.ids)}, they must be {context.n} whole numbers in a row"
    assert ids is not None
    yield from _wrong_ids(ids.to(torch.int64), context)
    if not isinstance(answer.scores, Mapping):
        yield f"returned scores that are {kind_of(answer.scores)}, they must be a mapping of names to numbers"
    if isinstance(answer.partial, str) or not set(answer.partial) <= answer.scores.keys():
        yield f"returned partial={answer.partial!r}, it must hold names of its scores"
    for name, values in answer.scores.items():
        yield from _wrong_score(name, values, name in answer.partial, context.pool.ids)


def _wrong_ids(ids: Int64[Tensor, " n"], context: QueryContext) -> Iterator[str]:
    if len(ids) != context.n:
        yield f"returned {len(ids)} ids, {context.n} were asked for"
    values, counts = torch.unique(ids, return_counts=True)
    if bool((counts > 1).any()):
        yield f"returned the id {int(values[counts > 1][0])} more than once, all must be different"
    for stranger in ids[~torch.isin(ids, context.pool.ids)].tolist():
        where = next((role for role in ("labelled", "memory") if stranger in getattr(context, role).ids), "")
        there = {"labelled": "is labelled already", "memory": "is in the memory"}.get(where, "is nowhere in this query")
        yield f"returned the id {stranger}, which is not in the pool: it {there}"


def _wrong_score(name: Any, values: Any, partial: bool, pool: Int64[Tensor, " pool"]) -> Iterator[str]:
    if not isinstance(name, str) or not name or printable(name) != name or name in COLUMNS:
        yield f"returned a score named {name!r}, it must be a text in one line, none of {', '.join(sorted(COLUMNS))}"
    score = _vector(values)
    if score is None or score.shape != pool.shape:
        yield f"returned the score '{name}' as {kind_of(values)}, it must be one number for each of {len(pool)} samples"
    assert score is not None
    bad = score.isinf() if partial else ~score.isfinite()
    if bool(bad.any()):
        value = float(score[bad][0])
        yield (
            f"returned {value} as the score '{name}' of sample {int(pool[bad][0])}, scores must be finite (NaN where a "
            "sample has none, if Selection.partial names the score)"
        )
