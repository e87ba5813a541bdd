"""acl select"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acl.cli import typed
from acl.cli.parser import Commands, changes_of, set_option
from acl.cli.said import prints_aside
from acl.config import RunConfig, UserError

if TYPE_CHECKING:
    from acl.selection.query import QueryContext


# The magnitude M and distribution score D that a table of scores holds for every strategy.
SCORES_USE = frozenset({"lambda", "dims_per_class"})


def add(commands: Commands) -> None:
    sub = commands.add("select", _select, "choose samples of a query snapshot; the last line of stdout is JSON: ids")
    sub.add_argument("snapshot", type=typed.file, metavar="SNAPSHOT.safetensors")
    sub.add_argument("--strategy", default=RunConfig().strategy)
    sub.add_argument("--n", type=int, help="how many (default: what the snapshot says)")
    sub.add_argument("--lambda", dest="lambda_", type=float, metavar="λ", help="weight of the past, 0..1")
    sub.add_argument(
        "--scores", type=typed.output(".parquet"), metavar="OUT.parquet", help="write every sample's scores here"
    )
    set_option(sub)


def _select(arguments: argparse.Namespace) -> None:
    from dataclasses import replace

    from acl.config import FULL, make_config

    changes = changes_of(arguments.changes)
    if arguments.strategy == FULL:
        raise UserError("Full labels chooses nothing: name a query strategy (see acl strategies).")
    if arguments.lambda_ is not None:
        changes["lambda"] = arguments.lambda_
    config = make_config({"strategy": arguments.strategy, **changes})
    _refuse_unasked(arguments, changes)
    # What is cheap to check has been checked: reading the snapshot imports torch.
    from acl.plugins.asking import ask
    from acl.plugins.registry import plugin
    from acl.selection.ties import remarks

    context = snapshot(arguments.snapshot)
    if arguments.n is not None:
        context = replace(context, n=arguments.n)
    if config.lambda_ is not None:
        context = replace(context, lambda_=config.lambda_)
    say_slow([arguments.strategy], context, config)
    with prints_aside():
        selection = ask(arguments.strategy, config, context)
    scores = {name: values.numpy() for name, values in selection.scores.items()}
    for line in remarks(plugin("strategies", arguments.strategy).picks, scores, context.n, config.oversample):
        print(f"acl: {line}", file=sys.stderr)
    if arguments.scores:
        import pyarrow.parquet as pq

        from acl.runs.recording import score_table
        from acl.system.files import disk_trouble, replace_file

        table = score_table(context, selection, config.dims_per_class)
        with disk_trouble("The table", arguments.scores):
            replace_file(arguments.scores, lambda temporary: pq.write_table(table, temporary))
    print(json.dumps({"ids": selection.ids.tolist()}))


def say_slow(names: Sequence[str], context: QueryContext, config: RunConfig, queries: int = 1) -> None:
    """How long it takes, on stderr and beforehand, where that is long; and what would make it shorter."""
    from acl.analysis import comparison
    from acl.plugins.registry import plugin

    for name in names:
        if comparison.is_slow(name, context, config):
            took = queries * comparison.seconds(name, context, config)
            time = f"{took:.0f} s" if took < 90 else f"{took / 60:.0f} min"
            hint = "; --set top_classes=K looks at the K likeliest classes of each sample alone, and is quicker"
            shorter = hint if "top_classes" in plugin("strategies", name).uses else ""
            print(f"acl: {name} takes about {time} on a pool of {len(context.pool):,}{shorter}.", file=sys.stderr)


def _refuse_unasked(arguments: argparse.Namespace, changes: dict[str, Any]) -> None:
    """UserError for a setting that changes neither the choice nor the table of scores, which holds AccuACL's too."""
    from acl.config import make_config
    from acl.plugins.registry import plugin
    from acl.plugins.unused import refuse

    used = plugin("strategies", arguments.strategy).uses | (SCORES_USE if arguments.scores else set())
    options = {} if arguments.lambda_ is None else {"lambda": "--lambda"}
    for name in changes.keys() - used:
        refuse([make_config({"strategy": arguments.strategy})], [name], options)
        raise UserError(f"{arguments.strategy} does not use {name}: it is for runs, not for one query; leave it out.")


def snapshot(path: Path) -> QueryContext:
    """The context that a file holds; what is remarked about it goes to stderr."""
    from acl.snapshots.snapshot import load_snapshot

    snapshot = load_snapshot(path)
    for note in snapshot.notes:
        print(f"acl: {note}", file=sys.stderr)
    return snapshot.context
