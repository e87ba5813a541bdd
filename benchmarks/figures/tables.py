"""The lines of a grid as Markdown: means over seeds, and differences paired by seed. Nothing is worked out again."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from acl.config import FULL, UserError
from acl.presets import PRESETS
from acl.results.cohorts import plugin_label
from acl.results.significance import METRICS as MORE_IS_BETTER
from acl.results.significance import Paired, paired, span
from benchmarks.figures.grids import Grid, identity
from benchmarks.figures.lines import Line

SHOWN = ("A", "F", "F_diag", "LA")
COMPARED = ("A", "F", "LA")
ABOUT_FIGURES = (
    "Percent, mean ± sample standard deviation over n seeds. A: accuracy over all tasks at the end (more is better); "
    "F: forgetting, from each task's best accuracy (less is better), F_diag: from its accuracy when it was learned, as "
    "the authors' code has it; LA: accuracy on each task when it was learned (more is better)."
)
ABOUT_PAIRS = (
    "Percentage points, paired by seed: the mean of the differences and its 95 % interval (BCa bootstrap from 10 pairs "
    "on, Student's t below), n pairs. For A and LA more is better, for F less. One interval in twenty leaves out zero "
    "by chance alone."
)
ABOUT_BEST = (
    "The best baseline is the strategy other than AccuACL and Full with the best mean of that figure in these same "
    "runs. It was picked after looking, which favours it: luck is part of what made it best."
)
ABOUT_BUDGETS = (
    "The first labels of a task are drawn at random whatever the strategy: until a query all strategies are one run; "
    "with all labels there is nothing to choose."
)
ABOUT_SECONDS = (
    "Seconds are wall time of one thread at low priority, beside other work: the forward pass over pool, labelled "
    "samples and memory, and the strategy's own work on what it gave. They say how strategies relate, not what a free "
    "machine would need."
)


def report(grid: Grid, lines: Sequence[Line]) -> str:
    """The whole Markdown file. UserError if no run of the grid is finished."""
    runs = finished(grid, lines)
    if runs.empty:
        raise UserError(f"No run of the grid {grid.name} is finished: make figures GRID={grid.name}.")
    preset = f"Preset `{grid.preset}`: {PRESETS[grid.preset].summary}"
    layout = {"methods": _methods, "budgets": _budgets, "half": _half}[grid.layout]
    return "\n\n".join([f"# {grid.title}", preset, _made(grid, runs), *layout(runs)]) + "\n"


def finished(grid: Grid, lines: Sequence[Line]) -> pd.DataFrame:
    """The lines of the grid's runs, one row each, in the order of work; those of other settings are left out."""
    found = {line["key"]: line for line in lines}
    keys = [identity(config) for config in grid.configs()]
    return pd.DataFrame([found[key] for key in keys if key in found])


def _made(grid: Grid, runs: pd.DataFrame) -> str:
    """What is there and what is missing, and how, where and when it was made."""
    n, per_seed = len(grid.configs()), runs.groupby("seed").size()
    whole = int((per_seed == len(grid.members)).sum())
    said = f"All {n} runs ({whole} seeds) are finished."
    if len(runs) < n:
        said = f"**{whole} of {grid.seeds} seeds finished** ({len(runs)} of {n} runs): the tables are of those."
    data = " DATA=FOLDER" if grid.takes_data else ""
    days = " to ".join(sorted({runs["made"].min(), runs["made"].max()}))
    machines = "; ".join(runs["machine"].unique())
    return f"{said} `make figures GRID={grid.name} JOBS=2{data}`, {days}, on: {machines}."


# -- the three layouts ---------------------------------------------------------------------------------


def _methods(runs: pd.DataFrame) -> list[str]:
    """CL method × strategy, then AccuACL against Uniform and the best baseline of each CL method."""
    rows = [
        [_label("learners", learner), _label("strategies", strategy), *_figures(group)]
        for (learner, strategy), group in runs.groupby(["learner", "strategy"], sort=False)
    ]
    pairs = [
        [_label("learners", learner), metric, *_against(group, metric, "uniform"), *_against_best(group, metric)]
        for learner, group in runs.groupby("learner", sort=False)
        for metric in COMPARED
    ]
    heads = ["AccuACL − Uniform", "n", "Best baseline", "AccuACL − best", "n"]
    return [
        _table(["CL method", "Strategy", *SHOWN, "n"], rows),
        ABOUT_FIGURES,
        "## AccuACL against Uniform and the best baseline",
        _table(["CL method", "Figure", *heads], pairs),
        f"{ABOUT_PAIRS} {ABOUT_BEST}",
    ]


def _budgets(runs: pd.DataFrame) -> list[str]:
    """Labels a task × strategy, with what a query costs."""
    labelled = runs.assign(n_end=runs["n_end"].fillna(math.inf)).sort_values("n_end", kind="stable")
    rows = []
    for (n_end, strategy), group in labelled.groupby(["n_end", "strategy"], sort=False):
        free = strategy == FULL or group["queries"].sum() > 0
        name = _label("strategies", strategy) if free else "any: the first labels alone"
        budget = "all" if strategy == FULL else f"{n_end:.0f}"
        rows.append([budget, name, *_figures(group)[:-1], *_seconds(group), str(len(group))])
    heads = ["Labels a task", "Strategy", *SHOWN, "queries a run", "s a query", "of it forward", "n"]
    return [_table(heads, rows), f"{ABOUT_FIGURES} {ABOUT_BUDGETS} {ABOUT_SECONDS}"]


def _half(runs: pd.DataFrame) -> list[str]:
    """Memory × who chose × labels a task, and the four pairs AccuACL − Uniform."""
    rows = [
        [str(memory), _label("strategies", strategy), str(labels), *_figures(group)]
        for (memory, strategy, labels), group in runs.groupby(["memory", "strategy", "n_end"], sort=False)
    ]
    pairs = [
        [str(memory), f"AccuACL {one} − Uniform {other}", metric, *_pair(_paired(mine, theirs, metric))]
        for memory, group in runs.groupby("memory", sort=False)
        for one, mine in group[group["strategy"] == "accuacl"].groupby("n_end", sort=False)
        for other, theirs in group[group["strategy"] == "uniform"].groupby("n_end", sort=False)
        for metric in COMPARED
    ]
    return [
        _table(["Memory", "Strategy", "Labels a task", *SHOWN, "n"], rows),
        ABOUT_FIGURES,
        "## AccuACL against labels bought blindly",
        _table(["Memory", "Pair (labels a task)", "Figure", "Difference", "n"], pairs),
        ABOUT_PAIRS,
    ]


# -- cells ---------------------------------------------------------------------------------------------


def _figures(group: pd.DataFrame) -> list[str]:
    """The cells of SHOWN, and n."""
    return [*(_spread(100 * group[name]) for name in SHOWN), str(len(group))]


def _spread(values: pd.Series[float]) -> str:
    return f"{values.mean():.1f}" + (f" ± {values.std(ddof=1):.1f}" if len(values) > 1 else "")


def _seconds(group: pd.DataFrame) -> list[str]:
    """Queries a run, mean seconds of one, and of its forward pass."""
    queries = group["queries"].sum()
    if not queries:
        return ["0", "–", "–"]
    forward, score = group["forward_s"].sum() / queries, group["score_s"].sum() / queries
    return [f"{group['queries'].mean():.0f}", f"{forward + score:.4f}", f"{forward:.4f}"]


def _against(group: pd.DataFrame, metric: str, other: str) -> list[str]:
    """AccuACL − `other`, both in `group`: the difference and n."""
    return _pair(_paired(*(group[group["strategy"] == name] for name in ("accuacl", other)), metric))


def _against_best(group: pd.DataFrame, metric: str) -> list[str]:
    best = best_baseline(group, metric)
    return [_label("strategies", best), *_against(group, metric, best)] if best else ["–", "–", "0"]


def best_baseline(group: pd.DataFrame, metric: str) -> str | None:
    """The strategy other than AccuACL and Full whose mean of `metric` is best; None if there is no other."""
    others = group[~group["strategy"].isin(["accuacl", FULL])]
    means = others.groupby("strategy", sort=False)[metric].mean()
    if means.empty:
        return None
    return str(means.idxmax() if MORE_IS_BETTER[metric] else means.idxmin())


def _paired(one: pd.DataFrame, other: pd.DataFrame, metric: str) -> Paired | None:
    figures = [dict(zip(runs["seed"], runs[metric], strict=True)) for runs in (one, other)]
    return paired(figures[0], figures[1], ("", ""), metric)


def _pair(result: Paired | None) -> list[str]:
    """The difference with its interval, and n."""
    if result is None:
        return ["–", "0"]
    mean = f"{result.mean:+.1f}".replace("-", "−")
    return [mean if result.n == 1 else f"{mean} ({span(result.low, result.high)})", str(result.n)]


def _label(kind: str, name: str) -> str:
    return plugin_label(kind, name)  # type: ignore[arg-type]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows])
