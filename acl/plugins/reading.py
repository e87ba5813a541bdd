"""The one place where a dataset is read: what it gives is checked before anything is made of it. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from acl.datasets.base import Base
from acl.names import distinct, printable
from acl.plugins.blame import blamed, fault, is_masked, kind_of
from acl.stream.types import UNREADABLE, ImageSet

if TYPE_CHECKING:
    from acl.plugins.description import Plugin

CHANNELS = (1, 3)
SHOWN = 10


def read(found: Plugin, dataset: Base) -> ImageSet:
    """The set of `dataset`, labels and domains as int64, texts as they can be shown, class names no two alike.
    PluginError where it raises or gives what is no image set."""
    where = type(dataset).load, type(dataset)
    with blamed(found, *where):
        data = dataset.load()
        wrong = next(_wrong(data), "")
    if wrong:
        raise fault(found, wrong, *where)
    domains = None if data.domains is None else data.domains.astype(np.int64, copy=False)
    labels, names, notes = data.labels.astype(np.int64, copy=False), data.class_names, tuple(map(printable, data.notes))
    return replace(
        data, name=printable(data.name), labels=labels, domains=domains, class_names=distinct(names), notes=notes
    )


def _wrong(data: Any) -> Iterator[str]:
    """What is wrong with a set, each time what all that follows relies on."""
    if not isinstance(data, ImageSet):
        yield f"must load an ImageSet, it loaded {kind_of(data)}"
    images = data.images
    if not (
        isinstance(images, ndarray) and images.dtype == np.uint8 and images.ndim == 4 and images.shape[3] in CHANNELS
    ) or is_masked(images):
        yield f"gave images of {kind_of(images)}, they must be uint8 [n, height, width, 1 or 3]"
    if not images.size:
        yield f"gave no images: they are {kind_of(images)}"
    for name, texts in (("class_names", data.class_names), ("notes", data.notes), ("name", [data.name])):
        if not isinstance(texts, tuple | list) or not all(isinstance(text, str) for text in texts):
            yield f"gave {name} that are no texts"
    yield from _wrong_columns(data, len(images))
    yield from _wrong_labels(data.labels.astype(np.int64, copy=False), data)
    if data.domains is not None:
        yield from _wrong_domains(data.domains.astype(np.int64, copy=False), data)


def _wrong_columns(data: ImageSet, n: int) -> Iterator[str]:
    columns = {"labels": (data.labels, "iu"), "is_train": (data.is_train, "b"), "domains": (data.domains, "iu")}
    for name, (column, kinds) in columns.items():
        if name == "domains" and column is None:
            continue
        wrong = not isinstance(column, ndarray) or column.dtype.kind not in kinds or column.shape != (n,)
        if wrong or is_masked(column):
            wanted = "bool" if kinds == "b" else "whole numbers"
            yield f"gave {name} of {kind_of(column)}, they must be {wanted} [{n}], one for each image"


def _wrong_labels(labels: Int64[ndarray, " n"], data: ImageSet) -> Iterator[str]:
    n_classes = len(data.class_names)
    strange = np.flatnonzero((labels < UNREADABLE) | (labels >= n_classes))
    if n_classes < 2:
        yield f"gave {n_classes} class names, there must be at least 2"
    if len(strange):
        yield (
            f"gave image {strange[0]} the label {labels[strange[0]]}, which is none of 0..{n_classes - 1} "
            f"({UNREADABLE}: a row without an image)"
        )
    for part, rows in (("training", data.is_train), ("test", ~data.is_train)):
        empty = np.setdiff1d(np.arange(n_classes), labels[rows])
        if len(empty):
            yield f"gave no {part} image of the class '{data.class_names[empty[0]]}', each class needs one"


def _wrong_domains(domains: Int64[ndarray, " n"], data: ImageSet) -> Iterator[str]:
    """Each is a task."""
    for part, rows in (("training", data.is_train), ("test", ~data.is_train)):
        there = np.unique(domains[rows & (data.labels != UNREADABLE)])
        if not len(there) or there[-1] != domains.max() or not np.array_equal(there, np.arange(len(there))):
            shown = ", ".join(map(str, there[:SHOWN])) + ", …" * (len(there) > SHOWN)
            yield f"gave {part} images of the domains [{shown}], they must be 0, 1, 2 and so on without a gap"
