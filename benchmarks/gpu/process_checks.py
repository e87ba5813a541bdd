"""Workers on the GPU: side by side, paused, killed, taken up again, and when memory runs out."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from acl.config import RunConfig, make_config
from acl.plugins.registry import prepare
from acl.presets import preset_config
from acl.runs.control import read_status, request
from acl.runs.folder import Run, create, resolved
from acl.system.processes import OUT_OF_MEMORY
from benchmarks.gpu.checking import Found, NeedsGPU, Setting, Wrong
from benchmarks.gpu.inputs import picture_folder
from benchmarks.gpu.same_runs import difference, ends, played

WORKER_S = 120
"""A worker that takes longer hangs."""
LOST_BYTES = 64 * 2**20
"""What may be missing after a process has ended: a driver keeps some for a moment."""
LEFT_BYTES = 2 * 2**30
"""What is left of the card when it is occupied: enough for a network, too little for the batch."""


def _config(setting: Setting, **values: object) -> RunConfig:
    """Digits with the small CNN, float32, with CUDA graphs."""
    short = {"epochs": 3, "n_end": 20} if setting.small else {}
    return preset_config(
        "digits-demo", model="cnn", classes_per_task=5, device=setting.device, snapshots="off", cuda_graphs=True,
        **short, **values,
    )  # fmt: skip


def _folder(setting: Setting, config: RunConfig) -> Run:
    return create(resolved(config, prepare(config)), Path(tempfile.mkdtemp(dir=setting.folder)))


def _worker(run: Run) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "acl.service.worker", str(run.path)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def _ended(worker: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code, and the last line it said."""
    try:
        _, said = worker.communicate(timeout=WORKER_S)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.communicate()
        raise Wrong(f"a worker did not end in {WORKER_S} s") from None
    return worker.returncode, (said.strip().splitlines() or [""])[-1]


def _finish(*workers: subprocess.Popen[str]) -> None:
    for code, said in [_ended(worker) for worker in workers]:
        if code:
            raise Wrong(f"a worker ended with exit code {code}: {said}")


def _wait(worker: subprocess.Popen[str], what: Callable[[], bool], name: str) -> None:
    began = time.monotonic()
    while not what():
        if worker.poll() is not None:
            raise Wrong(f"the worker ended before {name}: {_ended(worker)[1]}")
        if time.monotonic() > began + WORKER_S:
            worker.kill()
            raise Wrong(f"a worker did not come to {name} in {WORKER_S} s")
        time.sleep(0.01)


def side_by_side(setting: Setting) -> Found:
    """Two workers at once: each run is what it is alone."""
    configs = [_config(setting, seed=seed) for seed in (0, 1)]
    alone = [played(config) for config in configs]
    runs = [_folder(setting, config) for config in configs]
    began = time.perf_counter()
    _finish(*[_worker(run) for run in runs])
    seconds = time.perf_counter() - began
    for one, run in zip(alone, runs, strict=True):
        if where := difference(one.events, [row.event for row in run.history().rows]):
            raise Wrong(f"beside another a run is not what it is alone: first at {where}")
    return Found(f"two workers at once took {seconds:.1f} s, each run the same bits as alone; {ends(*alone)}")


def paused_killed_resumed(setting: Setting) -> Found:
    """Paused within a training, killed with SIGKILL, taken up again: the events of an undisturbed run."""
    run = _folder(setting, _config(setting, seed=2))
    undisturbed = played(run.config)
    request(run.path, mode="play", until=(1, run.config.rounds, "evaluate"))
    worker = _worker(run)

    def says(state: str, phase: str, task: int, epoch: int = 0) -> bool:
        status = read_status(run.path)
        return bool(
            status and (status.state, status.phase, status.task) == (state, phase, task) and status.epoch >= epoch
        )

    _wait(worker, lambda: says("paused", "buy", 2), "the end of task 1")
    request(run.path, until=None, pace=1.0)  # now a phase lasts so long that one can step in
    _wait(worker, lambda: says("playing", "train", 2, 1), "the training of task 2")
    request(run.path, mode="pause")
    _wait(worker, lambda: says("paused", "train", 2), "its pause")
    status = read_status(run.path)
    assert status is not None
    time.sleep(0.5)  # long enough for a worker that does not hold to go on
    held = read_status(run.path)
    assert held is not None
    worker.send_signal(signal.SIGKILL)
    code, _ = _ended(worker)
    if code != -signal.SIGKILL or held.epoch != status.epoch:
        raise Wrong(f"paused in epoch {status.epoch} it was in {held.epoch} later, and ended with {code}")
    request(run.path, mode="play", pace=0.0)
    _finish(_worker(run))
    where = difference(undisturbed.events, [row.event for row in run.history().rows])
    if where:
        raise Wrong(f"the run taken up again is another: first at {where}")
    return Found(
        f"paused in task 2, round {status.round}, epoch {status.epoch} of {status.epochs}, killed and taken up again: "
        f"the same {len(undisturbed.events)} events"
    )


def memory_given_back(setting: Setting) -> Found:
    """What a process and a loop took of the card is free again after them."""
    if setting.device != "cuda":
        raise NeedsGPU
    config = _config(setting, seed=3)
    played(config)  # what libraries keep for ever is taken
    _empty()
    kept = torch.cuda.memory_allocated()
    played(config)
    _empty()
    after = torch.cuda.memory_allocated()
    if after > kept:
        raise Wrong(f"a run in this process leaves {(after - kept) / 2**20:.1f} MiB allocated")
    run = _folder(setting, config)
    before, least = _free(), _free()
    worker = _worker(run)
    while worker.poll() is None:
        least = min(least, _free())
        time.sleep(0.02)
    _finish(worker)
    lost = before - _free()
    if lost > LOST_BYTES:
        raise Wrong(f"a worker took {(before - least) / 2**20:.0f} MiB, and {lost / 2**20:.0f} of them are not back")
    return Found(
        f"a run in this process leaves nothing allocated; a worker took {(before - least) / 2**20:.0f} MiB, and "
        f"{max(lost, 0) / 2**20:.0f} MiB are missing after its end"
    )


def _empty() -> None:
    """Give back all that is not in use, matrix libraries' workspaces (one a stream) included."""
    gc.collect()
    torch._C._cuda_clearCublasWorkspaces()
    torch.cuda.synchronize()
    torch.cuda.empty_cache()


def _free() -> int:
    """Bytes of the card that nobody has taken, whichever process."""
    free: int = torch.cuda.mem_get_info()[0]
    return free


def out_of_memory(setting: Setting) -> Found:
    """With the card full a worker ends with one sentence and its own exit code; once there is room, it works."""
    if setting.device != "cuda":
        raise NeedsGPU
    images = Path(tempfile.mkdtemp(dir=setting.folder))
    picture_folder(images, 64, 320)
    config = make_config(
        {
            "dataset": "folder", "data": str(images), "image_size": 64, "model": "resnet18", "strategy": "full",
            "batch_size": 512, "epochs": 1, "eval_batch": 32, "device": "cuda", "snapshots": "off",
        }
    )  # fmt: skip
    run = _folder(setting, config)
    _empty()
    occupied = torch.empty(max(_free() - LEFT_BYTES, 0), dtype=torch.uint8, device="cuda")
    code, said = _ended(_worker(run))
    if code != OUT_OF_MEMORY or not said.startswith("Out of memory") or os.linesep in said:
        free = f"{LEFT_BYTES / 2**30:.0f} GiB"
        raise Wrong(f"with {free} free it ended with exit code {code}, not {OUT_OF_MEMORY}: {said}")
    del occupied
    _empty()
    _finish(_worker(run))
    return Found(f"exit code {code} and “{said}”; with the card free again the same run ends well")
