"""What a query strategy is: a frozen set of settings and one method."""

from __future__ import annotations

from abc import ABC, abstractmethod

from acl.query import QueryContext, Selection


class Base(ABC):
    """A query strategy. A subclass is a frozen dataclass whose fields are names of RunConfig settings."""

    @abstractmethod
    def select(self, context: QueryContext) -> Selection:
        """Choose `context.n` different samples of the pool; leave the context untouched.

        A pure function of the context: random draws come from its seed, task and round, ties go to the
        lower sample id, and whatever decides ranks is float64. Returns the picks, best first, and the
        scores of every pool sample by name.
        """
