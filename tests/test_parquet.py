"""Parquet files as the hub has them: splits, columns and classes as its own library reads them, or one sentence."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.sets import load, noise, png, refusal, write_parquet

pytestmark = pytest.mark.usefixtures("data_dir")


def parquet_pair(folder, names=("ant", "bee")):
    train, test = [png(noise(6, 6, 3)) for _ in range(8)], [png(noise(6, 6, 3)) for _ in range(4)]
    labels = [0, 1] * 4
    write_parquet(folder / "bugs-train.parquet", train, labels, names and list(names))
    write_parquet(folder / "bugs-test.parquet", test, labels[:4], names and list(names))
    return train + test


@pytest.mark.parametrize("given", ["", "bugs"])
def test_parquet_by_folder_and_by_the_beginning_of_the_names(given, tmp_path):
    images = parquet_pair(tmp_path / "insects")
    data = load("parquet", data=str(tmp_path / "insects" / given), image_size=6)
    assert data.class_names == ("ant", "bee") and data.is_train.tolist() == [True] * 8 + [False] * 4
    assert (data.images[9] == np.asarray(Image.open(io.BytesIO(images[9])))).all()


def test_one_parquet_file_without_names_and_with_a_broken_row(tmp_path):
    images = [png(noise(6, 6, 3)) for _ in range(20)]
    write_parquet(tmp_path / "bugs.parquet", [None, b"no image", *images], [0, 1, *[0, 1] * 10], None)
    data = load("parquet", data=str(tmp_path / "bugs.parquet"))
    assert data.class_names == ("0", "1") and data.is_train[2:].sum() == 16 and data.labels[:2].tolist() == [-1, -1]
    assert "2 of 22" in data.notes[0] and "bugs.parquet row 1" in data.notes[0]


def test_parquet_files_that_do_not_fit_are_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "bugs.parquet"
    assert "needs data" in refusal("parquet", data=str(path))
    path.write_bytes(b"PAR1 no")
    assert "cannot be read" in refusal("parquet", data=str(path))
    pq.write_table(pa.table({"pixels": [7], "label": [0]}), path)
    assert "needs a column image" in refusal("parquet", data=str(path))
    write_parquet(path, [b"", b""], [0, 2], ["ant", "bee"])
    assert "must be 0..1" in refusal("parquet", data=str(path))
    write_parquet(path, [b"", b""], [0, None], ["ant", "bee"])
    assert "1 images without a label" in refusal("parquet", data=str(path))
    write_parquet(path, [b"", b""], [0, 0], ["ant"])
    assert "at least 2 classes" in refusal("parquet", data=str(path))
