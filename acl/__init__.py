"""The engine of ACL Explorer: active continual learning, step by step, without any user interface.

In a notebook (README, "As a library"): config, Loop, run, load_runs, outcomes, worth, select, write_snapshot.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from acl import config as settings
from acl import earlier_names

if TYPE_CHECKING:
    from acl.config import UserError
    from acl.loop import Loop
    from acl.presets import preset_config as config  # noqa: F811
    from acl.results.frames import load_runs
    from acl.results.outcomes import outcomes
    from acl.results.worth import worth
    from acl.service.here import run
    from acl.snapshots.choosing import select
    from acl.snapshots.writer import write_snapshot

    __version__: str

__all__ = ["Loop", "UserError", "config", "load_runs", "outcomes", "run", "select", "worth", "write_snapshot"]

WHERE = {
    "Loop": "acl.loop",
    "UserError": "acl.config",
    "load_runs": "acl.results.frames",
    "outcomes": "acl.results.outcomes",
    "run": "acl.service.here",
    "select": "acl.snapshots.choosing",
    "worth": "acl.results.worth",
    "write_snapshot": "acl.snapshots.writer",
}
earlier_names.install()


class _Config(ModuleType):
    """The module acl.config, which is also a function: acl.config("digits-demo", seed=1) are the settings of a run."""

    def __call__(self, preset: str = "digits-demo", **values: Any) -> settings.RunConfig:
        """A preset with other `values`, named as `acl settings` lists them. UserError where one is wrong."""
        from acl.presets import preset_config

        return preset_config(preset, **values)


sys.modules[settings.__name__].__class__ = _Config


def __getattr__(name: str) -> Any:
    # Imported when they are asked for: they bring pandas and torch, which a command line should not wait for.
    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    if name == "__version__":
        from acl.system.version import here

        return here()
    raise AttributeError(f"module 'acl' has no attribute '{name}'")
