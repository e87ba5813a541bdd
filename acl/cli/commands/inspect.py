"""acl inspect"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import Any

from acl.cli import app, typed
from acl.cli.commands.select import say_slow, snapshot
from acl.cli.parser import Commands, runs_option
from acl.cli.said import give, prints_aside
from acl.cli.typed import ENDINGS
from acl.config import UserError


def add(commands: Commands) -> None:
    sub = commands.add(
        "inspect", _inspect, "open a query snapshot in the app's page Inspect; with --all: a table of a run's queries"
    )
    sub.add_argument("what", type=typed.place, metavar="FILE.safetensors | RUN", help="with --all a run: id or folder")
    sub.add_argument(
        "--all", action="store_true",
        help="of each query J, overlap with the recorded picks, class balance and redundancy, for the recorded picks "
        "and what each strategy would have picked",
    )  # fmt: skip
    sub.add_argument("--strategies", metavar="A,B|all", help="with --all: beside the recorded picks (default: none)")
    sub.add_argument(
        "--true-past", action="store_true", default=None,
        help="with --all: also what AccuACL would have picked with all samples of past tasks in the memory's place",
    )  # fmt: skip
    sub.add_argument("--format", choices=("md", "csv"), help="with --all (default: md)")
    sub.add_argument("-o", "--output", type=typed.output(), metavar="FILE", help="with --all: instead of on stdout")
    sub.add_argument("--quiet", action="store_true", help="with --all: no progress bar")
    sub.add_argument(
        "--port", type=typed.whole(1, 65535), default=8501, help="of the app, if it is not running yet (default: 8501)"
    )
    runs_option(sub)


def _inspect(arguments: argparse.Namespace) -> None:
    if arguments.all:
        _inspect_all(arguments)
        return
    for name in ("strategies", "true_past", "format", "output"):
        if getattr(arguments, name) is not None:
            raise UserError(f"--{name.replace('_', '-')} is for every query of a run: give --all too, or leave it out.")
    if arguments.what.is_dir():
        raise UserError(f"{arguments.what} is a folder: name a snapshot, or ask for every query of a run with --all.")
    arguments.file = arguments.what
    snapshot(arguments.file)

    from acl.snapshots import shelf as snapshot_shelf

    runs = arguments.runs.resolve()
    name = snapshot_shelf.link(runs, arguments.file)
    print(f"acl: {arguments.file} stays where it is; {snapshot_shelf.folder(runs)} has a link to it.", file=sys.stderr)
    app.serve(arguments.port, runs, f"inspect?snapshot={name}")


def _inspect_all(arguments: argparse.Namespace) -> None:
    """A table of every query of a run, a row for each strategy's picks."""
    from tqdm import tqdm

    from acl.analysis import every_query as analysis
    from acl.config import FULL
    from acl.plugins.registry import plugin
    from acl.results.frames import as_csv
    from acl.results.grid import values_of
    from acl.runs.folder import find_run
    from acl.snapshots.snapshot import load_snapshot

    if arguments.output:
        typed.ends_with(arguments.output, ENDINGS[arguments.format or "md"])
    run = find_run(str(arguments.what), arguments.runs)
    history = run.history()
    queries = analysis.queries_of(run, history)
    if not queries:
        raise UserError(f"{run.id} has no query with a snapshot (see its setting snapshots): name another run.")
    wanted = values_of("strategy", arguments.strategies) if arguments.strategies is not None else []
    if arguments.strategies is not None and not wanted:
        raise UserError("--strategies names none: name some (see acl strategies), or leave it out.")
    names = [plugin("strategies", name).name for name in wanted if name not in {FULL, run.config.strategy}]
    say_slow(names, load_snapshot(run.snapshot(queries[-1].task, queries[-1].round)).context, run.config, len(queries))
    rows: list[analysis.Row] = []

    def more(query: Any) -> analysis.Asked:
        from acl.analysis.stand_in import true_past_picks

        return {analysis.TRUE_PAST: partial(true_past_picks, run, (query.task, query.round))}

    with tqdm(total=len(queries), desc=run.id, unit="query", disable=arguments.quiet) as bar, prints_aside():
        truth = analysis.truth_of(run, history)
        for found in analysis.every_query(run, history, names, truth, *([more] if arguments.true_past else [])):
            rows += found
            bar.update()
    for row in rows:
        if row.why:
            print(f"acl: task {row.task}, round {row.round}: {row.strategy} was not asked: {row.why}", file=sys.stderr)
    text = as_csv(analysis.table(rows)) if arguments.format == "csv" else analysis.as_markdown(rows)
    give(text, arguments.output)
