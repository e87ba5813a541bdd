"""What a run was worked out with: the versions and the processor that decide its last bits."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from acl.system import version

NAMES = {"acl": "ACL Explorer", "torch": "torch", "numpy": "numpy", "processor": "the processor", "blas": "BLAS",
         "gpu": "the GPU", "cuda": "CUDA"}  # fmt: skip
UNTOLD = "not recorded"


def described(device: str) -> dict[str, str]:
    """Our version, torch's and numpy's, the processor's instruction set and maker, and BLAS; on a GPU its name too."""
    told = {
        "acl": version.here(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "processor": " ".join(filter(None, (torch.backends.cpu.get_cpu_capability(), platform.machine(), _maker()))),
        "blas": _blas(),
    }
    if device == "cuda":
        told |= {"gpu": torch.cuda.get_device_name(), "cuda": str(torch.version.cuda)}
    return told


def differences(recorded: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """Phrases for what was another there: "torch 2.14.1 (here 2.15.0)". Our own version decides no bit."""
    return [
        f"{NAMES.get(name, name)} {recorded.get(name, UNTOLD)} (here {here.get(name, UNTOLD)})"
        for name in sorted((recorded.keys() | here.keys()) - {"acl"})
        if recorded.get(name) != here.get(name)
    ]


def _maker() -> str:
    """The processor's vendor: matrix libraries take other paths on another maker's. Known on Linux only."""
    try:
        found = re.search(r"^vendor_id\s*:\s*(\S+)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        return ""
    return found[1] if found else ""


def _blas() -> str:
    """The matrix library of torch, and the code path it was told to take."""
    told = re.search(r"(Math Kernel Library|OpenBLAS|Accelerate)\D*([\d.]*)", torch.__config__.show())
    name = f"{told[1]} {told[2]}".strip() if told else "unknown"
    path = os.environ.get("MKL_CBWR")
    return f"{name} ({path})" if path else name
