"""What a plug-in's file says of it, read without importing it.

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
are fetched for it (acl.stream.downloads).
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from acl.config import field_names
from acl.datasets.base import Base as Dataset
from acl.plugins.blame import blamed, fault

if TYPE_CHECKING:  # these two bring torch
    from acl.learners.base import Base as Learner
    from acl.strategies.base import Base as Strategy

Kind = Literal["strategies", "learners", "datasets"]
SINGULAR = {"strategies": "strategy", "learners": "learner", "datasets": "dataset"}

LAST = 1_000
"""The place of a plug-in that names none."""

# A run's id holds it.
NAME = re.compile("[a-z0-9][a-z0-9_-]*")


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


def described(kind: Kind, name: str, module: str, path: Callable[[], Path]) -> Plugin:
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
