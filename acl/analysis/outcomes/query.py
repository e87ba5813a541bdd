"""A query of a run, restored just before it was asked: the base of its task, the memory, the labels so far."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from jaxtyping import Int64
from numpy import ndarray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from acl.analysis.outcomes.asked import About, Subset, queries
from acl.config import FULL, UserError, check_method
from acl.events import Bought, Evaluated, History, Started, Steered
from acl.loop import Loop
from acl.network.inference import Inference, Seen
from acl.plugins.registry import prepare
from acl.runs.event_file import EventReader
from acl.runs.folder import Run
from acl.runs.fork import Place, past_of
from acl.selection.query import QueryContext
from acl.snapshots.snapshot import load_snapshot
from acl.system import machine
from acl.system.numerics import settle


class Query:
    """`loop` stands just before the query (only `branch` of it is stepped); `bought` and `evaluated` are what the run
    recorded of it, None where it has not come so far."""

    def __init__(self, run: Run, loop: Loop, bought: Bought | None, evaluated: Evaluated | None) -> None:
        self.run, self.loop, self.bought, self.evaluated = run, loop, bought, evaluated

    @staticmethod
    def of(run: Run, at: Place) -> Query:
        """The query `at` = (task, round ≥ 1) of `run`. It sets torch's switches for this process, as the run had them.

        UserError where the run has no such query, kept no base, is of an earlier method, names other images or a
        plug-in that is not here, or was made on a GPU and here is none.
        """
        config = run.config
        check_method(config)
        reader = EventReader(run.events)
        history = History(reader.poll())
        if reader.damaged:
            raise UserError(
                f"{run.events} is damaged in {reader.damaged} places: the run can be looked at, not measured."
            )
        if config.strategy == FULL:
            raise UserError(f"{run.id} labels everything: it asks no query whose outcomes could be measured.")
        there = queries(history)
        if at not in there:
            where = ", ".join(f"{task}.{round_}" for task, round_ in there) or "none yet"
            raise UserError(f"{run.id} has no query {at[0]}.{at[1]} to measure: its queries are {where}.")
        base = _base(run, at[0])
        settle(config)
        loop = Loop(config, prepare(config))
        loop.restore(_until(history, at), base)
        _check_samples(run, loop)
        bought = next((e for e in history.of(Bought) if (e.task, e.round) == at), None)
        evaluated = next((e for e in history.of(Evaluated) if (e.task, e.round) == at), None)
        return Query(run, loop, bought, evaluated)

    @property
    def about(self) -> About:
        """Which query it is, as plain values that need no torch."""
        picks = tuple(self.bought.ids) if self.bought else None
        task, round_ = self.place
        return About(self.run.id, task, round_, self.loop.config.seed, self.n, picks, self.evaluated)

    @property
    def place(self) -> Place:
        """Its task and its round, both counted from 1."""
        return self.loop.task, self.loop.round

    @property
    def pool(self) -> Int64[ndarray, " pool"]:
        """The ids, int64 and ascending, of the task's samples that have no label yet."""
        return self.loop.pool

    @property
    def n(self) -> int:
        """Samples that the query buys."""
        return len(self.bought.ids) if self.bought else self.loop.n_wanted

    @property
    def room(self) -> int:
        """The most samples of a set: what is left of the task's budget."""
        return max(self.loop.rest, self.n)

    @property
    def true_labels(self) -> Int64[ndarray, " pool"]:
        """Of the pool, also where the annotator errs."""
        labels: Int64[ndarray, " pool"] = self.loop.stream.labels[self.pool]
        return labels

    @cached_property
    def context(self) -> QueryContext:
        """What the strategy saw: the snapshot, or, where the run kept none, worked out again by the loop."""
        path = self.run.snapshot(*self.place)
        if path.exists():
            return load_snapshot(path).context
        return self.asked_again()

    def asked_again(self) -> QueryContext:
        """What the strategy saw, worked out by the loop, whose network is then the one that was asked."""
        loop = self.loop
        while loop.query is None or loop.query.context is None:
            loop.step()
        return loop.query.context

    def seen(self, ids: Int64[ndarray, " n"]) -> Seen:
        """Samples through the network as it is now (see `asked_again`), on the CPU."""
        inference = Inference(self.loop.model, self.loop.images, ids, self.loop.config.eval_batch)
        while not inference.done:
            inference.step()
        return inference.result().cpu()

    def check(self, ids: tuple[int, ...]) -> None:
        """UserError where the samples `ids` cannot be bought in this query."""
        if len(ids) > self.room:
            raise UserError(f"A set of {len(ids)} samples is more than the {self.room} labels that the task has left.")
        twice = next((i for i in ids if ids.count(i) > 1), None)
        if twice is not None:
            raise UserError(f"The set names sample {twice} more than once: name each sample once.")
        strangers = sorted(set(ids) - set(self.pool.tolist()))
        if strangers:
            raise UserError(f"Sample {strangers[0]} is not in the pool of this query: choose others.")

    def purchase(self, subset: Subset) -> Bought:
        """The set bought in this query: the recorded picks with the labels they were given, some perhaps by hand; all
        others with the annotator's."""
        if subset.kind == "recorded" and self.bought:
            return self.bought
        self.check(subset.ids)
        ids = list(subset.ids)
        n_labelled = self.loop.labelled_so_far + len(ids)
        return Bought(*self.place, ids, self.loop.labels_of(ids), "outcomes" if ids else "nobody", n_labelled)

    def elsewhere(self) -> list[str]:
        """Phrases for what was another where the run was made: then its figures agree only nearly."""
        history = self.run.history()
        here = machine.described(self.loop.config.device)
        return [phrase for event in history.of(Started) for phrase in machine.differences(event.machine, here)]


def _until(history: History, at: Place) -> History:
    """What had happened when the query was asked, steering for it included."""
    here = [row for row in history.rows if isinstance(row.event, Steered) and (row.event.task, row.event.round) == at]
    return History([*past_of(history, at), *here])


def _base(run: Run, task: int) -> Mapping[str, Tensor]:
    path = run.base(task)
    if not path.exists():
        raise UserError(f"{run.id} kept no model of the start of task {task}: its outcomes cannot be measured.")
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} cannot be read ({error}): its outcomes cannot be measured.") from None


def _check_samples(run: Run, loop: Loop) -> None:
    """UserError where labels or memory name samples that the data do not have there: a run may come from anywhere."""
    earlier = [task.train_ids for task in loop.stream.tasks[: loop.task - 1]]
    before = np.concatenate([np.zeros(0, np.int64), *earlier])
    strangers = np.concatenate(
        [np.setdiff1d(loop.labelled.ids, loop.current.train_ids), np.setdiff1d(loop.memory.ids, before)]
    )
    if len(strangers):
        raise UserError(f"{run.id} names sample {strangers[0]}, which its data do not have there: it is damaged.")
    classes = loop.stream.n_classes
    given = np.concatenate([loop.labelled.labels, loop.memory.labels])
    if ((given < 0) | (given >= classes)).any():
        raise UserError(f"{run.id} names a label that its data do not have: it is damaged.")
