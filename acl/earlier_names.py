"""Names that modules had before they were sorted into folders, for plug-ins and scripts written then.

`import acl.query` gives the very module `acl.selection.query`, and `python -m acl.worker` runs the worker.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from types import CodeType, ModuleType
from typing import Any

NAMES = {
    "acl.query": "acl.selection.query",
    "acl.fisher": "acl.selection.fisher",
    "acl.models": "acl.network.models",
    "acl.images": "acl.network.images",
    "acl.registry": "acl.plugins.registry",
    "acl.snapshot": "acl.snapshots.snapshot",
    "acl.whatif": "acl.analysis.what_if",
    "acl.frames": "acl.results.frames",
    "acl.backend": "acl.service.backend",
    "acl.worker": "acl.service.worker",
}


class _Same(InspectLoader):
    """Loads nothing: the module of the new name is the module."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(self.name)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just written the old name into it.
        module.__spec__ = self.spec

    def get_code(self, fullname: str) -> CodeType | None:
        spec = find_spec(self.name)
        assert spec is not None and isinstance(spec.loader, InspectLoader)
        return spec.loader.get_code(self.name)

    def get_source(self, fullname: str) -> str | None:
        return None


class _Finder(MetaPathFinder):
    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        name = NAMES.get(fullname)
        return spec_from_loader(fullname, _Same(name)) if name else None


def install() -> None:
    """Asked only for what is found nowhere else. Twice is once."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
