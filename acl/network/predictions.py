"""What the network calls each test sample after a training: kept with every evaluation, so that one can see who is
forgotten and as what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64
from numpy import ndarray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file


@dataclass(frozen=True)
class Predictions:
    """ids: the test samples of every task seen, in turn; said: the class of each among any class; own: among the
    classes of its own task alone."""

    ids: Int64[ndarray, " test"]
    said: Int64[ndarray, " test"]
    own: Int64[ndarray, " test"]

    def of(self, ids: list[int], own: bool) -> list[int | None]:
        """What each of these samples is called; None for those of a task that has not come yet."""
        called = dict(zip(self.ids.tolist(), (self.own if own else self.said).tolist(), strict=True))
        return [called.get(id_) for id_ in ids]

    def save(self, path: Path) -> None:
        """Write them as safetensors; classes as int16. OSError where the disk does not take it."""
        save_file({"ids": self.ids, "said": self.said.astype(np.int16), "own": self.own.astype(np.int16)}, path)

    @staticmethod
    def load(path: Path) -> Predictions | None:
        """None where there are none, or none that can be read: the file may come from anywhere."""
        try:
            found = load_file(path)
            ids, said, own = (found[name] for name in ("ids", "said", "own"))
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return None
        whole = all(
            column.ndim == 1 and len(column) == len(ids) and column.dtype.kind == "i" for column in found.values()
        )
        return Predictions(*(column.astype(np.int64) for column in (ids, said, own))) if whole else None
