"""How good is the memory as a stand-in? The target's past is F(M), the Fisher information of the few samples that the
memory keeps; the run knows the past itself, F(U_1..t−1), that of every sample of the tasks before.

Both are looked at by the network that was asked, over all classes seen and over the entries that AccuACL keeps. The
distance between them is that which D is made of; the memory is also held against as many samples drawn blindly from
the past, so that one sees what so small a memory can be at best.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float64, Int64
from numpy import ndarray
from torch import Tensor

from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.true_past import ClassShare, StandIn
from acl.analysis.what_if import Microscope, Settings
from acl.config import UserError
from acl.network.inference import probabilities
from acl.runs.folder import Run
from acl.runs.fork import Place
from acl.seeds import key, uniforms
from acl.selection.fisher import Kept, factors, js_distance
from acl.selection.query import QueryContext, Samples

BLIND = 200
"""Memories drawn from the past, to hold the one that is against."""
QUANTILES = (0.05, 0.5, 0.95)


def stand_in(query: Query) -> StandIn:
    """Of a query, whose network is trained once more for it. UserError in the first task, and without a memory."""
    # A query of its own: all trainings of one share a network, and here it must be the one that was asked.
    mine = Query.of(query.run, query.place)
    if mine.loop.task == 1:
        raise UserError("There is no past in the first task: the memory stands in for nothing.")
    if not len(mine.loop.memory):
        raise UserError("The memory of this query is empty: nothing stands in for the past.")
    asked = mine.asked_again()
    settings = replace(Settings.recorded(asked, mine.loop.config), n=query.n)
    memory, past = contexts(mine, asked)
    labels = dict(zip(mine.loop.memory.ids.tolist(), mine.loop.memory.labels.tolist(), strict=True))
    found = compared(memory, past, settings, labels)
    return replace(found, memory_picks=_picks(asked, settings))


def contexts(query: Query, asked: QueryContext) -> tuple[QueryContext, QueryContext]:
    """The query over all classes seen, with its memory, and with every sample of the past in the memory's place; the
    network is that which `query` has now."""
    tasks = query.loop.stream.tasks[: query.loop.task]
    classes = tuple(dict.fromkeys(c for task in tasks for c in task.classes))
    # Rows round by who stands beside them: the same samples together as in the query give the same bits.
    roles = [samples.ids.numpy() for samples in asked.roles().values()]
    pool, labelled, memory = _samples(query, roles, classes)
    past = _samples(query, [np.sort(np.concatenate([task.train_ids for task in tasks[:-1]]))], classes)[0]
    here = replace(asked, pool=pool, labelled=labelled, memory=memory, classes=classes)
    return here, replace(here, memory=past)


def _samples(query: Query, groups: list[Int64[ndarray, " _"]], classes: tuple[int, ...]) -> list[Samples]:
    seen = query.seen(np.concatenate(groups))
    sizes = [len(ids) for ids in groups]
    h, p = seen.h.float(), probabilities(seen.logits, classes)
    parts = zip(groups, torch.split(h, sizes), torch.split(p, sizes), strict=True)
    return [Samples(torch.from_numpy(ids), each, q) for ids, each, q in parts]


def compared(memory: QueryContext, past: QueryContext, settings: Settings, labels: dict[int, int]) -> StandIn:
    """Two contexts that differ in their memory alone; `past` has every sample of the past there, among them those of
    the memory. labels: those of the memory's samples."""
    mine, true = Microscope(memory), Microscope(past)
    kept = mine.rank(settings).kept
    ranking = true.rank(settings)
    f_memory, f_past = (_at(scope.information.past, kept) for scope in (mine, true))
    away, blind = distances(f_memory[None], f_past, kept)[0], _blind(past, len(memory.memory), f_past, kept)
    low, middle, high = np.quantile(blind, QUANTILES)
    nearer = float((blind < away).mean() + (blind == away).mean() / 2)
    ids = past.pool.ids
    return StandIn(
        float(away), cosine(f_memory, f_past), _ratio(float(f_memory.norm()), float(f_past.norm())),
        (float(low), float(middle), float(high)), nearer, _weight(mine, kept, settings),
        _weight(true, ranking.kept, settings), _in_common(kept, ranking.kept),
        _classes(memory.classes, f_memory, f_past, kept, labels), _ids(ids, mine.rank(settings).picked),
        _ids(ids, ranking.picked),
    )  # fmt: skip


def distances(
    profiles: Float64[Tensor, "n kept"], past: Float64[Tensor, " kept"], kept: Kept
) -> Float64[ndarray, " n"]:
    """Jensen–Shannon distances of profiles to the past, spread over the kept entries as D(x) spreads f(x)."""
    mu = kept.values.mean().clamp_min(torch.finfo(torch.float64).tiny)
    found: Float64[ndarray, " n"] = js_distance(torch.softmax(profiles / mu, 1), torch.softmax(past / mu, 0)).numpy()
    return found


def cosine(a: Float64[Tensor, " kept"], b: Float64[Tensor, " kept"]) -> float:
    """0 where one of them is 0."""
    return _ratio(float(a @ b), float(a.norm() * b.norm()))


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else 0.0


def _at(total: Tensor | None, kept: Kept) -> Float64[Tensor, " kept"]:
    assert total is not None
    return total[kept.rows, kept.dims]


def _blind(past: QueryContext, size: int, f_past: Float64[Tensor, " kept"], kept: Kept) -> Float64[ndarray, " blind"]:
    """Distances of memories of `size` samples drawn from the past, the same ones for the same query."""
    a, b = factors(past.memory)
    ids = past.memory.ids.numpy()
    profiles = []
    for number in range(BLIND):
        u = uniforms(key(past.seed, "blind memory", past.task, past.round, number), ids)
        drawn = torch.from_numpy(np.argsort(u, kind="stable")[:size])
        profiles.append((a[drawn][:, kept.rows] * b[drawn][:, kept.dims]).mean(0))
    return distances(torch.stack(profiles), f_past, kept)


def _weight(scope: Microscope, kept: Kept, settings: Settings) -> float:
    """The past's share of F* over the kept entries."""
    past = _at(scope.information.target(settings.lambda_).past, kept)
    return _ratio(float(past.sum()), float(kept.values.sum()))


def _in_common(kept: Kept, other: Kept) -> float:
    """The share of the kept entries that are among those of another target."""
    mine, theirs = (set(zip(k.rows.tolist(), k.dims.tolist(), strict=True)) for k in (kept, other))
    return len(mine & theirs) / len(mine)


def _classes(
    classes: tuple[int, ...], memory: Float64[Tensor, " kept"], past: Float64[Tensor, " kept"], kept: Kept,
    labels: dict[int, int],
) -> tuple[ClassShare, ...]:  # fmt: skip
    found, held = [], list(labels.values())
    for row, label in enumerate(classes):
        here = kept.rows == row
        found.append(
            ClassShare(
                label, held.count(label), _ratio(float(memory[here].sum()), float(memory.sum())),
                _ratio(float(past[here].sum()), float(past.sum())), cosine(memory[here], past[here]),
            )
        )  # fmt: skip
    return tuple(found)


def _picks(context: QueryContext, settings: Settings) -> tuple[int, ...]:
    return _ids(context.pool.ids, Microscope(context).rank(settings).picked)


def _ids(ids: Int64[Tensor, " pool"], positions: Int64[Tensor, " n"]) -> tuple[int, ...]:
    return tuple(ids[positions].tolist())


def true_past_picks(run: Run, at: Place) -> Int64[Tensor, " n"]:
    """What AccuACL picks in this query with the true past; errors as of `stand_in`, and of Query.of."""
    return torch.tensor(stand_in(Query.of(run, at)).picks)
