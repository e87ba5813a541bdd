"""Two-dimensional pictures of a query: which space, which samples, and UMAP that stays where it was.

Only `umap` imports umap-learn (and with it a compiler that at its first start needs 20 s): the rest is cheap anywhere.
What is shown at once, and instead of UMAP where that would show no more, is PCA (acl.analysis.plane).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from acl.analysis.plane import NEIGHBOURS, Space, pca, unit, why_no_umap
from acl.config import UserError, make_config
from acl.seeds import key, uniforms
from acl.selection.fisher import factors, keep_largest, target
from acl.selection.query import QueryContext

MOST_POINTS = 10_000
MIN_DIST = 0.1
# A layout that begins where the last one ended needs fewer steps to settle than one from scratch.
EPOCHS_FROM_PREVIOUS = 100
# From so many points on UMAP searches neighbours by trees, whose compilation alone takes longer than all the distances.
MANY = 4_096
EPOCHS_OF_MANY = 200
START_S, SECONDS_A_POINT = 5.0, 0.0005
FORMING_S = 0.5
SHARED_AT_LEAST = 3
MISSING_AT_ONCE = 1_000

Forming = Callable[[float, ndarray], None]
"""Told the share of the epochs that are done, and the layout, float32 [N, 2], as far as it has come."""


def vectors(context: QueryContext, space: Space) -> Tensor:
    """float64 [N, D] in the order pool, labelled, memory: features h, or Fisher embeddings over AccuACL's entries."""
    roles = [samples for samples in context.roles().values() if len(samples)]
    if space == "features":
        return torch.cat([samples.h for samples in roles]).double()
    kept = keep_largest(target(context).total, make_config({}).dims_per_class * context.n_classes)
    return torch.cat([a[:, kept.rows] * b[:, kept.dims] for a, b in map(factors, roles)])


def ids(context: QueryContext) -> ndarray:
    """int64 [N] in the order of `vectors`."""
    return np.concatenate([samples.ids.numpy() for samples in context.roles().values()])


def subset(seed: int, ids: ndarray, in_pool: ndarray, needed: ndarray, most: int = MOST_POINTS) -> ndarray:
    """Bool [N]: `needed`, then labelled and memory up to half of what fits, then as many of the pool as do. Which ones
    depends on their ids alone, not on the round."""
    keep, order = needed.copy(), uniforms(key(seed, "map"), ids)
    for group, share in ((~in_pool, 2), (in_pool, 1)):
        others = np.nonzero(group & ~needed)[0]
        fits = max(most - int(keep.sum()), 0) // share
        keep[others[np.argsort(order[others], kind="stable")[:fits]]] = True
    return keep


def aligned(xy: ndarray, onto: ndarray, rows: ndarray, places: ndarray) -> ndarray:
    """`xy` [N, 2] turned, mirrored and moved, never bent or stretched, so that its `rows` lie as near as they can
    to `places` of `onto` (orthogonal Procrustes)."""
    here, there = xy[rows], onto[places]
    u, _, vt = np.linalg.svd((here - here.mean(0)).T @ (there - there.mean(0)))
    return np.asarray((xy - here.mean(0)) @ (u @ vt) + there.mean(0))


def shared(ids: ndarray, previous: Mapping[int, Any]) -> ndarray:
    """Rows of `ids` that `previous` knows too."""
    return np.array([row for row, id_ in enumerate(ids.tolist()) if id_ in previous], dtype=np.int64)


def beside_neighbours(x: Tensor, known: ndarray, xy: ndarray, missing: ndarray, k: int = 5) -> ndarray:
    """[missing, 2]: places for samples a layout does not hold, the mean of their k nearest known ones in `x`."""
    points = torch.from_numpy(unit(x.numpy())[0])
    held = points[torch.from_numpy(known)]
    # Some at a time: the distances of a hundred thousand samples to the ten thousand drawn are gigabytes.
    near = [
        torch.cdist(points[torch.from_numpy(some)], held).topk(min(k, len(known)), largest=False).indices
        for some in np.split(missing, range(MISSING_AT_ONCE, len(missing), MISSING_AT_ONCE))
    ]
    return np.asarray(xy[torch.cat(near).numpy()].mean(1))


def umap(
    x: Tensor, ids: ndarray, seed: int, previous: Mapping[int, tuple[float, float]], forming: Forming | None = None
) -> ndarray:
    """float32 [N, 2]. Samples that `previous` (id → place) knows begin there, if they are most of them (the rounds
    of one task), and the whole is turned onto their places (or onto the PCA), so that the picture does not jump.

    The same call gives the same picture: one thread, seeded. `forming` is told about every FORMING_S how it comes
    about, which changes nothing of it. UserError where it would show no more than PCA does.
    """
    if why := why_no_umap(x.numpy()):
        raise UserError(why)
    points, _ = unit(x.numpy())
    flat = pca(points)
    known = shared(ids, previous)
    fixed = np.array([previous[int(i)] for i in ids[known]], dtype=np.float64).reshape(-1, 2)
    # UMAP's own start, with noise of its own: from `flat` all layouts would be others than those people have seen.
    options: dict[str, Any] = {"init": "pca"}
    if 2 * len(known) >= len(x):
        options = {"init": _begun(x, flat, known, fixed).astype(np.float32), "n_epochs": EPOCHS_FROM_PREVIOUS}
    from umap import UMAP

    _keep_compiled()
    points = points.astype(np.float32)
    if len(points) >= MANY:
        options = {"n_epochs": EPOCHS_OF_MANY} | options | {"precomputed_knn": (*neighbours(points), None)}
    if len(known) >= SHARED_AT_LEAST:
        onto, rows = fixed, known
    else:
        onto, rows = flat, np.arange(len(x))

    def placed(xy: ndarray) -> ndarray:
        return aligned(xy, onto, rows, np.arange(len(rows))).astype(np.float32)

    model = UMAP(
        n_neighbors=NEIGHBOURS,
        min_dist=MIN_DIST,
        random_state=key(seed, "umap") % 2**32,
        n_jobs=1,
        **options,
    )
    with _told(forming, placed):
        return placed(model.fit_transform(points))


@contextmanager
def _told(forming: Forming | None, placed: Callable[[ndarray], ndarray]) -> Iterator[None]:
    """While this lasts, `forming` hears of UMAP's layouts. umap-learn has no call for that: it moves one array epoch by
    epoch in a loop over its progress bar, whose place is taken here, and nothing else is."""
    if forming is None:
        yield
        return
    from umap import layouts, umap_

    optimise, bar = umap_.optimize_layout_euclidean, layouts.tqdm

    def watched(moved: ndarray, *args: Any, **options: Any) -> Any:
        def epochs(numbers: range, **_: Any) -> Iterator[int]:
            told = -FORMING_S
            for n in numbers:
                yield n
                if time.monotonic() - told >= FORMING_S:
                    forming((n + 1) / len(numbers), placed(moved))
                    told = time.monotonic()

        layouts.tqdm = epochs
        return optimise(moved, *args, **options)

    umap_.optimize_layout_euclidean = watched
    try:
        yield
    finally:
        umap_.optimize_layout_euclidean, layouts.tqdm = optimise, bar


def _keep_compiled() -> None:
    """Lets numba keep on disk what it compiles of UMAP, as it keeps what pynndescent needs: later processes load it."""
    from numba.core.dispatcher import Dispatcher
    from umap import layouts, umap_

    for function in (*vars(layouts).values(), *vars(umap_).values()):
        if isinstance(function, Dispatcher) and not function.signatures:
            function.enable_caching()


def seconds(n: int) -> float:
    """About how long a first layout of `n` samples takes where nothing else keeps the machine busy, and UMAP has been
    compiled before: measured from a fresh process, 5 s for 1,000 and 10 s for 10,000 of 512 features (two cores)."""
    return START_S + SECONDS_A_POINT * n


def neighbours(points: ndarray, k: int = NEIGHBOURS) -> tuple[ndarray, ndarray]:
    """int64 and float32 [N, k]: of each of `points` float32 [N, D] itself and the k - 1 nearest, and how far they are.

    Exact, and of ten thousand points quicker than the compilation of UMAP's own search, which a first start needs.
    """
    x = torch.from_numpy(points)
    near, far = [], []
    for start in range(0, len(x), MISSING_AT_ONCE):
        apart = torch.cdist(x[start : start + MISSING_AT_ONCE], x)
        # Rounding, or a twin with a lower number, must not come before the point itself.
        rows = torch.arange(len(apart))
        apart[rows, start + rows] = -1.0
        distance, index = apart.topk(k, largest=False)
        distance[:, 0] = 0.0
        near.append(index)
        far.append(distance)
    return torch.cat(near).numpy(), torch.cat(far).numpy()


def _begun(x: Tensor, flat: ndarray, known: ndarray, fixed: ndarray) -> ndarray:
    """Where each sample begins: at its previous place, else beside those of its neighbours that have one."""
    begun = np.empty_like(flat)
    begun[known] = fixed
    new = np.setdiff1d(np.arange(len(x)), known)
    if len(new):
        # Not all at the same place: a little of the PCA keeps new samples apart.
        spread = np.ptp(fixed, 0).max() / max(np.ptp(flat, 0).max(), np.finfo(float).tiny)
        begun[new] = beside_neighbours(x, known, fixed, new) + 0.05 * spread * (flat[new] - flat[new].mean(0))
    return begun
