"""Class order, parts of a set, and domain-incremental streams: the same run machinery, other tasks."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from acl.config import UserError, make_config
from acl.events import Bought, Evaluated, Finished, Started
from acl.plugins.registry import prepare
from acl.presets import preset_config
from acl.stream import tasks
from tests.conftest import small_config
from tests.sets import write_folder
from tests.tools import facts, run_config


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("ACL_DATA", str(tmp_path / "sets"))


def digits(**values):
    return prepare(preset_config("digits-demo", **values))


def classes(stream):
    return [task.classes for task in stream.tasks]


def test_classes_come_in_the_order_asked_for():
    stream = digits(class_order=[9, 0, 3, 4, 1, 2, 8, 7, 6, 5])
    assert classes(stream) == [(0, 9), (3, 4), (1, 2), (7, 8), (5, 6)]
    assert classes(digits(class_order="9,0 3,4")) == [(0, 9), (3, 4)]
    for task in stream.tasks:
        assert set(stream.labels[task.train_ids]) == set(stream.labels[task.test_ids]) == set(task.classes)


@pytest.mark.parametrize(
    ("listed", "sizes"),
    [
        (2, [2, 2, 2, 2, 2]),
        ("2", [2, 2, 2, 2, 2]),
        (3, [3, 3, 3, 1]),
        (4, [4, 4, 2]),
        (1, [1] * 10),
        (10, [10]),
        ("5,1", [5, 1, 1, 1, 1, 1]),
        ((5, 1, 1, 1, 1, 1), [5, 1, 1, 1, 1, 1]),
        ("4 3", [4, 3, 3]),
        ([6, 3], [6, 3, 1]),
        ("1,2,3,4", [1, 2, 3, 4]),
    ],
)
def test_tasks_of_different_sizes(listed, sizes):
    stream = digits(classes_per_task=listed, n_end=20)
    assert [len(task.classes) for task in stream.tasks] == sizes
    assert [c for task in stream.tasks for c in task.classes] == list(range(10))


@pytest.mark.parametrize("listed", ["1", "5,1", "4,3"])
@pytest.mark.parametrize("learner", ["er", "gss", "derpp", "er_ace", "finetune"])
def test_a_stream_of_such_tasks_is_run_to_its_end(listed, learner):
    events = run_config(small_config(classes_per_task=listed, learner=learner, epochs=1))
    assert isinstance(events[-1], Finished) and 0 <= events[-1].summary["A"] <= 1


@pytest.mark.parametrize("strategy", ["entropy", "least_confidence", "kcenter", "badge", "bait", "accuacl", "full"])
def test_every_strategy_is_asked_in_a_task_of_one_class(strategy):
    events = run_config(small_config(classes_per_task=1, class_order="3,5,7", strategy=strategy, epochs=1))
    assert isinstance(events[-1], Finished)


def test_a_subset_of_the_classes_keeps_their_numbers():
    config = small_config(class_order=(7, 2, 5, 9), classes_per_task=2, memory=4)
    events = run_config(config)
    assert [e.tasks for e in events if isinstance(e, Started)][0][0]["classes"] == [2, 7]
    assert {y for e in events if isinstance(e, Bought) for y in e.labels} == {2, 5, 7, 9}
    assert prepare(config).n_classes == 10 and prepare(config).classes_seen(2) == (2, 5, 7, 9)


def test_shuffled_classes_follow_the_seed():
    orders = [classes(digits(shuffle_classes=True, seed=seed)) for seed in range(5)]
    assert classes(digits(shuffle_classes=True, seed=3)) == orders[3]
    assert len(set(map(tuple, orders))) > 1
    assert all(sorted(c for task in order for c in task) == list(range(10)) for order in orders)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"class_order": [0, 0, 1, 2]}, "got 0,0,1,2"),
        ({"class_order": [0, 10]}, "0..9"),
        ({"class_order": [-1, 0]}, "0..9"),
        ({"class_order": [4]}, "at least two"),
        ({"class_order": [4, 5, 6], "classes_per_task": 4}, "not name more than the 3 classes"),
        ({"class_order": "one,two"}, "class_order"),
        ({"scenario": "domain", "domain": "folders"}, "one folder for each look"),
        ({"domains": 1}, "domains"),
        ({"scenario": "domain", "n_end": 2000}, "n_end must be at most"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(values, expected):
    with pytest.raises(UserError) as raised:
        digits(**values)
    assert expected in str(raised.value) and "\n" not in str(raised.value)


def test_a_part_of_each_class():
    whole, part = digits(), digits(max_per_class=20)
    for all_, some in zip(whole.tasks, part.tasks, strict=True):
        for rows, kept in ((all_.train_ids, some.train_ids), (all_.test_ids, some.test_ids)):
            assert set(kept) <= set(rows) and np.bincount(part.labels[kept])[list(some.classes)].tolist() == [20, 20]
    less = digits(max_per_class=10, n_end=20)
    assert set(less.tasks[2].train_ids) < set(part.tasks[2].train_ids)
    assert (digits(max_per_class=9999).tasks[4].train_ids == whole.tasks[4].train_ids).all()


@pytest.mark.parametrize("domain", ["rotate", "permute"])
def test_every_task_has_all_classes_in_another_look(domain):
    whole, stream = digits(), digits(scenario="domain", domain=domain, domains=3, max_per_class=30)
    assert classes(stream) == [tuple(range(10))] * 3 and stream.classes_seen(2) == tuple(range(10))
    n = len(stream.images) // 3
    for k, task in enumerate(stream.tasks):
        assert len(task.train_ids) == len(task.test_ids) == 300
        assert (task.train_ids == stream.tasks[0].train_ids + k * n).all()
        assert (stream.labels[task.train_ids] == stream.labels[stream.tasks[0].train_ids]).all()
    ids = [task.train_ids[7] for task in stream.tasks]
    assert any((whole.images == stream.images[ids[0]]).all((1, 2, 3)))
    assert not (stream.images[ids[1]] == stream.images[ids[0]]).all()
    if domain == "permute":
        assert (np.sort(stream.images[ids[1]], None) == np.sort(stream.images[ids[0]], None)).all()


def test_rotation_is_anticlockwise_by_even_steps_of_a_half_turn():
    image = np.zeros((1, 5, 5, 2), np.uint8)
    image[0, 0, 2] = 200
    turned = tasks.rotated(image, 2, 4)
    assert turned[0, 2, 0].tolist() == [200, 200] and turned.sum() == 400
    assert (tasks.rotated(image, 0, 4) == image).all()


@pytest.mark.parametrize("learner", ["er", "finetune"])
def test_a_domain_incremental_run(learner):
    config = small_config(scenario="domain", domains=2, learner=learner, max_per_class=20, memory_policy="balanced")
    events = run_config(config)
    final = [e for e in events if isinstance(e, Evaluated) and e.final][-1]
    assert len(final.accuracy) == 2 and final.accuracy == final.accuracy_aware
    remembered = [e for e in events if e.kind == "remembered"][-1]
    assert len(set(remembered.ids)) == len(remembered.ids) == (10 if learner == "er" else 0)
    assert facts(run_config(config)) == facts(events)


def test_a_folder_for_each_look(tmp_path):
    for look in ("photo", "sketch", "art"):
        write_folder(tmp_path / "pets" / look, {"dog": 5, "cat": 10})
    config = make_config(
        {"dataset": "folder", "data": str(tmp_path / "pets"), "scenario": "domain", "domain": "folders", "n_end": 10}
    )
    stream = prepare(config)
    assert classes(stream) == [(0, 1)] * 3 and [len(task.train_ids) for task in stream.tasks] == [12, 12, 12]
    write_folder(tmp_path / "pets" / "clay", {"dog": 5})
    with pytest.raises(UserError, match="clay has no image of the class 'cat'"):
        prepare(config)


def test_looks_that_would_fill_the_memory_are_refused(monkeypatch):
    monkeypatch.setattr(tasks, "MAX_COPIES_BYTES", 2**19)
    with pytest.raises(UserError, match="choose fewer domains, or set max_per_class"):
        digits(scenario="domain", domains=10)


def test_the_memory_of_a_domain_stream_knows_its_tasks():
    from acl.events import History, Row
    from app.store.runs import task_of_memory

    events = run_config(small_config(scenario="domain", domains=2, max_per_class=20))
    history = History(Row(i, 0.0, event) for i, event in enumerate(events))
    held = task_of_memory(history, 2)
    assert len(held) == 10 and set(held.values()) == {1}
    assert Image.fromarray(prepare(small_config()).images[0, :, :, 0]).size == (8, 8)
