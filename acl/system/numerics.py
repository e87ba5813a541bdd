"""torch's switches for one process: whatever decides the last bits, set in one place before anything is worked out."""

from __future__ import annotations

import os

import torch

from acl.config import RunConfig


def settle(config: RunConfig) -> None:
    """Threads, orders of summation and number formats as `config` says; call it before the network is made.

    On a GPU float32 means float32: torch alone would let convolutions round to TF32's ten bits.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read at a GPU's first matrix product
    torch.set_num_threads(config.threads)
    torch.use_deterministic_algorithms(True)
    # What nobody reads need not be filled: with it, each new tensor costs a step of its own.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if config.device == "cuda":
        torch.backends.cudnn.benchmark = False
        format_ = "tf32" if config.precision == "tf32" else "ieee"
        torch.backends.cuda.matmul.fp32_precision = format_
        torch.backends.cudnn.conv.fp32_precision = format_  # type: ignore[attr-defined]
