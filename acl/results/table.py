"""The paper's table out of finished runs: CL method × strategy down, data × memory across, accuracy after the last task
and forgetting in percent.

A cell is the mean and the sample standard deviation over seeds. Only runs that agree in every setting that
can change them are averaged; where one name stands for several variants, each gets a row or column of its
own, headed by what differs. Forgetting is the maximum version (acl.metrics.forgetting).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from acl.config import UserError
from acl.names import in_markdown, legible
from acl.plugins.description import Kind
from acl.plugins.registry import in_order
from acl.plugins.unused import own
from acl.results.cohorts import FULL_LABEL, differing, plugin_label
from acl.results.frames import as_csv, named_runs
from acl.runs.folder import Run
from acl.runs.fork import led_by_hand
from acl.runs.sameness import NAMED, key, telling

PARTS: dict[str, Kind] = {"learner": "learners", "strategy": "strategies", "dataset": "datasets"}
METRICS = {"A": True, "F": False}
"""Which figures of a summary are shown, and whether more of it is better."""
METRIC_NAMES = {"A": "accuracy ↑", "F": "forgetting ↓"}
LATEX_NAMES = {"A": r"accuracy $\uparrow$", "F": r"forgetting $\downarrow$"}
MISSING = "–"
NO_MEMORY = -1


# -- which runs ----------------------------------------------------------------------------------------


def finished_runs(names: Sequence[str], folder: Path) -> tuple[list[Run], list[str]]:
    """The finished runs among `names` (ids, runs, runs folders; none: `folder`), and a sentence for each left out.

    Of runs that agree in settings and seed, and so in every bit, only the newest counts.
    """
    kept: dict[str, Run] = {}
    left_out = []
    for run in named_runs(names, folder):
        try:
            same = key(run.config)
        except UserError as error:
            left_out.append(f"{run.id} is left out: {error}")
            continue
        if not METRICS.keys() <= (run.summary or {}).keys():
            left_out.append(f"{run.id} is left out: it is not finished.")
        elif hand := led_by_hand(run.history()):
            left_out.append(f"{run.id} is left out: it was {hand}, so it is no run of its settings.")
        elif same in kept:
            left_out.append(f"{run.id} is left out: {kept[same].id} has the same settings and seed.")
        else:
            kept[same] = run
    if not kept:
        where = ", ".join(names) or folder
        said = f"There is no finished run in {where}: finish one first (acl run, acl resume)."
        raise UserError(" ".join([said, *left_out[:1]]))
    return list(kept.values()), left_out


# -- what they say -------------------------------------------------------------------------------------


def results(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a cell, in the paper's order: learner, strategy, dataset, memory, then for each of METRICS its
    mean and sample standard deviation in percent (A_mean, A_std, …; NaN where n is 1), n, the seeds, and runs, the
    ids of the runs it is made from."""
    frame = _placed(pd.DataFrame([_row(run) for run in runs]))
    for part, kind in PARTS.items():
        order = in_order(kind)
        headings = map(_heading, _differences(frame, part))
        frame[f"{part}_place"] = [order.index(name) if name in order else len(order) for name in frame[part]]
        frame[part] = [plugin_label(kind, name) + heading for name, heading in zip(frame[part], headings, strict=True)]
    by = [column for part in PARTS for column in (f"{part}_place", part)]
    cells = frame.sort_values([*by, "memory"]).groupby([*PARTS, "memory"], sort=False)
    figures = {f"{metric}_{how}": (metric, how) for metric in METRICS for how in ("mean", "std")}
    return cells.agg(**figures, n=("run", "size"), runs=("run", tuple)).reset_index()


def _row(run: Run) -> dict[str, Any]:
    """The names of a run, what else could have changed its result and whose setting that is, and its figures."""
    config, summary = run.config, run.summary or {}
    settings = {name: value for name, value in legible(telling(config)).items() if name not in NAMED}
    learner, strategy = own("learners", config.learner), own("strategies", config.strategy)
    return {
        "run": run.id,
        **{name: getattr(config, name) for name in ("learner", "strategy", "dataset")},
        "memory": config.memory if "memory" in telling(config) else NO_MEMORY,
        "learner_settings": {k: v for k, v in settings.items() if k in learner},
        "strategy_settings": {k: v for k, v in settings.items() if k in strategy},
        "dataset_settings": {k: v for k, v in settings.items() if k not in learner | strategy},
        **{metric: 100 * summary[metric] for metric in METRICS},
    }


def _placed(frame: pd.DataFrame) -> pd.DataFrame:
    """What has no memory is the same at any size: it stands in every column of its data; M = 0 where there is none."""
    without = frame["memory"] == NO_MEMORY
    columns = frame.loc[~without, ["dataset", "memory"]].drop_duplicates()
    everywhere = frame[without].drop(columns="memory").merge(columns, how="left", on="dataset")
    both = pd.concat([frame[~without], everywhere.fillna({"memory": 0})], ignore_index=True)
    return both.astype({"memory": int})


def _differences(frame: pd.DataFrame, part: str) -> list[dict[str, Any]]:
    """For each run the settings in which it and others of its name differ, with its own values."""
    names = ["dataset", "memory"] if part == "dataset" else [part]
    told: list[dict[str, Any]] = [{} for _ in range(len(frame))]
    for rows in frame.groupby(names).indices.values():
        settings = [frame[f"{part}_settings"].iloc[row] for row in rows]
        apart = differing(settings)
        for row, values in zip(rows, settings, strict=True):
            told[row] = {k: "auto" if values[k] is None else values[k] for k in apart if k in values}
    return told


def _heading(differs: dict[str, Any]) -> str:
    return f" ({', '.join(f'{k}={v}' for k, v in differs.items())})" if differs else ""


def kept_apart(runs: Sequence[Run]) -> list[str]:
    """A sentence naming the settings that forbid to average runs of one name; none if there are none."""
    frame = _placed(pd.DataFrame([_row(run) for run in runs]))
    names = sorted({name for part in PARTS for differs in _differences(frame, part) for name in differs})
    return [f"The runs differ in {', '.join(names)}: each variant is kept apart under its own values."] if names else []


def noisy(runs: Sequence[Run]) -> list[str]:
    """A sentence where labels were wrong on purpose; none otherwise."""
    shares = sorted({run.config.label_noise for run in runs} - {0.0})
    said = ", ".join(f"{share:g}" for share in shares)
    return [f"Labels were wrong on purpose in some of these runs (label_noise={said})."] if shares else []


# -- how it is written ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """mean and std in percent; place: 1 and 2 for the best and second of its CL method in this column; runs: ids."""

    mean: float
    std: float
    n: int
    place: int
    runs: tuple[str, ...]

    def text(self, plus_minus: str, with_n: bool) -> str:
        """Mean and standard deviation with one decimal, the latter left out where it is NaN; with_n: the number of
        seeds too."""
        std = "" if math.isnan(self.std) else f"{plus_minus}{self.std:.1f}"
        return f"{self.mean:.1f}{std}" + (f" (n={self.n})" if with_n else "")


def grid(cells: pd.DataFrame) -> tuple[list[tuple[str, int]], list[tuple[str, str, list[Cell | None]]]]:
    """The columns (dataset, memory), and the rows: CL method, strategy, and a cell or None per column and metric."""
    places = {metric: _places(cells, metric, more) for metric, more in METRICS.items()}
    records = cells.to_dict("records")
    found = {
        (r["learner"], r["strategy"], r["dataset"], r["memory"], m): Cell(
            r[f"{m}_mean"], r[f"{m}_std"], r["n"], places[m][i], r["runs"]
        )
        for i, r in enumerate(records)
        for m in METRICS
    }
    columns = sorted({(r["dataset"], r["memory"]) for r in records})
    rows = dict.fromkeys((r["learner"], r["strategy"]) for r in records)
    return columns, [(*row, [found.get((*row, *column, m)) for column in columns for m in METRICS]) for row in rows]


def _places(cells: pd.DataFrame, metric: str, more: bool) -> list[int]:
    """Rank of each cell in its CL method and column, by the figure as printed; 0 for Full and without a rival."""
    shown = cells[f"{metric}_mean"].map(lambda value: float(f"{value:.1f}"))
    contest = cells.assign(shown=shown)[cells["strategy"] != FULL_LABEL]
    groups = contest.groupby(["learner", "dataset", "memory"])["shown"]
    places = groups.rank(method="dense", ascending=not more).where(groups.transform("size") > 1)
    return places.reindex(cells.index).fillna(0).astype(int).tolist()


def to_csv(cells: pd.DataFrame) -> str:
    """The cells as CSV, two decimals, without the ids of their runs."""
    return as_csv(cells.drop(columns="runs"), digits=2)


def to_markdown(cells: pd.DataFrame) -> str:
    """The cells as a table in Markdown, with the best and the second of each CL method marked, and its caption."""
    marks = {1: "**{}**", 2: "<u>{}</u>"}
    columns, rows = grid(cells)
    with_n = cells["n"].nunique() > 1
    heads = [
        f"{in_markdown(name)}, M={memory}: {METRIC_NAMES[metric]}" for name, memory in columns for metric in METRICS
    ]
    lines = [["CL method", "Strategy", *heads], ["---", "---", *["---:"] * len(heads)]]
    for learner, strategy, row in rows:
        texts = [marks.get(c.place, "{}").format(c.text(" ± ", with_n)) if c else MISSING for c in row]
        lines.append([in_markdown(learner), in_markdown(strategy), *texts])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + f"\n{caption(cells)}\n"


def to_latex(cells: pd.DataFrame) -> str:
    """A tabular for the package booktabs."""
    marks = {1: "\\textbf{{{}}}", 2: "\\underline{{{}}}"}
    columns, rows = grid(cells)
    with_n = cells["n"].nunique() > 1
    width = len(METRICS)
    heads = [f"\\multicolumn{{{width}}}{{c}}{{{escaped(name)}, $M={memory}$}}" for name, memory in columns]
    lines = [
        f"% {caption(cells)}",
        f"\\begin{{tabular}}{{ll{'r' * width * len(columns)}}}",
        "\\toprule",
        _latex_row(["CL method", "Strategy", *heads]),
        _latex_row(["", "", *[LATEX_NAMES[metric] for _ in columns for metric in METRICS]]),
    ]
    above = None
    for learner, strategy, row in rows:
        if learner != above:
            lines.append("\\midrule")
        texts = [marks.get(c.place, "{}").format(c.text(" $\\pm$ ", with_n)) if c else "--" for c in row]
        lines.append(_latex_row([escaped(learner) if learner != above else "", escaped(strategy), *texts]))
        above = learner
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


def _latex_row(texts: Sequence[str]) -> str:
    return " & ".join(texts) + r" \\"


def escaped(text: str) -> str:
    """`text` with LaTeX's special characters made plain."""
    special = {c: f"\\{c}" for c in "&%$#_{}"} | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
    return "".join(special.get(c, c) for c in text)


def caption(cells: pd.DataFrame) -> str:
    """What the table's numbers are, over how many seeds, in a few sentences."""
    n = cells["n"]
    seeds = "n seeds" if n.nunique() > 1 else f"n = {n.iloc[0]} seed{'s' if n.iloc[0] > 1 else ''}"
    return (
        "Accuracy after the last task (higher is better) and forgetting (lower is better) in percent, mean ± sample "
        f"standard deviation over {seeds}. In each CL method best in bold, second underlined; full labels stand apart."
    )


FORMATS: dict[str, Callable[[pd.DataFrame], str]] = {"md": to_markdown, "csv": to_csv, "latex": to_latex}
