"""Fashion-MNIST: 70,000 pictures of clothes, grey, 28×28, fetched once by `acl data get fashion_mnist`.

Source: H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST, 2017; IDX files.
"""

from __future__ import annotations

from dataclasses import dataclass

from acl.datasets.base import Base
from acl.stream.idx import idx_files, load_idx
from acl.stream.types import ImageSet

LABEL = "SplitFashionMNIST"
UNPACKED = "FashionMNIST/raw"
# MD5 sums: torchvision's list.
FILES = idx_files(
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "25c81989df183df01b3e8a0aad5dffbe",
    "bef4ecab320f06d8554ea6380940ec79",
    "bb300cfdad3c16e7a12a480ee83cd310",
)
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
    """Fashion-MNIST (Xiao et al. 2017) in its own split: 60,000 training and 10,000 test images, uint8
    [N, 28, 28, 1]."""

    def load(self) -> ImageSet:
        return load_idx(LABEL, "fashion_mnist", FILES, UNPACKED, CLASSES)
