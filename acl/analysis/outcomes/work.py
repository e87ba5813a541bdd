"""A plan worked off: its sets in pieces, many small networks at once, and each piece kept as soon as it is measured.

What is in the record already is not measured again, so that who is interrupted goes on where he was.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from acl.analysis.outcomes import record, stacked, true_past
from acl.analysis.outcomes.asked import Horizon, Outcome, Plan, Progress, Trial
from acl.analysis.outcomes.measure import check_horizon, measure
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.sets import Say, stood_in, trials

STACK = 32
"""Networks trained at once: more of them no longer fit the processor's cache."""


def pieces(query: Query, found: Sequence[Trial], horizon: Horizon) -> list[list[Trial]]:
    """`found` in pieces that are measured at once, in the order of their first sets."""
    if horizon != "round" or not stacked.can_stack(query):
        return [[trial] for trial in found]
    alike: dict[tuple[bool, int], list[Trial]] = {}
    for trial in found:
        alike.setdefault((trial.subset.kind == "equal_steps", len(trial.subset.ids)), []).append(trial)
    return [each[i : i + STACK] for each in alike.values() for i in range(0, len(each), STACK)]


def measured(query: Query, piece: Sequence[Trial], horizon: Horizon) -> list[Outcome]:
    """The outcomes of one of the `pieces`, in its order. The run's own order of its own picks is always learned by the
    loop itself, so that it can be held against what the run recorded."""
    if len(piece) == 1 or horizon != "round" or not stacked.can_stack(query):
        return [measure(query, trial, horizon) for trial in piece]
    alone = {row: measure(query, trial) for row, trial in enumerate(piece) if _is_oracle(trial)}
    others = iter(stacked.measure(query, [trial for row, trial in enumerate(piece) if row not in alone]))
    return [alone[row] if row in alone else next(others) for row in range(len(piece))]


def _is_oracle(trial: Trial) -> bool:
    return trial.subset.kind == "recorded" and trial.repeat == 0


class Work:
    """What `plan` wants of a query, to be measured and kept in the record of the run (see `record`; `runs`: the runs
    folder that the page or command looks into).

    UserError where the plan makes no sense of this query.
    """

    def __init__(self, query: Query, plan: Plan, runs: Path, say: Say = lambda sentence: None) -> None:
        self.query, self.plan, self.runs = query, plan, runs
        self.said: list[str] = []

        def hear(sentence: str) -> None:
            self.said.append(sentence)
            say(sentence)

        check_horizon(query, plan.horizon)
        self.trials = trials(query, plan, hear)
        if plan.true_past:
            true_past.keep(stood_in(query), query.run, query.place, runs)
        self.pieces = pieces(query, self.trials, plan.horizon)
        self._cost = {trial: query.loop.labelled_so_far + len(trial.subset.ids) for trial in self.trials}
        self._began: tuple[float, int] | None = None
        self._measured: set[Trial] = set()

    def outcomes(self) -> list[Outcome]:
        """What is known of the plan's sets, in its order."""
        wanted = set(self.trials)
        kept = record.load(self.query.run, self.query.place, self.runs)
        known = {o.trial: o for o in kept if o.horizon == self.plan.horizon and o.trial in wanted}
        return [known[trial] for trial in self.trials if trial in known]

    def missing(self) -> list[list[Trial]]:
        """What of each piece is still to be measured; pieces of which nothing is are left out."""
        # What this process kept and cannot read again is not measured for ever.
        known = {outcome.trial for outcome in self.outcomes()} | self._measured
        left = ([trial for trial in piece if trial not in known] for piece in self.pieces)
        return [piece for piece in left if piece]

    def step(self, piece: Sequence[Trial]) -> None:
        """Measure one of the `missing` pieces and keep it. OSError where no disk takes it."""
        found = measured(self.query, piece, self.plan.horizon)
        record.append(self.query.run, self.query.place, self.runs, found)
        self._measured |= set(piece)

    def progress(self) -> Progress:
        """How many trials are measured, and the seconds that the rest takes at the speed since the first call (other
        processes may measure too); None while nothing was measured since."""
        left = [trial for piece in self.missing() for trial in piece]
        cost, now = sum(self._cost[trial] for trial in left), time.monotonic()
        # Others may work on it too: what counts is how fast it becomes less.
        began, before = self._began = self._began or (now, cost)
        eta = (now - began) / (before - cost) * cost if cost < before else None
        return Progress(len(self.trials) - len(left), len(self.trials), eta, tuple(self.said))
