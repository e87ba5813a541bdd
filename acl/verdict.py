"""What a verification found, kept in the run folder until the run changes."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from acl.files import disk_trouble, read_json, write_json
from acl.runs import Run


@dataclass(frozen=True)
class Verdict:
    """compared: events that agreed, before the first `difference` (a sentence; empty if there is none), which is in
    this task and round."""

    compared: int
    difference: str = ""
    task: int = 0
    round: int = 0


def keep(run: Run, verdict: Verdict) -> None:
    """Leave the verdict in the run folder."""
    with disk_trouble("The run", run.path):
        size = run.events.stat().st_size
        write_json(run.path / "verified.json", {**asdict(verdict), "t": time.time(), "events_bytes": size})


def kept(run: Run) -> Verdict | None:
    """What the last verification said, if the run has not gone on since."""
    raw = read_json(run.path / "verified.json")
    try:
        if raw is None or run.events.stat().st_size != raw["events_bytes"]:
            return None
        return Verdict(raw["compared"], raw["difference"], raw["task"], raw["round"])
    except (OSError, KeyError):
        return None
