"""The samples whose predicted distribution is the most spread out.

Source: C. E. Shannon, 1948; as a query strategy: B. Settles, Active Learning Literature Survey, 2009,
section 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from acl.selection.query import QueryContext, Selection, best
from acl.strategies.base import Base

LABEL = "Entropy"
COLOUR = "#E69F00"
ORDER = 1
SCORES = {"entropy": {"name": "entropy (nats)"}}
AXES = ("entropy", "magnitude")
PICKS = "the largest"


@dataclass(frozen=True)
class Entropy(Base):
    """Entropy sampling (Settles 2009, section 3.1): the largest −Σ p log p, in nats."""

    def select(self, context: QueryContext) -> Selection:
        p = context.pool.p.double()
        entropy = -torch.xlogy(p, p).sum(1)
        picked = best(entropy, context.pool.ids, context.n)
        return Selection(context.pool.ids[picked], {"entropy": entropy})
