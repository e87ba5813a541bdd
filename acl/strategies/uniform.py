"""Every unlabelled sample has the same chance: the baseline every strategy must beat."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from acl.seeds import key, shuffled
from acl.selection.query import QueryContext, Selection
from acl.strategies.base import Base

LABEL = "Uniform"
COLOUR = "#8C8C8C"
ORDER = 0


@dataclass(frozen=True)
class Uniform(Base):
    """Random sampling: every set of n pool samples is equally probable."""

    def select(self, context: QueryContext) -> Selection:
        draw = key(context.seed, "uniform", context.task, context.round)
        order = shuffled(draw, context.pool.ids.cpu().numpy())
        return Selection(torch.from_numpy(order[: context.n].copy()))
