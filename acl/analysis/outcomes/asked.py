"""What can be asked and what is answered: sets of samples of a query, and what the network becomes with their labels.

Nothing here needs torch, so that a page can ask and read.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from acl.config import RunConfig, UserError, told
from acl.events import Bought, Evaluated, History, Scored
from acl.names import text
from acl.runs.fork import Place, next_place, settings_after

Horizon = Literal["round", "budget", "next"]
"""When it is measured: after this round; after the task's budget is spent; after the next task. What is bought in
between, Uniform chooses from the run's own streams."""
Kind = Literal[
    "recorded", "own", "random", "equal_steps", "strategy", "lambda", "true_past", "dims_per_class", "oversample", "n",
    "seed", "distribution", "magnitude", "classes", "losses",
]  # fmt: skip
"""recorded: what the run bought, with the labels that it was given; own: samples that somebody named; random: drawn
blindly, of any size (smaller ones are the curve of fewer labels); equal_steps: the same sets, trained for as many steps
as a full one; strategy: the picks of the one named; lambda: AccuACL's picks at this λ; true_past: AccuACL's
picks with all of the past in the memory's place (acl.analysis.stand_in); dims_per_class, oversample, n, seed: what the
run's strategy picks with this value of the setting; distribution, magnitude: the
largest D, the largest M alone; classes, losses: random sets with as many samples of each class, of each tenth of the
pool by the loss of the true label, as the recorded picks."""
Setting = Literal["dims_per_class", "oversample", "n", "seed"]
"""What the picks of a run's own strategy can be followed along."""
PATHS: dict[Setting, tuple[float, ...]] = {
    "dims_per_class": (1.0, 2.0, 5.0, 10.0, 20.0),
    "oversample": (1.0, 1.5, 2.0, 3.0, 5.0),
    "n": (0.25, 0.5, 1.0, 1.5, 2.0),
    "seed": (0.0, 1.0, 2.0, 3.0, 4.0),
}
"""The values that are tried where nobody names others; of n they are shares of the query's."""
MOST_SAMPLES, MOST_SETS, MOST_REPEATS = 100_000, 10_000, 100
LEAST: dict[Setting, float] = {"dims_per_class": 1, "oversample": 1, "n": 0, "seed": 0}
CONTROLS: tuple[Kind, ...] = ("classes", "losses", "distribution", "magnitude")


@dataclass(frozen=True)
class Subset:
    """A set of samples of a query's pool. name: within its kind: a strategy, a λ, a number, what somebody called it."""

    kind: Kind
    name: str
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Trial:
    """A set, to be learned in one of the orders that the seed gives; repeat 0 is the run's own order."""

    subset: Subset
    repeat: int = 0


@dataclass(frozen=True)
class Outcome:
    """What a set did. accuracy, accuracy_aware (among the task's own classes), likelihood (mean of the true class): of
    every task seen at the horizon, in order, as fractions, by true test labels."""

    kind: Kind
    name: str
    ids: tuple[int, ...]
    repeat: int
    horizon: Horizon
    accuracy: tuple[float, ...]
    accuracy_aware: tuple[float, ...]
    likelihood: tuple[float, ...]

    @staticmethod
    def of(trial: Trial, horizon: Horizon, event: Evaluated) -> Outcome:
        """The outcome of `trial`, with the test figures of `event`."""
        subset = trial.subset
        rows = (tuple(event.accuracy), tuple(event.accuracy_aware), tuple(event.likelihood))
        return Outcome(subset.kind, subset.name, subset.ids, trial.repeat, horizon, *rows)

    @property
    def trial(self) -> Trial:
        """The set and its repeat, without what came of them."""
        return Trial(Subset(self.kind, self.name, self.ids), self.repeat)


@dataclass(frozen=True)
class Plan:
    """What to measure of a query.

    subsets: how many random sets of the query's own size, and a quarter as many of each smaller one; sizes: shares of
    the query's size, the curve of fewer labels (0 is the empty set); equal_steps: that curve also with as many steps as
    a full set has; strategies: names of plug-ins, or ("all",); lambdas: AccuACL's path; true_past: AccuACL's picks with
    the true past; paths: settings of the run's own strategy with the values to try, of n as shares of the query's n, of
    seed as numbers of streams; one that changes nothing there is left out; controls: kinds out of
    CONTROLS, `subsets` // 4 sets each of classes and losses; own: names and ids of somebody's own sets; recorded: the
    run's picks; repeats: orders that every set which is not drawn at random is learned in (random ones in one).
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    subsets: int = 200
    sizes: tuple[float, ...] = (0.0, 0.1, 0.25, 0.5, 1.0)
    equal_steps: bool = False
    strategies: tuple[str, ...] = ("all",)
    lambdas: tuple[float, ...] = ()
    true_past: bool = False
    paths: tuple[tuple[Setting, tuple[float, ...]], ...] = ()
    controls: tuple[Kind, ...] = ()
    own: tuple[tuple[str, tuple[int, ...]], ...] = ()
    recorded: bool = True
    repeats: int = 3
    horizon: Horizon = "round"

    def __post_init__(self) -> None:
        """UserError for a plan that makes no sense of any query."""
        if not 0 <= self.subsets <= MOST_SETS:
            raise UserError(f"subsets must be 0..{MOST_SETS:,}, got {self.subsets}.")
        if not 1 <= self.repeats <= MOST_REPEATS:
            raise UserError(f"repeats must be 1..{MOST_REPEATS}, got {self.repeats}.")
        for name, shares in (("sizes", self.sizes), ("lambdas", self.lambdas)):
            if wrong := [share for share in shares if not 0 <= share <= 1]:
                raise UserError(f"{name} must be between 0 and 1, got {wrong[0]:g}.")
        for name, values in self.paths:
            if wrong := [value for value in values if value < LEAST[name]]:
                raise UserError(f"{name} must be {LEAST[name]} or more, got {wrong[0]:g}.")
        if any(text(name) != name for name, _ in self.own):
            raise UserError("The name of a set must be one line of at most 1,000 characters that can be shown.")
        if unknown := [kind for kind in self.controls if kind not in CONTROLS]:
            raise UserError(f"The controls are {', '.join(CONTROLS)}, got '{unknown[0]}'.")

    def to_json(self) -> dict[str, Any]:
        """The values of the fields by name, for `from_json`."""
        return asdict(self)

    @staticmethod
    def from_json(value: Any) -> Plan:
        """A plan out of the values of its fields, as JSON or a user has them. UserError for what is none."""
        try:
            return _PLAN.validate_python(value)
        except ValidationError as error:
            raise UserError(told(error)) from None


_PLAN = TypeAdapter(Plan)


@dataclass(frozen=True)
class Progress:
    """Of `total` trials `done` are measured; eta_s: seconds that the rest takes, None before any was measured; said:
    sentences about what was left out."""

    done: int
    total: int
    eta_s: float | None = None
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class About:
    """Which query: of what run, task and round (both from 1); seed: of the run; n: samples that it buys; picks: what
    was bought, best first, None where it was not answered yet; evaluated: what the run measured after it."""

    run: str
    task: int
    round: int
    seed: int
    n: int
    picks: tuple[int, ...] | None
    evaluated: Evaluated | None

    @staticmethod
    def of(run: str, config: RunConfig, history: History, at: Place) -> About:
        """From the events alone."""
        bought = next((e for e in history.of(Bought) if (e.task, e.round) == at), None)
        evaluated = next((e for e in history.of(Evaluated) if (e.task, e.round) == at), None)
        n = len(bought.ids) if bought else settings_after(config, history.rows).n_query
        return About(run, *at, config.seed, n, tuple(bought.ids) if bought else None, evaluated)


def queries(history: History) -> list[Place]:
    """(task, round) of every query whose outcomes can be measured: those asked, and the one that is next."""
    there = {(query.task, query.round) for query in history.of(Scored)}
    following = next_place(history)
    return sorted(there | ({following} if following and following[1] > 0 else set()))
