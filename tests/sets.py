"""Tiny image sets in every layout that the datasets read."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from acl.config import UserError, make_config
from acl.plugins.registry import build
from acl.stream.types import ImageSet

RNG = np.random.default_rng(0)


def load(dataset: str, **values: object) -> ImageSet:
    return build("datasets", dataset, make_config(values)).load()


def refusal(dataset: str, **values: object) -> str:
    """The one sentence with which it is refused."""
    with pytest.raises(UserError) as raised:
        load(dataset, **values)
    text = str(raised.value)
    assert text.endswith((".", "?")) and "\n" not in text
    return text


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write_idx(folder: Path, n_train: int, n_test: int, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """MNIST's four files with random images; labels go round. Returns all images and labels, training first."""
    folder.mkdir(parents=True)
    images, labels = noise(n_train + n_test, 28, 28), np.arange(n_train + n_test) % classes
    for part, rows in (("train", slice(n_train)), ("t10k", slice(n_train, None))):
        for name, array in (("images-idx3", images[rows]), ("labels-idx1", labels[rows].astype(np.uint8))):
            head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            (folder / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes()))
    return images, labels


def write_cifar(path: Path, files: dict[str, np.ndarray], names_file: str, names: list[str]) -> None:
    """A binary archive of CIFAR: files of records [n, labels + 3072], and the class names."""
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as archive:
        content = {name: records.tobytes() for name, records in files.items()}
        for name, data in {**content, names_file: "\n".join([*names, "", ""]).encode()}.items():
            member = tarfile.TarInfo(f"cifar/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def write_folder(root: Path, classes: dict[str, int], size: tuple[int, int] = (20, 16)) -> None:
    """root/CLASS/00.png …, so many of each class."""
    for name, count in classes.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            (root / name / f"{i:02d}.png").write_bytes(png(noise(*size, 3)))


def write_parquet(path: Path, images: list[bytes | None], labels: list[int | None], names: list[str] | None) -> None:
    """The layout of Hugging Face."""
    struct_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    column = pa.array([None if image is None else {"bytes": image, "path": None} for image in images], struct_type)
    table = pa.table({"image": column, "label": pa.array(labels, pa.int64())})
    if names is not None:
        info = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def write_tinyimagenet(folder: Path) -> dict[str, bytes]:
    """tiny-imagenet-200 with two classes, three training and two test images of each. Returns its files."""
    root, wnids, files = "tiny-imagenet-200", ["n02", "n01"], {}
    for wnid in wnids:
        for i in range(3):
            files[f"{root}/train/{wnid}/images/{wnid}_{i}.JPEG"] = png(noise(64, 64, 3))
    for i in range(4):
        files[f"{root}/val/images/val_{i}.JPEG"] = png(noise(64, 64, 3))
    annotations = [f"val_{i}.JPEG\t{wnids[i % 2]}\t0\t0\t9\t9" for i in range(4)]
    files[f"{root}/val/val_annotations.txt"] = "\n".join(annotations).encode()
    files[f"{root}/wnids.txt"] = "\n".join(wnids).encode()
    files[f"{root}/words.txt"] = b"n01\tgoldfish, Carassius\nn02\tbullfrog\nn99\tother"
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return files


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


IMAGE = {"_type": "Image"}


def class_label(*names: str) -> dict[str, object]:
    return {"names": list(names), "_type": "ClassLabel"}


def write_table(path: Path, columns: dict[str, object], features: dict[str, object] | None = None) -> None:
    """A Parquet file of any columns (lists or Arrow arrays); features: what it says of them, as the hub does."""
    table = pa.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
