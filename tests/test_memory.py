"""Reservoir and balanced memory, against their definitions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from scipy.stats import chisquare

from acl.memory import Memory
from acl.seeds import key, mix


def feed(policy, size, parts, seed=0):
    memory = Memory.empty(size, policy, seed)
    for ids, labels in parts:
        memory = memory.updated(np.array(ids), np.array(labels))
    return memory


def test_reservoir_keeps_the_smallest_keys_whatever_way_they_came():
    ids = np.arange(50)
    at_once = feed("reservoir", 8, [(ids, ids % 5)])
    in_parts = feed("reservoir", 8, [(ids[30:], ids[30:] % 5), (ids[:30], ids[:30] % 5)])
    assert at_once.ids.tolist() == in_parts.ids.tolist() and len(at_once) == 8
    assert at_once.labels.tolist() == (at_once.ids % 5).tolist()


def test_reservoir_is_a_uniform_sample():
    ids = np.arange(20)
    counts = np.zeros(20)
    for seed in range(4000):
        counts[feed("reservoir", 5, [(ids[:10], ids[:10]), (ids[10:], ids[10:])], seed).ids] += 1
    assert chisquare(counts).pvalue > 1e-4


def test_balanced_keeps_as_many_of_each_class_as_there_are():
    parts = [(range(0, 30), [0] * 20 + [1] * 10), (range(30, 60), [2] * 29 + [3])]
    memory = feed("balanced", 10, parts)
    assert Counter(memory.labels.tolist()) == {0: 3, 1: 3, 2: 3, 3: 1}
    assert Counter(feed("balanced", 3, parts).labels.tolist()).most_common(1)[0][1] == 1


def test_balanced_gives_up_old_samples_only_and_never_takes_them_back():
    first = feed("balanced", 6, [(range(20), [0, 1] * 10)])
    second = first.updated(np.arange(20, 40), np.array([2, 3] * 10))
    assert set(second.ids[second.ids < 20]) <= set(first.ids)
    assert len(second) == 6 and max(Counter(second.labels.tolist()).values()) <= 2


def shares_by_hand(size, parts, seed):
    """The samples kept when every class has a fixed share: a plain reference, class by class, from all ever fed."""
    kept, bought = {}, set()
    for ids, labels in parts:
        bought |= set(labels)
        for i, y in zip(ids, labels, strict=True):
            kept.setdefault(y, []).append(i)
        places = {c: size // len(bought) + (rank < size % len(bought)) for rank, c in enumerate(sorted(bought))}
        order = mix(key(seed, "memory"), np.arange(500))
        kept = {c: sorted(of_class, key=lambda i: order[i])[: places[c]] for c, of_class in kept.items()}
    return sorted(i for of_class in kept.values() for i in of_class)


@given(
    size=st.integers(0, 25),
    parts=st.lists(st.lists(st.integers(0, 8), min_size=0, max_size=30), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
def test_shares_give_each_class_its_own_places(size, parts, seed):
    starts = np.cumsum([0, *map(len, parts)])
    fed = [(list(range(a, a + len(labels))), labels) for a, labels in zip(starts, parts, strict=False) if labels]
    memory = feed("shares", size, [(np.array(i, np.int64), np.array(y, np.int64)) for i, y in fed], seed)
    assert memory.ids.tolist() == (shares_by_hand(size, fed, seed) if fed else [])


def balanced_by_hand(size, parts, seed):
    """The samples kept when the classes take turns: a plain reference, place by place, from all ever fed."""
    order = mix(key(seed, "memory"), np.arange(500))
    waiting = {}
    for ids, labels in parts:
        for i, y in zip(ids, labels, strict=True):
            waiting.setdefault(y, []).append(i)
    kept = []
    while len(kept) < size and any(waiting.values()):
        turn = [min(of_class, key=lambda i: order[i]) for of_class in waiting.values() if of_class]
        for i in sorted(turn, key=lambda i: order[i])[: size - len(kept)]:
            kept.append(i)
        for of_class in waiting.values():
            of_class[:] = [i for i in of_class if i not in turn]
    return sorted(kept)


@settings(deadline=None)
@given(
    size=st.integers(0, 25),
    parts=st.lists(st.lists(st.integers(0, 8), min_size=0, max_size=30), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
def test_balanced_classes_take_turns_also_where_there_are_fewer_places_than_classes(size, parts, seed):
    starts = np.cumsum([0, *map(len, parts)])
    fed = [(list(range(a, a + len(labels))), labels) for a, labels in zip(starts, parts, strict=False) if labels]
    memory = feed("balanced", size, [(np.array(i, np.int64), np.array(y, np.int64)) for i, y in fed], seed)
    assert memory.ids.tolist() == balanced_by_hand(size, fed, seed)
    if size <= len(set(memory.classes)):
        assert len(set(memory.labels)) == len(memory) == size or not fed


def test_shares_leave_empty_what_a_class_cannot_fill():
    memory = feed("shares", 10, [(range(0, 30), [0] * 29 + [1]), (range(30, 60), [2] * 30)])
    assert Counter(memory.labels.tolist()) == {0: 4, 1: 1, 2: 3}
    assert Counter(feed("balanced", 10, [(range(0, 30), [0] * 29 + [1])]).labels.tolist()) == {0: 9, 1: 1}


def test_a_memory_that_is_not_full_keeps_everything():
    assert len(feed("reservoir", 10, [(range(4), range(4))])) == 4


def test_logits_and_scores_stay_with_their_sample():
    memory = Memory.empty(4, "balanced", 0, n_logits=2).added(np.array([9, 3]), np.array([1, 0]), np.array([0.9, 0.3]))
    logits = torch.tensor([[9.0, 9.5], [3.0, 3.5]])
    memory = memory.with_logits(np.array([9, 3]), logits)
    assert memory.ids.tolist() == [3, 9] and memory.scores.tolist() == [0.3, 0.9]
    assert memory.logits.tolist() == [[3.0, 3.5], [9.0, 9.5]]
    grown = memory.updated(np.array([5, 7, 1]), np.array([2, 3, 3]))
    assert len(grown) == 4 and np.isnan(grown.logits[grown.row_of(np.array([5]))]).all()
    assert grown.logits[grown.row_of(np.array([9, 3]))].tolist() == logits.tolist()
    assert grown.rows(grown.row_of(np.array([9, 5]))).ids.tolist() == [5, 9]


def test_a_table_comes_back_bit_for_bit(tmp_path):
    memory = feed("reservoir", 5, [(range(9), range(9))])
    assert memory.classes.tolist() == list(range(9))  # also those it has lost
    save_file(memory.table, tmp_path / "memory.safetensors")
    again = Memory.empty(5, "reservoir", 0).filled(load_file(tmp_path / "memory.safetensors"))
    for name, column in memory.table.items():
        assert column.numpy().tobytes() == again.table[name].numpy().tobytes(), name
