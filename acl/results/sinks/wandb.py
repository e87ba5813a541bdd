"""Weights & Biases runs, offline: they stay in the folder until `wandb sync` is called by hand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from acl.config import UserError
from acl.results.sinks.base import Source, points
from acl.system.files import no_link

# Also offline, W&B would send its own errors home.
os.environ["WANDB_ERROR_REPORTING"] = "false"
try:
    import wandb
except ImportError:
    raise UserError("Weights & Biases is not installed: pip install -r requirements-sinks.txt.") from None

PROJECT = "acl-explorer"
# Nothing of this machine or of the folder we are called in: it is not where the run was.
OFFLINE = {
    "mode": "offline", "silent": True, "console": "off", "disable_git": True, "disable_code": True,
    "x_disable_meta": True, "x_disable_stats": True, "x_disable_machine_info": True, "x_save_requirements": False,
}  # fmt: skip


def write(sources: Sequence[Source], folder: Path) -> None:
    """Write these runs into folder/wandb, each anew. UserError where that is a link, or wandb cannot write."""
    try:
        for source in sources:
            for old in no_link(folder / "wandb").glob(f"offline-run-*-{source.run.id}"):
                shutil.rmtree(no_link(old))
            _write(source, folder)
    except wandb.Error as error:
        raise UserError(f"Weights & Biases could not write into {folder}: {error}.") from None
    finally:
        # Another process writes the files, and only its end says that they are whole.
        wandb.teardown()


def _write(source: Source, folder: Path) -> None:
    id_ = source.run.id
    settings = wandb.Settings(**OFFLINE)
    run = wandb.init(project=PROJECT, dir=folder, id=id_, name=id_, config=source.settings, settings=settings)
    # W&B's own step only rises; each curve has its own.
    for name, steps in {point.name: point.steps for point in points(source.history)}.items():
        run.define_metric(name, step_metric=steps)
    for point in points(source.history):
        run.log({point.name: point.value, point.steps: point.step, "_timestamp": point.t})
    run.finish(exit_code=0)
