"""Does the engine do on a GPU what it does on a CPU, and the same each time?"""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from acl.config import RunConfig, make_config
from acl.events import Epoch, Event
from acl.plugins.asking import ask
from acl.presets import preset_config
from acl.selection.query import Selection
from acl.stream.types import TaskStream
from acl.system.numerics import settle
from benchmarks.figures.grids import ASKED
from benchmarks.gpu.checking import Found, Setting, Wrong
from benchmarks.gpu.inputs import context, stream
from benchmarks.gpu.same_runs import Played, difference, ends, largest, played, same_weights

DRIVER = Path("/proc/driver/nvidia/version")
QUICK = [name for name in ASKED if name != "bait"]
SCORES = 1e-9
"""How far scores may be apart, relative to the largest."""
MEASURES = 1e-6
"""How far losses and likelihoods may be apart in float64."""
FIRST_LOSSES = 1e-3
"""How far float32 losses may be apart in the first steps of a training, relative to the loss or 0.1."""
GRAPH_LOSSES = 0.05
"""How far losses of a run with CUDA graphs may be from those without, where they are not the same bits: rounding that
grew in some dozens of steps stays far below it, a wrong batch or step size does not."""


def the_card(setting: Setting) -> Found:
    """What everything here was measured with; and one matrix product, so that the GPU is known to answer."""
    product = torch.ones(64, 64, device=setting.device) @ torch.ones(64, 64, device=setting.device)
    if float(product.sum()) != 64**3:
        raise Wrong(f"a matrix product of ones sums to {float(product.sum())}, not {64**3}")
    return Found("; ".join(f"{name} {value}" for name, value in card(setting.device).items()))


def card(device: str) -> dict[str, str]:
    """The card, its driver, torch and CUDA, and the host."""
    host = {"torch": str(torch.__version__), "CPUs": str(os.cpu_count()), "Python": platform.python_version()}
    if device != "cuda":
        return {"card": "none", **host}
    properties = torch.cuda.get_device_properties(0)
    memory = f"{properties.total_memory / 2**30:.0f} GiB"
    return {"card": f"{properties.name}, {memory}", "driver": _driver(), "CUDA": str(torch.version.cuda), **host}


def _driver() -> str:
    """The driver's version as the kernel says it, else NVIDIA's own library, where that is installed."""
    if DRIVER.exists() and (found := re.search(r"\d+\.\d+(\.\d+)?", DRIVER.read_text())):
        return found[0]
    if not importlib.util.find_spec("pynvml"):
        return "unknown"
    nvml: Any = importlib.import_module("pynvml")
    try:
        nvml.nvmlInit()
        return str(nvml.nvmlSystemGetDriverVersion())
    except nvml.NVMLError as error:
        return f"unknown ({error})"


def strategies(setting: Setting) -> Found:
    """Every strategy, asked on both devices about the same queries, from unsure to overconfident."""
    settle(make_config({"threads": 1 if setting.small else _threads()}))
    size, n = (200, 8) if setting.small else (2000, 20)
    wrong, far = [], 0.0
    for scale, names in ((2, ASKED), (8, QUICK), (16, QUICK)):
        query = context(scale, size, n)
        for name in names:
            config = make_config({"strategy": name})
            try:
                here, other = (ask(name, config, query.on(device)) for device in ("cpu", setting.device))
            except Exception as error:  # noqa: BLE001 - the other strategies are asked too
                wrong.append(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}")
                continue
            apart = _apart(here, other)
            far = max(far, apart)
            if here.ids.tolist() != other.ids.tolist():
                same = len({*here.ids.tolist()} & {*other.ids.tolist()})
                wrong.append(f"{name} at scale {scale} picks {same} of {n} alike")
            elif not apart <= SCORES:
                wrong.append(f"{name} at scale {scale}: scores {apart:.1e} apart")
    if wrong:
        raise Wrong("; ".join(wrong))
    return Found(
        f"{len(ASKED)} strategies, queries of {size:,} samples: the same picks, scores at most {far:.1e} apart"
    )


def _threads() -> int:
    """For the CPU's part where it is large; it decides last bits, so no run that must be repeated has it."""
    return min(os.cpu_count() or 1, 8)


def _apart(here: Selection, there: Selection) -> float:
    """The largest difference of a score, relative to the largest one; of what is not there (NaN), none."""
    most = 0.0
    for name, values in here.scores.items():
        a, b = values, there.scores[name]
        if not torch.equal(a.isnan(), b.isnan()):
            return float("inf")
        a, b = a[~a.isnan()], b[~b.isnan()]
        if len(a):
            most = max(most, float((a - b).abs().max() / a.abs().max().clamp(min=1e-300)))
    return most


def float64_run(learner: str, setting: Setting) -> Found:
    """A whole run of the embedded default in float64: every decision must be the CPU's."""
    short = {"epochs": 3, "n_end": 20, "classes_per_task": 5} if setting.small else {}
    config = preset_config("digits-demo", learner=learner, snapshots="off", **short)
    here, there = played(config), played(config.changed(device=setting.device))
    where = difference(here.events, there.events, MEASURES)
    if where:
        raise Wrong(f"CPU against {setting.device}: first at {where}; {ends(here, there)}")
    far = largest(here.events, there.events)
    return Found(
        f"{len(here.events)} events, every decision the same, measures at most {far:.0e} apart; {ends(there)}; "
        f"{there.seconds:.1f} s on {setting.device}, {here.seconds:.1f} s on the CPU"
    )


# -- networks ------------------------------------------------------------------------------------------


def networks(setting: Setting) -> Found:
    """The first steps of every network in float32, without and with replay, against the CPU's."""
    batch, steps = (4, 2) if setting.small else (16, 20)
    sides = (8, 8, 40) if setting.small else (32, 32, 64)
    kinds: dict[str, tuple[int, dict[str, Any]]] = {
        "mlp": (sides[0], {"model": "mlp"}),
        "cnn": (sides[0], {"model": "cnn"}),
        "resnet18": (sides[1], {"model": "resnet18"}),
        "resnet18 with max-pool": (sides[2], {"model": "resnet18"}),
        "frozen resnet18": (sides[0], {"backbone": "resnet18", "weights": "random"}),
    }
    said, wrong = [], []
    for name, (side, values) in kinds.items():
        config = make_config(
            {
                "dataset": "cifar10", "strategy": "uniform", "class_order": (0, 1, 2, 3), "n_start": batch,
                "n_query": batch, "n_end": batch, "batch_size": batch, "memory_batch_size": batch, "memory": 2 * batch,
                "epochs": steps, "lr": 0.01, "lr_end": 0.001, "precision": "float32", "snapshots": "off",
                "threads": 1 if setting.small else _threads(), **values,
            }
        )  # fmt: skip
        try:
            first, replayed = _losses_apart(config, stream(config, side, 2 * batch, batch, 4), setting)
        except Exception as error:  # noqa: BLE001 - the other networks are looked at too
            wrong.append(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}")
            continue
        said.append(f"{name} at {side} px {first:.1e}, then with replay {replayed:.1e}")
        if not first <= FIRST_LOSSES:
            wrong.append(f"{name} at {side} px: {first:.1e} apart, more than {FIRST_LOSSES}")
    told = f"losses of {steps} steps, largest relative difference: {'; '.join(said)}"
    if wrong:
        raise Wrong(f"{'; '.join(wrong)} ({told})")
    return Found(told)


def _losses_apart(config: RunConfig, images: TaskStream, setting: Setting) -> tuple[float, float]:
    """The largest relative difference of a step's loss between CPU and device, in the first task and the second.

    With as many labels as a batch holds, an epoch is one step, and its loss is told.
    """
    runs = []
    for device in ("cpu", setting.device):
        with _own_data_folder(setting):  # each works out the features of a frozen backbone by itself
            runs.append(played(config.changed(device=device), images).events)
    apart: dict[int, float] = {}
    for a, b in zip(*map(_epochs, runs), strict=True):
        apart[a.task] = max(apart.get(a.task, 0.0), abs(a.loss - b.loss) / max(a.loss, 0.1))
    return apart[1], apart[2]


def _epochs(events: list[Event]) -> list[Epoch]:
    return [event for event in events if isinstance(event, Epoch)]


@contextmanager
def _own_data_folder(setting: Setting) -> Iterator[None]:
    before = os.environ.get("ACL_DATA")
    with tempfile.TemporaryDirectory(dir=setting.folder) as folder:
        os.environ["ACL_DATA"] = folder
        try:
            yield
        finally:
            del os.environ["ACL_DATA"]
            if before is not None:
                os.environ["ACL_DATA"] = before


# -- the same each time, with and without graphs -------------------------------------------------------


def repeated(learner: str, setting: Setting) -> Found:
    """A run twice, eager and with CUDA graphs: the same bits. It has last batches that are smaller, steps with and
    without replay, two tasks, and is steered on its way."""
    side, model = (8, "cnn") if setting.small else (32, "resnet18")
    config = preset_config(
        "cifar10-paper-m100", learner=learner, strategy="accuacl", model=model, width=16, memory=20, n_start=24,
        n_query=24, n_end=72, epochs=1 if setting.small else 3, class_order=(0, 1, 2, 3), snapshots="off",
        device=setting.device,
    )  # fmt: skip
    images = stream(config, side, 150, 50, 4)
    eager, graphs = ([_steered(config.changed(cuda_graphs=on), images) for _ in range(2)] for on in (False, True))
    for name, (one, again) in {"eager": eager, "with CUDA graphs": graphs}.items():
        if where := difference(one.events, again.events):
            raise Wrong(f"{name}, the same run twice differs: first at {where}; {ends(one, again)}")
        if not same_weights(one, again):
            raise Wrong(f"{name}, the same run twice ends with other weights")
    seconds = f"{eager[1].seconds:.1f} s eager, {graphs[1].seconds:.1f} s with graphs"
    return Found(f"twice the same bits, eager and with CUDA graphs; {_between(eager[0], graphs[0])}; {seconds}")


def _steered(config: RunConfig, images: TaskStream) -> Played:
    return played(config, images, (2, 1), {"n_query": 16})


def _between(eager: Played, graphs: Played) -> str:
    """How the two are related. Wrong where rounding cannot be the reason."""
    where = difference(eager.events, graphs.events)
    if not where and same_weights(eager, graphs):
        return "both the same bits"
    pairs = list(zip(_epochs(eager.events), _epochs(graphs.events), strict=False))
    far = max(abs(a.loss - b.loss) / max(a.loss, 0.1) for a, b in pairs)
    if not far <= GRAPH_LOSSES:
        raise Wrong(
            f"with CUDA graphs the losses are up to {far:.1%} from those of the eager run: first at {where}; "
            f"{ends(eager, graphs)}"
        )
    return f"not the same bits as each other (losses at most {far:.1e} apart, first at {where or 'the weights'})"
