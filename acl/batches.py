"""The batches of one epoch, worked out at once: whose turn it is, what each was called, and how it is shown.

Everything random is decided here, by numpy on the CPU, and goes to the device as one table; the steps only read it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from numpy import ndarray
from torch import Tensor


@dataclass(frozen=True)
class Batches:
    """ids: the samples of each batch; tables: int64 on the device, one for each batch, a column for each sample: id,
    label, mirrored or not, top and left of the window (acl.network.images), row in the memory."""

    ids: list[Int64[ndarray, " _"]]
    tables: tuple[Int64[Tensor, "6 _"], ...]

    @staticmethod
    def of(
        ids: list[Int64[ndarray, " _"]],
        labels: Int64[ndarray, " n"],
        views: Int64[ndarray, "3 n"],
        rows: Int64[ndarray, " n"],
        device: torch.device,
    ) -> Batches:
        """labels, views (acl.network.images) and rows: of the samples of all batches in turn."""
        if not ids:
            return Batches([], ())
        table = np.vstack([np.concatenate(ids), labels, views, rows])
        sizes = [len(batch) for batch in ids]
        return Batches(ids, torch.split(torch.from_numpy(table).to(device), sizes, 1))

    def of_step(self, step: int) -> Int64[Tensor, "6 b"] | None:
        """The table of batch `step`; None after the last."""
        return self.tables[step] if step < len(self.tables) else None
