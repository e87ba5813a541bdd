"""How a set of images becomes a stream of tasks: new classes one group after another, or the same classes in new looks.

Class-incremental: each task brings `classes_per_task` classes. Domain-incremental: every task has all
classes, its images turned (D. Lopez-Paz and M. Ranzato, 2017: rotated MNIST), their pixels permuted (I.
Goodfellow et al., 2013: permuted MNIST), or taken from a folder of their own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Int64, UInt8
from numpy import ndarray
from PIL import Image

from acl.config import RunConfig, UserError
from acl.seeds import key, mix, shuffled
from acl.stream.types import ImageSet, Task, TaskStream

HALF_TURN = 180.0
MAX_COPIES_BYTES = 4 * 2**30


def cut(data: ImageSet, config: RunConfig) -> TaskStream:
    """The stream of `config`: which rows of `data` belong to which task. UserError where they do not fit."""
    classes = _class_order(data, config)
    kept = _kept(data, classes, config.max_per_class)
    if config.scenario == "class":
        groups = _groups(data, classes, config.classes_per_task)
        task_of_class = np.zeros(len(data.class_names), dtype=np.int64)
        for index, group in enumerate(groups):
            task_of_class[list(group)] = index
        task_of_row = task_of_class[data.labels]
    else:
        data, kept, task_of_row = _looks(data, kept, config)
        groups = [tuple(sorted(classes))] * (int(task_of_row.max()) + 1)
    tasks = []
    for index, group in enumerate(groups):
        rows = kept & (task_of_row == index)
        tasks.append(
            Task(index + 1, group, np.flatnonzero(rows & data.is_train), np.flatnonzero(rows & ~data.is_train))
        )
    return TaskStream(data.name, data.images, data.labels, data.class_names, tuple(tasks), data.notes)


def _class_order(data: ImageSet, config: RunConfig) -> list[int]:
    """The classes of the stream in the order they come: as set, else all of them; shuffled by the seed if wished."""
    n_classes = len(data.class_names)
    order = list(config.class_order) or list(range(n_classes))
    if len(set(order)) < max(len(order), 2) or not set(order) <= set(range(n_classes)):
        raise UserError(
            f"class_order must name at least two of the classes 0..{n_classes - 1} of {data.name}, each once, "
            f"got {','.join(map(str, order))}."
        )
    if config.shuffle_classes:
        order = shuffled(key(config.seed, "classes"), np.array(order, dtype=np.int64)).tolist()
    return order


def task_sizes(listed: int | tuple[int, ...], n_classes: int) -> list[int]:
    """How many classes each task brings: as listed, the last number again and again, then what is left.

    ValueError where more are listed than there are.
    """
    sizes = [listed] if isinstance(listed, int) else list(listed)
    left = n_classes - sum(sizes)
    if left < 0:
        raise ValueError(f"{sum(sizes)} classes are listed of {n_classes}")
    more, rest = divmod(left, sizes[-1])
    return [*sizes, *[sizes[-1]] * more, *([rest] if rest else [])]


def _groups(data: ImageSet, classes: list[int], listed: int | tuple[int, ...]) -> list[tuple[int, ...]]:
    try:
        ends = np.cumsum(task_sizes(listed, len(classes))).tolist()
    except ValueError:
        sizes = listed if isinstance(listed, int) else ",".join(map(str, listed))
        raise UserError(
            f"classes_per_task must not name more than the {len(classes)} classes of {data.name} that are used, "
            f"got {sizes}."
        ) from None
    return [tuple(sorted(classes[start:end])) for start, end in zip([0, *ends], ends, strict=False)]


def _kept(data: ImageSet, classes: list[int], limit: int | None) -> Bool[ndarray, " n"]:
    """The rows of these classes; of each class (and domain) at most `limit` for training and as many for testing."""
    kept = np.isin(data.labels, classes)
    if limit is None:
        return kept
    domains = data.domains if data.domains is not None else np.zeros_like(data.labels)
    group = (domains * (len(data.class_names) + 1) + data.labels + 1) * 2 + data.is_train
    rows = np.arange(len(group))
    order = np.lexsort((mix(key(0, "max_per_class"), rows), group))
    ordered = group[order]
    rank = np.empty_like(rows)
    rank[order] = rows - np.searchsorted(ordered, ordered)
    return kept & (rank < limit)


def _looks(
    data: ImageSet, kept: Bool[ndarray, " n"], config: RunConfig
) -> tuple[ImageSet, Bool[ndarray, " m"], Int64[ndarray, " m"]]:
    """The set with a row for each sample in each of its looks, which rows are used, and the task of each row.

    Made looks: the copy of the i-th sample used is row k·N + i in task k, so that ids stay unique.
    """
    if config.domain == "folders":
        if data.domains is None:
            raise UserError(
                "domain=folders needs own images with one folder for each look (LOOK/CLASS/*): "
                "choose dataset=folder, or domain=rotate or permute."
            )
        return data, kept, data.domains
    rows, n_looks = np.flatnonzero(kept), config.domains
    size = n_looks * len(rows) * data.images[0].nbytes
    if size > MAX_COPIES_BYTES:
        raise UserError(
            f"{n_looks} looks of {data.name} would take {size / 2**30:.1f} GiB of memory "
            f"(at most {MAX_COPIES_BYTES / 2**30:.0f}): choose fewer domains, or set max_per_class."
        )
    images = data.images[rows]
    look = rotated if config.domain == "rotate" else permuted
    copies = replace(
        data,
        images=np.concatenate([look(images, k, n_looks) for k in range(n_looks)]),
        labels=np.tile(data.labels[rows], n_looks),
        is_train=np.tile(data.is_train[rows], n_looks),
    )
    task_of_row = np.repeat(np.arange(n_looks), len(rows))
    return copies, np.ones(len(task_of_row), dtype=bool), task_of_row


def rotated(images: UInt8[ndarray, "n h w c"], k: int, n_looks: int) -> UInt8[ndarray, "n h w c"]:
    """Every image turned anticlockwise by k·180°/n_looks around its middle, corners filled with black."""
    angle = k * HALF_TURN / n_looks
    turned = np.empty_like(images)
    for row, image in enumerate(images):
        for channel in range(images.shape[3]):
            plane = Image.fromarray(np.ascontiguousarray(image[:, :, channel]))
            turned[row, :, :, channel] = plane.rotate(angle, Image.Resampling.BILINEAR)
    return turned


def permuted(images: UInt8[ndarray, "n h w c"], k: int, n_looks: int) -> UInt8[ndarray, "n h w c"]:
    """Every image with its pixels in the k-th fixed order, the same for every seed; the 0th is as they are."""
    n, height, width, channel = images.shape
    if k == 0:
        return images
    order = shuffled(key(0, "permute", k), np.arange(height * width))
    return images.reshape(n, height * width, channel)[:, order].reshape(images.shape)
