"""Image files of any size and kind as one uint8 array of equal RGB squares, decoded once and kept on the disk."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray
from PIL import Image, ImageOps
from tqdm import tqdm

from acl.config import UserError
from acl.datasets.base import UNREADABLE, ImageSet
from acl.downloads import data_dir
from acl.files import disk_trouble, locked

CACHE_FORMAT = 1
SIXTEEN_BIT = 257  # 65535 / 255
NAMED = 5  # files a note names before it only counts


def square(data: bytes, size: int) -> UInt8[ndarray, "size size 3"]:
    """The middle square of an encoded image as RGB. Any error of the decoder, and Pillow's bomb limit, is raised."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft(None, (2 * size, 2 * size))  # lets a large JPEG be decoded at a fraction of its size
        rgb = as_rgb(ImageOps.exif_transpose(image))
    # Area averaging where it shrinks, smooth where it grows; an image of the right size stays as it is.
    method = Image.Resampling.BOX if min(rgb.size) >= size else Image.Resampling.BICUBIC
    return np.asarray(ImageOps.fit(rgb, (size, size), method))


def as_rgb(image: Image.Image) -> Image.Image:
    """Any mode as RGB: 16-bit grey is scaled, what is transparent lies on white."""
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.int64) // SIXTEEN_BIT
        return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return image.convert("RGB")


def decoded(
    identity: Any, n: int, size: int, encoded: Iterable[bytes | None], label: str
) -> tuple[UInt8[ndarray, "n size size 3"], Bool[ndarray, " n"]]:
    """A read-only memmap of the `n` images of `encoded`, and which of them could be read (the others are black).

    Kept in the data directory under a digest of `identity`, a JSON value that changes when the images do;
    built under another name and renamed, so that it is there whole or not at all.
    """
    cache = data_dir() / "cache"
    name = hashlib.sha256(json.dumps([CACHE_FORMAT, size, identity]).encode()).hexdigest()[:32]
    with disk_trouble("The data folder", cache):
        cache.mkdir(parents=True, exist_ok=True)
        with locked(cache / f"{name}.lock"):
            if not (cache / name).is_dir():
                draft = cache / f".{name}"
                shutil.rmtree(draft, ignore_errors=True)  # left by a process that was killed
                draft.mkdir()
                _decode_into(draft, n, size, encoded, label)
                draft.rename(cache / name)
    return np.load(cache / name / "images.npy", mmap_mode="r"), np.load(cache / name / "readable.npy")


def _decode_into(folder: Path, n: int, size: int, encoded: Iterable[bytes | None], label: str) -> None:
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (n, size, size, 3))
    readable = np.zeros(n, dtype=bool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for row, data in enumerate(tqdm(encoded, f"Reading {label}", n, unit=" images")):
            try:
                images[row] = square(data or b"", size)
                readable[row] = True
            except MemoryError:
                raise
            except Exception:  # noqa: BLE001 - on broken files decoders raise whatever they happen to meet
                continue
    images.flush()
    np.save(folder / "readable.npy", readable)


def check_classes(name: str, n_classes: int) -> None:
    if n_classes < 2:
        raise UserError(f"{name} must hold images of at least 2 classes, got {n_classes}.")


def own_set(data: ImageSet, names: Sequence[str], readable: Bool[ndarray, " n"]) -> ImageSet:
    """`data` without its unreadable rows, which a note lists by name. UserError if a class then lacks images."""
    labels = np.where(readable, data.labels, UNREADABLE)
    for part, member in (("training", data.is_train), ("test", ~data.is_train)):
        empty = np.setdiff1d(np.arange(len(data.class_names)), labels[member])
        if len(empty):
            raise UserError(
                f"The class '{data.class_names[empty[0]]}' of {data.name} has no readable {part} image: "
                "add some, or take the class away."
            )
    broken = np.flatnonzero(~readable)
    notes: tuple[str, ...] = ()
    if len(broken):
        listed = ", ".join(names[row] for row in broken[:NAMED]) + (", …" if len(broken) > NAMED else "")
        notes = (f"{len(broken)} of {len(labels)} images could not be read and are left out: {listed}.",)
    return ImageSet(data.name, data.images, labels, data.class_names, data.is_train, data.domains, notes)
