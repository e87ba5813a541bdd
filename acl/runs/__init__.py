"""The run folder: what a run leaves, and what can be done with it."""

from acl.runs.folder import Run, create, list_runs, resolved

__all__ = ["Run", "create", "list_runs", "resolved"]
