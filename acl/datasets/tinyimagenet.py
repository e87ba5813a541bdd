"""TinyImageNet: 110,000 photos of two hundred things, 64×64, fetched once by `acl data get tinyimagenet`.

Source: Y. Le and X. Yang, Tiny ImageNet visual recognition challenge, Stanford CS231N, 2015. Its val part,
whose labels are public, is the test set. Read from the zip as it is, or from the folder it unpacks to.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acl.config import UserError
from acl.datasets.base import Base
from acl.stream.downloads import Remote, local_files, unpacked
from acl.stream.pictures import decoded, own_set
from acl.stream.types import ImageSet

LABEL = "SplitTinyImageNet"
FILES = (
    Remote(
        "tiny-imagenet-200.zip",
        "90528d7ca1a48142e341f4ef8d21d0de",
        ("http://cs231n.stanford.edu/tiny-imagenet-200.zip",),
    ),
)
ROOT = UNPACKED = "tiny-imagenet-200"
SIDE = 64


@dataclass(frozen=True)
class TinyImageNet(Base):
    """TinyImageNet (Le and Yang 2015): 100,000 training images and its validation part, 10,000, as test images, uint8
    [N, 64, 64, 3]."""

    def load(self) -> ImageSet:
        path = unpacked("tinyimagenet", UNPACKED) or local_files("tinyimagenet", FILES)[0]
        identity = [ROOT, path.name, path.stat().st_size, path.stat().st_mtime_ns]
        try:
            with _opened(path) as archive:
                wnids = archive.read(f"{ROOT}/wnids.txt").decode().split()
                files, labels, n_train = _listing(archive, wnids)
                pictures = decoded(identity, len(files), SIDE, lambda: map(archive.read, files), LABEL)
                names = _class_names(archive.read(f"{ROOT}/words.txt").decode(), wnids)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            if isinstance(error, UserError):
                raise
            raise UserError(f"{path} is not {ROOT} in its official layout ({error}): fetch it again.") from None
        data = ImageSet(LABEL, pictures.images, labels, names, np.arange(len(files)) < n_train)
        return own_set(data, files, pictures)


class _Unpacked:
    """The unpacked folder, asked like a zip."""

    def __init__(self, folder: Path) -> None:
        self.above = folder.parent

    def namelist(self) -> list[str]:
        return [path.relative_to(self.above).as_posix() for path in (self.above / ROOT).rglob("*.JPEG")]

    def read(self, name: str) -> bytes:
        return (self.above / name).read_bytes()


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile | _Unpacked]:
    if path.is_dir():
        yield _Unpacked(path)
        return
    with zipfile.ZipFile(path) as archive:
        yield archive


def _listing(archive: zipfile.ZipFile | _Unpacked, wnids: list[str]) -> tuple[list[str], np.ndarray, int]:
    """The image files, those for training first; int64 [n], the class of each; how many are for training."""
    number = {wnid: label for label, wnid in enumerate(wnids)}
    start = f"{ROOT}/train/"
    train = sorted(name for name in archive.namelist() if name.startswith(start) and name.endswith(".JPEG"))
    lines = archive.read(f"{ROOT}/val/val_annotations.txt").decode().splitlines()
    test = sorted(line.split("\t")[:2] for line in lines if line)
    labels = [number[name[len(start) :].split("/")[0]] for name in train] + [number[wnid] for _, wnid in test]
    files = train + [f"{ROOT}/val/images/{file}" for file, _ in test]
    return files, np.array(labels, dtype=np.int64), len(train)


def _class_names(words: str, wnids: list[str]) -> tuple[str, ...]:
    """The first word for each class."""
    word = dict(line.split("\t", 1) for line in words.splitlines() if "\t" in line)
    return tuple(word.get(wnid, wnid).split(",")[0] for wnid in wnids)
