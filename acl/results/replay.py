"""A run as one HTML file that plays without a server or a network: curves, each query's plane and pictures.

The figures are drawn by plotly's own JavaScript, which stands in the file; what they show is one JSON value.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy import ndarray
from PIL import Image

from acl.config import UserError
from acl.events import Bought, Evaluated, History, Remembered, Scored
from acl.plugins.registry import prepare
from acl.results.cohorts import plugin_label
from acl.results.colours import task_colours
from acl.results.table import PARTS
from acl.runs.archive import small
from acl.runs.folder import Run

MOST_POINTS = 1_500
"""Of one query's plane; its picks are among them, and of the others as many, evenly by their ids."""
MOST_PICTURES = 4_000
ACROSS = 50
"""Pictures in a row of the sheet that holds them all."""

Moment = dict[str, Any]


def replay(run: Run) -> str:
    """The whole file. UserError for a run that cannot be read, or has not yet come to its first test."""
    config, history = run.config, run.history()
    started = history.started
    if started is None or not history.of(Evaluated):
        raise UserError(f"{run.id} has tested nothing yet: there is nothing to play; let it go on to its first test.")
    moments = [_moment(run, history, event) for event in history.of(Evaluated)]
    picks = {i for moment in moments for name in ("bought", "memory") for i, _ in moment[name]}
    points = {point[0] for moment in moments for point in moment["points"]}
    ids = [*sorted(picks), *sorted(points - picks)][:MOST_PICTURES]
    images = _images(run, ids, len(started.class_names))
    shown = {
        "classes": started.class_names, "tasks": [task["classes"] for task in started.tasks], "moments": moments,
        "colours": task_colours(len(started.tasks)), "pictures": _sheet(ids, images),
    }  # fmt: skip
    names = (plugin_label(kind, getattr(config, field)) for field, kind in PARTS.items())
    title = " · ".join([*names, f"seed {config.seed}"])
    return _pages.get_template("replay.html").render(
        plotly=_plotly(), title=title, run=run.id, shown=shown, ended=run.summary or {}
    )


_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _moment(run: Run, history: History, event: Evaluated) -> Moment:
    """What there is to see when a round has been tested: accuracies in percent on each task so far, the query that it
    began with, what was bought, and the memory that was replayed."""
    at = event.task, event.round
    query = next((e for e in history.of(Scored) if (e.task, e.round) == at), None)
    bought = next((e for e in history.of(Bought) if (e.task, e.round) == at), None)
    held = [e for e in history.of(Remembered) if e.task < event.task]
    return {
        "task": event.task, "round": event.round, "final": event.final,
        "accuracy": [round(100 * a, 1) for a in event.accuracy],
        "by": bought.by if bought else "", "pool": query.pool if query else 0,
        "bought": list(zip(bought.ids, bought.labels, strict=True)) if bought else [],
        "n_labelled": bought.n_labelled if bought else 0,
        "memory": list(zip(held[-1].ids, held[-1].labels, strict=True)) if held else [],
        "points": _points(run.scores(*at), set(bought.ids if bought else [])),
    }  # fmt: skip


def _points(path: Path, picks: set[int]) -> list[tuple[int, float, float, int]]:
    """id, distribution, magnitude, and 1 for a pick, of samples of the pool; none where the run kept no scores."""
    try:
        table = pq.read_table(path, columns=["id", "distribution", "magnitude"])
    except FileNotFoundError:
        return []
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(f"{path} cannot be read ({error}): it is damaged.") from None
    rows = [row for row in zip(*(table[name].to_pylist() for name in table.column_names), strict=True)
            if all(value is not None and np.isfinite(value) for value in row)]  # fmt: skip
    own = [(i, d, m, 1) for i, d, m in rows if i in picks]
    others = [(i, d, m, 0) for i, d, m in rows if i not in picks]
    step = max(1, -(-len(others) // max(MOST_POINTS - len(own), 1)))
    # Five digits are more than a screen can show.
    return [(int(i), float(f"{d:.5g}"), float(f"{m:.5g}"), pick) for i, d, m, pick in [*others[::step], *own]]


# -- pictures ------------------------------------------------------------------------------------------


def _images(run: Run, ids: list[int], n_classes: int) -> ndarray | None:
    """uint8 [n, H, W, 1 or 3] of these samples: those that travel with the run, else its dataset's; None where there
    are none here. What is not known is black."""
    if not ids:
        return None
    if run.thumbs.exists():
        # It imports torch, which the page that offers this file does without.
        from acl.snapshots.sample_pictures import find_pictures

        found = find_pictures(run.thumbs, "", set(ids), n_classes)
        images = found.images(ids) if found else None
        return None if images is None else small(images)
    try:
        all_ = prepare(run.config).images
    except UserError:
        return None
    there = [i if 0 <= i < len(all_) else -1 for i in ids]
    images = np.stack([all_[i] if i >= 0 else np.zeros_like(all_[0]) for i in there])
    return small(images)


def _sheet(ids: list[int], images: ndarray | None) -> dict[str, Any]:
    """One PNG of all of them, as a data URL, row by row; the place of each sample in it, and the size of one."""
    if images is None:
        return {"place": {}, "url": "", "width": 1, "height": 1, "across": ACROSS}
    n, height, width, channels = images.shape
    down = -(-n // ACROSS)
    sheet = np.zeros((down * ACROSS, height, width, channels), np.uint8)
    sheet[:n] = images
    tiled = sheet.reshape(down, ACROSS, height, width, channels).swapaxes(1, 2)
    pixels = tiled.reshape(down * height, ACROSS * width, channels)
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(file, "PNG", optimize=True)
    url = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    place = {str(id_): row for row, id_ in enumerate(ids)}
    return {"place": place, "url": url, "width": width, "height": height, "across": ACROSS, "down": down}
