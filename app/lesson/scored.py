"""One recorded query of AccuACL: the pool's scores, picks by D alone, by M alone, by both, and four of its samples.

Of assets/lesson/scores.json, which assets/scores.py writes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from acl.runs.folder import Run
from app.lesson.trade_words import fate
from app.store import runs as data
from app.store.session import RECORDED, ROOT

FILE = ROOT / "assets" / "lesson" / "scores.json"


@dataclass(frozen=True)
class Query:
    """table: a row for each sample of the pool, by id: magnitude, distribution, and their ranks from 1, the highest
    score, rank_m and rank_d. candidates: ids that pass the cut by D; picks: ids by "D alone", "both", "M alone", best
    first; corners: the four samples' ids; spreads, target: p_x of each of them and q over the kept entries; classes: of
    each entry."""

    run: str
    task: int
    round: int
    table: pd.DataFrame
    candidates: tuple[int, ...]
    picks: dict[str, list[int]]
    corners: tuple[int, ...]
    spreads: list[np.ndarray]
    target: np.ndarray
    classes: list[str]

    def ranks(self, column: str) -> dict[int, int]:
        """rank_m or rank_d by id."""
        return dict(zip(self.table.index.tolist(), self.table[column].tolist(), strict=True))

    @property
    def new(self) -> list[str]:
        """The classes of the query's task."""
        stream = data.stream_of(Run(RECORDED / self.run).config.to_json())
        return [stream.class_names[c] for c in stream.tasks[self.task - 1].classes]

    def fate(self, id_: int) -> str:
        return fate(id_ in self.candidates, id_ in self.picks["both"])


@cache
def query() -> Query:
    found = json.loads(FILE.read_text("utf-8"))
    table = pd.DataFrame({name: found[name] for name in ("magnitude", "distribution")}, index=found["ids"])
    for name, rank in (("magnitude", "rank_m"), ("distribution", "rank_d")):
        table[rank] = table[name].rank(ascending=False, method="first").astype(int)
    return Query(
        found["run"], found["task"], found["round"], table, tuple(found["candidates"]), found["picks"],
        tuple(found["corners"]), [np.array(one) for one in found["spreads"]], np.array(found["target"]),
        found["classes"],
    )  # fmt: skip
