"""acl.select(): a strategy's picks of arrays of one's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from acl.config import FULL, UserError, make_config
from acl.plugins.asking import ask
from acl.selection.query import Selection
from acl.snapshots.snapshot import load_snapshot
from acl.snapshots.writer import Array, Table, Whole, write_snapshot


def select(
    strategy: str,
    h: Array,
    p: Array,
    n: Whole,
    *,
    ids: Array | None = None,
    memory: Table | None = None,
    labelled: Table | None = None,
    lambda_: float | None = None,
    settings: dict[str, Any] | None = None,
    **described: Any,
) -> Selection:
    """What `strategy` (see `acl strategies`) picks out of a pool of your own.

    Arrays may be of NumPy or torch, or lists; they pass the same checks as a snapshot file (acl.write_snapshot).

    Args:
        h, p, ids: of the pool: features [N, d], probabilities [N, C] and the samples' names [N], default 0..N-1.
        n: how many to pick.
        memory, labelled: what is kept of past tasks, and what is labelled of this one: (h, p) or (ids, h, p).
        lambda_: AccuACL's weight of the past, 0..1; default the memory's share of all samples given.
        settings: of the strategy, e.g. {"oversample": 2, "dims_per_class": 5}; see `acl settings`.
        described: classes, n_classes, task, round_, seed, as in acl.write_snapshot.

    Returns:
        ids: int64 [n], best first; scores: by name float64 [N], what the strategy looked at.

    Raises:
        UserError: in one sentence, what cannot be picked from.
    """
    if strategy == FULL:
        raise UserError("Full labels chooses nothing: name a query strategy (see acl strategies).")
    config = make_config({"strategy": strategy, **(settings or {})})
    pool = (h, p) if ids is None else (ids, h, p)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "query.safetensors"
        write_snapshot(file, pool, memory, labelled, n=n, lambda_=lambda_, **described)
        context = load_snapshot(file).context
    if config.lambda_ is not None and lambda_ is None:
        context = replace(context, lambda_=config.lambda_)
    return ask(strategy, config, context)
