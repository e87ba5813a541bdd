"""Measure what the study needs, as far as it is missing, and write benchmarks/results/outcomes.md and its pictures.

python -m benchmarks.outcomes --records FOLDER                    go on measuring, then the report
python -m benchmarks.outcomes --records FOLDER --data FOLDER      the same of photographs (Parquet files of CIFAR-10)
python -m benchmarks.outcomes --records FOLDER --tables           the report of what is there

Ctrl-C loses only the piece under way: the same command goes on from there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outcomes", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--records", type=Path, required=True, help="where runs and what was measured are kept")
    parser.add_argument("--data", default="", help="measure CIFAR-10 out of this folder's Parquet files instead")
    parser.add_argument("--tables", action="store_true", help="measure nothing more")
    arguments = parser.parse_args()
    if not arguments.tables:
        from benchmarks.outcomes.compute import compute

        compute(arguments.records, arguments.data, say)


if __name__ == "__main__":
    main()
