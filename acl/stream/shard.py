"""One Parquet file of images: its labels, and the bytes of its images, which may be files of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from numpy import ndarray

from acl.config import UserError
from acl.names import printable, reason
from acl.stream import hub_columns
from acl.stream.listing import is_below

READ_ROWS = 128


class Shard:
    """A Parquet file `name` below `root`, and the files of images that it names."""

    def __init__(self, root: Path, name: str, label_column: str) -> None:
        self.name, self.where, self.path = name, printable(name), root / name
        stat = self.path.stat()
        self.columns, cells = _described(str(self.path), stat.st_size, stat.st_mtime_ns, label_column, self.where)
        real = os.path.realpath(root) if cells else ""
        self.files = {row: _file_of(real, os.path.dirname(self.path), text, self.where) for row, text in cells}
        own = [(str(path), *_state(path)) for path in self.files.values()]
        self.identity = (str(self.path.resolve()), *_state(self.path), self.columns.image, tuple(own))

    @cached_property
    def labels(self) -> ndarray:
        """The label of every row, read once."""
        column = pq.ParquetFile(self.path).read(columns=[self.columns.label]).column(0)
        return hub_columns.labels(column, self.columns.classes, self.where)

    def encoded(self) -> Iterator[bytes | None]:
        """The bytes of every image in order; None where there are none."""
        with sentences(self.where):
            cells = _cells(pq.ParquetFile(self.path), self.columns.image, self.where)
            for row, (data, _) in enumerate(cells):
                yield _read(self.files[row]) if row in self.files else data


@lru_cache(maxsize=1024)
def _described(
    path: str, size: int, changed_ns: int, label_column: str, where: str
) -> tuple[hub_columns.Columns, tuple[tuple[int, str], ...]]:
    """The columns of a file in this state, and the rows whose image is a file of its own, with what is its path."""
    file = pq.ParquetFile(path)
    columns = hub_columns.columns(file.schema_arrow, label_column, where)
    if not hub_columns.names_files(file.schema_arrow.field(columns.image).type) or _has_all_bytes(file, columns.image):
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
        yield from hub_columns.images(batch.column(image), where)


def _file_of(root: str, beside: str, text: str, where: str) -> Path:
    """The file that a cell names, from the root or from the Parquet file on. UserError if it is not below the root."""
    for folder in (root, beside):
        path = "" if "\0" in text or "://" in text else os.path.realpath(os.path.join(folder, text))
        if not is_below(path, root):
            raise UserError(
                f"{where} names the image '{printable(text)[:80]}', which is no file below {printable(root)}: "
                "put the images there and name them from there on."
            )
        if os.path.isfile(path):
            break
    return Path(path)


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


@contextmanager
def sentences(where: str) -> Iterator[None]:
    """Turn what pyarrow and the disk raise within into a UserError about the files of `where`."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise UserError(f"The Parquet files of {printable(where)} cannot be read ({reason(error)}).") from None
