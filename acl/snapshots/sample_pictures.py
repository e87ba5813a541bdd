"""Pictures and true classes of samples, by id, in a safetensors file of any size: pictures are read as they are shown.

Tensors: ids int [K]; images uint8 [K, H, W, 1 or 3]; labels int [K], class numbers, -1 where it is not known. Images or
labels may be left out. They have a file of their own, or stand in a snapshot, named pictures.ids and so on.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy import ndarray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from acl.config import UserError
from acl.system.files import open_at_all

IN_SNAPSHOT = "pictures."


@dataclass(frozen=True)
class SamplePictures:
    """row: where in the file each sample is; size: height, width and channels, None without images; classes: int64 [K],
    None without labels."""

    path: Path
    prefix: str
    row: dict[int, int]
    size: tuple[int, ...] | None
    classes: ndarray | None

    def images(self, ids: Sequence[int]) -> ndarray | None:
        """uint8 [n, H, W, 1 or 3]; a sample the file does not know is black. None if it has no images (any more)."""
        if self.size is None:
            return None
        found = np.zeros((len(ids), *self.size), dtype=np.uint8)
        try:
            with safe_open(self.path, framework="np") as file:
                images = file.get_slice(f"{self.prefix}images")
                for place, id_ in enumerate(ids):
                    if id_ in self.row:
                        found[place] = images[self.row[id_]]
        except (OSError, SafetensorError):
            return None
        return found

    def labels(self, ids: Sequence[int]) -> ndarray | None:
        """int64 [n]; -1 for a sample the file does not know. None if it has no labels."""
        if self.classes is None:
            return None
        return np.array([self.classes[self.row[i]] if i in self.row else -1 for i in ids], dtype=np.int64)

    def known(self) -> dict[int, int]:
        """The class of each sample whose class is known."""
        return {} if self.classes is None else {i: c for i, r in self.row.items() if (c := int(self.classes[r])) >= 0}


def find_pictures(path: Path, prefix: str, ids: Set[int], n_classes: int) -> SamplePictures | None:
    """What the file has of the samples `ids` of a network with `n_classes` outputs; None where it has no such tensors.
    UserError where they make no sense."""
    needs = "A snapshot with pictures needs" if prefix else "The pictures file needs"
    try:
        open_at_all(path)
        with safe_open(path, framework="pt") as file:
            there = {name for name in ("ids", "images", "labels") if f"{prefix}{name}" in set(file.keys())}
            if prefix and not there:
                return None
            if "ids" not in there or len(there) < 2:
                raise UserError(
                    f"{needs} a tensor {prefix}ids [N] and {prefix}images [N, H, W, 1 or 3], {prefix}labels [N], or "
                    "both."
                )
            read = {name: file.get_tensor(f"{prefix}{name}") for name in there & {"ids", "labels"}}
            images = file.get_slice(f"{prefix}images") if "images" in there else None
            shape, kind = (images.get_shape(), images.get_dtype()) if images else ([], "")
    except (OSError, SafetensorError) as error:
        raise UserError(f"The pictures are not a readable safetensors file ({error}).") from None
    whole = {name: whole_numbers(values) for name, values in read.items()}
    if whole["ids"] is None or whole["ids"].ndim != 1:
        raise UserError(f"{needs} {prefix}ids that are a list of whole numbers [N].")
    n, labels = len(whole["ids"]), whole.get("labels")
    wrong = images and (kind != "U8" or len(shape) != 4 or shape[3] not in (1, 3) or shape[0] != n or 0 in shape)
    if wrong or ("labels" in there and (labels is None or labels.shape != (n,))):
        raise UserError(f"{needs} images uint8 [N, H, W, 1 or 3] and labels [N], whole numbers, for its N ids.")
    row = {id_: place for place, id_ in enumerate(whole["ids"].tolist())}
    if len(row) < n:
        raise UserError(f"{needs} a row for each sample: some id stands there twice.")
    if not ids & row.keys():
        raise UserError("The pictures file names none of the snapshot's samples: their ids must agree.")
    if labels is not None and not bool(((labels >= -1) & (labels < n_classes)).all()):
        raise UserError(
            f"{needs} labels that are class numbers, 0..{n_classes - 1} (see n_classes), or -1 if not known."
        )
    size = tuple(shape[1:]) if images else None
    return SamplePictures(path, prefix, row, size, None if labels is None else labels.numpy())


def whole_numbers(values: Tensor) -> Tensor | None:
    """int64, whatever kind of integer they were; None where they are none, or too large for it."""
    if values.is_floating_point() or values.is_complex() or values.dtype == torch.bool:
        return None
    whole = values.to(torch.int64)
    return None if values.dtype == torch.uint64 and bool((whole < 0).any()) else whole
