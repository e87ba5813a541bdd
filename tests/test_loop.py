"""The loop: sameness, taking up again at every point, and the numbers it hands on."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from acl.events import Bought, Epoch, Evaluated, Finished, History, Remembered, Row, Scored, TaskStarted, Trained
from acl.loop import Loop, Stage
from acl.loop.stages import STAGES
from acl.plugins.registry import discover, prepare
from tests.conftest import small_config
from tests.tools import facts, play, run_config


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_same_config_gives_bitwise_the_same_run(config):
    assert facts(run_config(config)) == facts(run_config(config))


def test_another_seed_gives_another_run(config):
    assert facts(run_config(config)) != facts(run_config(small_config(seed=1)))


@pytest.mark.parametrize("learner", discover("learners"))
def test_restored_at_every_event_the_run_ends_bitwise_the_same(learner, tmp_path):
    # Several steps an epoch and five tasks: what a memory holds beside the ids is made, kept and used.
    config = small_config(learner=learner, classes_per_task=2, n_query=10, epochs=2, batch_size=4)
    loop = Loop(config, prepare(config))
    events, bases, file = [], [], None
    while not loop.done:
        event = loop.step()
        if event is None:
            continue
        if isinstance(event, TaskStarted):
            file = tmp_path / f"{event.task}.safetensors"
            save_file(loop.base_state(), file)
        events.append(event)
        bases.append(file)
    rows = [Row(i, 0.0, event) for i, event in enumerate(events)]
    cuts = [i + 1 for i, event in enumerate(events) if not isinstance(event, Epoch)]
    for cut in cuts:
        again = Loop(config, prepare(config))
        again.restore(History(rows[:cut]), load_file(bases[cut - 1]) if bases[cut - 1] else {})
        assert facts(play(again)) == facts(events[cut:]), f"restored after {events[cut - 1]}"
        if cut < cuts[-2]:  # after the last evaluation no model and no memory is needed any more
            assert tables_equal(again.memory, loop.memory), f"restored after {events[cut - 1]}"


def tables_equal(one, other):
    return all(np.array_equal(one.table[name], other.table[name], equal_nan=name == "scores") for name in one.table)


def test_runs_that_differ_in_strategy_share_init_and_first_labels():
    runs = {name: run_config(small_config(strategy=name)) for name in ("uniform", "entropy", "accuacl")}
    first = [[e for e in of(events, Bought) if e.round == 0] for events in runs.values()]
    assert first[0] == first[1] == first[2]
    before_any_query = [facts(events)[: [e.kind for e in events].index("scored")] for events in runs.values()]
    assert before_any_query[0] == before_any_query[1] == before_any_query[2]
    chosen = [of(events, Scored)[0].ids for events in runs.values()]
    assert len({tuple(ids) for ids in chosen}) == 3


def test_the_events_of_a_run_follow_the_protocol(config):
    events = run_config(config)
    kinds = Counter(event.kind for event in events)
    assert kinds["task"] == kinds["remembered"] == 2
    assert kinds["scored"] == 2 * 3 and kinds["bought"] == kinds["trained"] == kinds["evaluated"] == 2 * 4
    assert kinds["epoch"] == 2 * 4 * config.epochs
    for task in (1, 2):
        bought = [e for e in of(events, Bought) if e.task == task]
        ids = [i for e in bought for i in e.ids]
        assert len(ids) == len(set(ids)) == config.n_end
        assert [e.n_labelled for e in bought] == [6, 10, 14, 16]


def test_every_stage_has_its_row_and_a_run_says_what_the_row_says(config):
    assert {*STAGES} == {*get_args(Stage)} - {"done"}
    loop, seen = Loop(config, prepare(config)), set()
    while not loop.done:
        row, stage = STAGES[loop.stage], loop.stage
        event = loop.step()
        if event is not None and not isinstance(event, Epoch):
            assert type(event) is row.ends_with and (loop.stage == row.then or callable(row.then))
            seen.add(stage)
        else:
            assert loop.stage == stage
    assert seen == {*STAGES} - {"cut"}


def test_labels_given_are_the_streams(config, stream):
    for event in of(run_config(config), Bought):
        assert event.labels == stream.labels[event.ids].tolist()


def test_a_query_sees_the_pool_the_labelled_and_the_memory(config):
    loop = Loop(config, prepare(config))
    while not (loop.task == 2 and loop.round == 2 and loop.stage == "buy"):
        loop.step()
    context = loop.query.context
    # The memory holds no label of some class of the first task; the second task has 5 to 9.
    kept = sorted(set(loop.stream.labels[context.memory.ids].tolist()))
    assert context.classes == (*kept, 5, 6, 7, 8, 9) and 0 < len(kept) < 5
    assert context.n == 4 and context.n_classes == 10
    assert len(context.labelled) == 10 and len(context.memory) == 10
    assert len(context.pool) + 10 == len(loop.current.train_ids)
    assert not set(context.pool.ids.tolist()) & set(context.labelled.ids.tolist())
    with torch.no_grad():
        h, logits = loop.model(loop.images.batch(context.pool.ids[:5]))
    assert torch.equal(context.pool.h[:5], h.float())
    assert torch.equal(context.pool.p[:5], torch.softmax(logits[:, list(context.classes)], 1).float())


def queries_of(config):
    """Each query's context with the memory's labels, and the evaluations, of a whole run."""
    loop, found = Loop(config, prepare(config)), []
    while not loop.done:
        event = loop.step()
        if isinstance(event, Scored):
            found.append((loop.query.context, set(loop.base_memory.labels.tolist())))
        if isinstance(event, Evaluated):
            assert len(event.likelihood) == event.task and all(0 < each < 1 for each in event.likelihood)
    return found


def test_a_querys_classes_are_the_memorys_and_the_tasks_in_order_of_appearance():
    order = "9,2,5,0,7,1,3,8,6,4"
    config = small_config(classes_per_task=2, class_order=order, memory_policy="reservoir", epochs=1)
    appeared = [2, 9, 0, 5, 1, 7, 3, 8, 4, 6]  # within a task by number
    lost = 0
    for context, remembered in queries_of(config):
        task = appeared[2 * context.task - 2 : 2 * context.task]
        seen = appeared[: 2 * context.task]
        assert context.classes == tuple(c for c in seen if c in remembered or c in task)
        lost += len(context.classes) < len(seen)
    assert lost  # a reservoir of ten loses classes, else this shows nothing
    for context, remembered in queries_of(small_config(learner="finetune")):
        assert remembered == set() and context.classes == (tuple(range(5)) if context.task == 1 else (5, 6, 7, 8, 9))


def test_lambda_is_the_share_of_past_samples_and_zero_without_a_memory(stream):
    sizes = [len(task.train_ids) for task in stream.tasks]
    auto = of(run_config(small_config()), Scored)
    assert {e.lambda_ for e in auto if e.task == 1} == {0.0}
    assert {e.lambda_ for e in auto if e.task == 2} == {sizes[0] / sum(sizes)}
    fixed = of(run_config(small_config(**{"lambda": 0.25})), Scored)
    assert {e.lambda_ for e in fixed if e.task == 2} == {0.25} and {e.lambda_ for e in fixed if e.task == 1} == {0.0}
    assert {e.lambda_ for e in of(run_config(small_config(learner="finetune")), Scored)} == {0.0}


def test_full_labels_buys_everything_once():
    config = small_config(strategy="full")
    events = run_config(config)
    stream = prepare(config)
    assert not of(events, Scored)
    assert [e.by for e in of(events, Bought)] == ["full", "full"]
    assert [sorted(e.ids) for e in of(events, Bought)] == [task.train_ids.tolist() for task in stream.tasks]


def test_a_pool_smaller_than_twice_the_query_and_a_memory_smaller_than_a_batch():
    stream = prepare(small_config())
    smallest = min(len(task.train_ids) for task in stream.tasks)
    config = small_config(n_start=smallest - 10, n_query=8, n_end=smallest, memory=10, memory_batch_size=32)
    events = run_config(config)
    assert [len(e.ids) for e in of(events, Scored)] == [8, 2, 8, 2]


def test_evaluation_against_a_plain_count(config, stream):
    loop = Loop(config, prepare(config))
    while True:
        event = loop.step()
        if isinstance(event, Evaluated) and event.task == 2 and event.round == 1:
            break
    for j, task in enumerate(stream.tasks):
        right = aware = 0
        likelihood = []
        for id_ in task.test_ids.tolist():
            with torch.no_grad():
                logits = loop.model(loop.images.batch(torch.tensor([id_])))[1][0]
            label = int(stream.labels[id_])
            right += int(logits.argmax()) == label
            aware += max(task.classes, key=lambda c: float(logits[c])) == label
            likelihood.append(float(torch.softmax(logits.double(), 0)[label]))
        assert event.accuracy[j] == right / len(task.test_ids)
        assert event.accuracy_aware[j] == aware / len(task.test_ids)
        assert event.likelihood[j] == pytest.approx(np.mean(likelihood), abs=1e-6)


def test_memory_never_exceeds_its_size_and_is_balanced_where_it_says_so():
    for policy in ("reservoir", "balanced"):
        for event in of(run_config(small_config(memory=13, memory_policy=policy)), Remembered):
            assert len(event.ids) <= 13
            if policy == "balanced" and event.task == 2:
                counts = Counter(event.labels).values()
                assert len(event.ids) == 13 and max(counts) - min(counts) <= 1


def test_every_training_starts_from_the_tasks_base(config):
    loop = Loop(config, prepare(config))
    while not (loop.task == 2 and loop.round == 2 and loop.stage == "train"):
        loop.step()
    base = loop.base_state()
    loop.step()
    first_batch = loop.training
    assert first_batch.n_done == 1
    fresh = Loop(config, prepare(config))
    fresh.model.load_state_dict({k[6:]: v for k, v in base.items() if k.startswith("model.")})
    moved = [not torch.equal(a, b) for a, b in zip(loop.model.parameters(), fresh.model.parameters(), strict=True)]
    assert any(moved)
    # One step of SGD from the base: nothing is further away than the learning rate times the gradient allows.
    for a, b in zip(loop.model.parameters(), fresh.model.parameters(), strict=True):
        assert float((a - b).detach().abs().max()) < 10 * config.lr


def test_progress_rises_from_zero_to_one(config):
    loop = Loop(config, prepare(config))
    seen = [loop.progress]
    while not loop.done:
        loop.step()
        seen.append(loop.progress)
    assert seen[0] == 0 and seen[-1] == 1 and all(a <= b for a, b in zip(seen, seen[1:], strict=False))


def test_the_summary_is_made_of_the_final_evaluations(config):
    events = run_config(config)
    summary = of(events, Finished)[0].summary
    assert summary["R"] == [e.accuracy for e in of(events, Evaluated) if e.final]
    assert summary["A"] == np.mean(summary["R"][-1])


def test_training_reports_what_it_did(config):
    trained = of(run_config(config), Trained)
    # 6 labels: 1 step an epoch, no memory yet; 16 labels and 10 remembered: 1 step of 16 + 10.
    assert trained[0].images == 6 * 3 and trained[-1].images == (16 + 10) * 3
