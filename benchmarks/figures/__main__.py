"""Work out a grid of runs, as far as it is missing, and write its tables to benchmarks/results/GRID.md.

python -m benchmarks.figures GRID [--jobs 2] [--data FOLDER]     go on with the runs, then the tables
python -m benchmarks.figures GRID --tables                       the tables of what is there
python -m benchmarks.figures GRID --prune                        drop the lines of other settings and methods

Finished runs are kept in benchmarks/results/figures/GRID.jsonl, each as it comes; Ctrl-C loses only those under way.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import closing
from pathlib import Path

from acl.config import FULL, RunConfig, UserError
from benchmarks.figures.compute import computed, missing
from benchmarks.figures.grids import GRIDS, Grid, identity
from benchmarks.figures.lines import Line, Lines, read

RESULTS = Path(__file__).parent.parent / "results"


def work(grid: Grid, path: Path, jobs: int, data: str) -> int:
    """The missing runs, with progress on stderr; returns how many failed."""
    if grid.takes_data != bool(data):
        needs = "needs --data, the folder of its Parquet files" if grid.takes_data else "takes no --data"
        raise UserError(f"The grid {grid.name} {needs}.")
    n, began, failed = len(missing(grid, read(path), data)), time.monotonic(), 0
    say(f"{grid.name}: {n} of {len(grid.configs())} runs to do.")
    with closing(computed(grid, path, jobs, data)) as outcomes:
        for done, (config, outcome) in enumerate(outcomes, start=1):
            left = (n - done) * (time.monotonic() - began) / done / 60
            failed += isinstance(outcome, Exception)
            say(f"[{done}/{n}] {told(config, outcome)}; about {left:.1f} min left")
    return failed


def told(config: RunConfig, outcome: Line | Exception) -> str:
    labels = "all" if config.strategy == FULL else config.n_end
    name = f"seed {config.seed} {config.learner} {config.strategy}, {labels} labels, M = {config.memory}"
    if isinstance(outcome, Exception):
        return f"{name} failed: {type(outcome).__name__}: {outcome}"
    return f"{name}: A {100 * outcome['A']:.1f}, F {100 * outcome['F']:.1f}, {outcome['seconds']:.1f} s"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def write_tables(grid: Grid, path: Path) -> None:
    from benchmarks.figures.tables import report

    target = RESULTS / f"{grid.name}.md"
    target.write_text(report(grid, read(path)), "utf-8")
    say(f"Tables: {target}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grid", choices=GRIDS)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--data", default="")
    parser.add_argument("--tables", action="store_true")
    parser.add_argument("--prune", action="store_true")
    arguments = parser.parse_args()
    grid, path = GRIDS[arguments.grid], RESULTS / "figures" / f"{arguments.grid}.jsonl"
    try:
        if arguments.prune:
            with Lines(path) as lines:
                say(f"{lines.prune({identity(config) for config in grid.configs()})} lines dropped.")
            return 0
        failed = 0 if arguments.tables else work(grid, path, arguments.jobs, arguments.data)
        write_tables(grid, path)
        return int(failed > 0)
    except UserError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("Interrupted: every finished run is kept, and the same command goes on.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
