"""CIFAR as torchvision has it: a folder of pickled batches, read without running them (acl.stream.pickled)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8
from numpy import ndarray

from acl.config import UserError
from acl.stream.pickled import unpickled
from acl.stream.types import ImageSet

SIDE, CHANNELS = 32, 3


@dataclass(frozen=True)
class Batches:
    """Which files of the folder hold what, and under which keys."""

    train: tuple[str, ...]
    test: str
    names: str
    labels: str
    label_names: str


def load_batches(label: str, folder: Path, batches: Batches) -> ImageSet:
    """The set in `folder`, its images in the order of the binary archive. UserError that names the damaged file."""
    with _file(folder / batches.names) as found:
        names = tuple(name.decode() if isinstance(name, bytes) else str(name) for name in found[batches.label_names])
    parts = []
    for file in (*batches.train, batches.test):
        with _file(folder / file) as found:
            parts.append(_part(found, batches, len(names)))
    images, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    n_train = len(labels) - len(parts[-1][1])
    return ImageSet(label, np.ascontiguousarray(images), labels, names, np.arange(len(labels)) < n_train)


@contextmanager
def _file(path: Path) -> Iterator[dict[str, Any]]:
    """What the file holds; whatever is wrong with it is said as one sentence."""
    try:
        yield unpickled(path)
    except KeyError as error:
        why = f"it lacks {error}"
    except FileNotFoundError:
        why = "it is not there"
    except (OSError, ValueError, TypeError) as error:
        why = str(error)
    else:
        return
    raise UserError(f"{path} is no batch of CIFAR ({why}): put the whole folder there, or take it away.")


def _part(
    found: dict[str, Any], batches: Batches, n_classes: int
) -> tuple[UInt8[ndarray, "n 32 32 3"], Int64[ndarray, " n"]]:
    data, labels = found["data"], np.array(found[batches.labels], dtype=np.int64)
    if not isinstance(data, ndarray) or data.dtype != np.uint8 or data.shape != (len(labels), CHANNELS * SIDE * SIDE):
        raise ValueError("its images are no rows of 3,072 bytes, one for each label")
    if len(labels) and not 0 <= labels.min() <= labels.max() < n_classes:
        raise ValueError(f"its labels are not all 0..{n_classes - 1}")
    return data.reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1), labels
