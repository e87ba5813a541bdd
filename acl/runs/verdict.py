"""What a verification found, kept in the run folder until the run changes."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, fields

from pydantic import TypeAdapter, ValidationError

from acl.runs.folder import Run
from acl.runs.plausible import Whole
from acl.system.files import disk_trouble, read_json, write_json


@dataclass(frozen=True)
class Verdict:
    """compared: events that agreed, before the first `difference` (a sentence; empty if there is none), which is in
    this task and round. elsewhere: what was another where the run was recorded; with it, what is measured was compared
    to 1e-6, else bit for bit. figures: what the run ends with here, if it differs."""

    compared: Whole
    difference: str = ""
    task: Whole = 0
    round: Whole = 0
    elsewhere: tuple[str, ...] = ()
    figures: str = ""

    @property
    def sentence(self) -> str:
        """All of it for a reader. On another machine a difference is no fault: float32 promises no more."""
        others = ", ".join(self.elsewhere)
        how = f"to six digits, because it was recorded with another processor or other versions: {others}"
        if not self.difference:
            agreed = f"{self.compared} events, their models and snapshots"
            if not self.elsewhere:
                return f"Bit for bit the same: {agreed}."
            return f"The same: {agreed}, every decision exactly, what was measured {how}."
        if not self.elsewhere:
            return f"It differs. {self.difference}."
        return (
            f"Worked out here it takes another way: {self.difference}. It was recorded with another processor or other "
            f"versions: {others}; the last digits differ then, and grow in float32.{self.figures}"
        )


_VERDICT = TypeAdapter(Verdict)


def keep(run: Run, verdict: Verdict) -> None:
    """Leave the verdict in the run folder; a recording is left as it is."""
    if run.recorded:
        return
    with disk_trouble("The run", run.path):
        size = run.events.stat().st_size
        write_json(run.path / "verified.json", {**asdict(verdict), "t": time.time(), "events_bytes": size})


def kept(run: Run) -> Verdict | None:
    """What the last verification said, if the run has not gone on since."""
    raw = read_json(run.path / "verified.json")
    try:
        if raw is None or run.events.stat().st_size != raw["events_bytes"]:
            return None
        return _VERDICT.validate_python({f.name: raw[f.name] for f in fields(Verdict)})
    except (OSError, KeyError, ValidationError):
        return None
