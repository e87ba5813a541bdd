"""All the sets of a plan, measured: stacked where the network is small, else one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from acl.analysis.outcomes import stacked
from acl.analysis.outcomes.asked import Horizon, Outcome, Trial
from acl.analysis.outcomes.measure import check_horizon, measure
from acl.analysis.outcomes.query import Query

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
    """The outcomes of one of the `pieces`, in its order."""
    if len(piece) == 1:
        return [measure(query, piece[0], horizon)]
    return stacked.measure(query, piece)


def outcomes(query: Query, found: Sequence[Trial], horizon: Horizon = "round") -> Iterator[Outcome]:
    """Of all these sets, as they are measured. UserError where the query has no such horizon."""
    check_horizon(query, horizon)
    for piece in pieces(query, found, horizon):
        yield from measured(query, piece, horizon)
