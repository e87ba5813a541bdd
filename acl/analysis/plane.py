"""Points in a plane: principal components, whatever the points are; and when UMAP could show no more than these.

Only NumPy, so that a page can draw such a map without torch.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy import ndarray

Space = Literal["features", "fisher"]
"""What a map is of: the features h, or the Fisher information embeddings."""

# How many of each sample's nearest UMAP looks at.
NEIGHBOURS = 15
# Points whose spread across a line is less than this part of that along it are on it: UMAP works in single precision.
FLAT = 1e-6
FIRST = 1_000


def pca(x: ndarray) -> ndarray:
    """float64 [N, 2]: the first two principal components of x [N, D], whatever N, D and the size of its numbers.

    A component's sign is arbitrary: its largest weight is +. What lies on a line is drawn as one, without the rounding
    across it.
    """
    points, scale = unit(x)
    if not points.size:
        return np.zeros((len(points), 2))
    axes, flat = _principal(points)
    largest = np.take_along_axis(axes, np.abs(axes).argmax(0)[None], 0)
    along, across = np.linalg.norm(flat, axis=0)
    return np.asarray(flat * np.where(largest < 0, -scale, scale) * [1, across > FLAT * along])


def unit(x: ndarray) -> tuple[ndarray, float]:
    """float64 [N, D] about its mean and by its largest number, which is given too; all 0 where all rows are alike."""
    x = np.array(x, dtype=np.float64)
    if not x.size:
        return x, 1.0
    largest = _by_largest(x)
    # A column of equal values, however large, has to become exactly 0: about its mean it would be rounding.
    x -= x[0].copy()
    x -= x.mean(0)
    return x, largest * _by_largest(x)


def _by_largest(x: ndarray) -> float:
    """Divides x, in its place, by its number that is farthest from 0, and returns that; x stays where all are 0."""
    largest = max(float(x.max()), -float(x.min()))
    if largest:
        x /= largest
    return largest


def _principal(points: ndarray) -> tuple[ndarray, ndarray]:
    """The two principal directions [D, 2], of any length, and the points' places along them [N, 2]: by the smaller of
    the two products of `points` [N, D] with itself. 0 where there is no second direction."""
    n, dim = points.shape
    if dim <= n:
        axes = np.linalg.eigh(points.T @ points)[1][:, :-3:-1]
        flat = points @ axes
    else:
        values, places = np.linalg.eigh(points @ points.T)
        flat = (places * np.sqrt(np.maximum(values, 0)))[:, :-3:-1]
        axes = points.T @ flat
    lacking = ((0, 0), (0, 2 - axes.shape[1]))
    return np.pad(axes, lacking), np.pad(flat, lacking)


def why_flat(x: ndarray) -> str:
    """What keeps a picture of x [N, D] from being more than a point or a line, in a sentence; empty if nothing does."""
    n = len(x)
    if n <= 1:
        return "There is nothing to compare: " + ("it is a single sample." if n else "there is no sample.")
    points, _ = unit(x)
    if not points.any():
        zero = "" if np.asarray(x).any() else " (every number is 0)"
        return f"All {n:,} samples are alike in this space{zero}: one point is all there is to see."
    if not pca(points)[:, 1].any():
        return (
            "In this space the samples lie on one line: across it they differ by less than a millionth of their "
            "differences along it."
        )
    return ""


def why_no_umap(x: ndarray) -> str:
    """Why UMAP of x [N, D] would show no more than PCA does, in a sentence; empty where it may."""
    if flat := why_flat(x):
        return f"{flat[:-1]}, and UMAP would show no more."
    n = len(x)
    nearest = f"UMAP, which looks at the {NEIGHBOURS} nearest of each: PCA shows where they lie."
    if n <= NEIGHBOURS:
        return f"{n} samples are too few for {nearest}"
    different = _different(unit(x)[0].astype(np.float32))
    if different <= NEIGHBOURS:
        return f"The {n:,} samples are {different} points that differ to single precision, too few for {nearest}"
    return ""


def _different(points: ndarray) -> int:
    """How many rows are different; most often the first thousand say that there are enough."""
    first = len(np.unique(points[:FIRST], axis=0))
    return first if first > NEIGHBOURS or len(points) <= FIRST else len(np.unique(points, axis=0))
