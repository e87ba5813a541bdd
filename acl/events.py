"""The facts a run can report, one JSON line each, and History: what they add up to.

Tasks, rounds and epochs count from 1; round 0 is the labelling of the first samples of a task. Two runs of
the same config agree in every value but those named in INCIDENTAL. What is decided (ids, labels, accuracies) is exact;
what is measured (losses, likelihoods) is rounded to float32, so that processors that differ at 1e-15 say the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal, TypeVar, assert_never, get_args

from pydantic import TypeAdapter

from acl.names import from_json, moment

Phase = Literal["score", "buy", "train", "evaluate"]
PHASES: tuple[Phase, ...] = ("score", "buy", "train", "evaluate")
INCIDENTAL = frozenset({"t", "cost", "seconds", "machine"})


@dataclass(frozen=True, order=True)
class Position:
    """A place in a run; the phases of a round are ordered as in PHASES."""

    task: int
    round: int
    phase_index: int

    @staticmethod
    def at(task: int, round_: int, phase: Phase) -> Position:
        """The position of a phase by its name."""
        return Position(task, round_, PHASES.index(phase))

    @property
    def phase(self) -> Phase:
        """The phase by its name."""
        return PHASES[self.phase_index]


@dataclass(frozen=True)
class Started:
    """The run began. `tasks`: for each task its classes, pool and test size; machine: acl.system.machine.described."""

    kind: ClassVar[str] = "started"
    stream: str
    class_names: list[str]
    tasks: list[dict[str, Any]]
    device: str
    machine: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskStarted:
    """A task arrived, all of it unlabelled; the model and the memory as they are now are its base."""

    kind: ClassVar[str] = "task"
    task: int
    classes: list[int]
    pool: int
    memory: int


@dataclass(frozen=True)
class Scored:
    """A query strategy has chosen `ids`, best first, out of `pool` samples. cost: seconds and bytes."""

    kind: ClassVar[str] = "scored"
    task: int
    round: int
    strategy: str
    ids: list[int]
    pool: int
    lambda_: float
    cost: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Bought:
    """Samples were labelled, n_labelled of the task in all.

    by: who chose them: a strategy, "start" for the random first ones, "full", "human", or "nobody" where a budget
    that was cut buys none. replaced: the strategy's picks that a human did not take; by_hand: ids whose label a
    human gave.
    """

    kind: ClassVar[str] = "bought"
    task: int
    round: int
    ids: list[int]
    labels: list[int]
    by: str
    n_labelled: int
    replaced: list[int] = field(default_factory=list)
    by_hand: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Epoch:
    """An epoch (from 1) of a training is done; loss: the mean over its steps."""

    kind: ClassVar[str] = "epoch"
    task: int
    round: int
    epoch: int
    loss: float


@dataclass(frozen=True)
class Trained:
    """A training is done. loss: the mean over the steps of its last epoch; images: samples of all its steps, replayed
    ones too; seconds: how long it took."""

    kind: ClassVar[str] = "trained"
    task: int
    round: int
    loss: float
    images: int
    seconds: float


@dataclass(frozen=True)
class Remembered:
    """The memory was updated at the end of a task, or cut since, where a run was steered to a smaller one."""

    kind: ClassVar[str] = "remembered"
    task: int
    ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class Evaluated:
    """One entry for each task seen so far: accuracy, its task-aware twin, likelihood of the true class."""

    kind: ClassVar[str] = "evaluated"
    task: int
    round: int
    accuracy: list[float]
    accuracy_aware: list[float]
    likelihood: list[float]
    final: bool


@dataclass(frozen=True)
class Finished:
    """The run is done; summary: as in acl.metrics.summarise."""

    kind: ClassVar[str] = "finished"
    summary: dict[str, Any]


@dataclass(frozen=True)
class Steered:
    """Settings changed from this query on: name → new value, as in config.json."""

    kind: ClassVar[str] = "steered"
    task: int
    round: int
    changes: dict[str, Any]


@dataclass(frozen=True)
class Resumed:
    """A worker took up a run again, on this machine: what came after line `after` belonged to unfinished work and is
    void."""

    kind: ClassVar[str] = "resumed"
    task: int
    round: int
    after: int
    machine: dict[str, str] = field(default_factory=dict)


E = TypeVar("E")
InTask = TaskStarted | Steered | Scored | Bought | Epoch | Trained | Remembered | Evaluated | Resumed
"""What happens within a task."""
Event = Started | InTask | Finished
"""Whoever decides by the kind of an event matches all of them, and ends with assert_never: mypy finds what is new."""
KINDS: dict[str, type[Any]] = {cls.kind: cls for cls in get_args(Event)}


def place_after(event: Event) -> tuple[int, int] | None:
    """Task and round of the query to go on from after this event: within a round its own, else the next one."""
    match event:
        case Started():
            return 1, 0
        case TaskStarted():
            return event.task, 0
        case Steered() | Scored() | Bought() | Trained():
            return event.task, event.round
        case Evaluated(final=False):
            return event.task, event.round + 1
        case Remembered() | Evaluated():
            return event.task + 1, 0
        case Finished() | Epoch() | Resumed():
            return None
        case _:
            assert_never(event)


_ADAPTERS: dict[str, TypeAdapter[Any]] = {kind: TypeAdapter(cls) for kind, cls in KINDS.items()}


def to_line(event: Event, seq: int, t: float) -> str:
    """One line of events.jsonl: seq (line number from 0), t (Unix seconds), kind, and the event's fields."""
    return json.dumps({"seq": seq, "t": round(t, 3), "kind": event.kind, **asdict(event)}) + "\n"


def from_line(line: str) -> tuple[int, float, Event | None]:
    """seq, t and the event, `legible` (acl.names); None for a kind of a later version. ValueError if none."""
    try:
        raw = from_json(line)
        seq, t, cls = int(raw["seq"]), moment(raw["t"]), KINDS.get(raw["kind"])
        if cls is None:
            return seq, t, None
        # pydantic's ValidationError is a ValueError: a value of the wrong type is no event either.
        values = {f.name: raw[f.name] for f in fields(cls) if f.name in raw}
        return seq, t, _ADAPTERS[raw["kind"]].validate_python(values)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"not an event: {error}") from None


@dataclass(frozen=True)
class Row:
    """An event with its line number and time."""

    seq: int
    t: float
    event: Event


class History:
    """Events added up. `add` is all that changes it; everything else reads."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.rows: list[Row] = []
        self._by_kind: dict[type[Any], list[Any]] = {}
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Add the next row. A `Resumed` removes the rows after its `after`, other than earlier `Resumed`, before it is
        added: what was half done is done again."""
        if isinstance(row.event, Resumed):
            after = row.event.after
            kept = [old for old in self.rows if old.seq <= after or isinstance(old.event, Resumed)]
            self.rows, self._by_kind = [], {}
            for old in kept:
                self._append(old)
        self._append(row)

    def _append(self, row: Row) -> None:
        self.rows.append(row)
        self._by_kind.setdefault(type(row.event), []).append(row.event)

    def of(self, kind: type[E]) -> list[E]:
        """The events of this kind, in order."""
        return self._by_kind.get(kind, [])

    @property
    def last_durable(self) -> int:
        """Line number of the last event that ends a piece of work (an epoch does not); -1 if none."""
        return max((row.seq for row in self.rows if not isinstance(row.event, Epoch)), default=-1)

    @property
    def started(self) -> Started | None:
        """The event of the run's beginning; None if there is none yet."""
        found = self.of(Started)
        return found[0] if found else None

    @property
    def finished(self) -> Finished | None:
        """The event of the run's end; None if it has not finished."""
        found = self.of(Finished)
        return found[-1] if found else None

    def bought(self, task: int) -> list[Bought]:
        """The purchases of one task, in order of their rounds."""
        return [event for event in self.of(Bought) if event.task == task]

    def finals(self) -> list[Evaluated]:
        """The evaluations that end a task: the rows of R, up to the first that is missing (damaged events)."""
        rows = [event for event in self.of(Evaluated) if event.final]
        return [event for place, event in enumerate(rows, start=1) if event.task == place]
