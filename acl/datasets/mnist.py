"""MNIST: 70,000 handwritten digits, grey, 28×28, fetched once by `acl data get mnist`.

Source: Y. LeCun et al., Gradient-based learning applied to document recognition, 1998; IDX files.
"""

from __future__ import annotations

from dataclasses import dataclass

from acl.datasets.base import Base
from acl.stream.idx import load_idx
from acl.stream.types import ImageSet

LABEL = "SplitMNIST"


@dataclass(frozen=True)
class MNIST(Base):
    def load(self) -> ImageSet:
        return load_idx(LABEL, "mnist", tuple("0123456789"))
