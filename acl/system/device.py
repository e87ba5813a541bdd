"""Can a CUDA GPU be used, and if not, why? Asked of the driver and of torch's files: the app and the backend import
no torch to know."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
from functools import cache
from pathlib import Path

NO_DEVICE = 100  # the driver's answer where there is no GPU, or CUDA_VISIBLE_DEVICES leaves none


@cache
def _driver() -> tuple[int, int] | None:
    """What the driver answers (0: all is well) and how many GPUs it sees; None without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    count = ctypes.c_int(0)
    answer = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    return answer, count.value


def cuda_devices() -> int:
    """How many CUDA GPUs the driver sees; 0 without a driver."""
    found = _driver()
    return found[1] if found else 0


def visible_gpus() -> list[str]:
    """The GPUs of this process as CUDA_VISIBLE_DEVICES names them, so that another can be shown one of them."""
    shown = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    # The driver passes over what follows a name that it does not know.
    return shown[: cuda_devices()] or [str(index) for index in range(cuda_devices())]


def no_gpu() -> str:
    """Why no GPU can be used here, in a few words; "" where one can."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown is not None and shown.strip() in {"", "-1"}:
        return "CUDA_VISIBLE_DEVICES is empty" if not shown.strip() else "CUDA_VISIBLE_DEVICES is -1"
    found = _driver()
    if found is None:
        return "no NVIDIA driver"
    answer, count = found
    if answer not in {0, NO_DEVICE}:
        return f"the NVIDIA driver answers with error {answer}"
    if not count:
        return f"CUDA_VISIBLE_DEVICES is {shown}, and no GPU has that name" if shown else "the NVIDIA driver sees none"
    return "" if _torch_has_cuda() else "this torch is built without CUDA"


@cache
def _torch_has_cuda() -> bool:
    """What torch's own version file says; importing torch takes seconds."""
    torch = importlib.util.find_spec("torch")
    if torch is None or torch.origin is None:
        return False
    return bool(re.search(r"^cuda\b.*= *'", (Path(torch.origin).parent / "version.py").read_text("utf-8"), re.M))


def no_gpu_sentence(asked: str, what: str = "this run is") -> str:
    """What a user is told whose device=auto becomes the CPU; "" where another device was `asked`, or a GPU is there."""
    why = no_gpu() if asked == "auto" else ""
    return f"No GPU is usable here ({why}): {what} made for the CPU." if why else ""
