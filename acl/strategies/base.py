"""What a query strategy is: a frozen set of settings and one method. FromQuery takes in those of other libraries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from acl.selection.query import QueryContext, Selection


class Base(ABC):
    """A query strategy. A subclass is a frozen dataclass whose fields are names of RunConfig settings."""

    @abstractmethod
    def select(self, context: QueryContext) -> Selection:
        """Choose `context.n` different samples of the pool; leave the context untouched.

        A pure function of the context: random draws come from its seed, task and round, ties go to the
        lower sample id, and whatever decides ranks is float64. Returns the picks, best first, and the
        scores of every pool sample by name, finite (see Selection.partial). acl.plugins.asking checks all of it.
        """


class FromQuery(Base):
    """A strategy made of the usual `query(n) -> indices`. A subclass says only where that function comes from."""

    @abstractmethod
    def query_function(self, context: QueryContext) -> Callable[[int], Sequence[Any]]:
        """`query` for this pool: query(n) answers n positions in it (row numbers of context.pool), best first."""

    def select(self, context: QueryContext) -> Selection:
        rows = np.asarray(self.query_function(context)(context.n))
        whole = rows.ndim == 1 and rows.dtype.kind in "iu"
        if not whole or len(set(rows.tolist())) != context.n or not set(rows.tolist()) <= set(range(len(context.pool))):
            raise ValueError(
                f"query({context.n}) must return {context.n} different positions in 0..{len(context.pool) - 1}, "
                f"got {rows.dtype} {list(rows.shape)}"
            )
        return Selection(context.pool.ids[torch.from_numpy(rows.astype(np.int64))])
