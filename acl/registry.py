"""Plug-ins: the file name is the plug-in's name. Listing reads the files, only using one imports it.

A plug-in is one file in acl/strategies, acl/learners or acl/datasets that defines one class (a subclass of
its folder's base), and may say at the top LABEL = "…" (its name in the literature) and SETTINGS = (…), the
RunConfig fields that change what it does; those that its dataclass has as fields need not be named again. The
first line of its docstring is its description. Other packages add theirs by an entry point in the group
acl.strategies, acl.learners or acl.datasets whose value is the module.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from acl.blame import blamed
from acl.config import FULL, RunConfig, UserError, field_names, near
from acl.contradictions import refuse_contradictions
from acl.device import cuda_devices
from acl.downloads import data_dir, weights_file
from acl.tasks import cut

Kind = Literal["strategies", "learners", "datasets"]
SINGULAR = {"strategies": "strategy", "learners": "learner", "datasets": "dataset"}

# The settings that decide how a set is cut into tasks.
CUT_BY = ["scenario", "classes_per_task", "class_order", "shuffle_classes", "max_per_class", "domain", "domains"]


@dataclass(frozen=True)
class Plugin:
    kind: Kind
    name: str
    module: str
    label: str
    summary: str
    settings: tuple[str, ...] = field(default=())
    fields: tuple[str, ...] = field(default=())

    @property
    def uses(self) -> frozenset[str]:
        """The settings that change what it does: those it names in SETTINGS, and its dataclass's fields."""
        return frozenset(self.settings + self.fields)

    def load(self) -> type[Any]:
        """The plug-in's class; the module is imported now. UserError if it cannot be."""
        module = importlib.import_module(self.module)
        base: type[Any] = importlib.import_module(f"acl.{self.kind}.base").Base
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, base) and value.__module__ == module.__name__:
                return value
        raise UserError(f"{self.module} defines no subclass of acl.{self.kind}.base.Base.")


def _describe(kind: Kind, name: str, module: str, path: Path) -> Plugin:
    tree = ast.parse(path.read_text("utf-8"))
    constants = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in {"LABEL", "SETTINGS"}
    }
    summary = (ast.get_docstring(tree) or "").split("\n")[0]
    label, settings = constants.get("LABEL", name), tuple(constants.get("SETTINGS", ()))
    return Plugin(kind, name, module, label, summary, settings, _fields(tree))


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


FULL_LABELS = Plugin("strategies", FULL, "", "Full labels", "No selection: every sample of the task is labelled.")


@cache
def discover(kind: Kind) -> dict[str, Plugin]:
    """Every plug-in of `kind` by name, ours and those of installed packages, without importing them."""
    folder = Path(__file__).parent / kind
    found = {
        path.stem: _describe(kind, path.stem, f"acl.{kind}.{path.stem}", path)
        for path in sorted(folder.glob("*.py"))
        if path.stem not in {"__init__", "base"}
    }
    for point in entry_points(group=f"acl.{kind}"):
        if point.name not in found:
            found[point.name] = _describe_foreign(kind, point.name, point.value)
    return found


def _describe_foreign(kind: Kind, name: str, module: str) -> Plugin:
    """Another package's plug-in. One that cannot be read is listed with its trouble: it must not break the menus."""
    try:
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise ImportError(f"there is no module {module}")
        return _describe(kind, name, module, Path(spec.origin))
    except (ImportError, SyntaxError, OSError, ValueError) as error:
        return Plugin(kind, name, module, name, f"Cannot be read ({error}).")


@cache
def owned(kind: Kind) -> frozenset[str]:
    """The settings that belong to plug-ins of this kind: those that ours name. Another package's plug-in may use any
    setting, and takes none away from the others."""
    ours = [found for found in discover(kind).values() if found.module.startswith(f"acl.{kind}.")]
    return frozenset(name for found in ours for name in found.settings)


def choices(kind: Kind) -> dict[str, Plugin]:
    """What a config may name: the plug-ins, and for strategies also the full labels."""
    return discover(kind) | ({FULL: FULL_LABELS} if kind == "strategies" else {})


def plugin(kind: Kind, name: str) -> Plugin:
    """The plug-in `name`. Unknown: UserError with the near match and the choices."""
    found = discover(kind)
    if name not in found:
        raise UserError(near(name, choices(kind), SINGULAR[kind]))
    return found[name]


def build(kind: Kind, name: str, config: RunConfig) -> Any:
    """A plug-in's object: its dataclass fields that are also RunConfig fields are filled from `config`."""
    found = plugin(kind, name)
    with blamed(SINGULAR[kind], name):
        cls = found.load()
        names = getattr(cls, "__dataclass_fields__", {})
        return cls(**{name: getattr(config, name) for name in names if name in RunConfig.model_fields})


@lru_cache(maxsize=2)
def _loaded(dataset: Any, folder: str, mark: object) -> Any:
    """The ImageSet of a dataset, kept: forms and pages ask for it again and again."""
    return dataset.load()


@lru_cache(maxsize=2)
def _cut(dataset: Any, folder: str, mark: object, config: RunConfig) -> Any:
    """Kept too: a set in other looks takes seconds to make."""
    return cut(_loaded(dataset, folder, mark), config)


def _stream(config: RunConfig) -> Any:
    dataset = build("datasets", config.dataset, config)
    names = [*CUT_BY, "seed"] if config.shuffle_classes else CUT_BY
    only = RunConfig(**{name: getattr(config, name) for name in names})
    with blamed("dataset", config.dataset):
        return _cut(dataset, str(data_dir()), dataset.mark(), only)


def prepare(config: RunConfig) -> Any:
    """Everything that can be wrong with `config` is said here (UserError), before anything is created.

    Returns the acl.datasets.base.TaskStream the run will see. Imports no torch.
    """
    if config.strategy != FULL:
        plugin("strategies", config.strategy)
    if config.device == "cuda" and not cuda_devices():
        raise UserError("device is cuda, but this machine shows no CUDA GPU: set device=cpu.")
    if config.backbone != "none":
        weights_file(config.backbone, config.weights)
    learner = plugin("learners", config.learner)
    stream = _stream(config)
    stream.check(config, uses_memory="memory" in learner.settings)
    refuse_contradictions(config, stream)
    return stream
