"""What the checks work on: made-up pictures and queries, alike on every machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from acl.config import RunConfig
from acl.selection.query import QueryContext, Samples
from acl.stream.tasks import cut
from acl.stream.types import ImageSet, TaskStream


def pictures(side: int, train: int, test: int, classes: int = 10, seed: int = 0) -> ImageSet:
    """A set of noisy colour images, `train` and `test` of each class; a class is a coarse pattern of its own."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(112, 144, (classes, 4, 4, 3))
    cell = -(-side // 4)
    patterns = coarse.repeat(cell, 1).repeat(cell, 2)[:, :side, :side]
    labels = np.repeat(np.arange(classes), train + test)
    noise = rng.integers(-64, 64, (len(labels), side, side, 3))
    images = (patterns[labels] + noise).clip(0, 255).astype(np.uint8)
    is_train = np.tile(np.arange(train + test) < train, classes)
    names = tuple(f"pattern {c}" for c in range(classes))
    return ImageSet("Patterns", images, labels, names, is_train)


def stream(config: RunConfig, side: int, train: int, test: int, classes: int = 10) -> TaskStream:
    """The pictures, cut into tasks as `config` says."""
    return cut(pictures(side, train, test, classes), config)


def picture_folder(root: Path, side: int, each: int) -> None:
    """The same as image files: root/CLASS/0.png …, `each` of two classes, for dataset=folder."""
    data = pictures(side, each, 0, 2)
    for row, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
        (root / f"{label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / f"{label}" / f"{row}.png", compress_level=0)


def context(
    scale: float,
    pool: int,
    n: int,
    classes: int = 10,
    dim: int = 64,
    known: int = 100,
    memory: int = 100,
    copies: bool = True,
) -> QueryContext:
    """A query like that of a trained network: logits with the standard deviation `scale`; with `copies` every tenth
    sample of the pool is an exact duplicate of the one before it."""
    rng = np.random.default_rng(int(scale))

    def samples(size: int, first: int) -> Samples:
        h = torch.from_numpy(np.maximum(rng.normal(0.3, 1, (size, dim)), 0)).float()
        p = torch.softmax(torch.from_numpy(rng.normal(0, scale, (size, classes))), 1).float()
        return Samples(torch.arange(first, first + size), h, p)

    everything = samples(pool, 0)
    if copies:
        rows = torch.arange(pool) - (torch.arange(pool) % 10 == 9).long()
        everything = replace(everything, h=everything.h[rows], p=everything.p[rows])
    return QueryContext(
        everything, samples(known, pool), samples(memory, pool + known), tuple(range(classes)), n,
        lambda_=0.8, task=3, round=2, seed=0, n_classes=classes,
    )  # fmt: skip
