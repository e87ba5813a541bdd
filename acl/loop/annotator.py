"""Selection → labels: who is labelled, and what the annotator says; a human may choose and label instead."""

from __future__ import annotations

import numpy as np

from acl.config import FULL, UserError
from acl.events import Bought
from acl.loop import budget
from acl.loop.state import State
from acl.seeds import key, shuffled, uniforms
from acl.steering import Choice


def buy(state: State) -> Bought:
    """The labels of this round, for whom a human chose, else for whom the strategy did, in round 0 blindly."""
    human = _by_hand(state) if state.round > 0 else None
    if human is not None:
        return human
    ids, by = _chosen(state)
    return Bought(state.task, state.round, ids, labels_of(state, ids), by, state.labelled_so_far + len(ids))


def _chosen(state: State) -> tuple[list[int], str]:
    """The samples that nobody's hand chose, and who did."""
    if state.round > 0:
        return state.picks, state.config.strategy
    if state.config.strategy == FULL:
        return state.current.train_ids.tolist(), FULL
    order = shuffled(key(state.config.seed, "start", state.task), state.current.train_ids)
    return order[: budget.wanted(state)].tolist(), "start"


def check(state: State, choice: Choice) -> None:
    """UserError where a human's choice cannot be bought in the current query."""
    pool, classes = set(state.pool.tolist()), set(state.stream.classes_seen(state.task))
    wanted = budget.wanted(state)
    if (choice.task, choice.round) != (state.task, state.round) or len(choice.ids) != len(choice.labels):
        raise UserError(f"The choice is not one of task {state.task}, round {state.round}, or lacks labels.")
    if not 1 <= len(choice.ids) <= wanted or len(set(choice.ids)) < len(choice.ids):
        raise UserError(f"Choose 1 to {wanted} different samples, got {len(choice.ids)}.")
    strangers = [i for i in choice.ids if i not in pool]
    if strangers:
        raise UserError(f"Sample {strangers[0]} is not in the pool of this query: choose another.")
    wrong = [label for label in choice.labels if label is not None and label not in classes]
    if wrong:
        raise UserError(f"Label {wrong[0]} is no class seen so far: {', '.join(map(str, sorted(classes)))}.")


def _by_hand(state: State) -> Bought | None:
    """What a human chose in this query instead; None if nobody did."""
    choice, state.choice = state.choice, None
    if choice is None or (choice.task, choice.round) != (state.task, state.round):
        return None
    check(state, choice)
    asked = labels_of(state, choice.ids)
    labels = [true if label is None else label for label, true in zip(choice.labels, asked, strict=True)]
    by_hand = [i for i, label in zip(choice.ids, choice.labels, strict=True) if label is not None]
    replaced = [i for i in state.picks if i not in choice.ids]
    n_labelled = state.labelled_so_far + len(choice.ids)
    return Bought(state.task, state.round, choice.ids, labels, "human", n_labelled, replaced, by_hand)


def labels_of(state: State, ids: list[int]) -> list[int]:
    """What the annotator says: the true classes, but for a share that label_noise makes wrong, the same samples
    whoever chose them."""
    config, labels = state.config, state.stream.labels[ids].copy()
    if config.label_noise and ids:
        which = np.array(ids, dtype=np.int64)
        wrong = uniforms(key(config.seed, "noise", state.task), which) < config.label_noise
        u = uniforms(key(config.seed, "noise class", state.task), which)
        for row in np.nonzero(wrong)[0]:
            others = [c for c in state.current.classes if c != labels[row]]
            if others:
                labels[row] = others[int(u[row] * len(others))]
    return [int(label) for label in labels]
