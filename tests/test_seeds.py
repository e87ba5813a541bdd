"""Randomness keyed by purpose and sample id."""

from __future__ import annotations

import numpy as np
from scipy.stats import chisquare

from acl.seeds import key, mix, shuffled


def test_key_is_a_fixed_function_of_its_purpose():
    assert key(0, "order", 1, 2, 3) == key(0, "order", 1, 2, 3)
    assert len({key(s, p, *w) for s in range(3) for p in ("order", "start") for w in ((1,), (2,), (1, 2), (12,))}) == 24


def test_order_of_common_samples_does_not_depend_on_the_others():
    few, many = np.array([3, 90, 17, 55]), np.arange(100)
    order = [i for i in shuffled(7, many) if i in few]
    assert shuffled(7, few).tolist() == order == shuffled(7, few[::-1]).tolist()


def test_first_places_are_uniform():
    ids = np.arange(10)
    first = [shuffled(key(0, "order", e), ids)[0] for e in range(5000)]
    assert chisquare(np.bincount(first, minlength=10)).pvalue > 1e-4


def test_bits_of_mix_are_balanced():
    bits = np.unpackbits(mix(key(1, "x"), np.arange(4096)).view(np.uint8))
    assert abs(bits.mean() - 0.5) < 0.005
