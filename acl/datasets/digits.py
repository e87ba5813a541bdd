"""The 1,797 real 8×8 handwritten digits that scikit-learn ships: always there, learned in seconds.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (its test part).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from acl.config import UserError
from acl.datasets.base import Base, digests, train_rows
from acl.stream.types import ImageSet

LABEL = "SplitDigits"
TRAIN_SHARE = 0.7


@dataclass(frozen=True)
class Digits(Base):
    """The digits of scikit-learn (Alpaydin and Kaynak 1998), uint8 [1797, 8, 8, 1]; a fixed share of each class,
    TRAIN_SHARE, is for training."""

    def load(self) -> ImageSet:
        rows = np.loadtxt(_file(), delimiter=",", dtype=np.int64)
        images = np.round(rows[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
        labels = rows[:, -1]
        is_train = train_rows(labels, digests([f"digits/{row}" for row in range(len(labels))]), TRAIN_SHARE)
        return ImageSet(LABEL, images, labels, tuple("0123456789"), is_train)


def _file() -> Path:
    """The table inside scikit-learn. Its own reader would import the whole library: seconds at every start."""
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise UserError("The digits need scikit-learn: install requirements.txt.")
    return Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
