"""Which device there is and what is said of it, without a GPU: the driver, NVML and torch's CUDA are played."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from acl.runs.control import Status, read_status, write_status
from acl.runs.folder import create
from acl.service.worker import execute
from acl.system import device, gauge
from acl.system.device import no_gpu, no_gpu_sentence, visible_gpus
from acl.system.gauge import Gauge
from app import words
from tests.conftest import small_config


@pytest.fixture
def driver(monkeypatch):
    """driver(answer, count) plays the driver; it answers as it does where nothing is hidden and torch has CUDA."""

    def play(answer: int = 0, count: int = 0, shown: str | None = None, has_cuda: bool = True) -> None:
        monkeypatch.setattr(device, "_driver", lambda: (answer, count))
        monkeypatch.setattr(device, "_torch_has_cuda", lambda: has_cuda)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if shown is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)

    return play


# -- is there one, and why not? ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("played", "why"),
    [
        ({"count": 1}, ""),
        ({"count": 1, "shown": "0"}, ""),
        ({"count": 1, "shown": ""}, "CUDA_VISIBLE_DEVICES is empty"),
        ({"count": 1, "shown": "-1"}, "CUDA_VISIBLE_DEVICES is -1"),
        ({"answer": 100}, "the NVIDIA driver sees none"),
        ({"answer": 100, "shown": "7"}, "CUDA_VISIBLE_DEVICES is 7, and no GPU has that name"),
        ({"answer": 803}, "the NVIDIA driver answers with error 803"),
        ({"count": 2, "has_cuda": False}, "this torch is built without CUDA"),
    ],
)
def test_why_no_gpu_can_be_used(driver, played, why):
    driver(**played)
    assert no_gpu() == why
    said = f"No GPU is usable here ({why}): this run is made for the CPU." if why else ""
    assert no_gpu_sentence("auto") == said and no_gpu_sentence("cpu") == no_gpu_sentence("cuda") == ""


def test_no_driver_is_told_from_no_gpu(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(device, "_driver", lambda: None)
    assert no_gpu() == "no NVIDIA driver" and device.cuda_devices() == 0


def test_what_torch_is_built_with_is_read_without_importing_it(monkeypatch, tmp_path):
    assert device._torch_has_cuda.__wrapped__() == (torch.version.cuda is not None)
    for line, has in (("cuda: Optional[str] = None", False), ("cuda = '12.8'", True)):
        (tmp_path / "version.py").write_text(f"__version__ = '2'\n{line}\nhip: Optional[str] = 'cuda'\n")
        found = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
        monkeypatch.setattr(device.importlib.util, "find_spec", lambda name, found=found: found)
        assert device._torch_has_cuda.__wrapped__() == has


@pytest.mark.parametrize(
    ("shown", "count", "names"),
    [(None, 2, ["0", "1"]), ("3,1", 2, ["3", "1"]), ("1, x, 0", 1, ["1"]), ("GPU-ab,GPU-cd", 2, ["GPU-ab", "GPU-cd"]),
     ("", 0, [])],
)  # fmt: skip
def test_gpus_are_named_as_they_were_shown(driver, shown, count, names):
    driver(count=count, shown=shown)
    assert visible_gpus() == names


# -- what a run takes of it ----------------------------------------------------------------------------


class NvmlError(Exception):
    pass


def nvml(busy: object = 92):
    def rates(card):
        if isinstance(busy, Exception):
            raise busy
        assert card == "card GPU-ab-cd"
        return SimpleNamespace(gpu=busy)

    return SimpleNamespace(
        NVMLError=NvmlError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: f"card {uuid}",
        nvmlDeviceGetUtilizationRates=rates,
    )


@pytest.fixture
def card(monkeypatch):
    found = SimpleNamespace(name="NVIDIA H100 80GB HBM3", total_memory=79 * 2**30, uuid="ab-cd")
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: found)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 3 * 2**30)


def test_a_gpu_is_measured_by_torch_and_nvml(card, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    load = Gauge("cuda", 1).read()
    assert load == gauge.Load("NVIDIA H100 80GB HBM3", 3 * 2**30, 79 * 2**30, 92.0)


@pytest.mark.parametrize("there", [None, nvml(NvmlError("Not Supported"))])
def test_without_nvml_or_in_a_part_of_a_card_its_use_is_not_known(card, monkeypatch, there):
    monkeypatch.setitem(sys.modules, "pynvml", there)
    load = Gauge("cuda", 1).read()
    assert load.busy is None and load.memory_used == 3 * 2**30


def test_a_cpu_is_measured_at_most_once_a_second(monkeypatch):
    now = 100.0
    monkeypatch.setattr(gauge.time, "monotonic", lambda: now)
    monkeypatch.setattr(gauge.psutil.Process, "cpu_percent", lambda self: 150.0)
    measured = Gauge("cpu", 2)
    first = measured.read()
    assert first.device_name == "CPU, 2 threads" and first.busy is None  # nothing to compare with yet
    assert 2**20 < first.memory_used < first.memory_total
    now = 100.9
    assert measured.read() is first
    now = 101.0
    assert measured.read().busy == 75.0


def test_the_worker_reports_it(runs, monkeypatch):
    monkeypatch.setattr(gauge, "MEASURED_S", 0.0)
    run = create(small_config(), runs)
    execute(run)
    said = read_status(run.path)
    assert said and said.device_name == "CPU, 1 thread" and said.memory_used > 2**20 and said.busy is not None
    assert said.gpu == ""


def test_a_status_without_all_that_can_be_read(runs):
    run = create(small_config(), runs)
    (run.path / "status.json").write_text('{"state": "playing", "device": "cuda", "progress": 0.5}')
    said = read_status(run.path)
    assert said and said.progress == 0.5 and (said.device_name, said.memory_used, said.busy) == ("", 0, None)
    assert words.device(said) == "GPU (CUDA)"
    write_status(run.path, replace(said, device_name="CPU, 1 thread", busy=99.5))
    assert read_status(run.path).busy == 99.5


# -- how it is said ------------------------------------------------------------------------------------

ON_GPU = Status("playing", device="cuda", device_name="NVIDIA H100 80GB HBM3", memory_used=3328599654,
                memory_total=79 * 2**30, busy=92.0)  # fmt: skip
ON_CPU = Status("playing", device="cpu", device_name="CPU, 1 thread", memory_used=429496730,
                memory_total=15 * 2**30, busy=100.0)  # fmt: skip


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (ON_GPU, "GPU H100 · 3.1 of 79 GiB · 92 % busy"),
        (ON_CPU, "CPU, 1 thread · 0.4 GiB · 100 % busy"),
        (replace(ON_GPU, busy=None), "GPU H100 · 3.1 of 79 GiB"),
        (replace(ON_GPU, state="paused"), "GPU H100 · 3.1 of 79 GiB"),
        (replace(ON_GPU, state="finished"), "GPU H100"),
        (Status("playing", device="cpu"), "CPU"),
    ],
)
def test_the_page_says_it_in_a_line(status, said):
    assert words.device(status) == said
    assert words.pace_of_work(status).endswith(said)


@pytest.mark.parametrize(
    ("name", "short"),
    [("NVIDIA A100-SXM4-40GB", "A100"), ("Tesla V100-PCIE-16GB", "V100"), ("NVIDIA GeForce RTX 4090", "RTX 4090"),
     ("NVIDIA RTX A6000", "RTX A6000"), ("Tesla T4", "T4"), ("NVIDIA H200", "H200"), ("NVIDIA GH200 480GB", "GH200")],
)  # fmt: skip
def test_a_card_is_called_as_people_call_it(name, short):
    assert words.device(replace(ON_GPU, device_name=name)).split(" · ")[0] == f"GPU {short}"
