"""Memory for the past: against loops over lists, and against a network that was trained without a restored query."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from acl.analysis import stand_in as analysis
from acl.analysis.outcomes import record, true_past
from acl.analysis.outcomes.asked import Plan
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.work import Work
from acl.analysis.what_if import Settings
from acl.config import UserError
from acl.loop import Loop
from acl.plugins.registry import prepare
from acl.runs.folder import Run
from acl.selection.query import QueryContext, Samples
from acl.strategies.accuacl import AccuACL
from tests.contexts import make_context, make_samples
from tests.test_outcomes import played

AT = (2, 2)


def f_of(samples: Samples, k: int, i: int) -> float:
    p, h = samples.p.double().tolist(), samples.h.double().tolist()
    return sum(p[x][k] * (1 - p[x][k]) * h[x][i] ** 2 for x in range(len(p))) / len(p)


def apart(a: list[float], b: list[float], mu: float) -> float:
    """The Jensen–Shannon distance of two softmaxes, from the formulas alone."""
    both = []
    for values in (a, b):
        powers = [math.exp(v / mu - max(values) / mu) for v in values]
        both.append([power / sum(powers) for power in powers])
    terms = [
        sum(x * math.log(2 * x / (p + q)) for x in (p, q) if x) for p, q in zip(*both, strict=True) if p + q
    ]  # fmt: skip
    return math.sqrt(max(sum(terms), 0) / 2)


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_compared_is_what_the_formulas_say(seed):
    memory = make_context(seed, scale=4, memory=6, lambda_=0.6)
    past = replace(memory, memory=make_samples(np.random.default_rng(9 + seed), 40, scale=2, first_id=20_000))
    labels = {int(i): c for i, c in zip(memory.memory.ids, (0, 0, 1, 2, 2, 2), strict=True)}
    found = analysis.compared(memory, past, Settings(0.6, 5, 2, 2.0), labels)

    def star(context: QueryContext) -> dict[tuple[int, int], float]:
        return {
            (k, i): 0.6 * f_of(context.memory, k, i) + 0.4 * f_of(context.pool, k, i)
            for k in range(4)
            for i in range(6)
        }  # fmt: skip

    def largest(target: dict[tuple[int, int], float]) -> list[tuple[int, int]]:
        return [(k, i) for k in range(4) for i in sorted(range(6), key=lambda i, k=k: -target[k, i])[:2]]

    targets = [star(context) for context in (memory, past)]
    kept, other = map(largest, targets)
    mine, true = ([f_of(context.memory, *e) for e in kept] for context in (memory, past))
    mu = sum(targets[0][e] for e in kept) / len(kept)
    assert found.distance == pytest.approx(apart(mine, true, mu), rel=1e-9)
    norms = [math.sqrt(sum(v * v for v in values)) for values in (mine, true)]
    assert found.size == pytest.approx(norms[0] / norms[1])
    dot = sum(a * b for a, b in zip(mine, true, strict=True))
    assert found.cosine == pytest.approx(dot / norms[0] / norms[1])
    assert found.entries == len(set(kept) & set(other)) / len(kept)
    assert found.weight == pytest.approx(0.6 * sum(mine) / sum(targets[0][e] for e in kept))
    theirs = sum(f_of(past.memory, *e) for e in other)
    assert found.true_weight == pytest.approx(0.6 * theirs / sum(targets[1][e] for e in other))
    for row, share in enumerate(found.classes):
        here = [place for place, (k, _) in enumerate(kept) if k == row]
        assert (share.label, share.kept) == (row, (2, 1, 3, 0)[row])
        assert share.memory == pytest.approx(sum(mine[p] for p in here) / sum(mine))
        assert share.past == pytest.approx(sum(true[p] for p in here) / sum(true))
    assert sum(share.past for share in found.classes) == pytest.approx(1)
    for context, picks in ((memory, found.memory_picks), (past, found.picks)):
        assert list(picks) == AccuACL(2, 2.0).select(context).ids.tolist()


def test_a_memory_that_is_the_whole_past_is_a_perfect_stand_in():
    context = make_context(3, memory=9)
    found = analysis.compared(context, context, Settings(0.4, 5, 5, 2.0), dict.fromkeys(context.memory.ids.tolist(), 0))
    assert (found.distance, found.entries) == (0, 1) and found.nearer <= 0.5
    assert found.cosine == pytest.approx(1) and found.size == 1 and found.picks == found.memory_picks
    assert max(found.blind) < 1e-7


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return played(tmp_path_factory.mktemp("stand-in") / "runs", strategy="accuacl")


def by_hand(run: Run, at: tuple[int, int]) -> QueryContext:
    """The query with the true past in the memory's place: the run played anew up to it, its network looked at alone."""
    loop = Loop(run.config, prepare(run.config))
    while loop.query is None or loop.query.context is None or (loop.task, loop.query.context.round) != at:
        loop.step()
    asked = loop.query.context
    tasks = loop.stream.tasks[: at[0]]
    # The memory may have lost classes: the past has them all.
    classes = tuple(c for task in tasks for c in task.classes)
    past = torch.from_numpy(np.concatenate([task.train_ids for task in tasks[:-1]]))

    def looked_at(ids: torch.Tensor) -> Samples:
        loop.model.eval()
        with torch.no_grad():
            h, logits = loop.model(loop.images.batch(ids))
        return Samples(ids, h.float(), torch.softmax(logits[:, list(classes)].double(), 1).float())

    return replace(
        asked, pool=looked_at(asked.pool.ids), labelled=looked_at(asked.labelled.ids), memory=looked_at(past),
        classes=classes,
    )  # fmt: skip


def test_the_true_past_is_seen_by_the_network_that_was_asked(run):
    query = Query.of(run, AT)
    for trial in Work(query, Plan(subsets=1, sizes=(1.0,), strategies=(), repeats=1), run.path.parent).pieces:
        assert trial
    found = analysis.stand_in(query)
    config = run.config
    past = by_hand(run, AT)
    assert list(found.picks) == AccuACL(config.dims_per_class, config.oversample).select(past).ids.tolist()
    assert found.memory_picks == tuple(query.bought.ids)
    assert [share.label for share in found.classes] == list(past.classes)
    assert sum(share.kept for share in found.classes) == config.memory


def test_it_is_measured_as_a_set_and_kept(run):
    runs = run.path.parent
    query = Query.of(run, AT)
    plan = Plan(subsets=0, sizes=(), strategies=(), recorded=False, true_past=True, repeats=1)
    work = Work(query, plan, runs)
    kept = true_past.load(run, AT, runs)
    assert kept == analysis.stand_in(query) and work.trials[0].subset.ids == kept.picks
    for piece in work.missing():
        work.step(piece)
    assert [(o.kind, o.ids) for o in record.load(run, AT, runs) if o.kind == "true_past"] == [("true_past", kept.picks)]
    # Measuring has trained the query's network on: what the past says does not hang on it.
    assert analysis.stand_in(query) == kept
    true_past.place(run, AT, runs).write_text('{"distance": 1}')
    assert true_past.load(run, AT, runs) is None and true_past.load(run, (2, 3), runs) is None


def test_without_a_past_or_a_memory_it_says_why(run, runs):
    with pytest.raises(UserError, match="no past in the first task"):
        analysis.stand_in(Query.of(run, (1, 1)))
    with pytest.raises(UserError, match="memory of this query is empty"):
        analysis.stand_in(Query.of(played(runs, learner="finetune"), AT))


def test_a_class_that_the_memory_has_lost_is_in_the_past_all_the_same(runs):
    run = played(runs, memory=2, strategy="accuacl")
    query = Query.of(run, AT)
    found = analysis.stand_in(query)
    lost = [share for share in found.classes if share.label not in query.context.classes]
    assert lost and all(share.kept == 0 and share.past > 0 for share in lost)
    assert found.memory_picks == tuple(query.bought.ids)
