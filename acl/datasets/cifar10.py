"""CIFAR-10: 60,000 photos of ten things, 32×32, fetched once by `acl data get cifar10`.

Source: A. Krizhevsky, Learning multiple layers of features from tiny images, 2009; the binary version.
"""

from __future__ import annotations

from dataclasses import dataclass

from acl.datasets.base import Base
from acl.stream.cifar_archive import load_cifar
from acl.stream.cifar_python import Batches, load_batches
from acl.stream.downloads import Remote, missing, unpacked
from acl.stream.types import ImageSet

LABEL = "SplitCIFAR10"
FILES = (
    Remote(
        "cifar-10-binary.tar.gz",
        "c32a1d4ab5d03f1284b67883e8d87530",
        ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    ),
)
# Its pickles, as torchvision unpacks them.
UNPACKED = "cifar-10-batches-py"
BATCHES = Batches(tuple(f"data_batch_{n}" for n in range(1, 6)), "test_batch", "batches.meta", "labels", "label_names")


@dataclass(frozen=True)
class CIFAR10(Base):
    """CIFAR-10 (Krizhevsky 2009) in its own split: 50,000 training and 10,000 test images, uint8 [N, 32, 32, 3]."""

    def load(self) -> ImageSet:
        if missing("cifar10", FILES) and (folder := unpacked("cifar10", UNPACKED)):
            return load_batches(LABEL, folder, BATCHES)
        return load_cifar(LABEL, "cifar10", FILES, "batches.meta.txt", n_label_bytes=1)
