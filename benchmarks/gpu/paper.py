"""Go on with the paper's table: as many whole runs as the minutes allow, each kept as it ends."""

from __future__ import annotations

import argparse
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from acl.config import RunConfig
from acl.plugins.registry import prepare
from benchmarks.figures.grids import identity
from benchmarks.figures.lines import Lines
from benchmarks.gpu.paper_grid import configs, settings_of
from benchmarks.gpu.paper_run import work

START_S, SMALL_START_S = 20.0, 8.0
"""A run is not begun where less time than this is left: so long takes a process until it has measured its steps."""
END_S = 3.0
"""What is still under way so long before the end is cut off."""


@dataclass(frozen=True)
class Under:
    """A run under way."""

    process: SpawnProcess
    config: RunConfig


def go_on(arguments: argparse.Namespace, deadline: float, out: Path, say: Callable[[str], None]) -> int:
    """Work until shortly before `deadline` (time.monotonic()); returns 1 if a run failed, which hinders no other."""
    start_s = SMALL_START_S if arguments.small else START_S
    more = settings_of(arguments.set)
    every = configs(arguments.device, arguments.data, arguments.small, more)
    with Lines(out) as lines:
        there = {line["key"] for line in lines.all}
        todo = deque(config for config in every if identity(config) not in there)
        say(f"{len(todo)} of {len(every)} runs to do.")
        if not todo:
            return 0
        prepare(todo[0])  # a mistake is said once; and what the images need to be read fast is there for all
        failed, late, running = 0, set[str](), dict[Connection, Under]()
        try:
            while todo or running:
                left = deadline - time.monotonic()
                if todo and left < start_s:
                    say(f"{len(todo)} runs are not begun, because {max(left, 0):.0f} s are left.")
                    todo.clear()
                while todo and len(running) < arguments.jobs:
                    config = todo.popleft()
                    if config.learner in late:  # the time that is left only shrinks
                        continue
                    connection, under = _begun(config, more, deadline - END_S)
                    running[connection] = under
                for connection in _ready(running, deadline - END_S):
                    under, (kind, found) = running.pop(connection), _received(connection)
                    under.process.join()
                    if kind == "line":
                        lines.append(found)
                        say(f"{named(under.config)}: A {100 * found['A']:.1f}, F {100 * found['F']:.1f}, "
                            f"{found['seconds']:.0f} s")  # fmt: skip
                    else:
                        late |= {under.config.learner} if kind == "late" else set()
                        failed += kind == "failed"
                        say(f"{named(under.config)} {'ended itself' if kind == 'late' else 'failed'}: {found}")
                if running and time.monotonic() >= deadline - END_S:
                    say(f"cut off, because the time is over: {'; '.join(named(u.config) for u in running.values())}")
                    break
        finally:
            for under in running.values():
                under.process.kill()
    return int(failed > 0)


def named(config: RunConfig) -> str:
    marked = "" if config.decided_precision == "float32" else f", {config.decided_precision}"
    return f"seed {config.seed} {config.learner} {config.strategy}{marked}"


def _begun(config: RunConfig, more: dict[str, Any], deadline: float) -> tuple[Connection, Under]:
    context = get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(config, more, deadline, there), daemon=True)
    process.start()
    there.close()
    return here, Under(process, config)


def _ready(running: dict[Connection, Under], until: float) -> list[Connection]:
    found = wait(list(running), timeout=max(until - time.monotonic(), 0)) if running else []
    return [connection for connection in found if isinstance(connection, Connection)]


def _received(connection: Connection) -> tuple[str, Any]:
    try:
        kind, found = connection.recv()
        return kind, found
    except EOFError:
        return "failed", "its process died"
