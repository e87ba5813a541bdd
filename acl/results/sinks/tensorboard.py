"""TensorBoard event files, a folder a run: curves at the wall times of the events, settings as text and HPARAMS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from acl.config import UserError
from acl.names import in_markdown
from acl.results.sinks.base import AFTER_TASK, Source, points
from acl.system.files import no_link

try:
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.summary import hparams, scalar, text
except ImportError:
    raise UserError("tensorboardX is not installed: pip install -r requirements.txt.") from None


def write(sources: Sequence[Source], folder: Path) -> None:
    """Write these runs into `folder`, each anew in the folder of its id. UserError where that is a link, OSError where
    the disk does not take it."""
    for source in sources:
        own = no_link(folder / source.run.id)
        for old in own.glob("events.out.tfevents.*"):
            old.unlink()
        own.mkdir(exist_ok=True)
        # Not through SummaryWriter: its thread would wait for ever on a disk that takes no more.
        events = EventsWriter(str(own / "events"))
        try:
            _write(source, events)
        finally:
            events.close()


def _write(source: Source, events: EventsWriter) -> None:
    for point in points(source.history):
        events.write_event(Event(wall_time=point.t, step=point.step, summary=scalar(point.name, point.value)))
    settings = source.settings
    plain = {name: v if isinstance(v, bool | int | float | str) else json.dumps(v) for name, v in settings.items()}
    table = "".join(f"| {name} | {in_markdown(str(value))} |\n" for name, value in plain.items())
    began = source.history.rows[0].t
    said = text("settings", f"| setting | value |\n|---|---|\n{table}")
    for summary in (said, *hparams(plain, dict.fromkeys(AFTER_TASK, 0.0))):
        events.write_event(Event(wall_time=began, step=0, summary=summary))
