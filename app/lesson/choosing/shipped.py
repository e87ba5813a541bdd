"""What was measured of the sixty digits beforehand, of assets/lesson/choice.jsonl, which assets/choice.py writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from acl.runs.folder import Run
from acl.runs.fork import Place
from app.store.session import RECORDED, ROOT

FILE = ROOT / "assets" / "lesson" / "choice.jsonl"
TRAITS = ("loss", "distance", "product")
"""What is known of a candidate: the columns of `Shipped.candidates` that a set's mean is compared by."""


@dataclass(frozen=True, eq=False)
class Shipped:
    """One query of a recording, in which `n` of the candidates are bought; labelled: samples of its task that have a
    label already; memory: samples that it holds; repeats: orders a set is learned in.

    candidates: by id (the index), the columns label, loss, nearest, distance, product of
    acl.analysis.outcomes.candidates.Candidate; sets: a row for each set, with kind (strategy, or random, of all sizes
    up to n), name, horizon, ids (a tuple), n, new, past, known, and the means of TRAITS. new and past: the mean
    probability of the true class, of test samples of the query's task and of the tasks before it; known: accuracy on
    the query's task. All three are in percent, means over the repeats.
    """

    run: Run
    at: Place
    n: int
    labelled: int
    memory: int
    repeats: int
    candidates: pd.DataFrame
    sets: pd.DataFrame

    def strategies(self, horizon: str = "round") -> pd.DataFrame:
        return self._of("strategy", horizon)

    def blind(self, horizon: str = "round") -> pd.DataFrame:
        """Random sets of n."""
        rows = self._of("random", horizon)
        return rows[rows["n"] == self.n].reset_index(drop=True)

    def sizes(self) -> pd.DataFrame:
        """Means of random sets of each size, smallest first: n, new and past."""
        return self._of("random", "round").groupby("n", as_index=False)[["new", "past"]].mean()

    def _of(self, kind: str, horizon: str) -> pd.DataFrame:
        return self.sets[(self.sets["kind"] == kind) & (self.sets["horizon"] == horizon)].reset_index(drop=True)

    def chosen_by(self, strategy: str) -> tuple[int, ...]:
        found = self.strategies().set_index("name")["ids"]
        return tuple(found[strategy])

    @property
    def names(self) -> list[str]:
        """Of the strategies."""
        return list(self.strategies()["name"])

    def traits(self, ids: Sequence[int]) -> dict[str, float]:
        """Means over a set."""
        return {name: float(self.candidates.loc[list(ids), name].mean()) for name in TRAITS}


def new_and_past(each: Sequence[Sequence[float]], task: int) -> tuple[float, float]:
    """In percent, of a figure of each task seen (as a fraction), a row for each repeat."""
    values = 100 * np.array(each)
    return float(values[:, task - 1].mean()), float(values[:, : task - 1].mean())


@cache
def shipped() -> Shipped:
    return read(FILE)


def read(file: Path) -> Shipped:
    first, *lines = map(json.loads, file.read_text("utf-8").splitlines())
    candidates = pd.DataFrame([line for line in lines if "label" in line]).set_index("id")
    task, round_ = first["at"]
    rows = [_row(line, task, candidates) for line in lines if "kind" in line]
    return Shipped(
        Run(RECORDED / first["run"]), (task, round_), first["n"], first["labelled"], first["memory"],
        first["repeats"], candidates, pd.DataFrame(rows),
    )  # fmt: skip


def _row(line: dict[str, Any], task: int, candidates: pd.DataFrame) -> dict[str, Any]:
    new, past = new_and_past(line["likelihood"], task)
    known, _ = new_and_past(line["accuracy"], task)
    ids = line["ids"]
    traits = {name: float(candidates.loc[ids, name].mean()) if ids else np.nan for name in TRAITS}
    return {
        "kind": line["kind"], "name": line["name"], "horizon": line["horizon"], "ids": tuple(ids), "n": len(ids),
        "new": new, "past": past, "known": known, **traits,
    }  # fmt: skip
