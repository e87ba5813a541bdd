"""Plug-ins: the file name is the plug-in's name. Listing reads the files, only using one imports it.

A plug-in is one file in acl/strategies, acl/learners or acl/datasets (see acl.plugins.description). Other packages add
theirs by an entry point in the group acl.strategies, acl.learners or acl.datasets whose value is the module.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from dataclasses import fields, is_dataclass, replace
from functools import cache, lru_cache, partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from acl.config import FULL, RunConfig, UserError, near
from acl.datasets.base import Base as Dataset
from acl.plugins.blame import blamed, fault
from acl.plugins.contradictions import refuse_contradictions
from acl.plugins.description import SINGULAR, Kind, Plugin, described
from acl.plugins.reading import read
from acl.stream.downloads import WEIGHTS, Files, data_dir, missing, unpacked, weights_file
from acl.stream.tasks import cut
from acl.stream.types import ImageSet, TaskStream
from acl.system.device import no_gpu

if TYPE_CHECKING:  # these two bring torch
    from acl.learners.base import Base as Learner
    from acl.strategies.base import Base as Strategy

# The settings that decide how a set is cut into tasks.
CUT_BY = ["scenario", "classes_per_task", "class_order", "shuffle_classes", "max_per_class", "domain", "domains"]

FULL_LABELS = Plugin(
    "strategies", FULL, "", "Full labels", "No selection: every sample of the task is labelled.", order=-1
)


@cache
def discover(kind: Kind) -> dict[str, Plugin]:
    """Every plug-in of `kind` by name, ours and those of installed packages, without importing them."""
    folder = Path(__file__).parents[1] / kind
    found = {
        path.stem: described(kind, path.stem, f"acl.{kind}.{path.stem}", path.absolute)
        for path in sorted(folder.glob("*.py"))
        if path.stem not in {"__init__", "base"}
    }
    for point in entry_points(group=f"acl.{kind}"):
        if point.name not in found:
            found[point.name] = described(kind, point.name, point.value, partial(_file_of, point.value))
    return found


def _file_of(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ImportError(f"there is no module {module}")
    return Path(spec.origin)


@cache
def owned(kind: Kind) -> frozenset[str]:
    """The settings that belong to plug-ins of this kind: those that ours name. Another package's plug-in may use any
    setting, and takes none away from the others."""
    ours = [found for found in discover(kind).values() if found.module.startswith(f"acl.{kind}.")]
    return frozenset(name for found in ours for name in found.settings)


def choices(kind: Kind) -> dict[str, Plugin]:
    """What a config may name: the plug-ins, and for strategies also the full labels."""
    return discover(kind) | ({FULL: FULL_LABELS} if kind == "strategies" else {})


def in_order(kind: Kind) -> tuple[str, ...]:
    """The names of `choices`, in the paper's order; what it does not have follows, by name."""
    found = choices(kind)
    return tuple(sorted(found, key=lambda name: (found[name].order, name)))


def fetched() -> dict[str, Files]:
    """The files that `acl data get` brings, by the name of the dataset or backbone."""
    return {name: one.its("FILES") for name, one in discover("datasets").items() if one.fetched} | WEIGHTS


def lying(name: str) -> Path | None:
    """Where a fetched set or a backbone's weights lie; None where they are still to be fetched."""
    if not missing(name, fetched()[name]):
        return data_dir() / name
    found = discover("datasets").get(name)
    return unpacked(name, found.unpacked) if found and found.unpacked else None


def plugin(kind: Kind, name: str) -> Plugin:
    """The plug-in `name`. Unknown: UserError with the near match and the choices."""
    found = discover(kind)
    if name not in found:
        raise UserError(near(name, choices(kind), SINGULAR[kind]))
    return found[name]


@overload
def build(kind: Literal["strategies"], name: str, config: RunConfig) -> Strategy: ...
@overload
def build(kind: Literal["learners"], name: str, config: RunConfig) -> Learner: ...
@overload
def build(kind: Literal["datasets"], name: str, config: RunConfig) -> Dataset: ...
def build(kind: Kind, name: str, config: RunConfig) -> Strategy | Learner | Dataset:
    """A plug-in's object: its dataclass fields are RunConfig fields, filled from `config`. PluginError if it cannot
    be made."""
    found = plugin(kind, name)
    cls = found.load()
    if inspect.isabstract(cls):
        raise fault(found, f"lacks the method {', '.join(sorted(cls.__abstractmethods__))}", cls)
    names: list[str] = [one.name for one in fields(cls) if one.init] if is_dataclass(cls) else []
    for name_ in names:
        if name_ not in RunConfig.model_fields:
            raise fault(found, f"has the field '{name_}', and there is no setting of that name to fill it", cls)
    with blamed(found, cls):
        return cls(**{name_: getattr(config, name_) for name_ in names})


@lru_cache(maxsize=2)
def _loaded(dataset: Dataset, found: Plugin, folder: str, mark: object) -> ImageSet:
    """The ImageSet of a dataset, kept: forms and pages ask for it again and again."""
    return read(found, dataset)


@lru_cache(maxsize=2)
def _cut(dataset: Dataset, found: Plugin, folder: str, mark: object, config: RunConfig) -> TaskStream:
    """Kept too: a set in other looks takes seconds to make."""
    return cut(_loaded(dataset, found, folder, mark), config)


def _stream(config: RunConfig) -> TaskStream:
    found, dataset = plugin("datasets", config.dataset), build("datasets", config.dataset, config)
    names = [*CUT_BY, "seed"] if config.shuffle_classes else CUT_BY
    only = RunConfig(**{name: getattr(config, name) for name in names})
    with blamed(found, type(dataset).mark, type(dataset)):
        mark = dataset.mark()
        hash((dataset, mark))  # what is kept is found again by them
    return _cut(dataset, found, str(data_dir()), mark, only)


def prepare(config: RunConfig) -> TaskStream:
    """Everything that can be wrong with `config` is said here (UserError), before anything is created.

    Returns the stream that the run will see. Imports no torch.
    """
    if config.strategy != FULL:
        plugin("strategies", config.strategy)
    if config.device == "cuda" and (why := no_gpu()):
        raise UserError(f"device is cuda, but no CUDA GPU is usable here ({why}): set device=cpu.")
    if config.backbone != "none":
        weights_file(config.backbone, config.weights)
    learner = plugin("learners", config.learner)
    stream = _stream(config)
    stream.check(config)
    refuse_contradictions(config, stream)
    note = stream.small_memory(config.memory) if "memory" in learner.settings else ""
    return replace(stream, notes=(*stream.notes, note)) if note else stream
