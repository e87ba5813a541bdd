"""What settings and their choices are called, and why one changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from acl.config import RunConfig
from acl.plugins.registry import choices
from acl.plugins.unused import KINDS
from app.words.of_plugins import strategy


def changes(changed: Mapping[str, Any]) -> str:
    """Settings with their new values, e.g. "Query strategy BADGE, λ 0.20"."""
    return ", ".join(f"{SHORT.get(name, name.replace('_', ' '))} {_value(name, v)}" for name, v in changed.items())


SHORT = {
    "strategy": "strategy",
    "lambda": "λ",
    "n_query": "labels per round",
    "n_end": "budget per task",
    "lr": "learning rate",
}


def _value(name: str, value: Any) -> str:
    if name == "strategy":
        return strategy(str(value))
    if value is None:
        return "auto"
    return f"{value:g}" if isinstance(value, float) else option(str(value))


def settings(names: Iterable[str]) -> str:
    """The titles of these settings, e.g. "CL method, Memory size"."""
    titles = {info.alias or name: info.title for name, info in RunConfig.model_fields.items()}
    return ", ".join(titles.get(name) or name for name in names)


OPTIONS = {
    "mlp": "small MLP",
    "cnn": "small CNN",
    "resnet18": "ResNet-18",
    "cpu": "CPU",
    "cuda": "GPU (CUDA)",
    "crop_flip": "crop and mirror",
    "flip": "mirror",
    "class": "new classes",
    "domain": "all classes in a new look",
    "rotate": "rotated",
    "permute": "pixels permuted",
    "folders": "one folder a look",
    "auto": "automatic",
    "last_round": "last round of each task",
    "mobilenet_v3_small": "MobileNet v3 small",
    "resnet50": "ResNet-50",
    "efficientnet_lite0": "EfficientNet-Lite0",
}


def option(value: str) -> str:
    """How a form shows one choice of a setting."""
    return OPTIONS.get(value, value.replace("_", " "))


def in_titles(sentence: str) -> str:
    """A sentence about settings with their titles in the place of their names; choices stay as they are written."""
    sentence, choices_, rest = sentence.partition(" Choices: ")
    titles = {info.alias or name: info.title for name, info in RunConfig.model_fields.items()}
    named = re.sub(r"\b[a-z]+(_[a-z]+)+\b", lambda m: f"“{titles.get(m[0])}”" if m[0] in titles else m[0], sentence)
    first = named.split(" ", 1)[0].rstrip(":")
    return (named.replace(first, f"“{titles[first]}”", 1) if first in titles else named) + choices_ + rest


def why(sentence: str) -> str:
    """Why a setting changes nothing (acl.plugins.unused), for its widget's help: what plug-ins are called."""
    titles = {info.alias or name: f"“{info.title}”" for name, info in RunConfig.model_fields.items()}
    labels = {name: title for name, title in titles.items() if "_" in name}
    labels |= {name: plugin.label for kind in KINDS.values() for name, plugin in choices(kind).items()}
    said = re.sub(r"\bdoes not use \w+", "does not use this", sentence)
    said = re.sub(r"[\w=]+", lambda found: labels.get(found[0], found[0]), said)
    said = re.sub(r"(\w+)=(\w+)", lambda found: f"{titles.get(found[1], found[1])} = {option(found[2])}", said)
    return f"{said[0].upper()}{said[1:]}."
