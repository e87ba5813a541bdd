"""Where every random choice comes from: a key named by its purpose, mixed with sample ids.

Nothing here has state. A key is blake2b of (seed, purpose, …); an order, a mirror image or a place in the
memory is decided by mixing that key with the id of the sample, never with its position. So two runs that
differ only in their strategy agree on every sample they have in common (common random numbers), and a
resumed run needs no saved generator.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


def key(seed: int, purpose: str, *where: int) -> int:
    """64-bit key of one random choice, e.g. key(seed, "order", task, round, epoch)."""
    text = "/".join([str(seed), purpose, *map(str, where)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def mix(key: int | NDArray[np.uint64], ids: NDArray[np.int64]) -> NDArray[np.uint64]:
    """One pseudo-random uint64 for each id (splitmix64's finaliser on key + id·golden ratio); a key for all or each."""
    z: NDArray[np.uint64] = np.asarray(key, np.uint64) + ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def shuffled(key: int, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """`ids` in the random order that `key` gives them; independent of the order they come in."""
    return ids[np.lexsort((ids, mix(key, ids)))]


def uniforms(key: int, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """One pseudo-random number for each id, strictly between 0 and 1 (52 bits, the middle of each step)."""
    bits = np.finfo(np.float64).nmant
    return np.ldexp((mix(key, ids) >> np.uint64(64 - bits)).astype(np.float64) + 0.5, -bits)


def generator(seed: int, purpose: str, *where: int) -> torch.Generator:
    """A CPU generator for draws that belong to no sample, such as the first weights."""
    import torch  # the data need keys and orders, and must not need torch

    return torch.Generator().manual_seed(key(seed, purpose, *where) >> 1)
