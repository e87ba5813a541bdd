"""Is there a CUDA GPU? Asked of the driver itself, so that the app and the backend need no torch to know."""

from __future__ import annotations

import ctypes
from functools import cache


@cache
def cuda_devices() -> int:
    """How many CUDA GPUs the driver sees; 0 without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
