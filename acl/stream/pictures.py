"""Image files of any size and kind as one uint8 array of equal RGB squares, decoded once and kept on the disk."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray
from PIL import Image, ImageOps
from tqdm import tqdm

from acl.config import UserError
from acl.names import distinct, some
from acl.stream.depth import EIGHT_BITS, POINT, WHOLE, Depth, deep_planes, upright
from acl.stream.downloads import data_dir
from acl.stream.types import UNREADABLE, ImageSet
from acl.system.arrays import new_array, save_array
from acl.system.files import disk_trouble, locked

CACHE_FORMAT = 2
DARK = 16  # a picture without any lighter value is black to the eye: one of 12 bits among others of 16
RUN = {"EPS"}  # formats that are programs, which Pillow gives to Ghostscript


@dataclass(frozen=True)
class Pictures:
    """What became of image files. A row that is not `readable` is black; `dull` shows one colour only, or is almost
    black. `notes`: how values of more than 8 bits are shown."""

    images: UInt8[ndarray, "n size size 3"]
    readable: Bool[ndarray, " n"]
    dull: Bool[ndarray, " n"]
    notes: tuple[str, ...]


def square(data: bytes, size: int) -> UInt8[ndarray, "size size 3"]:
    """The middle square of an encoded image as RGB. Any error of the decoder, and Pillow's bomb limit, is raised."""
    kind, values = raw_square(data, size)
    if kind == EIGHT_BITS:
        return values
    alone = Depth(kind)
    alone.add(0, values)
    return alone.shades(values)


def raw_square(data: bytes, size: int) -> tuple[str, ndarray]:
    """EIGHT_BITS and uint8 [size, size, 3]; of an image that has more its kind of number, and its values as float32."""
    with Image.open(io.BytesIO(data), formats=_formats()) as image:
        kind = POINT if image.mode == "F" else WHOLE
        planes = deep_planes(image, data)
        if planes is None:
            image.draft(None, (2 * size, 2 * size))  # lets a large JPEG be decoded at a fraction of its size
            return EIGHT_BITS, np.asarray(_fitted(as_rgb(upright(image)), size))
    channels = [np.asarray(_fitted(plane, size)).clip(*plane.getextrema()) for plane in planes]
    return kind, np.stack(channels if len(channels) == 3 else 3 * channels, axis=-1)


@cache
def _formats() -> tuple[str, ...]:
    """What Pillow decodes by itself."""
    Image.init()
    return tuple(name for name in Image.ID if name not in RUN)


def _fitted(image: Image.Image, size: int) -> Image.Image:
    # Area averaging where it shrinks, smooth where it grows; an image of the right size stays as it is.
    method = Image.Resampling.BOX if min(image.size) >= size else Image.Resampling.BICUBIC
    return ImageOps.fit(image, (size, size), method)


def as_rgb(image: Image.Image) -> Image.Image:
    """Any mode of 8 bits as RGB: what is transparent lies on white."""
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return image.convert("RGB")


def decoded(identity: Any, n: int, size: int, encoded: Callable[[], Iterable[bytes | None]], label: str) -> Pictures:
    """The `n` images of `encoded` as a read-only memmap, and what became of them.

    encoded: begins anew at each call; a second one is made only for pictures of more than 8 bits. Kept in the data
    directory under a digest of `identity`, a JSON value that changes when the images do; built under another name
    and renamed, so that it is there whole or not at all.
    """
    cache = data_dir() / "cache"
    name = hashlib.sha256(json.dumps([CACHE_FORMAT, size, identity]).encode()).hexdigest()[:32]
    folder = cache / name
    with disk_trouble("The data folder", cache):
        cache.mkdir(parents=True, exist_ok=True)
        with locked(cache / f"{name}.lock"):
            if not folder.is_dir():
                draft = cache / f".{name}"
                shutil.rmtree(draft, ignore_errors=True)  # left by a process that was killed
                draft.mkdir()
                try:
                    _decode_into(draft, n, size, encoded, label)
                    draft.rename(folder)
                finally:
                    shutil.rmtree(draft, ignore_errors=True)
    readable, dull = (np.load(folder / f"{part}.npy") for part in ("readable", "dull"))
    notes = json.loads((folder / "notes.json").read_text("utf-8"))
    return Pictures(np.load(folder / "images.npy", mmap_mode="r"), readable, dull, tuple(notes))


def _decode_into(folder: Path, n: int, size: int, encoded: Callable[[], Iterable[bytes | None]], label: str) -> None:
    images = new_array(folder / "images.npy", np.uint8, (n, size, size, 3))
    readable, dull = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    depths = {kind: Depth(kind) for kind in (WHOLE, POINT)}
    for row, kind, values in _squares(encoded(), n, size, label):
        readable[row] = True
        if kind == EIGHT_BITS:
            images[row], dull[row] = values, _is_dull(values)
        else:
            depths[kind].add(row, values)
    deep = {row for depth in depths.values() for row in depth.rows}
    if deep:  # now that the whole set's range is known
        again = (data if row in deep else None for row, data in enumerate(encoded()))
        for row, kind, values in _squares(again, n, size, f"{label} of more than 8 bits"):
            images[row] = depths[kind].shades(values) if kind in depths else values
            dull[row] = _is_dull(images[row])
    images.flush()
    save_array(folder / "readable.npy", readable)
    save_array(folder / "dull.npy", dull)
    notes = [depth.note for depth in depths.values() if depth.note]
    (folder / "notes.json").write_text(json.dumps(notes), "utf-8")


def _squares(encoded: Iterable[bytes | None], n: int, size: int, label: str) -> Iterator[tuple[int, str, ndarray]]:
    """Row, kind and values of every image that can be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for row, data in enumerate(tqdm(encoded, f"Reading {label}", n, unit=" images")):
            try:
                kind, values = raw_square(data or b"", size)
            except MemoryError:
                raise
            except Exception:  # noqa: BLE001 - on broken files decoders raise whatever they happen to meet
                continue
            yield row, kind, values


def _is_dull(picture: UInt8[ndarray, "size size 3"]) -> bool:
    return bool(picture.max() <= DARK or (picture == picture[0, 0]).all())


def check_classes(name: str, n_classes: int) -> None:
    """UserError for fewer than two classes; name: of the set, for the sentence."""
    if n_classes < 2:
        raise UserError(f"{name} must hold images of at least 2 classes, got {n_classes}.")


def own_set(data: ImageSet, names: Sequence[str], pictures: Pictures) -> ImageSet:
    """`data` with class names that can be shown and without the rows that have no label or cannot be read, which a
    note lists by name. UserError if a class then lacks images."""
    labels = np.where(pictures.readable, data.labels, UNREADABLE)
    classes = distinct(data.class_names)
    for part, member in (("training", data.is_train), ("test", ~data.is_train)):
        empty = np.setdiff1d(np.arange(len(classes)), labels[member])
        if len(empty):
            raise UserError(
                f"The class '{classes[empty[0]]}' of {data.name} has no readable {part} image: "
                "add some, or take the class away."
            )
    labelled = data.labels != UNREADABLE
    broken, dull = (np.flatnonzero(labelled & rows) for rows in (~pictures.readable, pictures.dull))
    notes = [*data.notes, *pictures.notes]
    if len(broken):
        listed = some([names[row] for row in broken.tolist()])
        notes.append(f"{len(broken)} of {len(labels)} images could not be read and are left out: {listed}.")
    if len(dull):
        listed = some([names[row] for row in dull.tolist()])
        says = "shows one colour only, or is" if len(dull) == 1 else "show one colour only, or are"
        notes.append(f"{len(dull)} of {len(labels)} images {says} almost black: {listed}.")
    return replace(data, labels=labels, class_names=classes, notes=tuple(notes))
