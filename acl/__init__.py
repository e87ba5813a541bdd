"""The engine of ACL Explorer: active continual learning, step by step, without any user interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from acl.frames import load_runs

__all__ = ["load_runs"]


def __getattr__(name: str) -> Any:
    # Imported when it is asked for: it brings pandas, which a command line should not wait for.
    if name == "load_runs":
        from acl.frames import load_runs

        return load_runs
    raise AttributeError(f"module 'acl' has no attribute '{name}'")
