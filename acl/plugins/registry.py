"""Plug-ins: the file name is the plug-in's name. Listing reads the files, only using one imports it.

A plug-in is one file in acl/strategies, acl/learners or acl/datasets that defines one class (a subclass of
its folder's base). The first line of its docstring is its description. All else that is known of it stands in
the file too, as constants that are read without importing it, each of them optional:

    LABEL     its name in the literature
    SETTINGS  the RunConfig fields that change what it does; its dataclass's fields need not be named again
    ORDER     its place in tables and legends, the paper's order; without, it comes after, by name
    COLOUR    of a strategy, "#RRGGBB"; without, it gets one of its own
    SCORES    of a strategy: for each score it returns {"name": …, "short": …, "log": True}: what it is called on
              an axis and in small places, and whether it is drawn on a logarithmic one
    AXES      of a strategy: the two scores that tell most about its choice, across and up
    PICKS     of a strategy: "the largest", if it picks the largest score; or how it goes on after the largest
    UNPACKED  of a dataset that is fetched: the folder in which torchvision keeps it, read where it lies

A strategy's module may have a function flops(context, config), for one that takes long; a dataset's the FILES that
are fetched for it (acl.stream.downloads). Other packages add theirs by an entry point in the group acl.strategies,
acl.learners or acl.datasets whose value is the module.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache, lru_cache, partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from acl.config import FULL, RunConfig, UserError, field_names, near
from acl.datasets.base import Base as Dataset
from acl.plugins.blame import blamed, fault
from acl.plugins.contradictions import refuse_contradictions
from acl.plugins.reading import read
from acl.stream.downloads import WEIGHTS, Files, data_dir, missing, unpacked, weights_file
from acl.stream.tasks import cut
from acl.stream.types import ImageSet, TaskStream
from acl.system.device import no_gpu

if TYPE_CHECKING:  # these two bring torch
    from acl.learners.base import Base as Learner
    from acl.strategies.base import Base as Strategy

Kind = Literal["strategies", "learners", "datasets"]
SINGULAR = {"strategies": "strategy", "learners": "learner", "datasets": "dataset"}

LAST = 1_000
"""The place of a plug-in that names none."""

# A run's id holds it.
NAME = re.compile("[a-z0-9][a-z0-9_-]*")

# The settings that decide how a set is cut into tasks.
CUT_BY = ["scenario", "classes_per_task", "class_order", "shuffle_classes", "max_per_class", "domain", "domains"]


@dataclass(frozen=True)
class Plugin:
    """trouble: why its file cannot be read; such a plug-in is listed, and refused where it is used."""

    kind: Kind
    name: str
    module: str
    label: str
    summary: str
    settings: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    order: int = LAST
    colour: str = ""
    scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    axes: tuple[str, str] | None = None
    picks: str = ""
    fetched: bool = False
    unpacked: str = ""
    trouble: str = ""

    @property
    def what(self) -> str:
        """What it is, in the singular: strategy, learner or dataset."""
        return SINGULAR[self.kind]

    @property
    def ours(self) -> bool:
        """Whether it comes with ACL Explorer, and not from plug-ins of the user."""
        return self.module.startswith("acl.")

    @property
    def uses(self) -> frozenset[str]:
        """The settings that change what it does: those it names in SETTINGS, and its dataclass's fields."""
        return frozenset(self.settings + self.fields)

    def its(self, name: str) -> Any:
        """A function or value of its module, which is imported now; None where it has none of that name."""
        with blamed(self):
            return getattr(importlib.import_module(self.module), name, None)

    def load(self) -> type[Strategy] | type[Learner] | type[Dataset]:
        """The plug-in's class; the module is imported now. PluginError if it cannot be, or has none or several."""
        with blamed(self):
            module = importlib.import_module(self.module)
        if self.trouble:
            raise fault(self, f"cannot be read: {self.trouble}", module)
        base: type[Strategy] | type[Learner] | type[Dataset] = importlib.import_module(f"acl.{self.kind}.base").Base
        own = {
            value
            for value in vars(module).values()
            if inspect.isclass(value) and issubclass(value, base) and value.__module__ == module.__name__
        }
        # A class that another one builds on is not what is meant.
        found = [one for one in own if not any(issubclass(other, one) for other in own - {one})]
        if len(found) != 1:
            names = ", ".join(sorted(one.__name__ for one in found)) or "none"
            raise fault(self, f"must be one subclass of {base.__module__}.Base, and {self.module} has {names}", module)
        return found[0]


def _described(kind: Kind, name: str, module: str, path: Callable[[], Path]) -> Plugin:
    """What a plug-in's file says of it. One that cannot be read is listed with its trouble: it must not break the
    menus, whatever a package of another party does when Python looks for its module."""
    try:
        return _describe(kind, name, module, path())
    except (Exception, SystemExit) as error:  # noqa: BLE001
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        return Plugin(kind, name, module, name, f"Cannot be read ({reason}).", trouble=reason)


def _describe(kind: Kind, name: str, module: str, path: Path) -> Plugin:
    if not NAME.fullmatch(name):
        raise ValueError("its name must be lower-case letters, digits, _ and -")
    tree = ast.parse(path.read_text("utf-8"))
    said = dict(_constants(tree))
    for constant, value in said.items():
        holds, what = WELL_FORMED[constant]
        if not holds(value):
            raise ValueError(f"{constant} must be {what}")
    for setting in said.get("SETTINGS", ()):
        if setting not in field_names():
            raise ValueError(f"SETTINGS names {setting!r}, which is no setting")
    return Plugin(
        kind,
        name,
        module,
        said.get("LABEL", name),
        (ast.get_docstring(tree) or "").split("\n")[0],
        tuple(said.get("SETTINGS", ())),
        _fields(tree),
        said.get("ORDER", LAST),
        said.get("COLOUR", ""),
        said.get("SCORES", {}),
        said.get("AXES"),
        said.get("PICKS", ""),
        "FILES" in _assigned(tree),
        said.get("UNPACKED", ""),
    )


def _are_texts(value: Any) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(one, str) for one in value)


def _are_scores(value: Any) -> bool:
    kinds = {"name": str, "short": str, "log": bool}
    return isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(said, dict) and "name" in said
        and all(isinstance(one, kinds.get(what, ())) for what, one in said.items())
        for name, said in value.items()
    )  # fmt: skip


WELL_FORMED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "LABEL": (lambda value: isinstance(value, str), "a text"),
    "SETTINGS": (_are_texts, "a tuple of names"),
    "ORDER": (lambda value: type(value) is int, "a whole number"),
    "COLOUR": (lambda value: isinstance(value, str) and bool(re.fullmatch("#[0-9A-Fa-f]{6}", value)), 'like "#0072B2"'),
    "SCORES": (_are_scores, 'like {"gain": {"name": "gain in information", "short": "gain", "log": True}}'),
    "AXES": (
        lambda value: isinstance(value, tuple) and _are_texts(value) and len(value) == 2,
        "the names of two scores",
    ),
    "PICKS": (lambda value: isinstance(value, str), "a text"),
    "UNPACKED": (lambda value: isinstance(value, str), "a text"),
}


def _assigned(tree: ast.Module) -> dict[str, ast.expr]:
    """What the file gives names to at its top."""
    found: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    found[target.id] = node.value
    return found


def _constants(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """Those of WELL_FORMED that the file gives: values that can be read without running it."""
    for name, value in _assigned(tree).items():
        if name in WELL_FORMED:
            yield name, ast.literal_eval(value)


def _fields(tree: ast.Module) -> tuple[str, ...]:
    """The settings among the fields of the module's dataclasses, as users write them."""
    written = {attribute: name for name, attribute in field_names().items()}
    classes = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any("dataclass" in ast.unparse(mark) for mark in node.decorator_list)
    ]
    named = [
        node.target.id
        for found in classes
        for node in found.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    return tuple(written[name] for name in named if name in written)


FULL_LABELS = Plugin(
    "strategies", FULL, "", "Full labels", "No selection: every sample of the task is labelled.", order=-1
)


@cache
def discover(kind: Kind) -> dict[str, Plugin]:
    """Every plug-in of `kind` by name, ours and those of installed packages, without importing them."""
    folder = Path(__file__).parents[1] / kind
    found = {
        path.stem: _described(kind, path.stem, f"acl.{kind}.{path.stem}", path.absolute)
        for path in sorted(folder.glob("*.py"))
        if path.stem not in {"__init__", "base"}
    }
    for point in entry_points(group=f"acl.{kind}"):
        if point.name not in found:
            found[point.name] = _described(kind, point.name, point.value, partial(_file_of, point.value))
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
