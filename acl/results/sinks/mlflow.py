"""An MLflow store in the folder, one MLflow run a run: params, metrics with steps and times. No server is asked."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from acl.config import UserError
from acl.results.sinks.base import Point, Source, points
from acl.system.files import no_link

# MLflow counts its users over the network unless it is told not to before it is imported.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
try:
    import alembic  # noqa: F401 - what keeps MLflow's store; MLflow itself would say so only in a traceback
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError
except ImportError:
    raise UserError("MLflow is not installed: pip install -r requirements-sinks.txt.") from None

EXPERIMENT = "acl-explorer"
MOST_METRICS = 1000
"""What MLflow takes at once."""


def write(sources: Sequence[Source], folder: Path) -> None:
    """Write these runs into the store in `folder`. UserError where MLflow cannot use it."""
    try:
        _write_all(sources, folder)
    except (MlflowException, SQLAlchemyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"MLflow cannot use {folder / 'mlflow.db'} ({reason}): name another folder with -o.") from None


def _write_all(sources: Sequence[Source], folder: Path) -> None:
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    client = MlflowClient(tracking_uri=f"sqlite:///{no_link(folder / 'mlflow.db')}")
    found = client.get_experiment_by_name(EXPERIMENT)
    artifacts = no_link(folder / "artifacts").as_uri()
    experiment = found.experiment_id if found else client.create_experiment(EXPERIMENT, artifact_location=artifacts)
    for source in sources:
        for old in client.search_runs([experiment], f"tags.run = '{source.run.id}'"):
            client.delete_run(old.info.run_id)
        _write(source, client, experiment)


def _write(source: Source, client: MlflowClient, experiment: str) -> None:
    rows = source.history.rows
    id_ = source.run.id
    made = client.create_run(experiment, start_time=_ms(rows[0].t), run_name=id_, tags={"run": id_}).info.run_id
    texts = {name: v if isinstance(v, str) else json.dumps(v) for name, v in source.settings.items()}
    client.log_batch(made, params=[Param(name, text) for name, text in texts.items()])
    for batch in _batches(points(source.history)):
        client.log_batch(made, metrics=[Metric(p.name, p.value, _ms(p.t), p.step) for p in batch])
    if source.history.finished:
        client.set_terminated(made, "FINISHED", end_time=_ms(rows[-1].t))


def _batches(all_points: Iterable[Point]) -> Iterator[list[Point]]:
    rest = iter(all_points)
    while batch := list(islice(rest, MOST_METRICS)):
        yield batch


def _ms(t: float) -> int:
    return int(t * 1000)
