"""How fast outcomes are measured: 200 random sets of one query of digits-demo, at once and in turn, and one set.

python -m benchmarks.measuring  → a table on stdout. Each figure is the least of three, on one thread a process; the
table's are seconds of the processor, so that what else runs does not count.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acl.runs.folder import Run

SETS, ALONE, TIMES = 200, 10, 3
AT = (3, 1)
LEARNERS = ("er", "derpp", "er_ace", "finetune")


def least(work: Callable[[int], object]) -> float:
    """Seconds of the processor in the quickest of `TIMES`; it is told which time it is."""
    seconds = []
    for number in range(TIMES):
        start = time.process_time()
        work(number)
        seconds.append(time.process_time() - start)
    return min(seconds)


def one_learner(learner: str, runs: Path) -> tuple[float, float]:
    """Seconds of SETS sets at once, and of one set by the loop."""
    from acl.analysis.outcomes import measure, work
    from acl.analysis.outcomes.asked import Plan
    from acl.analysis.outcomes.query import Query
    from acl.analysis.outcomes.sets import trials

    query = Query.of(finished(learner, runs), AT)
    found = trials(query, Plan(subsets=SETS, sizes=(), strategies=(), recorded=False))
    at_once = least(lambda _: [work.measured(query, piece, "round") for piece in work.pieces(query, found, "round")])
    return at_once, least(lambda _: [measure.measure(query, trial) for trial in found[:ALONE]]) / ALONE


def finished(learner: str, runs: Path) -> Run:
    from acl.plugins.registry import prepare
    from acl.presets import preset_config
    from acl.runs.folder import create, resolved
    from acl.service.worker import execute

    config = preset_config("digits-demo", learner=learner)
    run = create(resolved(config, prepare(config)), runs)
    execute(run)
    return run


def two_processes(run_path: str, runs: Path) -> float:
    """Seconds in which two warm measurers measure SETS sets."""
    from acl.analysis.outcomes.asked import Plan
    from acl.runs.folder import Run
    from acl.service import measurer

    code = "import sys, acl.analysis.outcomes.work; from pathlib import Path; from acl.service.keeper import serve; "
    code += "from acl.service.measurer import Measurer; "
    code += "runs = Path(sys.argv[1]); serve(runs, Measurer(runs).step)"
    both = [subprocess.Popen([sys.executable, "-c", code, str(runs)]) for _ in range(measurer.PROCESSES)]
    seconds = []
    try:
        for number in range(TIMES + 1):
            # Each time a plan of sets that are not there yet; the first warms both up.
            plan = Plan(subsets=SETS, sizes=(), strategies=(), recorded=False, horizon="round")
            wish = measurer.Wish(Path(run_path), (3 + number % 2, 1 + number // 2), plan)
            start = time.perf_counter()
            measurer.ask(runs, wish)
            while measurer.is_asked(runs, wish):
                time.sleep(0.005)
            seconds.append(time.perf_counter() - start)
            assert not measurer.trouble(runs, wish), measurer.trouble(runs, wish)
        assert Run(Path(run_path)).config.threads == 1
    finally:
        for process in both:
            process.kill()
            process.wait()
    return min(seconds[1:])


def one_wish(run_path: str, runs: Path) -> float:
    """Seconds from the wish for one's own ten samples to the line in the record, by a warm process."""
    from acl.analysis.outcomes.asked import Plan
    from acl.analysis.outcomes.query import Query
    from acl.runs.folder import Run
    from acl.service import measurer

    pool = Query.of(Run(Path(run_path)), AT).pool.tolist()
    worker = measurer.Measurer(runs)

    def ask(number: int) -> None:
        own = ((f"{number}", tuple(pool[10 * number : 10 * number + 10])),)
        plan = Plan(subsets=0, sizes=(), strategies=(), recorded=False, own=own, repeats=1)
        measurer.ask(runs, measurer.Wish(Path(run_path), AT, plan))
        worker.step()

    ask(TIMES)
    seconds = []
    for number in range(TIMES):
        start = time.perf_counter()
        ask(number)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        print(f"| CL method | {SETS} sets at once | one set alone | times faster on one core |\n|---|---:|---:|---:|")
        for learner in LEARNERS:
            at_once, alone = one_learner(learner, runs)
            print(
                f"| {learner} | {at_once:.2f} s | {1000 * alone:.0f} ms | {SETS * alone / at_once:.0f} × |", flush=True
            )
        run = str(finished("er", runs).path)
        print(f"\n{SETS} sets by two warm processes of one thread: {two_processes(run, runs):.2f} s.")
        print(f"One set of ten samples, from the wish to the record: {1000 * one_wish(run, runs):.0f} ms.")


if __name__ == "__main__":
    main()
