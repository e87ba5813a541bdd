"""What chapter 5 shows of one recorded query: python -m assets.scores (a few seconds).

Writes assets/lesson/scores.json: the pool's two scores, the picks by each of them and by both, and four samples with
their Fisher profiles. The query is the one whose four samples lie farthest in their corners (acl.analysis.corners).
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from acl.analysis.corners import corners
from acl.analysis.what_if import Microscope, Settings
from acl.events import Scored, Started
from acl.runs.folder import Run
from acl.snapshots.snapshot import load_snapshot

ASSETS = Path(__file__).resolve().parent
FILE = ASSETS / "lesson" / "scores.json"
RUN = "recorded-er-accuacl-digits-s0"
DIGITS = 6
"""Significant digits that are written."""


def shown(run: Run, task: int, round_: int) -> tuple[float, dict[str, Any]]:
    """How far the worst of the query's four samples is in its corner, and what the lesson shows of the query."""
    scope = Microscope(load_snapshot(run.snapshot(task, round_)).context)
    settings = Settings.recorded(scope.context, run.config)
    pool = scope.context.pool.ids.tolist()
    # With as many candidates as picks D alone decides, with the whole pool M alone.
    oversample = {"D alone": 1.0, "both": settings.oversample, "M alone": len(pool) / settings.n}
    by = {name: scope.rank(replace(settings, oversample=times)) for name, times in oversample.items()}
    ranking = by["both"]
    four, far = corners(ranking.magnitude, ranking.distribution)
    spreads = [scope.information.spread(ranking.kept, position) for position in four]
    names = run.history().of(Started)[0].class_names
    return far, {
        "run": run.id, "task": task, "round": round_,
        "ids": pool,
        "magnitude": _rounded(ranking.magnitude.tolist()),
        "distribution": _rounded(ranking.distribution.tolist()),
        "candidates": [pool[position] for position in ranking.candidates.tolist()],
        "picks": {name: [pool[position] for position in found.picked.tolist()] for name, found in by.items()},
        "corners": [pool[position] for position in four],
        "classes": [names[scope.context.classes[row]] for row in ranking.kept.rows.tolist()],
        "spreads": [_rounded(own.tolist()) for own, _ in spreads],
        "target": _rounded(spreads[0][1].tolist()),
    }  # fmt: skip


def _rounded(values: list[float]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]


def farthest(run: Run) -> dict[str, Any]:
    """Of the queries that have a past."""
    queries = [query for query in run.history().of(Scored) if query.task > 1]
    return max((shown(run, query.task, query.round) for query in queries), key=lambda found: found[0])[1]


if __name__ == "__main__":
    FILE.write_text(json.dumps(farthest(Run(ASSETS / "runs" / RUN))) + "\n", "utf-8")
