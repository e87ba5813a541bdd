"""How fast the Inspect page's what-if answers, and what each part of it costs beside a query asked from the start.

"the whole page" is all of the server's work for one move of the λ slider: re-ranking, table, payload, figure.

python benchmarks/whatif.py  → a table on stdout
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from streamlit.testing.v1 import AppTest

from acl.analysis.what_if import Microscope, Settings
from acl.selection.query import QueryContext, Samples
from acl.service import backend
from acl.strategies.accuacl import AccuACL

POOL, DIM, MEMORY, N = 10_000, 512, 200, 100
REPEATS = 9


def context(n_classes: int) -> QueryContext:
    """A pool like a trained network's: features after a ReLU, probabilities mostly sure."""
    draw = torch.Generator().manual_seed(n_classes)

    def samples(size: int, first: int) -> Samples:
        h = torch.randn(size, DIM, generator=draw).add(0.3).relu()
        p = torch.softmax(4 * torch.randn(size, n_classes, generator=draw), 1)
        return Samples(torch.arange(first, first + size), h, p)

    roles = (samples(POOL, 0), samples(N, POOL), samples(MEMORY, 2 * POOL))
    return QueryContext(*roles, tuple(range(n_classes)), N, 0.5, 1, 1, 0, n_classes)


def milliseconds(what: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        what()
        times.append(1000 * (time.perf_counter() - start))
    return times


def moves_of_the_slider(asked: QueryContext) -> Callable[[], object]:
    """The Inspect page on a snapshot file; each call moves λ once."""
    runs = Path(tempfile.mkdtemp())
    os.environ["ACL_RUNS"] = str(runs)
    asked.save(runs / "asked.safetensors")
    from acl.snapshots import shelf as snapshot_shelf

    test = AppTest.from_file(str(Path("app/contents.py").resolve()), default_timeout=100)
    test.query_params["snapshot"] = snapshot_shelf.link(runs, runs / "asked.safetensors")
    test.switch_page(str(Path("pages/inspect.py").resolve())).run()
    lambdas = iter([step / 100 for step in range(1, 100)])

    def move() -> None:
        slider = next(widget for widget in test.slider if str(widget.key).startswith("lambda"))
        slider.set_value(next(lambdas)).run()
        assert not test.exception

    return move


def main() -> None:
    print(f"| classes | what | median ms | worst ms of {REPEATS} | of a query from the start |")
    print("|---|---|---|---|---|")
    for n_classes in (10, 100):
        asked = context(n_classes)
        scope = Microscope(asked)
        lambdas = iter([step / (REPEATS + 1) for step in range(1, REPEATS + 1)])
        whole = milliseconds(lambda: AccuACL().select(replace(asked)))  # noqa: B023
        again = milliseconds(lambda: scope.rank(Settings(next(lambdas), N, 5, 2.0)))  # noqa: B023
        page = milliseconds(moves_of_the_slider(asked))
        rows = (("a query from the start", whole), ("what-if: another λ", again), ("the whole page, another λ", page))
        for name, times in rows:
            ratio = statistics.median(times) / statistics.median(whole)
            print(f"| {n_classes} | {name} | {statistics.median(times):.0f} | {max(times):.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    if not Path("acl").is_dir():
        sys.exit("Run me from the project's root.")
    logging.disable(logging.WARNING)
    # The page alone is measured: no backend, so no UMAP is worked out beside it.
    backend.ensure = lambda runs: None
    main()
