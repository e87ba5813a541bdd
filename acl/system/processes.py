"""Processes: which one is meant (a pid is given again, a time of birth is not), and what it is when memory, or the
number of threads, runs out."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import psutil

from acl.config import UserError

# What acl.service.worker ends with where memory runs out.
OUT_OF_MEMORY = 3
NO_THREADS = "No more threads can be started: end other programs, or raise ulimit -u."
# Beside those of a library that takes one a core: of the progress bar, of the heartbeat, and of reading files.
FEW_THREADS = 5


def born(pid: int) -> float:
    """When this process began. On Linux in ticks since the machine started: a wall clock may be set, and psutil's
    answer moves with it. psutil.NoSuchProcess if there is none."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2]
    except (FileNotFoundError, ProcessLookupError):
        return psutil.Process(pid).create_time()
    return float(after_name.split()[19])


def lives(pid: int, birth: float) -> bool:
    """Whether that pid is still the process that was born then."""
    try:
        return pid > 0 and abs(born(pid) - birth) < 0.01
    except psutil.NoSuchProcess:
        return False


def kill_group(pid: int, birth: float, how: int = signal.SIGKILL) -> None:
    """Signal the process group that this process leads, if it is still the one we mean."""
    try:
        if lives(pid, birth):
            os.killpg(pid, how)
    except ProcessLookupError:
        return


def killed_for_memory() -> int:
    """Processes the kernel has ended for want of memory since the machine started; 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def out_of_memory(error: BaseException) -> str:
    """The sentence for it, with what was asked for, as the error says it."""
    asked = (str(error).strip().splitlines() or ["no number given"])[0][:200].rstrip(".")
    return memory_sentence(asked, _gpu_memory())


def _gpu_memory() -> str:
    """Not known before torch is imported, which may be what there was no memory for."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return ""
    free, total = torch.cuda.mem_get_info()
    return f", {free / 2**30:.1f} of {total / 2**30:.1f} GiB of the GPU's"


def memory_sentence(why: str, others: str = "") -> str:
    """Why memory ran out, and what there is, in GiB; others: the same of a GPU."""
    host = psutil.virtual_memory()
    have = f"{host.available / 2**30:.1f} of {host.total / 2**30:.1f} GiB of host memory are free{others}"
    return f"Out of memory ({why}); {have}: lower eval_batch, memory or the pool, or end other programs; try again."


def check_threads() -> None:
    """UserError where this machine gives this process no room for the threads that work takes. Asked beforehand:
    libraries whose threads are refused midway end the process, or wait for ever."""
    done = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range((os.cpu_count() or 1) + FEW_THREADS):
            thread = threading.Thread(target=done.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:
        raise UserError(NO_THREADS) from None
    finally:
        done.set()
        for thread in started:
            thread.join()
