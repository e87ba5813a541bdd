"""CIFAR-100: 60,000 photos of a hundred things, 32×32, fetched once by `acl data get cifar100`.

Source: A. Krizhevsky, Learning multiple layers of features from tiny images, 2009; the binary version, fine
labels (a record names the coarse one first).
"""

from __future__ import annotations

from dataclasses import dataclass

from acl.datasets.base import Base
from acl.stream.cifar_archive import load_cifar
from acl.stream.cifar_python import Batches, load_batches
from acl.stream.downloads import Remote, missing, unpacked
from acl.stream.types import ImageSet

LABEL = "SplitCIFAR100"
FILES = (
    Remote(
        "cifar-100-binary.tar.gz",
        "03b5dce01913d631647c71ecec9e9cb8",
        ("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",),
    ),
)
# Its pickles, as torchvision unpacks them.
UNPACKED = "cifar-100-python"
BATCHES = Batches(("train",), "test", "meta", "fine_labels", "fine_label_names")


@dataclass(frozen=True)
class CIFAR100(Base):
    """CIFAR-100 (Krizhevsky 2009) in its own split: 50,000 training and 10,000 test images, uint8 [N, 32, 32, 3], fine
    labels."""

    def load(self) -> ImageSet:
        if missing("cifar100", FILES) and (folder := unpacked("cifar100", UNPACKED)):
            return load_batches(LABEL, folder, BATCHES)
        return load_cifar(LABEL, "cifar100", FILES, "fine_label_names.txt", n_label_bytes=2)
