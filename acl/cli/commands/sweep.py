"""acl sweep"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from acl.cli.commands.backend import check_room
from acl.cli.parser import Commands, changes_of, data_dir_option, gpu_share_option, runs_option, set_option
from acl.cli.said import goes_on, prints_aside
from acl.config import UserError

if TYPE_CHECKING:
    from acl.results.sweep import Sweep


def add(commands: Commands) -> None:
    sub = commands.add(
        "sweep", _sweep, "run a grid of settings and seeds; what has been run already is not run again",
        "the runs made so far are kept in {runs}, the same command goes on with them",
    )  # fmt: skip
    sub.add_argument("--preset", default="digits-demo", help="where the settings start from (see: acl presets)")
    sub.add_argument("--strategies", default="all", metavar="A,B|all", help="see: acl strategies")
    sub.add_argument("--learners", metavar="A,B|all", help="see: acl learners")
    sub.add_argument("--seeds", default="0-4", metavar="0-4,7", help="default 0-4")
    sub.add_argument("--memory", metavar="M,M", help="memory sizes")
    sub.add_argument("--budgets", metavar="N,N", help="label budgets per task")
    sub.add_argument("--vary", action="append", default=[], metavar="NAME=V,V", help="any other setting's values")
    sub.add_argument("--title", default="", help="what it is called in the app")
    sub.add_argument("--engine", choices=("local", "ray"), help="where the runs are worked on (default: local)")
    sub.add_argument("--address", help="of the Ray cluster (with --engine ray)")
    gpu_share_option(sub)
    sub.add_argument("--slots", type=int, help="runs at once, if no backend serves the folder yet")
    sub.add_argument("--no-wait", action="store_true", help="leave it to the backend, and end")
    data_dir_option(sub)
    set_option(sub)
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    runs_option(sub)


def _sweep(arguments: argparse.Namespace) -> None:
    from acl.plugins.unused import refuse
    from acl.presets import preset_config
    from acl.results import sweep
    from acl.results.grid import grid, values_of
    from acl.system.device import no_gpu_sentence

    check_room(arguments)
    axes = {
        "strategy": arguments.strategies,
        "learner": arguments.learners,
        "seed": arguments.seeds,
        "memory": arguments.memory,
        "n_end": arguments.budgets,
    }
    axes |= changes_of(arguments.vary, "--vary")
    _check_engine(arguments)
    # What a sweep keeps of each query would fill the disk before anyone looked at it.
    changes = changes_of(arguments.changes)
    base = preset_config(arguments.preset, **{"snapshots": "off", **changes})
    configs = grid(base, {name: values_of(name, text) for name, text in axes.items() if text is not None})
    refuse(configs, changes)
    if said := no_gpu_sentence("auto" if any(config.device == "auto" for config in configs) else "", "these runs are"):
        print(f"acl: {said}", file=sys.stderr)
    with prints_aside():
        started = sweep.start(configs, arguments.runs, arguments.title or f"{arguments.preset}, {len(configs)} runs")
    _ensure_backend(arguments)
    if not arguments.no_wait:
        _follow(started, arguments)
    states = [each.state for each in sweep.progress(started, arguments.runs)]
    counts = {state: states.count(state) for state in sorted(set(states))}
    print(json.dumps({"sweep": started.id, "runs": [m.run for m in started.members], "states": counts}))
    if "failed" in counts:
        raise UserError(f"{counts['failed']} of {len(states)} runs failed: the Compare page says why, and tries again.")


def _check_engine(arguments: argparse.Namespace) -> None:
    """UserError, before any run is made, where the engine that is asked for cannot be had."""
    from acl.service import backend

    there = backend.engine_of(arguments.runs)
    if there and arguments.engine not in {None, there}:
        raise UserError(
            f"A backend with the engine {there} serves {arguments.runs} already: end it first "
            f"(acl backend --stop --runs {arguments.runs}), then ask again."
        )
    if there is None and arguments.engine == "ray":
        from acl.service.engines import ray

        ray.check(arguments.address, ray.GPU_SHARE if arguments.gpu_share is None else arguments.gpu_share)


def _ensure_backend(arguments: argparse.Namespace) -> None:
    """A backend serves the folder: the one that is there, or one with this engine."""
    from acl.service import backend

    options = ["--engine", arguments.engine or "local"]
    options += ["--address", arguments.address] if arguments.address else []
    options += ["--slots", str(arguments.slots)] if arguments.slots else []
    options += [] if arguments.gpu_share is None else ["--gpu-share", str(arguments.gpu_share)]
    if said := backend.refused(arguments.runs):
        raise UserError(said)
    backend.ensure(arguments.runs, options)


def _follow(started: Sweep, arguments: argparse.Namespace) -> None:
    """A bar on stderr until nothing of the sweep plays or waits. Ctrl-C leaves it to the backend."""
    import time

    from tqdm import tqdm

    from acl.results import sweep
    from acl.runs.control import ACTIVE

    on = (
        f"the runs of {started.id} go on without this command: the Compare page shows them, the same command waits for "
        f"them again, acl backend --stop --runs {arguments.runs} holds them"
    )
    with goes_on(on), tqdm(total=len(started.members), disable=arguments.quiet, unit="run", desc="sweep") as bar:
        while True:
            here = sweep.progress(started, arguments.runs)
            bar.update(sum(each.state == "finished" for each in here) - bar.n)
            if not any(each.state in ACTIVE or each.state == "new" for each in here):
                return
            _ensure_backend(arguments)
            time.sleep(0.3)
