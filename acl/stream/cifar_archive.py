"""The binary archives of CIFAR: records of label bytes, then 32×32 red, green and blue bytes.

The archives for Python are pickles, which may run code when they are read: they are not used.
"""

from __future__ import annotations

import tarfile
import zlib
from pathlib import PurePosixPath

import numpy as np

from acl.config import UserError
from acl.stream.downloads import Files, local_files
from acl.stream.types import ImageSet

SIDE, CHANNELS = 32, 3


def load_cifar(label: str, name: str, files: Files, names_file: str, n_label_bytes: int) -> ImageSet:
    """The set `name`; the last of a record's label bytes is its class. UserError if the archive is damaged."""
    path = local_files(name, files)[0]
    try:
        with tarfile.open(path) as archive:
            inside = {
                PurePosixPath(member.name).name: archive.extractfile(member).read()  # type: ignore[union-attr]
                for member in archive
                if member.isfile()
            }
        names = tuple(inside[names_file].decode("utf-8").split())
        train, test = (_records(inside, part, n_label_bytes) for part in ("train", "test"))
    except (OSError, EOFError, KeyError, ValueError, zlib.error, tarfile.TarError) as error:
        raise UserError(f"{path} is no binary archive of {name} ({error}): delete it and fetch it again.") from None
    records = np.concatenate([train, test])
    images = records[:, n_label_bytes:].reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1)
    labels = records[:, n_label_bytes - 1].astype(np.int64)
    return ImageSet(label, np.ascontiguousarray(images), labels, names, np.arange(len(labels)) < len(train))


def _records(files: dict[str, bytes], part: str, n_label_bytes: int) -> np.ndarray:
    """uint8 [n, record] of one part: CIFAR-10 has data_batch_1…5 and test_batch, CIFAR-100 train and test."""
    prefixes = ("data_batch", "train") if part == "train" else ("test",)
    data = b"".join(files[name] for name in sorted(files) if name.endswith(".bin") and name.startswith(prefixes))
    if not data:
        raise ValueError(f"it holds no {part} records")
    return np.frombuffer(data, np.uint8).reshape(-1, n_label_bytes + CHANNELS * SIDE * SIDE)
