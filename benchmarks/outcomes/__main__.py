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

from acl.config import UserError

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS, DOCS = ROOT / "benchmarks" / "results", ROOT / "docs"
BEGIN, END = "<!-- written by python -m benchmarks.outcomes -->", "<!-- end -->"


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
    write(arguments.records, arguments.data)


def write(records: Path, data: str) -> None:
    """The report and the pictures of what is there."""
    from benchmarks.outcomes.cells import work
    from benchmarks.outcomes.compute import complete
    from benchmarks.outcomes.pictures import draw
    from benchmarks.outcomes.report import findings, groups, report

    cells = list(dict.fromkeys(cell for cell, _ in work(bool(data))))
    done = [(cell, rows) for cell in cells if (rows := complete(cell, records, data)) is not None]
    if not (found := groups(done)):
        raise UserError(f"{records} holds no two runs whose queries are all measured: go on without --tables.")
    target = RESULTS / ("outcomes-photos.md" if data else "outcomes.md")
    target.write_text(report(found, len(done), len(cells)), "utf-8")
    say(f"{target}: {len(done)} of {len(cells)} runs")
    if not data:
        draw(found[0], DOCS)
        page = DOCS / "outcomes.md"
        page.write_text(between(page.read_text("utf-8"), "\n".join(f"- {line}" for line in findings(found))), "utf-8")


def between(page: str, lines: str) -> str:
    """The page with these lines between its marks."""
    head, rest = page.split(BEGIN)
    return f"{head}{BEGIN}\n\n{lines}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(f"benchmarks.outcomes: {error}") from None
