"""What only a machine with a CUDA GPU can show, in some minutes of one.

python -m benchmarks.gpu checks [--minutes 4] [--data FOLDER]   does it work there, and how fast: results/gpu.md
python -m benchmarks.gpu paper --data FOLDER [--minutes 8]      go on with the paper's table: results/paper/runs.jsonl
python -m benchmarks.gpu merge FILE                             take over lines that came from another machine

FOLDER holds CIFAR-10's Parquet files. On a machine without a GPU, `--device cpu --small` rehearses all of it.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from acl.config import UserError

if TYPE_CHECKING:
    from benchmarks.gpu.checking import Check

BEGAN = time.monotonic()
"""The minutes are counted from here: what is heavy is imported later."""
RESULTS = Path(__file__).parent.parent / "results"


def checks(arguments: argparse.Namespace) -> int:
    from benchmarks.gpu.checking import Outcome, Setting, outcomes
    from benchmarks.gpu.checks import every_check, every_timing
    from benchmarks.gpu.report import REHEARSAL, markdown

    rehearsal = arguments.device == "cpu"
    out = Path(arguments.out) if arguments.out else None if rehearsal or arguments.only else RESULTS
    groups = [_chosen(group, arguments.only) for group in (every_check(), every_timing())]
    if not any(groups):
        names = [check.name for check in (*every_check(), *every_timing())]
        raise UserError(f"--only names no check; there are: {'; '.join(names)}.")
    found: list[list[Outcome]] = [[], []]
    say(REHEARSAL.strip("*") if rehearsal else "Each line is one check.")
    with tempfile.TemporaryDirectory() as folder:
        deadline = BEGAN + 60 * arguments.minutes
        setting = Setting(arguments.device, arguments.small, arguments.data, folder, deadline)
        places = [place for place, group in enumerate(groups) for _ in group]
        for place, outcome in zip(places, outcomes([*groups[0], *groups[1]], setting), strict=True):
            found[place].append(outcome)
            print(outcome.line, flush=True)
            for figure in outcome.figures:
                target = f" [target: {figure.target}]" if figure.target else ""
                print(f"    {figure.what}: {figure.value}{target}", flush=True)
            if out:  # as each comes, so that nothing is lost if the machine goes
                out.mkdir(parents=True, exist_ok=True)
                minutes = (time.monotonic() - BEGAN) / 60
                (out / "gpu.md").write_text(markdown(found[0], found[1], _command(), rehearsal, minutes), "utf-8")
    failed = sum(outcome.state == "FAILED" for outcome in (*found[0], *found[1]))
    say(f"{failed} failed, {(time.monotonic() - BEGAN) / 60:.1f} minutes{f', written to {out}/gpu.md' if out else ''}.")
    return int(failed > 0)


def _chosen(group: list[Check], only: Sequence[str]) -> list[Check]:
    return [check for check in group if not only or any(text in check.name for text in only)]


def _command() -> str:
    """What was asked for, without the folders of this machine."""
    given = sys.argv[1:]
    folders = {place + 1 for place, text in enumerate(given) if text in ("--data", "--out")}
    shown = ["FOLDER" if place in folders else text for place, text in enumerate(given)]
    return f"python -m benchmarks.gpu {shlex.join(shown)}"


def paper(arguments: argparse.Namespace) -> int:
    from benchmarks.gpu.paper import go_on

    out = Path(arguments.out) if arguments.out else RESULTS / "paper" / "runs.jsonl"
    if arguments.device == "cpu" and not arguments.out:
        raise UserError("On a CPU this is a rehearsal: give --out, a file for its lines.")
    return go_on(arguments, BEGAN + 60 * arguments.minutes, out, say)


def merge(arguments: argparse.Namespace) -> int:
    from benchmarks.gpu.paper_lines import merged

    out = Path(arguments.out) if arguments.out else RESULTS / "paper" / "runs.jsonl"
    say(merged(Path(arguments.file), out))
    return 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one, two, three = (commands.add_parser(work.__name__) for work in (checks, paper, merge))
    for work, command in ((checks, one), (paper, two), (merge, three)):
        command.set_defaults(work=work)
        command.add_argument("--out", default="")
    for command in (one, two):
        command.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
        command.add_argument("--small", action="store_true", help="tiny sizes, for a rehearsal")
        command.add_argument("--data", default="", help="folder of CIFAR-10's Parquet files")
    one.add_argument("--minutes", type=float, default=4)
    one.add_argument("--only", nargs="+", default=[], metavar="TEXT", help="checks whose names hold one of these")
    two.add_argument("--minutes", type=float, default=8)
    two.add_argument("--jobs", type=int, default=1, help="runs at a time")
    two.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings beside the paper's")
    three.add_argument("file")
    arguments = parser.parse_args()
    # Before torch: what must be there when a GPU's libraries are first used.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        return int(arguments.work(arguments))
    except UserError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("Interrupted: what is finished is kept.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
