"""What a worker takes of its device: the device's name, memory, and how busy it is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import psutil
import torch

MEASURED_S = 1.0  # at most once in so many seconds


@dataclass(frozen=True)
class Load:
    """memory_used: bytes this run holds, on a GPU those of torch alone; memory_total: bytes there are, of the card or
    the machine. busy: percent of the card, by all programs on it, or of the run's CPU threads; None if not known."""

    device_name: str
    memory_used: int
    memory_total: int
    busy: float | None


class Gauge:
    """`read()` is cheap: in between it repeats what was measured. To be made in the worker, once CUDA may begin."""

    def __init__(self, device: str, threads: int) -> None:
        self._measure = _gpu() if device == "cuda" else _cpu(threads)
        self._load, self._measured = self._measure(), time.monotonic()

    def read(self) -> Load:
        """The load as measured at most MEASURED_S seconds ago."""
        if time.monotonic() - self._measured >= MEASURED_S:
            self._load, self._measured = self._measure(), time.monotonic()
        return self._load


@dataclass
class _Cpu:
    threads: int
    process: psutil.Process
    asked: bool = False

    def __call__(self) -> Load:
        # Percent of one CPU since the last call; the first has nothing to compare with.
        percent, known, self.asked = self.process.cpu_percent(), self.asked, True
        return Load(
            f"CPU, {self.threads} thread{'s' * (self.threads > 1)}",
            self.process.memory_info().rss,
            psutil.virtual_memory().total,
            round(min(percent / self.threads, 100.0), 1) if known else None,
        )


def _cpu(threads: int) -> _Cpu:
    return _Cpu(threads, psutil.Process())


@dataclass
class _Gpu:
    """nvml, card: NVIDIA's management library and its handle of the card, None where it cannot be had."""

    name: str
    total: int
    nvml: Any
    card: Any

    def __call__(self) -> Load:
        return Load(self.name, torch.cuda.memory_reserved(), self.total, self._busy())

    def _busy(self) -> float | None:
        if self.card is None:
            return None
        try:
            return float(self.nvml.nvmlDeviceGetUtilizationRates(self.card).gpu)
        except self.nvml.NVMLError:
            return None  # a part of a card (MIG) has no such figure


def _gpu() -> _Gpu:
    card = torch.cuda.get_device_properties(torch.cuda.current_device())
    # By UUID: NVML counts all cards of the machine, CUDA those it was shown.
    return _Gpu(card.name, card.total_memory, *_nvml(f"GPU-{card.uuid}"))


def _nvml(uuid: str) -> tuple[Any, Any]:
    try:
        import pynvml as nvml
    except ImportError:
        return None, None
    try:
        nvml.nvmlInit()
        return nvml, nvml.nvmlDeviceGetHandleByUUID(uuid)
    except nvml.NVMLError:
        return nvml, None
