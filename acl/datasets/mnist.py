"""MNIST: 70,000 handwritten digits, grey, 28×28, fetched once by `acl data get mnist`.

Source: Y. LeCun et al., Gradient-based learning applied to document recognition, 1998; IDX files.
"""

from __future__ import annotations

from dataclasses import dataclass

from acl.datasets.base import Base
from acl.stream.idx import idx_files, load_idx
from acl.stream.types import ImageSet

LABEL = "SplitMNIST"
UNPACKED = "MNIST/raw"
# MD5 sums: torchvision's list.
FILES = idx_files(
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
    "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "d53e105ee54ea40749a09fcbcd1e9432",
    "9fb629c4189551a2d022fa330f9573f3",
    "ec29112dd5afa0611ce80d1b7f02629c",
)


@dataclass(frozen=True)
class MNIST(Base):
    """MNIST (LeCun et al. 1998) in its own split: 60,000 training and 10,000 test images, uint8 [N, 28, 28, 1]."""

    def load(self) -> ImageSet:
        return load_idx(LABEL, "mnist", FILES, UNPACKED, tuple("0123456789"))
