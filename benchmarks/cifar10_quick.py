"""The preset cifar10-quick on real CIFAR-10, given as Parquet: strategies × seeds, as the paper's table.

python benchmarks/cifar10_quick.py --data FOLDER [--runs DIR] [--jobs 2]  → a table on stdout
FOLDER holds cifar10-train.parquet and cifar10-test.parquet (columns image and label). A run that is there
already (same settings) is not run twice.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from acl.runs import list_runs

LEARNER, STRATEGIES, SEEDS = "er", ("uniform", "entropy", "accuacl"), (0, 1, 2)


def finished(runs: Path) -> set[tuple[str, int]]:
    return {(run.config.strategy, run.config.seed) for run in list_runs(runs) if run.summary}


def play(runs: Path, data: str, strategy: str, seed: int) -> None:
    command = [sys.executable, "-m", "acl", "run", "--preset", "cifar10-quick", "--dataset", "parquet", "--data", data]
    command += ["--learner", LEARNER, "--strategy", strategy, "--seed", str(seed), "--runs", str(runs), "--quiet"]
    subprocess.run([*command, "--set", "snapshots=off"], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs-cifar10-quick"))
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    wanted = [pair for pair in itertools.product(STRATEGIES, SEEDS) if pair not in finished(arguments.runs)]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda pair: play(arguments.runs, arguments.data, *pair), wanted))
    subprocess.run([sys.executable, "-m", "acl", "table", str(arguments.runs), "--format", "md"], check=True)


if __name__ == "__main__":
    main()
