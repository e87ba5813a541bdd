"""Packages of another party, installed as far as Python can tell."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

from acl.plugins import registry

# The tests check the types of every call in acl: what a careless author would hand over must get past that.
FORCED = """
def forced(cls, **values):
    made = object.__new__(cls)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made

"""


class Site:
    """A folder on sys.path with a package that brings plug-ins; `add` them as source."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.points = folder, {"strategies": "", "learners": "", "datasets": ""}
        info = folder / "foreign-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
        monkeypatch.syspath_prepend(str(folder))
        # For processes that are started from here.
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))

    def add(self, kind: str, name: str, source: str, module: str = "") -> Path:
        """Its file. Adding a name again changes it."""
        module = module or f"foreign_{name}"
        path = self.folder / f"{module}.py"
        path.write_text(source)
        self.points[kind] += f"{name} = {module}\n"
        text = "".join(f"[acl.{kind}]\n{points}" for kind, points in self.points.items())
        (self.folder / "foreign-1.0.dist-info" / "entry_points.txt").write_text(text)
        self.forget()
        return path

    def forget(self) -> None:
        """What was imported from here, and what was found out about it."""
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "") or "").startswith(str(self.folder)):
                del sys.modules[name]
        importlib.invalidate_caches()
        for kept in (registry.discover, registry._loaded, registry._cut):
            kept.cache_clear()
