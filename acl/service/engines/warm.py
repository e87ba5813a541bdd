"""A worker process that has imported torch and waits: each line on stdin is a run and perhaps its GPU, each is
answered by a dot.

It ends when stdin does, or with the exit code of a run that failed. What a run prints goes into its worker.log.
"""

from __future__ import annotations

import gc
import json
import os
import sys


def warm_up() -> None:
    """The optimiser and the loss are touched once, because torch imports half of itself at their first use."""
    import pandas  # noqa: F401
    import psutil  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import pydantic  # noqa: F401
    import safetensors.torch  # noqa: F401
    import torch

    w = torch.zeros(1, 2, requires_grad=True)
    torch.nn.functional.cross_entropy(w, torch.zeros(1, dtype=torch.long)).backward()  # type: ignore[no-untyped-call]
    torch.optim.SGD([w], lr=0.1).step()


def main() -> int:
    warm_up()
    import torch

    answer = os.dup(1)
    for line in sys.stdin:
        job = json.loads(line)
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        if job["gpu"]:
            # CUDA hears it when it begins, and importing torch has not begun it.
            os.environ["CUDA_VISIBLE_DEVICES"] = job["gpu"]
        from acl.service import worker

        code = worker.main(job["run"])
        if code or torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            # A GPU's memory is given back by the end of the process alone.
            return code
        gc.collect()
        try:
            os.write(answer, b".")
        except BrokenPipeError:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
