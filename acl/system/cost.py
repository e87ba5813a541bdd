"""What a piece of work costs: seconds, and the memory it needed on top of what was there."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@contextmanager
def measured(device: torch.device, into: dict[str, float], name: str) -> Iterator[None]:
    """Adds `<name>_s` (seconds) and, as the largest so far, `peak_bytes` to `into`."""
    before = _reset_peak(device)
    start = time.perf_counter()
    yield
    into[f"{name}_s"] = into.get(f"{name}_s", 0.0) + time.perf_counter() - start
    into["peak_bytes"] = max(into.get("peak_bytes", 0.0), float(_peak(device) - before))


def _reset_peak(device: torch.device) -> int:
    """Bytes in use now; the peak is counted from here where the system can do so."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    if not STATUS.exists():  # not Linux: the peak is that of the whole process
        return _peak(device)
    try:
        RESET.write_text("5")
    except PermissionError:
        return _peak(device)
    return _status_bytes("VmRSS")


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device)
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return _status_bytes("VmHWM")


def _status_bytes(field: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024
