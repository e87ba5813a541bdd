"""Measure assets/lesson/choice.jsonl anew, by the real engine: make choice.

What ten of sixty digits do, bought in one query of a recorded run: the choices of strategies, blind ones, and fewer
labels; and what is known of each of the sixty. app/lesson/choosing/shipped.py reads it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from acl.analysis.outcomes.asked import Horizon, Outcome, Subset, Trial
from acl.analysis.outcomes.candidates import Candidates
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.work import measured, pieces
from acl.runs.folder import Run

HOME = Path(__file__).resolve().parent
FILE = HOME / "lesson" / "choice.jsonl"
# Uniform chose before it, so that what was labelled already favours no strategy, and a task follows it. With 20 to 30
# labels an epoch has two steps, however many of the ten are bought: fewer labels differ in nothing else.
RUN, AT, SIZE = "recorded-er-uniform-digits-s0", (4, 2), 60
STRATEGIES = ("uniform", "entropy", "badge", "accuacl")
BLIND, REPEATS = 200, 3
FEWER, OF_EACH = (0, 2, 4, 6, 8), 40
LATER = 40
"""Blind sets that are measured after the next task too, where each takes many trainings."""


def query() -> Query:
    return Query.of(Run(HOME / "runs" / RUN), AT)


def now(found: Candidates) -> list[Subset]:
    """The sets that are measured after this round."""
    n = found.query.n
    chosen = [found.chosen(strategy) for strategy in STRATEGIES]
    blind = [found.blind(number, n) for number in range(1, BLIND + 1)]
    sizes = [(size, number) for size in FEWER for number in range(1, (OF_EACH if size else 1) + 1)]
    return [*chosen, *blind, *(found.blind(number, size) for size, number in sizes)]


def later(found: Candidates) -> list[Subset]:
    """Those that are measured after the next task."""
    whole = [subset for subset in now(found) if len(subset.ids) == found.query.n]
    return [subset for subset in whole if subset.kind == "strategy" or int(subset.name) <= LATER]


def measure(found: Query, sets: Sequence[Subset], horizon: Horizon) -> list[dict[str, Any]]:
    """A line for each set: likelihood and accuracy of each task seen, as fractions, in each of REPEATS orders."""
    trials = [Trial(subset, repeat) for subset in sets for repeat in range(REPEATS)]
    outcomes: dict[Trial, Outcome] = {}
    for piece in pieces(found, trials, horizon):
        outcomes |= zip(piece, measured(found, piece, horizon), strict=True)
        print(f"\r{horizon}: {len(outcomes)} of {len(trials)} trainings", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return [_line(subset, [outcomes[trial] for trial in each]) for subset, each in groupby(trials, lambda t: t.subset)]


def _line(subset: Subset, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    values = {
        measure: [[round(value, 5) for value in getattr(outcome, measure)] for outcome in outcomes]
        for measure in ("likelihood", "accuracy")
    }
    return {**asdict(subset), "horizon": outcomes[0].horizon, **values}


def lines() -> Iterator[dict[str, Any]]:
    found = Candidates(query(), SIZE)
    loop = found.query.loop
    counts = {"n": found.query.n, "labelled": loop.labelled_so_far, "memory": len(loop.memory)}
    yield {"run": RUN, "at": AT, **counts, "repeats": REPEATS}
    for candidate in found.judged:
        yield {name: round(v, 6) if isinstance(v, float) else v for name, v in asdict(candidate).items()}
    yield from measure(found.query, now(found), "round")
    yield from measure(found.query, later(found), "next")


def main() -> None:
    FILE.parent.mkdir(exist_ok=True)
    with FILE.open("w", encoding="utf-8") as file:
        for line in lines():
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
