"""A worker process that has imported torch and waits: each line on stdin is a run and perhaps its GPU, each is
answered by a dot.

It ends when stdin does, or with the exit code of a run that failed. What a run prints goes into its worker.log.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback


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
    """Work on one run after another and return the exit code: 0 where no run comes any more or one on a GPU has ended
    well, else that of the run that failed."""
    answer = os.dup(1)
    try:
        warm_up()
    except (MemoryError, ImportError, OSError, RuntimeError) as error:
        return _cannot(error)
    import torch

    for line in sys.stdin:
        job = json.loads(line)
        _speak_into(job["log"])
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


def _speak_into(path: str) -> None:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _cannot(error: Exception) -> int:
    """Say to the first run why there is no worker for it: where memory ran out, with its sentence and exit code."""
    line = sys.stdin.readline()
    if not line:
        return 0
    _speak_into(json.loads(line)["log"])
    from acl.plugins.blame import is_out_of_memory
    from acl.system.processes import OUT_OF_MEMORY, out_of_memory

    traceback.print_exception(error)
    if not is_out_of_memory(error):
        return 1
    print(out_of_memory(error), file=sys.stderr)
    return OUT_OF_MEMORY


if __name__ == "__main__":
    sys.exit(main())
