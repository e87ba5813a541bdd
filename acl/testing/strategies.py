"""The contract of a query strategy."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, ClassVar

import torch

from acl.config import make_config
from acl.events import Finished
from acl.plugins.asking import ask
from acl.selection.query import QueryContext, Samples
from acl.testing.small import events, query


class StrategyContract:
    """name: of the strategy; settings: that it is asked with."""

    name: ClassVar[str] = ""
    settings: ClassVar[dict[str, Any]] = {}

    def picks(self, context: QueryContext) -> list[int]:
        """Asking checks the answer: as many different ids of the pool as are wanted, a finite score for each sample."""
        config = make_config({"strategy": self.name, **self.settings})
        return [int(i) for i in ask(self.name, config, context).ids]

    def test_picks_as_many_different_samples_of_the_pool_as_are_wanted(self) -> None:
        for n in (1, 7, 30):
            context = query(n=n)
            found = self.picks(context)
            assert len(set(found)) == n and set(found) <= set(context.pool.ids.tolist())

    def test_picks_without_a_memory_and_without_a_label(self) -> None:
        assert len(self.picks(query(memory=0))) == 5
        assert len(self.picks(query(memory=0, labelled=0))) == 5

    def test_picks_where_all_samples_are_alike_and_certain(self) -> None:
        context = query()
        h, p = torch.ones_like(context.pool.h), torch.zeros_like(context.pool.p)
        p[:, 0] = 1
        alike = QueryContext(**{**vars(context), "pool": Samples(context.pool.ids, h, p)})
        assert len(self.picks(alike)) == 5

    def test_the_same_query_gives_the_same_picks(self) -> None:
        assert self.picks(query()) == self.picks(query())

    def test_leaves_the_query_as_it_is(self) -> None:
        context = query()
        before = deepcopy(context)
        self.picks(context)
        for role, samples in context.roles().items():
            for part in ("ids", "h", "p"):
                assert torch.equal(getattr(samples, part), getattr(before.roles()[role], part))

    def test_a_run_with_it_reaches_its_end(self) -> None:
        assert isinstance(events(strategy=self.name, **self.settings)[-1], Finished)
