"""Your own images in Parquet files, as Hugging Face writes them: image {bytes, path} and label.

Give a folder with *train*.parquet and *test*.parquet, the beginning of their names, or one file, of which a
fixed fifth of each class is for testing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int64
from numpy import ndarray

from acl.config import UserError
from acl.datasets.base import Base, ImageSet, digests, train_rows
from acl.pictures import check_classes, decoded, own_set

LABEL = "Own Parquet images"
SETTINGS = ("data", "image_size")
TRAIN_SHARE = 0.8
READ_ROWS = 1024


@dataclass(frozen=True)
class Parquet(Base):
    data: str
    image_size: int

    def load(self) -> ImageSet:
        train, test = self._files()
        try:
            return self._load(train, test)
        except pa.ArrowException as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"The Parquet files of {self.data} cannot be read ({reason}).") from None

    def _load(self, train: list[Path], test: list[Path]) -> ImageSet:
        paths = train + test
        files = [pq.ParquetFile(path) for path in paths]
        for file, path in zip(files, paths, strict=True):
            _check_columns(file.schema_arrow, path)
        per_file = [_labels(file, path) for file, path in zip(files, paths, strict=True)]
        labels = np.concatenate(per_file)
        classes = _class_names(files[0].schema_arrow, labels, self.data)
        check_classes(self.data, len(classes))
        names = [f"{path.name} row {row}" for path, y in zip(paths, per_file, strict=True) for row in range(len(y))]
        identity = [[str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns] for p in paths]
        name = f"own images ({Path(self.data).expanduser().name})"
        encoded = (data for file in files for data in _encoded(file))
        images, readable = decoded(identity, len(labels), self.image_size, encoded, name)
        if test:
            is_train = np.arange(len(labels)) < sum(map(len, per_file[: len(train)]))
        else:
            is_train = train_rows(np.where(readable, labels, -1), digests(names), TRAIN_SHARE)
        return own_set(ImageSet(name, images, labels, classes, is_train), names, readable)

    def _files(self) -> tuple[list[Path], list[Path]]:
        """The files for training and those for testing; one file alone is both."""
        given = Path(self.data).expanduser()
        if self.data and given.is_file():
            return [given], []
        folder, prefix = (given, "") if given.is_dir() else (given.parent, given.name)
        train, test = (sorted(folder.glob(f"{prefix}*{part}*.parquet")) for part in ("train", "test"))
        if not self.data or not train or not test:
            raise UserError(
                "dataset=parquet needs data, a Parquet file, or a folder (or the beginning of the names) of "
                f"*train*.parquet and *test*.parquet, got '{self.data}'."
            )
        return train, test

    def mark(self) -> object:
        try:
            return tuple((str(path), path.stat().st_mtime_ns) for files in self._files() for path in files)
        except UserError:
            return None


def _check_columns(schema: pa.Schema, path: Path) -> None:
    image = schema.field("image").type if "image" in schema.names else None
    encoded = image is not None and (
        pa.types.is_binary(image) or (pa.types.is_struct(image) and "bytes" in {field.name for field in image})
    )
    if not encoded or "label" not in schema.names or not pa.types.is_integer(schema.field("label").type):
        raise UserError(
            f"{path} needs a column image (bytes, or a struct with bytes) and a column label (whole numbers), "
            f"got {', '.join(f'{field.name}: {field.type}' for field in schema)}."
        )


def _labels(file: pq.ParquetFile, path: Path) -> Int64[ndarray, " n"]:
    column = file.read(columns=["label"]).column("label")
    if column.null_count:
        raise UserError(f"{path} has {column.null_count} images without a label: take them out.")
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _class_names(schema: pa.Schema, labels: Int64[ndarray, " n"], data: str) -> tuple[str, ...]:
    """The names in the metadata, else the numbers. A label outside them is a UserError."""
    try:
        names = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]["label"]["names"]
        classes = tuple(str(name) for name in names)
    except (KeyError, TypeError, ValueError):
        classes = tuple(str(c) for c in range(int(labels.max(initial=-1)) + 1))
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
        raise UserError(
            f"The labels of {data} must be 0..{len(classes) - 1}, got {int(labels.min())}..{int(labels.max())}."
        )
    return classes


def _encoded(file: pq.ParquetFile) -> Iterator[bytes | None]:
    """The bytes of every image in order; None where there are none."""
    for batch in file.iter_batches(READ_ROWS, columns=["image"]):
        column = batch.column(0)
        yield from (column.field("bytes") if pa.types.is_struct(column.type) else column).to_pylist()
