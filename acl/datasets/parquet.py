"""Your own images in Parquet files, as the Hugging Face hub has them: a column of images and one of labels.

Give a folder, whose files are told apart by their names (train, test or validation; shards, and folders such as
data/), the beginning of the names, or one file. Where no name says so, a fixed fifth of each class is for testing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int64
from numpy import ndarray

from acl import hub
from acl.config import UserError
from acl.datasets.base import UNREADABLE, Base, ImageSet, digests, train_rows
from acl.hub import TEST, TRAIN, VALIDATION
from acl.listing import DEPTH, Listing, is_below, listed
from acl.names import in_order, printable, some
from acl.pictures import check_classes, decoded, own_set

LABEL = "Own Parquet images"
SETTINGS = ("data", "image_size", "label_column")
TRAIN_SHARE = 0.8
READ_ROWS = 128


@dataclass(frozen=True)
class Parquet(Base):
    data: str
    image_size: int
    label_column: str

    def load(self) -> ImageSet:
        with _sentences(self.data):
            files = self._files()
            train = [Shard(files.root, name, self.label_column) for name in files.train]
            test, note = _test(files, self.label_column)
            shards = train + test
            labels, classes = _classes(shards)
        check_classes(printable(self.data), len(classes))
        names = [f"{shard.name} row {row}" for shard in shards for row in range(len(shard.labels))]
        title = f"own images ({Path(self.data).expanduser().name})"
        identity = [shard.identity for shard in shards]
        pictures = decoded(identity, len(labels), self.image_size, lambda: _encoded(shards), title)
        if test:
            is_train = np.arange(len(labels)) < sum(len(shard.labels) for shard in train)
        else:
            is_train = train_rows(np.where(pictures.readable, labels, UNREADABLE), digests(names), TRAIN_SHARE)
        notes = (*files.notes, *note, *_unlabelled(labels))
        return own_set(ImageSet(title, pictures.images, labels, classes, is_train, notes=notes), names, pictures)

    def _files(self) -> Files:
        given = Path(self.data).expanduser()
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
        notes = [f"Left out, as links that lead nowhere or out of the folder: {some(odd)}."] if odd else []
        return _by_split(root, names, notes)

    def mark(self) -> object:
        try:
            with _sentences(self.data):
                files = self._files()
                return [Shard(files.root, name, self.label_column).identity for name in files.all]
        except UserError:
            return None


@dataclass(frozen=True)
class Files:
    """Names of files below `root`: those for training, and for each split to test on its own; none: a share of
    the former is for testing."""

    root: Path
    train: tuple[str, ...]
    test: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return sum(self.test.values(), self.train)


def _by_split(root: Path, names: list[str], notes: list[str]) -> Files:
    found = hub.splits(tuple(names))
    if not found:
        return _without_splits(root, names, notes)
    where = printable(str(root))
    if TRAIN not in found:
        raise UserError(f"By their names the files of {where} are for {' and '.join(found)}, none for {TRAIN}: add it.")
    rest = [name for name in names if not any(name in files for files in found.values())]
    test = {split: found[split] for split in (TEST, VALIDATION) if split in found}
    if not test and rest:
        raise UserError(
            f"{where} has files for {TRAIN} but none for {TEST}, and {some(rest)} name no split: rename them."
        )
    if not test:
        notes.append(f"{where} has no files for {TEST}: a fixed fifth of each class is for testing.")
    for split in sorted(set(found) - {TRAIN, TEST, VALIDATION}):
        notes.append(f"The split {printable(split)} is left out: {some(found[split])}.")
    if rest:
        notes.append(f"{len(rest)} files are left out, because their names say no split: {some(rest)}.")
    for split in (TRAIN, *test):
        notes += _shards_missing(found[split])
    return Files(root, found[TRAIN], test, tuple(notes))


def _without_splits(root: Path, names: list[str], notes: list[str]) -> Files:
    hidden = [name for name in names if re.search("train|test|valid", name.lower())]
    if len(names) > 1 and hidden:
        raise UserError(
            f"{printable(str(root))} does not say which file is for what ({some(hidden)}): set the words train and "
            "test apart from others, as in pets-train.parquet."
        )
    if len(names) > 1:
        notes.append(f"No name says a split ({some(names)}): a fixed fifth of each class is for testing.")
    return Files(root, tuple(names), {}, (*notes, *_shards_missing(names)))


def _shards_missing(names: Iterable[str]) -> list[str]:
    """A note for each set of which a part is not there. UserError where two sets are mixed."""
    sets: dict[str, list[tuple[str, str, str]]] = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        part = re.match(r"(.*)-(\d{5})-of-(\d{5})", file)
        if part:
            sets.setdefault(part[1], []).append((folder, part[3], part[2]))
    notes = []
    for name, parts in sets.items():
        folder, total, _ = parts[0]
        if {part[:2] for part in parts} != {(folder, total)} or len(set(parts)) < len(parts):
            raise UserError(f"The files {printable(name)}-… are parts of more than one set: keep those of one.")
        if len(parts) < int(total):
            notes.append(f"Of the {int(total)} files {printable(name)}-… only {len(parts)} are there.")
    return notes


@contextmanager
def _sentences(where: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = printable(str(error).splitlines()[0])
        raise UserError(f"The Parquet files of {printable(where)} cannot be read ({reason}).") from None


# -- one file ------------------------------------------------------------------------------------------


class Shard:
    """A Parquet file `name` below `root`, and the files of images that it names."""

    def __init__(self, root: Path, name: str, label_column: str) -> None:
        self.name, self.where, self.path = name, printable(name), root / name
        stat = self.path.stat()
        self.columns, cells = _described(str(self.path), stat.st_size, stat.st_mtime_ns, label_column, self.where)
        self.files = {row: _file_of(root, self.path.parent, text, self.where) for row, text in cells}
        own = [(str(path), *_state(path)) for path in self.files.values()]
        self.identity = (str(self.path.resolve()), *_state(self.path), self.columns.image, tuple(own))

    @cached_property
    def labels(self) -> ndarray:
        column = pq.ParquetFile(self.path).read(columns=[self.columns.label]).column(0)
        return hub.labels(column, self.columns.classes, self.where)

    def encoded(self) -> Iterator[bytes | None]:
        """The bytes of every image in order; None where there are none."""
        with _sentences(self.where):
            cells = _cells(pq.ParquetFile(self.path), self.columns.image, self.where)
            for row, (data, _) in enumerate(cells):
                yield _read(self.files[row]) if row in self.files else data


def _encoded(shards: list[Shard]) -> Iterator[bytes | None]:
    for shard in shards:
        yield from shard.encoded()


@lru_cache(maxsize=1024)
def _described(
    path: str, size: int, changed_ns: int, label_column: str, where: str
) -> tuple[hub.Columns, tuple[tuple[int, str], ...]]:
    """The columns of a file in this state, and the rows whose image is a file of its own, with what is its path."""
    file = pq.ParquetFile(path)
    columns = hub.columns(file.schema_arrow, label_column, where)
    if _has_all_bytes(file, columns.image):
        return columns, ()
    cells = enumerate(_cells(file, columns.image, where))
    return columns, tuple((row, text) for row, (data, text) in cells if data is None and text is not None)


def _has_all_bytes(file: pq.ParquetFile, image: str) -> bool:
    """As far as the file's own statistics say so: else the whole column is read."""
    found = {
        (chunk.path_in_schema, chunk.statistics.null_count if chunk.statistics else None)
        for group in range(file.metadata.num_row_groups)
        for chunk in (file.metadata.row_group(group).column(i) for i in range(file.metadata.num_columns))
    }
    return {count for path, count in found if path == f"{image}.bytes"} == {0}


def _cells(file: pq.ParquetFile, image: str, where: str) -> Iterator[tuple[bytes | None, str | None]]:
    for batch in file.iter_batches(READ_ROWS, columns=[image]):
        yield from hub.images(batch.column(0), where)


def _file_of(root: Path, beside: Path, text: str, where: str) -> Path:
    """The file that a cell names, from the root or from the Parquet file on. UserError if it is not below the root."""
    for folder in (root, beside):
        path = Path(os.path.realpath(folder / text)) if "\0" not in text else root
        if "://" in text or not is_below(str(path), os.path.realpath(root)):
            raise UserError(
                f"{where} names the image '{printable(text)[:80]}', which is no file below {printable(str(root))}: "
                "put the images there and name them from there on."
            )
        if path.is_file():
            break
    return path


def _state(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_size, stat.st_mtime_ns


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None


# -- classes -------------------------------------------------------------------------------------------


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
