"""What a query leaves in the run folder: its snapshot, its table of scores; and pictures for runs that travel."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.numpy import save_file

from acl.config import RunConfig
from acl.events import Bought
from acl.loop import Query
from acl.network.predictions import Predictions
from acl.runs.folder import Run
from acl.selection.fisher import magnitude_and_distribution
from acl.selection.query import QueryContext, Selection
from acl.stream.types import TaskStream
from acl.system.files import replace_file


def score_table(context: QueryContext, selection: Selection, dims_per_class: int) -> pa.Table:
    """One row for each pool sample: id, every score, rank (1 = first pick, null = not picked), picked,
    and label, null until the sample is bought.

    Magnitude and distribution are there for every strategy, so that each can be looked at in AccuACL's
    plane.
    """
    rank = {int(id_): place for place, id_ in enumerate(selection.ids, start=1)}
    ids = context.pool.ids.tolist()
    scores = {name: values.numpy() for name, values in selection.scores.items()}
    if not {"magnitude", "distribution"} <= scores.keys():
        magnitude, distribution = magnitude_and_distribution(context, dims_per_class)
        scores = scores | {"magnitude": magnitude.numpy(), "distribution": distribution.numpy()} | scores
    classes = torch.tensor(context.classes)
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            **scores,
            "predicted": classes[context.pool.p.argmax(1)].numpy(),
            "rank": pa.array([rank.get(id_) for id_ in ids], pa.int64()),
            "picked": [id_ in rank for id_ in ids],
            "label": pa.nulls(len(ids), pa.int64()),
        }
    )


def is_kept(config: RunConfig, last: bool) -> bool:
    """Whether the run's snapshot policy wants a query; last: of its task."""
    return config.snapshots != "off" and (config.snapshots != "last_round" or last)


def save_query(run: Run, query: Query, config: RunConfig, last: bool) -> None:
    """Snapshot and scores of `query`, as far as the run's snapshot policy wants them. last: of its task."""
    context, selection = query.context, query.selection
    assert context is not None and selection is not None
    if not is_kept(config, last):
        return
    path = run.snapshot(context.task, context.round)
    path.parent.mkdir(exist_ok=True)
    replace_file(path, context.save)
    table = score_table(context, selection, config.dims_per_class)
    replace_file(run.scores(context.task, context.round), lambda temporary: pq.write_table(table, temporary))


def save_predictions(run: Run, predictions: Predictions, at: tuple[int, int], config: RunConfig) -> None:
    """Of the evaluation `at` = (task, round), unless the run keeps no snapshots at all."""
    if config.snapshots == "off":
        return
    path = run.predictions(*at)
    path.parent.mkdir(exist_ok=True)
    replace_file(path, predictions.save)


def save_labels(run: Run, bought: Bought) -> None:
    """Fill in the labels of the samples just bought, if their query has a table."""
    path = run.scores(bought.task, bought.round)
    if not path.exists():
        return
    table = pq.read_table(path)
    label = dict(zip(bought.ids, bought.labels, strict=True))
    column = pa.array([label.get(id_) for id_ in table["id"].to_pylist()], pa.int64())
    table = table.set_column(table.column_names.index("label"), "label", column)
    replace_file(path, lambda temporary: pq.write_table(table, temporary))


def save_thumbs(run: Run, stream: TaskStream) -> None:
    """Pictures and labels of every training sample: a run that travels shows them without the dataset."""
    ids = np.sort(np.concatenate([task.train_ids for task in stream.tasks]))
    tensors = {"ids": ids, "images": stream.images[ids], "labels": stream.labels[ids]}
    replace_file(run.thumbs, lambda temporary: save_file(tensors, temporary))
