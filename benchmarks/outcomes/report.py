"""benchmarks/results/outcomes.md: what is found in sentences that follow the numbers, then every table, each with its
n."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from acl.analysis.outcomes.predictors import PREDICTORS, predictors
from acl.analysis.outcomes.summary import PARTS
from acl.results.cohorts import plugin_label
from benchmarks.figures.lines import read
from benchmarks.outcomes import tables
from benchmarks.outcomes.cells import FAR_AT, FAR_SETS, PHOTO_SETS, Cell
from benchmarks.outcomes.tables import Mean

FINAL = Path(__file__).parent.parent / "results" / "figures" / "digits.jsonl"
"""Whole runs of every strategy with ER and M = 10, and their A."""
LEAST_RUNS = 2
"""Of a CL method and memory; one alone has no interval."""
KINDS = {
    "distribution": "D alone", "magnitude": "M alone", "classes": "random, same classes",
    "losses": "random, same losses",
}  # fmt: skip
WHEN = {"round": "after this round", "budget": "after the task's budget", "next": "after the next task"}


@dataclass(frozen=True)
class Group:
    """All finished runs of one data set, CL method and size of the memory; rows: of benchmarks.outcomes.rows."""

    preset: str
    learner: str
    memory: int
    rows: pd.DataFrame

    @property
    def title(self) -> str:
        of = "" if self.preset == "digits-demo" else f", {self.preset}"
        return f"{plugin_label('learners', self.learner)}, M = {self.memory}{of}"

    @property
    def n(self) -> str:
        near = self.near[self.near["kind"] == "random"]
        queries = len(near[["seed", "task", "round"]].drop_duplicates())
        return f"{_count(near['seed'].nunique(), 'run')}, {_count(queries, 'query')}, {len(near):,} random sets"

    @property
    def near(self) -> pd.DataFrame:
        return self.rows[self.rows["horizon"] == "round"]

    @cached_property
    def sets(self) -> pd.DataFrame:
        return tables.apart(self.near)

    @cached_property
    def predictors(self) -> pd.DataFrame:
        return predictors(self.near)


def groups(rows: Iterable[tuple[Cell, pd.DataFrame]]) -> list[Group]:
    """In the order of the cells, those of LEAST_RUNS."""
    found: dict[tuple[str, str, int], list[pd.DataFrame]] = {}
    for cell, each in rows:
        found.setdefault((cell.preset, cell.learner, cell.memory), []).append(each)
    there = {which: each for which, each in found.items() if len(each) >= LEAST_RUNS}
    return [Group(*which, pd.concat(each, ignore_index=True)) for which, each in there.items()]


def report(found: Sequence[Group], done: int, of: int) -> str:
    """done, of: runs that are finished, and all of the plan."""
    all_rows, photos = pd.concat([group.rows for group in found]), found[0].preset == "cifar10-quick"
    apart = int(all_rows.groupby(["preset", "learner", "memory", "run", "task", "round"])["apart"].first().sum())
    made = (
        f"All {of} runs are measured."
        if done == of
        else f"**{done} of {of} runs are measured**: this is of all that have two runs or more."
    )
    made += (
        f" {len(all_rows):,} trainings. The run's own picks, learned again, came out otherwise than the run recorded "
    )
    made += f"in {apart} queries. `python -m benchmarks.outcomes --records FOLDER{' --data FOLDER' if photos else ''}`."
    return "\n\n".join(
        [
            "# What labels do, and what predicts it",
            f"{PHOTOS if photos else DIGITS} {ABOUT}",
            made,
            "## What is found",
            "\n".join(f"- {line}" for line in findings(found)),
            *_strategies(found),
            *_worth(found),
            *_predictors(found),
            *_lambdas(found),
            *_horizons(found),
        ]
    ) + "\n"  # fmt: skip


DIGITS = (
    "Every query of runs of AccuACL on the digits (preset `digits-demo`) was gone back to, and sets of its pool were "
    "bought, learned and measured there: random ones, the picks of every strategy, AccuACL's at eleven λ, controls."
)
PHOTOS = (
    "The first query of each task of runs of AccuACL on real images of CIFAR-10 (preset `cifar10-quick`, JPEG) was "
    f"gone back to, and sets of its pool were bought, learned and measured there: {PHOTO_SETS} random ones of its "
    "size, ten of half of it, none, and the picks of every strategy, each learned once. An interval over two runs says "
    "little."
)
ABOUT = (
    "new: mean likelihood of the true class on the query's task; past: mean over the tasks before it; net: new with "
    "the weight 1/t, past with (t − 1)/t. Points are hundredths, from the mean of random sets of the same size in the "
    "same query; queries of task 1 have no past and are left out of all tables but that of scores. [ ] is a 95 % "
    "interval over runs (BCa bootstrap from 10 runs on, Student's t below); one interval in twenty leaves out 0 by "
    "chance alone. `docs/outcomes.md` reads this page."
)


def findings(found: Sequence[Group]) -> list[str]:
    """One after the other: strategies, worth, scores, λ, horizons; of every group."""
    return [
        *(_said_strategies(group) for group in found),
        *(said for group in found if (said := _said_worth(group))),
        *(_said_scores(group) for group in found),
        *(_said_lambda(group) for group in found if len(tables.path(group.sets))),
        *_said_horizons(found),
    ]


# -- strategies ----------------------------------------------------------------------------------------


def _strategies(found: Sequence[Group]) -> list[str]:
    parts = ["## Where each strategy sits", "Points from random sets of as many labels. beats: of the random sets of a "
             "query, the share whose net is lower, mean."]  # fmt: skip
    for group in found:
        rows = [
            [label(*which), *(_mean(tables.over_runs(sets, part)) for part in PARTS), f"{sets['beats'].mean():.0f} %"]
            for which, sets in tables.names(group.sets).items()
        ]
        parts += [f"### {group.title}", f"n: {group.n}.", _table(["labels", *PARTS, "beats"], rows)]
    return parts


def label(kind: str, name: str) -> str:
    return plugin_label("strategies", name) if kind == "strategy" else KINDS[kind]


def _said_strategies(group: Group) -> str:
    """Who is beyond noise on which side, by net; what AccuACL does to past and new."""
    nets = {
        name: tables.over_runs(sets, "net")
        for (kind, name), sets in tables.names(group.sets).items()
        if kind == "strategy" and name != "uniform"
    }
    better, worse = (
        [
            f"{plugin_label('strategies', name)} ({_points(mean.value)})"
            for name, mean in nets.items()
            if sign * mean.value > 0 and not mean.is_noise
        ]
        for sign in (1, -1)
    )
    said = [f"net better than random labels: {', '.join(better) or 'none'}", f"worse: {', '.join(worse) or 'none'}"]
    own = group.sets[(group.sets["kind"] == "strategy") & (group.sets["name"] == "accuacl")]
    said.append(f"the rest within noise. AccuACL's picks: {_both(own)}")
    blind = group.sets[(group.sets["kind"] == "strategy") & (group.sets["name"] == "uniform")]
    # One blind draw a query: how far from 0 it lies is how far luck alone goes.
    said.append(f"Uniform's, a blind draw too: net {_said(tables.over_runs(blind, 'net'))}")
    return f"**{group.title}** ({_runs(group)}), " + "; ".join(said) + "."


def _both(sets: pd.DataFrame) -> str:
    return ", ".join(f"{part} {_said(tables.over_runs(sets, part))}" for part in ("past", "new"))


# -- how many random labels ----------------------------------------------------------------------------


def _worth(found: Sequence[Group]) -> list[str]:
    parts = [
        "## How many random labels is it worth",
        "What random sets of other sizes do, in points from those of the query's size in the same queries, and the "
        "size at which random sets do as much as a strategy's picks; – where the curve does not rise from size to "
        "size, so that no number of labels can be named. More labels than the query buys fit into the task's budget in "
        "its first two rounds only.",
    ]
    for group in found:
        curve = tables.curve(group.sets)
        sizes = sorted(curve["n"].unique())
        rows = [
            [f"{size:.0f}", *(_mean(Mean.of(curve.loc[curve["n"] == size, part].to_numpy())) for part in PARTS)]
            for size in sizes
        ]
        worth = [
            [label(*which), *(_size(*tables.worths(group.sets, sets, part), sizes) for part in PARTS)]
            for which, sets in tables.names(group.sets).items()
            if which[0] == "strategy"
        ]
        parts += [
            f"### {group.title}", f"n: {group.n}.", _table(["random labels", *PARTS], rows),
            _table(["picks of", *(f"as many by {part}" for part in PARTS)], worth),
        ]  # fmt: skip
    return parts


def _size(value: float, low: float, high: float, sizes: Sequence[int]) -> str:
    if math.isnan(value):
        return "–"
    interval = "" if math.isnan(low) else f" [{_labels(low, sizes)}, {_labels(high, sizes)}]"
    return f"{_labels(value, sizes)}{interval}"


def _labels(value: float, sizes: Sequence[int]) -> str:
    if math.isinf(value):
        return f"> {sizes[-1]:.0f}" if value > 0 else f"< {sizes[0]:.0f}"
    return f"{value:.1f}"


def _said_worth(group: Group) -> str:
    own = group.sets[(group.sets["kind"] == "strategy") & (group.sets["name"] == "accuacl")]
    sizes = sorted(tables.curve(group.sets)["n"].unique())
    asked = int(group.near["asked"].iloc[0])
    said = []
    for part in ("net", "new"):
        value, low, high = tables.worths(group.sets, own, part)
        if not math.isnan(value):
            said.append(f"{_size(value, low, high, sizes)} by {part}")
    if not said:
        return f"**{group.title}**: more random labels do not always do more, so that no number of them can be named."
    return f"**{group.title}**: AccuACL's {asked} are worth as many random labels as: {', '.join(said)}."


# -- scores --------------------------------------------------------------------------------------------


def _predictors(found: Sequence[Group]) -> list[str]:
    parts = [
        "## Does a score predict it",
        "Spearman's rank correlation within a query, over random sets of the query's size (n: of all sizes), mean over "
        "queries [95 % interval over runs]. **Bold**: larger than the largest of all when outcomes are shuffled within "
        "queries, in 95 % of the shuffles, and an interval that leaves out 0. J and the exact trace are meant to be "
        "low: a positive sign says that they mislead. The last row is no score: how new and past go together.",
    ]
    for group in found:
        rows = group.predictors
        cells = {(row.score, row.part): _rho(row) for row in rows.itertuples()}
        order = strongest_first(rows)
        counts = rows.groupby("score")["queries"].max()
        table = [
            [PREDICTORS[str(name)].label, *(cells.get((name, part), "–") for part in PARTS), str(counts[name])]
            for name in order
        ]
        table.append(["new with past", "", _ranked(tables.together(group.near)), "", ""])
        chance = rows["chance"].iloc[0]
        parts += [f"### {group.title}", f"n: {group.n}. By chance the largest is below {chance:.2f}.",
                  _table(["score", *PARTS, "queries"], table)]  # fmt: skip
    return parts


def strongest_first(found: pd.DataFrame) -> list[str]:
    """The scores of a table of predictors, by their largest correlation with any part."""
    return list(found.groupby("score")["rho"].agg(lambda rho: rho.abs().max()).sort_values(ascending=False).index)


def _ranked(mean: Mean) -> str:
    interval = "" if math.isnan(mean.low) else f" [{_signed(mean.low)}, {_signed(mean.high)}]"
    return f"{_signed(mean.value)}{interval}"


def _rho(row: object) -> str:
    rho, low, high = (getattr(row, name) for name in ("rho", "low", "high"))
    interval = "" if math.isnan(low) else f" [{_signed(low)}, {_signed(high)}]"
    mark = "**" if getattr(row, "named") else ""  # noqa: B009
    return f"{mark}{_signed(rho)}{mark}{interval}"


def _said_scores(group: Group) -> str:
    rows = group.predictors.set_index(["score", "part"]).sort_index()
    strongest = []
    for part in PARTS:
        named = rows[rows["named"] & (rows.index.get_level_values("part") == part)].drop("n", errors="ignore")
        if named.empty:
            strongest.append(f"nothing predicts {part}")
            continue
        score, _ = named["rho"].abs().idxmax()
        strongest.append(f"{part} goes most with {PREDICTORS[score].label} ({_signed(named.at[(score, part), 'rho'])})")
    ours = []
    for score in ("J", "exact", "M", "D", "D|M", "M|D"):
        told = [
            f"{part} {_signed(rows.at[(score, part), 'rho'])}" + ("" if rows.at[(score, part), "named"] else " (noise)")
            for part in PARTS
            if (score, part) in rows.index
        ]
        ours.append(f"{PREDICTORS[score].label}: {', '.join(told) or 'none'}")
    both = tables.together(group.near)
    trade = f"new and past go together by {_ranked(both)}: " + (
        "within noise" if both.is_noise else "what teaches more keeps less" if both.value < 0 else "as one"
    )
    return f"**{group.title}** ({_runs(group)}): {trade}; {'; '.join(strongest)}. {'. '.join(ours)}."


# -- λ -------------------------------------------------------------------------------------------------


def _lambdas(found: Sequence[Group]) -> list[str]:
    parts = [
        "## What λ moves",
        "AccuACL's picks at each weight of the past, in points from random sets; then what λ = 1 does more than λ = 0, "
        "paired by run.",
    ]
    for group in found:
        path = tables.path(group.sets)
        if not path:
            continue
        rows = [
            [f"λ = {name}", *(_mean(tables.over_runs(sets, part)) for part in PARTS)] for name, sets in path.items()
        ]
        rows.append(["1 − 0", *(_mean(tables.moved(group.sets, part)) for part in PARTS)])
        parts += [f"### {group.title}", f"n: {_runs(group)}.", _table(["", *PARTS], rows)]
    return parts


def _said_lambda(group: Group) -> str:
    moved = ", ".join(f"{part} {_said(tables.moved(group.sets, part))}" for part in PARTS)
    return f"**{group.title}** ({_runs(group)}): λ from 0 to 1 moves {moved}."


# -- horizons ------------------------------------------------------------------------------------------


def final(rows: pd.DataFrame) -> pd.DataFrame:
    """A of whole runs of each strategy with ER and M = 10: a row a seed, a column a strategy."""
    lines = pd.DataFrame([line for line in read(FINAL) if line["learner"] == "er" and line["memory"] == 10])
    table = lines.pivot(index="seed", columns="strategy", values="A")
    return table.loc[table.index.isin(rows["seed"].unique()), [name for name in table if name != "full"]]


def _far(found: Sequence[Group]) -> pd.DataFrame:
    """Rows of the queries that were measured at every horizon."""
    group = next((g for g in found if (g.preset, g.learner, g.memory) == ("digits-demo", "er", 10)), None)
    if group is None:
        return pd.DataFrame()
    rows = group.rows
    random = rows[(rows["horizon"] == "next") & (rows["kind"] == "random")].groupby("seed").size()
    whole = random[random >= FAR_SETS].index
    return rows[rows["seed"].isin(whole)]


def _rankings(found: Sequence[Group]) -> list[tuple[str, float, float, float, int]]:
    rows = _far(found)
    if rows.empty:
        return []
    theirs, told = final(rows), []
    for ending, measure in (("", "likelihood"), ("_accuracy", "accuracy")):
        at = (rows["task"] == FAR_AT[0]) & (rows["round"] == FAR_AT[1])
        choices = [
            (f"query {FAR_AT[0]}.{FAR_AT[1]}, {said}", rows[at & (rows["horizon"] == name)])
            for name, said in WHEN.items()
        ]
        choices.append(("all queries, after this round", rows[rows["horizon"] == "round"]))
        for said, each in choices:
            told.append((f"{said}, by {measure}", *tables.ranking(tables.apart(each, ending), theirs)))
    return told


def _strategies_ranked(found: Sequence[Group]) -> int:
    return len(final(_far(found)).columns)


def _horizons(found: Sequence[Group]) -> list[str]:
    ranked = _rankings(found)
    if not ranked:
        return []
    rows = [[said, f"{_signed(rho)} [{_signed(low)}, {_signed(high)}]", str(n)] for said, rho, low, high, n in ranked]
    strategies = _strategies_ranked(found)
    return [
        "## How each horizon ranks the final A",
        f"ER, M = 10: Spearman's correlation, over the {strategies} strategies, of the net outcome of their picks "
        "(mean over runs of AccuACL) with the final A of whole runs of theirs (same seeds, `results/digits.md`), and "
        f"its 95 % interval, runs drawn again. Blind orders of {strategies} exceed {tables.by_chance(strategies):.2f} "
        "on either side once in twenty. The longer horizons cost as much training as all that follows: they are "
        f"measured of query {FAR_AT[0]}.{FAR_AT[1]} alone, against {FAR_SETS} random sets.",
        _table(["outcome", "with the final A", "runs"], rows),
    ]


def _said_horizons(found: Sequence[Group]) -> list[str]:
    ranked = [row for row in _rankings(found) if row[0].endswith("by accuracy")]
    if not ranked:
        return []
    chance = tables.by_chance(_strategies_ranked(found))
    said = ", ".join(
        f"{name.removesuffix(', by accuracy')} {_signed(rho)}"
        + ("" if abs(rho) > chance and (low > 0 or high < 0) else " (within noise)")
        for name, rho, low, high, _ in ranked
    )
    runs = _count(ranked[0][4], "run")
    return [f"**Horizons** (ER, M = 10, {runs}): how net accuracy ranks strategies as their final A does: {said}."]


# -- how it is written ---------------------------------------------------------------------------------


def _runs(group: Group) -> str:
    return _count(group.near["seed"].nunique(), "run")


def _count(n: int, of: str) -> str:
    plural = {"query": "queries"}.get(of, f"{of}s")
    return f"{n:,} {of if n == 1 else plural}"


def _mean(mean: Mean) -> str:
    if math.isnan(mean.value):
        return "–"
    interval = "" if math.isnan(mean.low) else f" [{_points(mean.low)}, {_points(mean.high)}]"
    return f"{_points(mean.value)}{interval}"


def _said(mean: Mean) -> str:
    return f"{_mean(mean)}{', within noise' if mean.is_noise else ''}"


def _points(value: float) -> str:
    # What rounds to nothing has no sign.
    return f"{value:+.1f}".replace("-", "−") if abs(value) >= 0.05 else "0.0"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−") if abs(value) >= 0.005 else "0.00"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
