"""Arrays as .npy files, written so that a disk which takes no more says so."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.lib import format as npy


def save_array(path: Path, array: ndarray) -> None:
    """What np.save writes, under this very name. OSError with the system's number, which np.save forgets."""
    whole = np.ascontiguousarray(array)
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(whole))
        file.write(whole.data)


def new_array(path: Path, dtype: Any, shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """A new file of zeros, mapped for writing. OSError where there is no room for it: a write into a map that finds
    none would end the process."""
    with path.open("wb") as file:
        header = {"descr": npy.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(file, header)
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size and sys.platform != "darwin":  # which has no such call
            os.posix_fallocate(file.fileno(), file.tell(), size)
        file.truncate(file.tell() + size)
    return npy.open_memmap(path, "r+")
