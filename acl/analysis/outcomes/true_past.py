"""What a query's memory is as a stand-in for the true past, and where that is kept (made by acl.analysis.stand_in).

Nothing here needs torch, so that a page can read it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from acl.analysis.outcomes import record
from acl.runs.folder import Run
from acl.runs.fork import Place
from acl.system.files import read_json, write_json


@dataclass(frozen=True)
class ClassShare:
    """A class in the past: `kept`, its samples in the memory; memory, past: its share (0..1) of the information of the
    memory and of the past over the kept entries; cosine: of the two over its own entries."""

    label: int
    kept: int
    memory: float
    past: float
    cosine: float


@dataclass(frozen=True)
class StandIn:
    """distance, cosine: of F(M) and F(U_1..t−1) over the kept entries, the distance as D has it (Jensen–Shannon, of
    their softmax over the mean kept F*); size: ‖F(M)‖ / ‖F(U_1..t−1)‖ there; blind: the distances of blind memories of
    the same size, their 5 %, 50 % and 95 % points; nearer: the share of these that are nearer than the memory, ties
    half; weight, true_weight: the past's share of F* over its kept entries, with the memory and with the true past;
    entries: the share of the kept entries that AccuACL would keep with the true past too; memory_picks, picks:
    what AccuACL picks with the memory, and with the true past in its place, best first."""

    distance: float
    cosine: float
    size: float
    blind: tuple[float, float, float]
    nearer: float
    weight: float
    true_weight: float
    entries: float
    classes: tuple[ClassShare, ...]
    memory_picks: tuple[int, ...]
    picks: tuple[int, ...]


_STAND_IN = TypeAdapter(StandIn)


def place(run: Run, at: Place, runs: Path) -> Path:
    """Outside the run folder: it can be worked out again."""
    return record.elsewhere(run, at, runs).with_name(f"{at[0]:02d}-{at[1]:02d}.stand-in.json")


def keep(found: StandIn, run: Run, at: Place, runs: Path) -> None:
    """OSError where no disk takes it."""
    path = place(run, at, runs)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, asdict(found), sync=False)


def load(run: Run, at: Place, runs: Path) -> StandIn | None:
    """What was kept of a query; None where nothing was, or what stands there is none."""
    try:
        return _STAND_IN.validate_python(read_json(place(run, at, runs)))
    except ValidationError:
        return None
