"""How large a memory is: none at all, less than a sample a class, and another from a task on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from acl.analysis.outcomes import stacked
from acl.analysis.outcomes.measure import measure
from acl.analysis.outcomes.query import Query
from acl.events import History, Remembered, Row, Scored, Steered, TaskStarted
from acl.memory import Memory
from acl.plugins.registry import choices, prepare
from acl.presets import preset_config
from acl.results.table import results
from acl.runs.fork import fork
from acl.runs.verify import verify
from acl.service.worker import execute
from acl.steering import steered
from app import words
from tests.conftest import small_config
from tests.test_outcomes import drawn, figures, played
from tests.test_steering import finished_run, new_loop, play
from tests.tools import facts, history_facts, run_config

REPLAYING = [name for name, learner in choices("learners").items() if "memory" in learner.uses]
THREE = {"classes_per_task": 3, "n_start": 4, "n_end": 8, "epochs": 2}
"""Four tasks: of 3, 3, 3 and 1 classes."""


# -- none ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("learner", REPLAYING)
@pytest.mark.parametrize("strategy", ["accuacl", "uniform"])
def test_without_a_memory_every_learner_is_fine_tuning_bit_for_bit(learner, strategy):
    plain = facts(run_config(small_config(learner="finetune", strategy=strategy)))
    assert facts(run_config(small_config(learner=learner, strategy=strategy, memory=0))) == plain
    assert all(fact["lambda_"] == 0 for fact in plain if fact["kind"] == "scored")


@pytest.mark.parametrize("learner", [name for name in REPLAYING if name in stacked.LOSSES])
def test_outcomes_without_a_memory_are_those_of_each_network_alone(runs, learner):
    query = Query.of(played(runs, learner=learner, memory=0, n_end=10), (2, 1))
    trials = drawn(query, 2)
    for trial, outcome in zip(trials, stacked.measure(query, trials), strict=True):
        alone = measure(query, trial)
        assert figures(outcome)[:2] == figures(alone)[:2]
        assert np.allclose(outcome.likelihood, alone.likelihood, rtol=0, atol=1e-6)


def test_a_table_has_a_column_for_no_memory_and_fine_tuning_stands_in_all(runs):
    short = {"n_end": 6, "epochs": 1}
    made = [finished_run(runs, learner="er", memory=size, **short) for size in (0, 10)]
    made.append(finished_run(runs, learner="finetune", **short))
    table = results(made)
    assert [(row.learner, row.memory) for row in table.itertuples()] == [
        ("Fine-tuning", 0), ("Fine-tuning", 10), ("ER", 0), ("ER", 10)
    ]  # fmt: skip
    assert results(made[2:])["memory"].tolist() == [0]


# -- less than a sample a class --------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "noted"), [(0, False), (1, True), (9, True), (10, False)])
def test_a_memory_too_small_for_every_class_is_noted(size, noted):
    said = [note for note in prepare(preset_config("digits-demo", memory=size)).notes if "of the 10 classes" in note]
    assert len(said) == noted
    assert not prepare(preset_config("digits-demo", memory=size, learner="finetune")).notes


@pytest.mark.parametrize("learner", REPLAYING)
def test_a_memory_of_two_is_kept_through_four_tasks(learner):
    events = run_config(small_config(learner=learner, memory=2, **THREE))
    assert [len(e.ids) for e in events if isinstance(e, Remembered)] == [2] * 4


# -- another one from a task on ----------------------------------------------------------------------------


def kept(events) -> list[list[int]]:
    return [e.ids for e in events if isinstance(e, Remembered)]


@pytest.mark.parametrize("learner", REPLAYING)
def test_cut_and_restored_at_every_event_it_ends_bitwise_the_same(learner):
    whole = new_loop(learner=learner, memory=6, **THREE)
    bases, events, steer = {}, [], {(2, 0): {"memory": 3}, (3, 0): {"memory": 8}}
    left = dict(steer)
    while not whole.done:
        if whole.before_query and (whole.task, whole.round) in left:
            events.append(whole.steer(left.pop((whole.task, whole.round))))
        event = whole.step()
        if event is not None:
            events.append(event)
            if isinstance(event, TaskStarted):
                bases[event.task] = whole.base_state()
    durable = [e for e in events if e.kind != "epoch"]
    sizes = [len(ids) for ids in kept(durable)]
    assert sizes[:3] == [6, 3, 3] and sizes[3:] == [8, 8]
    assert [e.task for e in durable if isinstance(e, Remembered)] == [1, 1, 2, 3, 4]
    # What is gone stays gone.
    first, cut, *_, last = kept(durable)
    assert set(cut) < set(first) and not (set(first) - set(cut)) & set(last)
    for end in range(1, len(durable), 2):
        history = History(Row(i, 0.0, e) for i, e in enumerate(durable[:end]))
        again, started = new_loop(learner=learner, memory=6, **THREE), history.of(TaskStarted)
        again.restore(history, bases[started[-1].task] if started else {})
        done = {(e.task, e.round) for e in history.of(Steered)}
        rest = play(again, {at: changes for at, changes in steer.items() if at not in done})
        assert facts([e for e in rest if e.kind != "epoch"]) == facts(durable[end:])


@pytest.mark.parametrize("policy", ["reservoir", "balanced"])
def test_who_is_dropped_is_whom_a_smaller_memory_would_never_have_kept(policy):
    large = play(new_loop(memory=6, memory_policy=policy, **THREE), {(2, 0): {"memory": 3}})
    small = play(new_loop(memory=3, memory_policy=policy, **THREE))
    assert kept(large)[1] == kept(small)[0]


def test_gss_drops_the_most_alike():
    empty = Memory.empty(5, "reservoir", 0)
    full = empty.added(np.arange(5), np.zeros(5, np.int64), np.array([0.4, -0.2, 0.9, 0.1, 0.9]))
    loop = new_loop(learner="gss")
    left = loop.learner.cut(replace(full, size=3))
    assert left.ids.tolist() == [0, 1, 3] and left.scores.tolist() == [0.4, -0.2, 0.1]
    one_of_equals = loop.learner.cut(replace(full, size=4))
    assert set(one_of_equals.ids) - {0, 1, 3} == {min((2, 4), key=dict(zip(full.ids, full.keys, strict=True)).get)}
    assert len(loop.learner.cut(replace(full, size=0))) == 0


def test_cut_to_nothing_the_rest_is_fine_tuned():
    events = play(new_loop(memory=6, **THREE), {(2, 0): {"memory": 0}})
    assert [len(ids) for ids in kept(events)] == [6, 0, 0, 0, 0]
    assert all(e.lambda_ == 0 for e in events if isinstance(e, Scored))


def test_where_there_was_no_memory_its_policy_may_be_chosen_too(runs):
    run = finished_run(runs, memory=0, **THREE)
    child = fork(run, (2, 0), {"memory": 4, "memory_policy": "balanced"}, runs)
    execute(child)
    sizes = [len(ids) for ids in kept(row.event for row in child.history().rows)]
    assert sizes == [0, 4, 4, 4] and not verify(child).difference
    labels = child.history().of(Remembered)[1].labels
    assert len(set(labels)) == 3
    assert steered(small_config(memory=0), {"refill": "paper"}, at_task_start=True).refill == "paper"


@pytest.mark.parametrize("learner", REPLAYING)
def test_a_fork_with_another_memory_is_the_run_steered_there_and_verifies(runs, learner):
    run = finished_run(runs, learner=learner, memory=6, **THREE)
    child = fork(run, (3, 0), {"memory": 2}, runs)
    execute(child)
    verdict = verify(child)
    assert not verdict.difference and verdict.compared > 10
    by_hand = play(new_loop(learner=learner, memory=6, **THREE), {(3, 0): {"memory": 2}})
    assert history_facts(child) == facts(by_hand)
    assert words.happened(child.parent, child.history().of(Steered))[-1] == "memory 2 from task 3"
    # The fork of a cut run goes on with what was left; forked where it was cut, nothing was.
    later, before = fork(child, (3, 1), {}, runs), fork(child, (3, 0), {}, runs)
    execute(later)
    execute(before)
    assert history_facts(later) == history_facts(child) and history_facts(before) == history_facts(run)
    query = Query.of(child, (3, 1))
    assert len(query.loop.memory) == 2
