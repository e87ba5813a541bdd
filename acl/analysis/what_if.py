"""What if? AccuACL asked again about one frozen query, with other settings; and why a sample was not picked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from acl.config import RunConfig, UserError
from acl.selection.fisher import Information, Kept, keep_largest
from acl.selection.query import QueryContext
from acl.strategies.accuacl import choose, n_candidates

LAMBDA_TOLERANCE = 0.002
Ranges = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Settings:
    """What may be changed: weight of the past, number of picks, Fisher entries per output, candidates per pick.

    One value, by which answers can be kept.
    """

    lambda_: float
    n: int
    dims_per_class: int
    oversample: float

    @classmethod
    def recorded(cls, context: QueryContext, config: RunConfig) -> Settings:
        """Those that the query of a run with these settings was asked with."""
        return cls(context.lambda_, context.n, config.dims_per_class, config.oversample)

    def asked(self, context: QueryContext) -> QueryContext:
        """The query with λ and n of these."""
        return replace(context, lambda_=self.lambda_, n=self.n)


@dataclass(frozen=True)
class Ranking:
    """What AccuACL makes of the pool. candidates: positions, best D first; picked: positions, best M first."""

    kept: Kept
    magnitude: Float64[Tensor, " pool"]
    distribution: Float64[Tensor, " pool"]
    candidates: Int64[Tensor, " candidates"]
    picked: Int64[Tensor, " n"]


@dataclass(frozen=True)
class Reason:
    """Where a sample stands. Ranks count from 1; by_magnitude is its place among the candidates, None if it is none.

    ranges: the λ, lowest and highest, between which it is picked.
    """

    by_distribution: int
    by_magnitude: int | None
    candidates: int
    n: int
    ranges: Ranges


class Microscope:
    """One query, frozen. What does not depend on the settings is worked out once."""

    def __init__(self, context: QueryContext) -> None:
        self.context = context
        self.information = Information.of(context)

    def rank(self, settings: Settings) -> Ranking:
        """The recorded settings give the recorded picks exactly. UserError where the settings make no sense."""
        pool = len(self.context.pool)
        if not 1 <= settings.n <= pool:
            raise UserError(f"n must be 1..{pool} (samples in the pool), got {settings.n}.")
        if not 0 <= settings.lambda_ <= 1:
            raise UserError(f"lambda must be between 0 and 1, got {settings.lambda_}.")
        if settings.dims_per_class < 1 or not settings.oversample >= 1:
            raise UserError(
                f"dims_per_class and oversample must be 1 or more, got {settings.dims_per_class} "
                f"and {settings.oversample}."
            )
        total = self.information.target(settings.lambda_).total
        kept = keep_largest(total, settings.dims_per_class * self.context.n_classes)
        cut = n_candidates(settings.n, settings.oversample, pool)
        magnitude, distribution = self.information.scores(kept, cut)
        candidates, picked = choose(magnitude, distribution, self.context.pool.ids, settings.n, settings.oversample)
        return Ranking(kept, magnitude, distribution, candidates, picked)

    def ribbon(self, settings: Settings, lambdas: Sequence[float]) -> Bool[Tensor, "lambdas pool"]:
        """Who is picked at each λ, all other settings equal."""
        rows = torch.zeros(len(lambdas), len(self.context.pool), dtype=torch.bool)
        for row, lambda_ in zip(rows, lambdas, strict=True):
            row[self.rank(replace(settings, lambda_=lambda_)).picked] = True
        return rows


def ranges(picked: Sequence[bool], lambdas: Sequence[float], picked_at: Callable[[float], bool]) -> Ranges:
    """Between which λ a sample is picked, from what was tried (`picked` at `lambdas`, ascending); each end is then
    sought more closely by halving."""

    def end(inside: float, outside: float) -> float:
        while abs(outside - inside) > LAMBDA_TOLERANCE:
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if picked_at(middle) else (inside, middle)
        return inside

    found, last = [], len(lambdas) - 1
    for here, group in groupby(range(len(lambdas)), key=lambda step: picked[step]):
        steps = list(group)
        if here:
            low, high = steps[0], steps[-1]
            left = end(lambdas[low], lambdas[low - 1]) if low > 0 else lambdas[low]
            right = end(lambdas[high], lambdas[high + 1]) if high < last else lambdas[high]
            found.append((left, right))
    return tuple(found)


def why(position: int, ranking: Ranking, picked_between: Ranges = ()) -> Reason:
    """Where the sample at this position of the pool stands, and at which λ it would be picked (see `ranges`)."""
    d, m = ranking.distribution, ranking.magnitude
    candidates = ranking.candidates.tolist()
    # Positions are in order of id: an equal score at a lower position comes first.
    by_distribution = 1 + _before(d, position)
    by_magnitude = None
    if position in candidates:
        among = ranking.candidates.sort().values
        by_magnitude = 1 + _before(m[among], int((among == position).nonzero()[0, 0]))
    return Reason(by_distribution, by_magnitude, len(candidates), len(ranking.picked), picked_between)


def _before(scores: Float64[Tensor, " n"], place: int) -> int:
    better = int((scores > scores[place]).sum())
    return better + int((scores[:place] == scores[place]).sum())


def sentence(reason: Reason, tried: int) -> str:
    """The reason in plain words; `tried`: at how many λ the ranges were sought, 0 where λ changes nothing."""
    if reason.by_magnitude is None:
        said = f"Rank {reason.by_distribution} by distribution, the cut is {reason.candidates}"
    elif reason.by_magnitude > reason.n:
        said = (
            f"It passed the distribution cut (rank {reason.by_distribution} of {reason.candidates}), but is rank "
            f"{reason.by_magnitude} by magnitude among those, and {reason.n} are picked"
        )
    else:
        return (
            f"Picked: rank {reason.by_distribution} by distribution (the cut is {reason.candidates}), rank "
            f"{reason.by_magnitude} by magnitude among those that passed."
        )
    return f"{said}; {_enters(reason.ranges, tried)}."


def _enters(between: Ranges, tried: int) -> str:
    if not between:
        # A range may lie between two values that were tried.
        return f"none of the {tried} values of λ tried would pick it" if tried else "no λ would pick it"
    return "it enters at " + " or ".join(map(_range, between))


def _range(between: tuple[float, float]) -> str:
    low, high = between
    if low <= 0:
        return "every λ" if high >= 1 else f"λ ≤ {high:.2f}"
    if high >= 1:
        return f"λ ≥ {low:.2f}"
    return f"λ = {low:.2f}" if low == high else f"λ from {low:.2f} to {high:.2f}"
