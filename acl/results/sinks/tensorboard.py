"""TensorBoard event files, a folder a run: curves at the wall times of the events, settings as text and HPARAMS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from acl.config import UserError
from acl.names import in_markdown
from acl.results.sinks.base import AFTER_TASK, Source, points

try:
    from tensorboardX import SummaryWriter
    from tensorboardX.summary import hparams
except ImportError:
    raise UserError("tensorboardX is not installed: pip install -r requirements.txt.") from None


def write(sources: Sequence[Source], folder: Path) -> None:
    for source in sources:
        own = folder / source.run.id
        for old in own.glob("events.out.tfevents.*"):
            old.unlink()
        with SummaryWriter(logdir=str(own)) as writer:
            _write(source, writer)


def _write(source: Source, writer: SummaryWriter) -> None:
    for point in points(source.history):
        writer.add_scalar(point.name, point.value, point.step, point.t)
    settings = source.settings
    plain = {name: v if isinstance(v, bool | int | float | str) else json.dumps(v) for name, v in settings.items()}
    table = "".join(f"| {name} | {in_markdown(str(value))} |\n" for name, value in plain.items())
    writer.add_text("settings", f"| setting | value |\n|---|---|\n{table}", 0, source.history.rows[0].t)
    for summary in hparams(plain, dict.fromkeys(AFTER_TASK, 0.0)):
        writer.file_writer.add_summary(summary)
