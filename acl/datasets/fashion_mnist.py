"""Fashion-MNIST: 70,000 pictures of clothes, grey, 28×28, fetched once by `acl data get fashion_mnist`.

Source: H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST, 2017; IDX files.
"""

from __future__ import annotations

from dataclasses import dataclass

from acl.datasets.base import Base
from acl.stream.idx import load_idx
from acl.stream.types import ImageSet

LABEL = "SplitFashionMNIST"
CLASSES = (
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


@dataclass(frozen=True)
class FashionMNIST(Base):
    def load(self) -> ImageSet:
        return load_idx(LABEL, "fashion_mnist", CLASSES)
