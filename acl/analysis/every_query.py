"""A run's queries one after the other: how well each covered its target, how far others would have chosen otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int64
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import Tensor

from acl.analysis.comparison import Judge, Judged, jaccard
from acl.config import RunConfig, UserError
from acl.events import Bought, History, Scored, Steered
from acl.plugins.asking import ask
from acl.plugins.blame import with_line
from acl.plugins.registry import prepare
from acl.runs.folder import Run
from acl.runs.fork import settings_after
from acl.selection.query import QueryContext
from acl.snapshots.snapshot import load_snapshot

Truth = Callable[[Sequence[int]], np.ndarray | None]
"""The true classes of these samples; None where they are not known."""
Asked = Mapping[str, Callable[[], Int64[Tensor, " n"]]]
"""By name what gives the ids of picks."""
NO_MORE: Asked = {}
TRUE_PAST = "accuacl, true past"


@dataclass(frozen=True)
class Row:
    """One strategy's picks at one query.

    recorded: these are the picks of the run; J, past, new: the trace objective (lower is better) and its two terms;
    random: the share of random subsets with a lower J, 0..1; overlap: Jaccard with the recorded picks, 0..1; classes:
    picks of each class, None where they are not known; balance: their `evenness` over the classes of the pool, None
    where these are not known; nearest_pick, nearest_memory: as in `Judged`; why: why it could not be asked.
    """

    task: int
    round: int
    strategy: str
    recorded: bool
    n: int
    lambda_: float
    J: float | None = None
    past: float | None = None
    new: float | None = None
    random: float | None = None
    overlap: float | None = None
    balance: float | None = None
    classes: dict[int, int] | None = None
    nearest_pick: float | None = None
    nearest_memory: float | None = None
    why: str = ""


def queries_of(run: Run, history: History) -> list[Scored]:
    """The queries whose snapshot is there."""
    return [query for query in history.of(Scored) if run.snapshot(query.task, query.round).exists()]


def settings_at(config: RunConfig, history: History, query: Scored) -> RunConfig:
    """What a query was asked with: the run's settings, and what was changed up to then."""
    steered = [row for row in history.rows if isinstance(row.event, Steered) and _at(row.event) <= _at(query)]
    return settings_after(config, steered)


def _at(event: Scored | Steered) -> tuple[int, int]:
    return event.task, event.round


def truth_of(run: Run, history: History) -> Truth:
    """From the pictures that the run brings along, else its data set; without either from the labels it bought."""
    bought = {i: label for e in history.of(Bought) for i, label in zip(e.ids, e.labels, strict=True)}

    def known(ids: Sequence[int]) -> np.ndarray | None:
        try:
            return np.asarray(labels()(ids))
        except (UserError, SafetensorError, KeyError, IndexError, ValueError, OSError):
            return np.array([bought[i] for i in ids]) if all(i in bought for i in ids) else None

    @cache
    def labels() -> Callable[[Sequence[int]], list[int]]:
        if not run.thumbs.exists():
            stream = prepare(run.config)
            return lambda ids: [int(label) for label in stream.labels[list(ids)]]
        tensors = load_file(run.thumbs)
        by_id = dict(zip(tensors["ids"].tolist(), tensors["labels"].reshape(-1).tolist(), strict=True))
        return lambda ids: [by_id[i] for i in ids]

    return known


def every_query(
    run: Run,
    history: History,
    names: Sequence[str],
    truth: Truth,
    more: Callable[[Scored], Asked] = lambda query: NO_MORE,
) -> Iterator[list[Row]]:
    """The rows of each query in turn: the recorded picks first, then what each of `names` would have picked, then
    `more`."""
    for query in queries_of(run, history):
        config = settings_at(run.config, history, query)
        context = load_snapshot(run.snapshot(query.task, query.round)).context
        yield rows_of(query, context, config, names, truth, more(query))


def rows_of(
    query: Scored, context: QueryContext, config: RunConfig, names: Sequence[str], truth: Truth, more: Asked = NO_MORE
) -> list[Row]:  # fmt: skip
    """more: who else is asked, by the name of the row. UserError where the pool is too large to be judged, or the
    recorded picks are not in it."""
    judge = Judge(context, config.dims_per_class)
    band = judge.random_band()
    here = Row(query.task, query.round, query.strategy, True, len(query.ids), context.lambda_)
    ids = context.pool.ids
    recorded = torch.searchsorted(ids, torch.tensor(query.ids, dtype=ids.dtype)).clamp_max(len(ids) - 1)
    if not len(recorded) or ids[recorded].tolist() != list(query.ids):
        raise UserError(f"The snapshot of task {query.task}, round {query.round} does not hold what was picked.")

    in_pool = truth(ids.tolist())

    def filled(row: Row, judged: Judged) -> Row:
        j = judged.objective
        labels = truth(ids[judged.picks].tolist())
        counts = None if labels is None else dict(Counter(sorted(labels.tolist())))
        balance = None if counts is None or in_pool is None else evenness(list(counts.values()), len(set(in_pool)))
        return replace(
            row, J=j.total, past=j.past, new=j.new, random=float((band < j.total).mean()),
            overlap=jaccard(judged.picks, recorded), classes=counts, balance=balance,
            nearest_pick=judged.nearest_pick, nearest_memory=judged.nearest_memory,
        )  # fmt: skip

    rows = [filled(here, judge.judge(recorded))]
    asked: Asked = {name: partial(_picks, name, config, context) for name in names} | dict(more)
    for name, picks_of in asked.items():
        row = replace(here, strategy=name, recorded=False, n=context.n)
        try:
            picks = torch.searchsorted(ids, picks_of())
            rows.append(filled(row, judge.judge(picks)))
        except (UserError, MemoryError) as error:
            rows.append(replace(row, why=with_line(error)))
    return rows


def _picks(name: str, config: RunConfig, context: QueryContext) -> Int64[Tensor, " n"]:
    return ask(name, config, context).ids


def evenness(counts: Sequence[int], classes: int) -> float | None:
    """Entropy of these counts over log `classes`: 1 where each class has as many, 0 where one has all (Pielou 1966)."""
    if classes < 2:
        return None
    share = np.array(counts) / sum(counts)
    return float((share * -np.log(share)).sum() / np.log(classes))


# -- tables --------------------------------------------------------------------------------------------


def table(rows: Sequence[Row]) -> pd.DataFrame:
    """A row for each; shares in percent, classes as "3: 7, 4: 3"."""
    records = []
    for row in rows:
        record = asdict(row)
        for name in ("random", "overlap", "balance"):
            record[f"{name}_percent"] = None if record[name] is None else 100 * record[name]
        record["classes"] = ", ".join(f"{label}: {count}" for label, count in (row.classes or {}).items())
        records.append(record)
    return pd.DataFrame(records).rename(columns={"lambda_": "lambda"})[COLUMNS]


def as_markdown(rows: Sequence[Row]) -> str:
    """The `table` of these rows in Markdown; numbers with four digits, what is missing left empty."""
    heads = {name: name.replace("_percent", " %").replace("_", " ") for name in COLUMNS}
    lines = [" | ".join(heads.values()), " | ".join("---" for _ in heads)]
    for record in table(rows).to_dict("records"):
        lines.append(" | ".join(_written(record[name]) for name in heads))
    return "".join(f"| {line} |\n" for line in lines)


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.4g}"
    return "" if value is None else str(value).replace("|", "\\|")


COLUMNS = [
    "task", "round", "strategy", "recorded", "n", "lambda", "J", "past", "new", "random_percent", "overlap_percent",
    "balance_percent", "nearest_pick", "nearest_memory", "classes",
]  # fmt: skip
