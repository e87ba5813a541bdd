"""acl.run(): a run worked to its end in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from acl.config import RunConfig, UserError
from acl.events import Event
from acl.plugins.registry import prepare
from acl.runs.folder import Run, create, resolved
from acl.service.worker import execute


def run(config: RunConfig, folder: str | Path = "runs", on_event: Callable[[Event], None] | None = None) -> Run:
    """Make a run of these settings in `folder`, as `acl run` does, and work it to its end. `on_event` hears each event.

    Returns:
        The run: its `id`, `path`, `history()` and `summary` (A, F, F_diag, R, ..., fractions 0..1). Killed, it can be
        gone on with: `acl resume`.

    Raises:
        UserError: settings that cannot be run, a folder that takes no files, a run that somebody stopped.
    """
    made = create(resolved(config, prepare(config)), Path(folder))
    status = execute(made, on_event and (lambda _, event: on_event(event)))
    if status.state != "finished":
        raise UserError(f"Run {made.id} was stopped before its end: acl resume {made.id} goes on.")
    return made
