"""Your own images in Parquet files, as the Hugging Face hub has them: a column of images and one of labels.

Give a folder, whose files are told apart by their names (train, test or validation; shards, and folders such as
data/), the beginning of the names, or one file. Where no name says so, a fixed fifth of each class is for testing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from acl.config import UserError
from acl.datasets.base import Base, digests, train_rows
from acl.names import in_order, printable, some
from acl.stream.hub_splits import TEST, VALIDATION, Files, by_split
from acl.stream.listing import DEPTH, Listing, listed
from acl.stream.pictures import check_classes, decoded, own_set
from acl.stream.shard import Shard, sentences
from acl.stream.types import UNREADABLE, ImageSet
from acl.system.files import expanded

LABEL = "Own Parquet images"
SETTINGS = ("data", "image_size", "label_column")
TRAIN_SHARE = 0.8


@dataclass(frozen=True)
class Parquet(Base):
    """Images of the Parquet files that `data` names, as uint8 [N, image_size, image_size, 3]."""

    data: str
    image_size: int
    label_column: str

    def load(self) -> ImageSet:
        with sentences(self.data):
            files = self._files()
            train = [Shard(files.root, name, self.label_column) for name in files.train]
            test, note = _test(files, self.label_column)
            shards = train + test
            labels, classes = _classes(shards)
        check_classes(printable(self.data), len(classes))
        names = [f"{shard.name} row {row}" for shard in shards for row in range(len(shard.labels))]
        title = printable(f"own images ({expanded(self.data).name})")
        identity = [shard.identity for shard in shards]
        pictures = decoded(
            identity, len(labels), self.image_size, lambda: chain.from_iterable(map(Shard.encoded, shards)), title
        )
        if test:
            is_train = np.arange(len(labels)) < sum(len(shard.labels) for shard in train)
        else:
            is_train = train_rows(np.where(pictures.readable, labels, UNREADABLE), digests(names), TRAIN_SHARE)
        notes = (*files.notes, *note, *_unlabelled(labels))
        return own_set(ImageSet(title, pictures.images, labels, classes, is_train, notes=notes), names, pictures)

    def _files(self) -> Files:
        given = expanded(self.data)
        if self.data and given.is_file():
            return Files(given.parent, (given.name,))
        root, prefix, depth = (given, "", DEPTH) if given.is_dir() else (given.parent, given.name, 0)
        listing = listed(root, follow=False, depth=depth) if self.data and root.is_dir() else Listing(root)
        names = [name for name in listing.files if name.startswith(prefix) and name.lower().endswith(".parquet")]
        odd = [name for name in listing.odd if name.startswith(prefix)] if depth else []
        if not names:
            raise UserError(
                "dataset=parquet needs data, a Parquet file, or a folder (or the beginning of the names) of "
                f"train*.parquet and test*.parquet, got '{printable(self.data)}'"
                + (f", where links lead nowhere or out of the folder ({some(odd)})." if odd else ".")
            )
        _check_once(root, names)
        notes = [f"Left out, as links that lead nowhere or out of the folder: {some(odd)}."] if odd else []
        return by_split(root, names, notes)

    def mark(self) -> object:
        try:
            with sentences(self.data):
                files = self._files()
                return tuple(Shard(files.root, name, self.label_column).identity for name in files.all)
        except UserError:
            return None


def _check_once(root: Path, names: list[str]) -> None:
    """A link and what it leads to are one file: as two they would count twice, or for training and for testing."""
    real: dict[str, str] = {}
    for name in names:
        other = real.setdefault(os.path.realpath(root / name), name)
        if other != name:
            raise UserError(f"{some([other])} and {some([name])} are one and the same file: take one of them away.")


def _test(files: Files, label_column: str) -> tuple[list[Shard], list[str]]:
    """The shards to test on, and what to say of it: of test, unless nothing in it has a label, else of validation."""
    found: dict[str, list[Shard]] = {
        split: [Shard(files.root, name, label_column) for name in names] for split, names in files.test.items()
    }
    if VALIDATION not in found:
        return found.get(TEST, []), []
    if TEST not in found:
        return found[VALIDATION], [f"There is no split {TEST}: {VALIDATION} is for testing."]
    if all((shard.labels == UNREADABLE).all() for shard in found[TEST]):
        return found[VALIDATION], [f"The split {TEST} has no labels and is left out: {VALIDATION} is for testing."]
    return found[TEST], [f"The split {VALIDATION} ({some(files.test[VALIDATION])}) is left out: {TEST} is for testing."]


def _classes(shards: list[Shard]) -> tuple[Int64[ndarray, " n"], tuple[str, ...]]:
    """The class of every row, and the names of all classes: as the files say, else the numbers or texts themselves."""
    first = shards[0]
    for shard in shards[1:]:
        if shard.columns.classes != first.columns.classes or shard.labels.dtype != first.labels.dtype:
            raise UserError(f"{first.where} and {shard.where} disagree about the classes: make their labels alike.")
    labels = np.concatenate([shard.labels for shard in shards])
    if first.columns.classes is not None:
        return labels, first.columns.classes
    found = set(labels.tolist()) - {UNREADABLE}
    values = in_order(found) if labels.dtype == object else sorted(found)
    number = {value: place for place, value in enumerate(values)}
    numbers = np.array([number.get(value, UNREADABLE) for value in labels.tolist()], dtype=np.int64)
    return numbers, tuple(str(value) for value in values)


def _unlabelled(labels: Int64[ndarray, " n"]) -> list[str]:
    n = int((labels == UNREADABLE).sum())
    return [f"{n} of {len(labels)} images have no label (-1) and are left out."] if n else []
