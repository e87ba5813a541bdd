"""The checks and timings of make gpu, by worth: where the time is short, the last are left out."""

from __future__ import annotations

from functools import partial

from acl.plugins.registry import choices
from benchmarks.gpu import engine_checks, process_checks, timings
from benchmarks.gpu.checking import Check


def every_check() -> list[Check]:
    """Seconds are those expected of an H100 with 16 CPUs."""
    learners = sorted(choices("learners"), key=lambda name: (name != "er", name))
    return [
        Check("the card", 10, engine_checks.the_card),
        Check("strategies on both devices", 12, engine_checks.strategies),
        *(Check(f"float64 run, {name}", 5, partial(engine_checks.float64_run, name)) for name in learners),
        *(Check(f"twice, and with graphs, {name}", 6, partial(engine_checks.repeated, name)) for name in learners),
        Check("networks against the CPU", 25, engine_checks.networks),
        Check("paused, killed, taken up again", 22, process_checks.paused_killed_resumed),
        Check("two runs at once", 14, process_checks.side_by_side),
        Check("memory given back", 12, process_checks.memory_given_back),
        Check("out of memory", 22, process_checks.out_of_memory),
    ]


def every_timing() -> list[Check]:
    return [
        Check("training steps", 30, timings.steps),
        Check("queries", 8, timings.queries),
        Check("forward pass", 4, timings.forward),
        Check("processes on one card", 45, timings.together),
        Check("learners", 20, timings.learners),
        Check("precisions", 35, timings.precisions),
    ]
