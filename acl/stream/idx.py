"""IDX, the file format of MNIST: 0, 0, type, number of axes, each axis as a big-endian uint32, then the bytes."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from acl.config import UserError
from acl.stream.downloads import Files, Remote, local_files, missing, unpacked
from acl.stream.types import ImageSet

UNSIGNED_BYTE = 8
GZIPPED = b"\x1f\x8b"


def idx_files(mirrors: tuple[str, ...], *md5: str) -> Files:
    """The four files of a set in MNIST's layout, by their checksums: images and labels for training, then testing."""
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    files = [f"{name}-ubyte.gz" for name in names]
    return tuple(
        Remote(file, sum_, tuple(mirror + file for mirror in mirrors)) for file, sum_ in zip(files, md5, strict=True)
    )


def load_idx(label: str, name: str, files: Files, folder: str, class_names: tuple[str, ...]) -> ImageSet:
    """The set `name` from its four files: fetched, or as they lie in torchvision's folder, gzipped or not."""
    lying = unpacked(name, folder) if missing(name, files) else None
    paths = [_either(lying / remote.file) for remote in files] if lying else local_files(name, files)
    train_x, train_y, test_x, test_y = map(read_idx, paths)
    if len(train_x) != len(train_y) or len(test_x) != len(test_y):
        raise UserError(f"The images and labels of {name} differ in number: acl data get {name} fetches them anew.")
    images = np.concatenate([train_x, test_x])[..., None]
    labels = np.concatenate([train_y, test_y]).astype(np.int64)
    return ImageSet(label, images, labels, class_names, np.arange(len(labels)) < len(train_y))


def _either(gzipped: Path) -> Path:
    plain = gzipped.with_suffix("")
    return plain if plain.exists() else gzipped


def read_idx(path: Path) -> UInt8[ndarray, "..."]:
    """The array in an IDX file of bytes, gzipped or not. Anything else is a UserError."""
    try:
        data = path.read_bytes()
        if data.startswith(GZIPPED):
            data = gzip.decompress(data)
        n_axes = data[3]
        shape = np.frombuffer(data, ">u4", n_axes, 4).astype(np.int64)
        if data[:3] != bytes([0, 0, UNSIGNED_BYTE]):
            raise ValueError("its first bytes are others")
        return np.frombuffer(data, np.uint8, offset=4 + 4 * n_axes).reshape(shape)
    except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
        raise UserError(f"{path} is no IDX file ({error}): delete it and fetch it again.") from None
