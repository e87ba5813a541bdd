"""The samples whose most probable class is the least probable.

Source: D. D. Lewis and W. A. Gale, A Sequential Algorithm for Training Text Classifiers, SIGIR 1994; as
written here: B. Settles, Active Learning Literature Survey, 2009, section 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from acl.selection.query import QueryContext, Selection, best
from acl.strategies.base import Base

LABEL = "LeastConf"
COLOUR = "#D55E00"
ORDER = 2
SCORES = {"least_confidence": {"name": "1 − p of the likeliest class", "short": "1 − p"}}
AXES = ("least_confidence", "magnitude")
PICKS = "the largest"


@dataclass(frozen=True)
class LeastConfidence(Base):
    """Least confidence (Lewis and Gale 1994): the largest 1 − max p."""

    def select(self, context: QueryContext) -> Selection:
        least_confidence = 1 - context.pool.p.double().amax(1)
        picked = best(least_confidence, context.pool.ids, context.n)
        return Selection(context.pool.ids[picked], {"least_confidence": least_confidence})
