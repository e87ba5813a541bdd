"""Named starting points: a preset is a name, one line of advice, and the settings that differ from the defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from acl.config import NO_CHOICE, RunConfig, UserError, make_config, near


@dataclass(frozen=True)
class Preset:
    """label: its name to be shown; summary: one line of advice; values: settings by name that differ from the
    defaults."""

    label: str
    summary: str
    values: dict[str, Any]


# SplitCIFAR10 on one CPU thread: a part of the images, a small network, few epochs, and a step size that suits them.
QUICK: dict[str, Any] = {
    "dataset": "cifar10",
    "model": "cnn",
    "width": 64,
    "max_per_class": 1000,
    "n_start": 100,
    "n_query": 100,
    "n_end": 500,
    "memory": 200,
    "memory_policy": "balanced",
    "epochs": 20,
    "lr": 0.03,
    "lr_end": 0.003,
    "momentum": 0.9,
    "augment": "flip",
}
# The same photographs as the features of a trained network: a small head learns them from few labels, in seconds.
PHOTOS: dict[str, Any] = {
    "dataset": "cifar10",
    "backbone": "efficientnet_lite0",
    "max_per_class": 1000,
    "n_start": 20,
    "n_query": 20,
    "n_end": 100,
    "memory": 50,
    "memory_policy": "balanced",
    "lr": 0.01,
    "lr_end": 0.01,
}
# The paper's setting, as in the authors' code; what `paper` means depends on the learner (acl.learners).
PAPER: dict[str, Any] = {
    "model": "resnet18",
    "device": "auto",
    "memory_policy": "reservoir",
    "refill": "paper",
    "replay": "paper",
    "epochs": 100,
    "batch_size": 16,
    "memory_batch_size": 16,
    "lr": 0.01,
    "lr_end": 0.001,
    "momentum": 0.8,
    "weight_decay": 0.0,
    "augment": "crop_flip",
}
CIFAR10 = PAPER | {"dataset": "cifar10", "classes_per_task": 2, "n_start": 100, "n_query": 100, "n_end": 1000}
CIFAR100 = CIFAR10 | {"dataset": "cifar100", "classes_per_task": 10}
TINYIMAGENET = PAPER | {
    "dataset": "tinyimagenet",
    "classes_per_task": 20,
    "n_start": 200,
    "n_query": 200,
    "n_end": 2000,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "augment": "flip",
}


def _paper(data: str, values: dict[str, Any], memory: int, assumed: str = "") -> Preset:
    """The paper's setting with a memory of this size; `assumed`: its budget, where the authors publish none."""
    budget = f", label budget {assumed} a task (assumed)" if assumed else ""
    summary = f"Split{data.replace('-', '')} with ResNet-18 as in the paper, {memory} remembered samples{budget}; "
    return Preset(f"{data}, paper, M = {memory}", summary + "hours on a GPU.", values | {"memory": memory})


PRESETS: dict[str, Preset] = {
    "digits-demo": Preset(
        "Digits, scarce memory",
        "SplitDigits, 5 tasks of 2 classes, 40 labels a task, 10 remembered samples; seconds on a laptop.",
        {"memory_policy": "balanced"},
    ),
    "digits-m20": Preset(
        "Digits, twice the memory",
        "The same stream with 20 remembered samples: less is forgotten; seconds on a laptop.",
        {"memory_policy": "balanced", "memory": 20},
    ),
    "cifar10-quick": Preset(
        "CIFAR-10, small network",
        "SplitCIFAR10, 5 tasks of 2 classes, 1,000 images of each, a small CNN, 500 labels a task; minutes on a CPU.",
        QUICK,
    ),
    "cifar10-photos": Preset(
        "CIFAR-10, photographs",
        "SplitCIFAR10, 5 tasks of 2 classes, 1,000 photographs of each, seen through a network trained on photographs "
        "(requirements-photos.txt), 100 labels a task; features once, about two minutes, then seconds on a CPU.",
        PHOTOS,
    ),
    "cifar10-paper-m100": _paper("CIFAR-10", CIFAR10, 100),
    "cifar10-paper-m200": _paper("CIFAR-10", CIFAR10, 200),
    "cifar100-paper-m500": _paper("CIFAR-100", CIFAR100, 500, "100 + 9×100"),
    "cifar100-paper-m1000": _paper("CIFAR-100", CIFAR100, 1000, "100 + 9×100"),
    "tinyimagenet-paper-m2000": _paper("TinyImageNet", TINYIMAGENET, 2000, "200 + 9×200"),
    "tinyimagenet-paper-m5000": _paper("TinyImageNet", TINYIMAGENET, 5000, "200 + 9×200"),
}


def preset_config(name: str, **values: Any) -> RunConfig:
    """The settings of preset `name` with `values` on top. Unknown name or bad value: UserError."""
    if name not in PRESETS:
        raise UserError(near(name, PRESETS, "preset"))
    if "method" in values:
        raise UserError(NO_CHOICE)
    return make_config({**PRESETS[name].values, "preset": name, **values})
