"""acl outcomes"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from acl.cli import typed
from acl.cli.parser import Commands, runs_option
from acl.cli.said import prints_aside
from acl.config import UserError


def add(commands: Commands) -> None:
    sub = commands.add(
        "outcomes", _outcomes, "measure what sets of samples of a query do; the last line of stdout is JSON",
        "what was measured is kept with {run}, and the same command goes on from there",
    )  # fmt: skip
    sub.add_argument("run", metavar="RUN", help="an id or a folder")
    where = sub.add_mutually_exclusive_group(required=True)
    where.add_argument("--at", metavar="TASK.ROUND", help="this query")
    where.add_argument("--all", action="store_true", help="every query")
    sub.add_argument("--subsets", type=int, default=200, help="random sets of the query's size (default: 200)")
    sub.add_argument("--strategies", default="all", metavar="A,B|all|none", help="whose picks (default: all)")
    sub.add_argument(
        "--sizes", type=typed.numbers, default="0,0.1,0.25,0.5,1", metavar="S,S|FROM:TO:STEP",
        help="random sets of these shares of the query's size, a quarter as many (default: 0,0.1,0.25,0.5,1)",
    )  # fmt: skip
    sub.add_argument("--equal-steps", action="store_true", help="the smaller sets also with as many training steps")
    sub.add_argument(
        "--lambdas", type=typed.numbers, default="", metavar="λ,λ|FROM:TO:STEP", help="AccuACL's picks at these λ"
    )
    sub.add_argument("--controls", default="", metavar="A,B|all", help="classes, losses, distribution, magnitude")
    sub.add_argument(
        "--true-past", action="store_true", help="AccuACL's picks with all samples of past tasks in the memory's place"
    )
    sub.add_argument(
        "--paths", default="", metavar="A,B|all",
        help="the run's strategy with other values of dims_per_class, oversample, n, seed",
    )  # fmt: skip
    sub.add_argument("--ids", type=typed.ids, metavar="ID,ID", help="these samples too")
    sub.add_argument("--repeats", type=int, default=3, help="orders that named sets are learned in (default: 3)")
    sub.add_argument(
        "--horizon", default="round", metavar="round|budget|next",
        help="measured after this round, after the task's budget, or after the next task (default: round)",
    )  # fmt: skip
    sub.add_argument(
        "--predict", action="store_true",
        help="print which scores of a set predict what it does; their columns are added to the table",
    )  # fmt: skip
    sub.add_argument(
        "--worth", action="store_true",
        help="also measure four random sets a sample of the pool, and print what the label of each sample is worth",
    )  # fmt: skip
    sub.add_argument(
        "-o", "--output", type=typed.output(".parquet"), metavar="FILE.parquet", help="the table of these sets"
    )
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    runs_option(sub)


def _outcomes(arguments: argparse.Namespace) -> None:
    from acl.analysis.outcomes.asked import CONTROLS, PATHS, Plan
    from acl.runs.folder import find_run
    from acl.runs.fork import parse_place

    plan = Plan.from_json(
        {
            **{name: getattr(arguments, name) for name in ("subsets", "sizes", "equal_steps", "lambdas", "repeats")},
            "strategies": () if arguments.strategies == "none" else tuple(typed.words(arguments.strategies)),
            "controls": CONTROLS if arguments.controls == "all" else tuple(typed.words(arguments.controls)),
            "true_past": arguments.true_past,
            "paths": list(PATHS.items()) if arguments.paths == "all" else _paths(typed.words(arguments.paths)),
            "own": () if arguments.ids is None else (("", arguments.ids),),
            "horizon": arguments.horizon,
        }
    )
    run = find_run(arguments.run, arguments.runs)
    at = None if arguments.all else parse_place(arguments.at)
    # What is cheap to check has been checked: this imports torch.
    from acl.results.outcomes import asked_queries, measure_queries, predictors_table
    from acl.results.worth import measure_worth, worth_table

    places = asked_queries(run) if at is None else [at]
    with _measuring(run.id, len(places), arguments.quiet) as (show, say), prints_aside():
        rows = measure_queries(run, places, plan, arguments.runs, show, say, arguments.predict)
        worths = [measure_worth(run, place, arguments.runs, show, say) for place in places if arguments.worth]
    if arguments.output:
        from acl.system.files import disk_trouble, replace_file

        with disk_trouble("The table", arguments.output):
            replace_file(arguments.output, lambda temporary: rows.to_parquet(temporary, index=False))
    if arguments.predict:
        print(predictors_table(rows))
    for place, worth in zip(places, worths, strict=False):
        print(worth_table(place, worth))
    print(json.dumps({"run": run.id, "queries": [f"{task}.{round_}" for task, round_ in places], "rows": len(rows)}))


def _paths(names: Sequence[str]) -> list[tuple[str, tuple[float, ...]]]:
    from acl.analysis.outcomes.asked import PATHS

    known = {str(name): values for name, values in PATHS.items()}
    if unknown := [name for name in names if name not in known]:
        raise UserError(f"The paths are {', '.join(known)}, got '{unknown[0]}'.")
    return [(name, known[name]) for name in names]


@contextmanager
def _measuring(name: str, n_queries: int, quiet: bool) -> Iterator[tuple[Callable[..., None], Callable[[str], None]]]:
    """A bar on stderr, what moves it, and what writes a sentence above it."""
    from tqdm import tqdm

    form = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {postfix}"
    begun: list[tuple[int, int]] = []
    with ExitStack() as stack:
        bars: list[Any] = []

        def show(at: tuple[int, int], progress: Any) -> None:
            # Not drawn before there is something to show: what cannot be measured is a sentence alone.
            if not bars:
                bars.append(stack.enter_context(tqdm(total=0, disable=quiet, desc=name, bar_format=form)))
            bar = bars[0]
            if at not in begun:
                begun.append(at)
                bar.reset(progress.total)
            left = "" if progress.eta_s is None else f", {progress.eta_s:.0f} s left"
            bar.postfix = f"sets of query {at[0]}.{at[1]} ({len(begun)} of {n_queries}){left}"
            bar.update(progress.done - bar.n)

        yield show, lambda sentence: tqdm.write(f"acl: {sentence}", file=sys.stderr)
