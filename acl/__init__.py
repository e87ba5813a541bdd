"""The engine of ACL Explorer: active continual learning, step by step, without any user interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from acl import earlier_names

if TYPE_CHECKING:
    from acl.results.frames import load_runs
    from acl.results.outcomes import outcomes
    from acl.snapshots.writer import write_snapshot

__all__ = ["load_runs", "outcomes", "write_snapshot"]

earlier_names.install()


def __getattr__(name: str) -> Any:
    # Imported when they are asked for: they bring pandas and torch, which a command line should not wait for.
    if name == "load_runs":
        from acl.results.frames import load_runs

        return load_runs
    if name == "outcomes":
        from acl.results.outcomes import outcomes

        return outcomes
    if name == "write_snapshot":
        from acl.snapshots.writer import write_snapshot

        return write_snapshot
    raise AttributeError(f"module 'acl' has no attribute '{name}'")
