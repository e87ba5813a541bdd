"""A few samples of a query's pool as all that can be bought: who would choose which of them, and what each would do to
the memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int64
from numpy import ndarray

from acl.analysis.gradients import products
from acl.analysis.outcomes.asked import Subset
from acl.analysis.outcomes.query import Query
from acl.plugins.asking import ask
from acl.seeds import key, shuffled
from acl.selection.query import QueryContext


@dataclass(frozen=True)
class Candidate:
    """loss: cross-entropy of the true label over all outputs of the network, as it is when the query is asked; nearest:
    the memory sample that is nearest in the network's features, and `distance` its Euclidean distance there; product:
    mean over the memory of the products of `acl.analysis.gradients`."""

    id: int
    label: int
    loss: float
    nearest: int
    distance: float
    product: float


class Candidates:
    """`size` samples of the pool of `query`, drawn from a key of the run's seed; `judged`: what is known of each, in
    order of id. To be made before any set of the query is measured: all of its trainings share the network."""

    def __init__(self, query: Query, size: int) -> None:
        self.query = query
        self.ids: Int64[ndarray, " size"] = np.sort(self._order(query.pool, "candidates")[:size])
        self.judged = list(self._judged())

    def _order(self, ids: Int64[ndarray, " n"], purpose: str, *number: int) -> Int64[ndarray, " n"]:
        return shuffled(key(self.query.loop.config.seed, purpose, *self.query.place, *number), ids)

    @property
    def context(self) -> QueryContext:
        """The query as it was, but for its pool."""
        found = self.query.context
        keep = torch.isin(found.pool.ids, torch.from_numpy(self.ids))
        return replace(found, pool=found.pool.take(keep), n=self.query.n)

    def chosen(self, strategy: str) -> Subset:
        """By a strategy that sees these alone."""
        ids = ask(strategy, self.query.loop.config, self.context).ids.tolist()
        return Subset("strategy", strategy, tuple(sorted(ids)))

    def blind(self, number: int, size: int) -> Subset:
        """Random set `number`; a smaller one is the beginning of the larger ones."""
        return Subset("random", str(number), tuple(sorted(self._order(self.ids, "blind", number)[:size].tolist())))

    def _judged(self) -> Iterator[Candidate]:
        self.query.asked_again()
        loop, memory = self.query.loop, self.query.loop.memory
        labels = torch.from_numpy(loop.stream.labels[self.ids])
        seen, kept = self.query.seen(self.ids), self.query.seen(memory.ids)
        losses = torch.nn.functional.cross_entropy(seen.logits.double(), labels, reduction="none")
        distances, nearest = torch.cdist(seen.h.double(), kept.h.double()).min(1)
        means = products(seen, labels, kept, torch.from_numpy(memory.labels)).mean(1)
        for row, id_ in enumerate(self.ids.tolist()):
            yield Candidate(
                id_, int(labels[row]), float(losses[row]), int(memory.ids[nearest[row]]), float(distances[row]),
                float(means[row]),
            )  # fmt: skip
