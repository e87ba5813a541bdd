"""python -m acl: the engine without the browser.

Progress goes to stderr, results to stdout. Exit code 0 on success, 2 and one sentence on bad input, 3 and one
where memory ran out. What is heavy is imported by the command that needs it, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import asdict
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from acl.cli import app, typed
from acl.config import RunConfig, UserError, listed, near
from acl.names import printable
from acl.plugins.blame import is_out_of_memory, with_line
from acl.results import sinks
from acl.system import version
from acl.system.files import REASONS
from acl.system.processes import NO_THREADS, OUT_OF_MEMORY, check_threads, out_of_memory

if TYPE_CHECKING:
    from acl.events import Event
    from acl.loop import Loop
    from acl.results.sweep import Sweep
    from acl.runs.folder import Run
    from acl.selection.query import QueryContext
    from acl.service.engines import Engine

MOST_NAMED = 200
ANEW = "nothing was written, the same command begins anew"
"""Where Ctrl-C leaves nothing."""
Command = Callable[[argparse.Namespace], None]
# The magnitude M and distribution score D that a table of scores holds for every strategy.
SCORES_USE = frozenset({"lambda", "dims_per_class"})
# What a table that is written into a file can be called, by its format.
ENDINGS = {"md": (".md", ".txt"), "csv": (".csv",), "latex": (".tex",)}


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[0].upper()}{message[1:]} (see {self.prog} --help).")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = argparse.Namespace(interrupted="nothing was begun")
    try:
        _parser().parse_args(argv, arguments)
        check_threads()
        if getattr(arguments, "data_dir", None):
            os.environ["ACL_DATA"] = str(arguments.data_dir)
        arguments.command(arguments)
    except UserError as error:
        print(f"acl: {printable(with_line(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        if is_out_of_memory(error):
            print(f"acl: {out_of_memory(error)}", file=sys.stderr)
            return OUT_OF_MEMORY
        # Those of a process are counted together with all others of this user.
        if isinstance(error, BlockingIOError):
            print(f"acl: {NO_THREADS}", file=sys.stderr)
            return 2
        # Paths are looked at in many places: what a disk says of one is no fault of ours in any of them.
        if not isinstance(error, OSError) or error.errno not in REASONS:
            raise
        print(f"acl: {_named(error)} cannot be used: {REASONS[error.errno]}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        said = str(interrupt) or arguments.interrupted.format(**vars(arguments))
        print(f"acl: interrupted; {printable(said)}.", file=sys.stderr)
        return 130
    return 0


def _named(error: OSError) -> str:
    name = "A file" if error.filename is None else str(error.filename)
    return name if len(name) <= MOST_NAMED else f"{name[:MOST_NAMED]}…"


def _check_room(arguments: argparse.Namespace) -> None:
    """UserError for an impossible number of runs at once, or part of a GPU for each."""
    from acl.service.engines import places

    if arguments.slots is not None and arguments.slots < 1:
        raise UserError(f"--slots must be at least 1, got {arguments.slots}.")
    if arguments.gpu_share is not None:
        places(arguments.gpu_share)


def _parser() -> Parser:
    parser = Parser(prog="acl", description="Active continual learning, without the browser.")
    parser.add_argument("--version", action="version", version=f"acl {version.here()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, help_: str, interrupted: str = ANEW) -> Parser:
        """interrupted: what Ctrl-C leaves, and how to go on; what is given in braces is what was typed."""
        sub: Parser = commands.add_parser(name, help=help_, description=help_)
        sub.set_defaults(command=command, interrupted=interrupted)
        return sub

    def runs_option(sub: Parser) -> None:
        sub.add_argument(
            "--runs", type=typed.folder, default=os.environ.get("ACL_RUNS") or "runs", metavar="DIR",
            help="the runs folder (default: runs)",
        )  # fmt: skip

    sub = add("run", _run, "run to the end; the last line of stdout is JSON: run, A, F, F_diag, R, ...")
    _settings_options(sub)
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    runs_option(sub)

    sub = add("estimate", _estimate, "measure in a few seconds how long a run of these settings takes on this machine")
    _settings_options(sub)
    sub.add_argument("--json", action="store_true", help="for machines: steps, seconds_per_step, seconds, device")

    sub = add(
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
    _gpu_share_option(sub)
    sub.add_argument("--slots", type=int, help="runs at once, if no backend serves the folder yet")
    sub.add_argument("--no-wait", action="store_true", help="leave it to the backend, and end")
    _data_dir_option(sub)
    _set_option(sub)
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    runs_option(sub)

    sub = add(
        "resume", _resume, "take up a run that did not end; prints what run prints",
        "every finished round of {run} is kept, the same command goes on from there",
    )  # fmt: skip
    sub.add_argument("run", metavar="RUN", help="an id or a folder")
    sub.add_argument(
        "--data", type=typed.place, metavar="PATH", help="where the run's own images lie now, if they or the run moved"
    )
    _data_dir_option(sub)
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    runs_option(sub)

    sub = add("fork", _fork, "go on from a query of a run with other settings; prints what run prints")
    sub.add_argument("run", metavar="RUN", help="an id or a folder")
    sub.add_argument(
        "--at", required=True, metavar="TASK.ROUND", help="just before this query; round 0: a task's start"
    )
    _set_option(sub)
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    runs_option(sub)

    sub = add(
        "verify", _verify, "work a run out again and compare; exit code 1 where it differs",
        "nothing of {run} was changed or found to differ so far, the same command begins anew",
    )  # fmt: skip
    sub.add_argument("run", metavar="RUN", help="an id or a folder")
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    runs_option(sub)

    sub = add(
        "outcomes", _outcomes, "measure what sets of samples of a query do; the last line of stdout is JSON",
        "what was measured is kept with {run}, and the same command goes on from there",
    )  # fmt: skip
    sub.add_argument("run", metavar="RUN", help="an id or a folder")
    where = sub.add_mutually_exclusive_group(required=True)
    where.add_argument("--at", metavar="TASK.ROUND", help="this query")
    where.add_argument("--all", action="store_true", help="every query")
    sub.add_argument("--subsets", type=int, default=200, help="random sets of the query's size (default: 200)")
    sub.add_argument("--strategies", default="all", metavar="A,B|all|none", help="whose picks (default: all)")
    sub.add_argument(
        "--sizes", type=typed.numbers, default="0,0.1,0.25,0.5,1", metavar="S,S|FROM:TO:STEP",
        help="random sets of these shares of the query's size, a quarter as many (default: 0,0.1,0.25,0.5,1)",
    )  # fmt: skip
    sub.add_argument("--equal-steps", action="store_true", help="the smaller sets also with as many training steps")
    sub.add_argument(
        "--lambdas", type=typed.numbers, default="", metavar="λ,λ|FROM:TO:STEP", help="AccuACL's picks at these λ"
    )
    sub.add_argument("--controls", default="", metavar="A,B|all", help="classes, losses, distribution, magnitude")
    sub.add_argument(
        "--true-past", action="store_true", help="AccuACL's picks with all samples of past tasks in the memory's place"
    )
    sub.add_argument(
        "--paths", default="", metavar="A,B|all",
        help="the run's strategy with other values of dims_per_class, oversample, n, seed",
    )  # fmt: skip
    sub.add_argument("--ids", type=typed.ids, metavar="ID,ID", help="these samples too")
    sub.add_argument("--repeats", type=int, default=3, help="orders that named sets are learned in (default: 3)")
    sub.add_argument(
        "--horizon", default="round", metavar="round|budget|next",
        help="measured after this round, after the task's budget, or after the next task (default: round)",
    )  # fmt: skip
    sub.add_argument(
        "--predict", action="store_true",
        help="print which scores of a set predict what it does; their columns are added to the table",
    )  # fmt: skip
    sub.add_argument(
        "-o", "--output", type=typed.output(".parquet"), metavar="FILE.parquet", help="the table of these sets"
    )
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    runs_option(sub)

    sub = add("export", _export, "write a run as one zip that travels, or as a page that plays it")
    sub.add_argument("run", metavar="RUN", help="an id or a folder")
    written = sub.add_mutually_exclusive_group()
    written.add_argument(
        "-o", "--output", type=typed.output(".zip"), metavar="FILE.zip", help="default: the run's id, here"
    )
    written.add_argument(
        "--html", type=typed.output(".html", ".htm"), metavar="FILE.html",
        help="one page that plays the run, without a network",
    )  # fmt: skip
    runs_option(sub)

    sub = add("import", _import, "take a run out of a zip; prints JSON: run")
    sub.add_argument("archive", type=typed.file, metavar="FILE.zip")
    runs_option(sub)

    sub = add("table", _table, "the paper's table out of finished runs: accuracy and forgetting, mean ± std over seeds")
    sub.add_argument("names", nargs="*", metavar="RUN", help="ids, runs or folders of runs (default: the runs folder)")
    sub.add_argument("--format", choices=("md", "csv", "latex"), default="md")
    sub.add_argument("-o", "--output", type=typed.output(), metavar="FILE", help="write it here instead of on stdout")
    runs_option(sub)

    sub = add(
        "convert", _convert, "write runs for other tools; the last line of stdout is JSON: to, runs, folder",
        "{output} may lack runs, the same command writes them all anew; the runs themselves were only read",
    )  # fmt: skip
    sub.add_argument("names", nargs="*", metavar="RUN", help="ids, runs or folders of runs (default: the runs folder)")
    sub.add_argument("--to", required=True, choices=sinks.names(), help="which tool")
    sub.add_argument(
        "-o", "--output", type=typed.new_folder, required=True, metavar="DIR",
        help="what it has of a run is replaced",
    )  # fmt: skip
    runs_option(sub)

    sub = add("select", _select, "choose samples of a query snapshot; the last line of stdout is JSON: ids")
    sub.add_argument("snapshot", type=typed.file, metavar="SNAPSHOT.safetensors")
    sub.add_argument("--strategy", default=RunConfig().strategy)
    sub.add_argument("--n", type=int, help="how many (default: what the snapshot says)")
    sub.add_argument("--lambda", dest="lambda_", type=float, metavar="λ", help="weight of the past, 0..1")
    sub.add_argument(
        "--scores", type=typed.output(".parquet"), metavar="OUT.parquet", help="write every sample's scores here"
    )
    _set_option(sub)

    sub = add(
        "inspect", _inspect, "open a query snapshot in the app's page Inspect; with --all: a table of a run's queries"
    )
    sub.add_argument("what", type=typed.place, metavar="FILE.safetensors | RUN", help="with --all a run: id or folder")
    sub.add_argument(
        "--all", action="store_true",
        help="of each query J, overlap with the recorded picks, class balance and redundancy, for the recorded picks "
        "and what each strategy would have picked",
    )  # fmt: skip
    sub.add_argument("--strategies", metavar="A,B|all", help="with --all: beside the recorded picks (default: none)")
    sub.add_argument(
        "--true-past", action="store_true", default=None,
        help="with --all: also what AccuACL would have picked with all samples of past tasks in the memory's place",
    )  # fmt: skip
    sub.add_argument("--format", choices=("md", "csv"), help="with --all (default: md)")
    sub.add_argument("-o", "--output", type=typed.output(), metavar="FILE", help="with --all: instead of on stdout")
    sub.add_argument("--quiet", action="store_true", help="with --all: no progress bar")
    sub.add_argument(
        "--port", type=typed.whole(1, 65535), default=8501, help="of the app, if it is not running yet (default: 8501)"
    )
    runs_option(sub)

    sub = add(
        "app", _app, "open the app in the browser: the address is said, Ctrl-C ends it", "the runs of {runs} are kept"
    )
    sub.add_argument("--port", type=typed.whole(1, 65535), default=8501, help="default: 8501")
    runs_option(sub)

    sub = add("settings", _settings, "list every setting of a run: name, default, what it means, by group")
    sub.add_argument("--json", action="store_true", help="for machines")

    for kind in ("strategies", "learners", "datasets", "presets"):
        sub = add(kind, _catalogue, f"list the {kind}")
        sub.set_defaults(kind=kind)
        sub.add_argument("--json", action="store_true", help="for machines")

    sub = add(
        "data", _data, "fetch the images of a data set beforehand, or list what is here",
        "what was fetched is kept, the same command goes on from there",
    )  # fmt: skip
    deeds = sub.add_subparsers(required=True, metavar="get | list", dest="deed")
    get = deeds.add_parser("get", help="fetch a set, or go on with it")
    get.add_argument("name", metavar="NAME", help="see: acl data list")
    _data_dir_option(get)
    listing = deeds.add_parser("list", help="which sets are here, and where")
    listing.add_argument("--json", action="store_true", help="for machines")
    _data_dir_option(listing)

    sub = add(
        "backend", _backend, "watch a runs folder and play what the app asks for",
        "the runs of {runs} are kept, the same command goes on with them",
    )  # fmt: skip
    sub.add_argument("--slots", type=int, help="runs that may play at once (default: one per core, at least 4)")
    sub.add_argument("--engine", choices=("local", "ray"), default="local", help="where the runs are worked on")
    sub.add_argument("--address", help="of the Ray cluster (with --engine ray)")
    _gpu_share_option(sub)
    sub.add_argument("--stop", action="store_true", help="end the backend of this folder")
    runs_option(sub)
    return parser


def _plural(name: str) -> str:
    return {"strategy": "strategies"}.get(name, name + "s")


def _settings_options(sub: Parser) -> None:
    """What names the settings of one run."""
    sub.add_argument("--preset", default="digits-demo", help="where the settings start from (see: acl presets)")
    for name in ("dataset", "learner", "strategy"):
        sub.add_argument(f"--{name}", help=f"see: acl {_plural(name)}")
    sub.add_argument("--seed", help="default 0")
    sub.add_argument(
        "--data", type=typed.place, metavar="PATH", help="your own images, for the datasets folder and parquet"
    )
    _data_dir_option(sub)
    _set_option(sub)


def _gpu_share_option(sub: Parser) -> None:
    sub.add_argument(
        "--gpu-share", type=float, metavar="0.5",
        help="the part of a GPU each run on CUDA takes (default: 0.25, four runs on each GPU; with Ray 1)",
    )  # fmt: skip


def _set_option(sub: Parser) -> None:
    sub.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="changes",
        help="any other setting, e.g. --set memory=50 (may be repeated)",
    )  # fmt: skip


def _data_dir_option(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--data-dir",
        type=typed.folder,
        metavar="DIR",
        help="where fetched sets lie (default: $ACL_DATA, else ~/.cache/acl-explorer)",
    )


def _changes(pairs: Sequence[str], option: str = "--set") -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"{option} needs NAME=VALUE, got '{pair}'.")
        if name.strip() == "preset":
            raise UserError(f"The preset is chosen by --preset {value.strip()}, not by {option}.")
        changes[name.strip()] = value.strip()
    return changes


# -- run and resume ------------------------------------------------------------------------------------


def _asked(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """The config of `_settings_options`, as it will be recorded, and its stream; what there is to remark goes to
    stderr."""
    from acl.plugins.registry import prepare
    from acl.plugins.unused import refuse
    from acl.presets import preset_config
    from acl.runs.folder import resolved
    from acl.system.device import no_gpu_sentence

    named = {name: getattr(arguments, name) for name in ("dataset", "learner", "strategy", "seed", "data")}
    values = {name: str(value) for name, value in named.items() if value is not None} | _changes(arguments.changes)
    config = preset_config(arguments.preset, **values)
    refuse([config], values, {} if arguments.data is None else {"data": "--data"})
    with _prints_aside():
        stream = prepare(config)
    for note in filter(None, [*stream.notes, no_gpu_sentence(config.device)]):
        print(f"acl: {note}", file=sys.stderr)
    return resolved(config, stream), stream


def _run(arguments: argparse.Namespace) -> None:
    from acl.plan import is_long
    from acl.runs.folder import create

    config, stream = _asked(arguments)
    if is_long(config, stream):
        print(f"acl: {_measured(config, stream).sentence}", file=sys.stderr)
    _work(create(config, arguments.runs), arguments.quiet)


def _estimate(arguments: argparse.Namespace) -> None:
    made = _measured(*_asked(arguments))
    print(json.dumps(asdict(made)) if arguments.json else made.sentence)


def _measured(config: Any, stream: Any) -> Any:
    from acl.service.estimate import estimate

    with _prints_aside():
        return estimate(config, stream)


def _sweep(arguments: argparse.Namespace) -> None:
    from acl.plugins.unused import refuse
    from acl.presets import preset_config
    from acl.results import sweep
    from acl.system.device import no_gpu_sentence

    _check_room(arguments)
    axes = {
        "strategy": arguments.strategies,
        "learner": arguments.learners,
        "seed": arguments.seeds,
        "memory": arguments.memory,
        "n_end": arguments.budgets,
    }
    axes |= _changes(arguments.vary, "--vary")
    _check_engine(arguments)
    # What a sweep keeps of each query would fill the disk before anyone looked at it.
    changes = _changes(arguments.changes)
    base = preset_config(arguments.preset, **{"snapshots": "off", **changes})
    configs = sweep.grid(base, {name: sweep.values_of(name, text) for name, text in axes.items() if text is not None})
    refuse(configs, changes)
    if said := no_gpu_sentence("auto" if any(config.device == "auto" for config in configs) else "", "these runs are"):
        print(f"acl: {said}", file=sys.stderr)
    with _prints_aside():
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
    with _goes_on(on), tqdm(total=len(started.members), disable=arguments.quiet, unit="run", desc="sweep") as bar:
        while True:
            here = sweep.progress(started, arguments.runs)
            bar.update(sum(each.state == "finished" for each in here) - bar.n)
            if not any(each.state in ACTIVE or each.state == "new" for each in here):
                return
            _ensure_backend(arguments)
            time.sleep(0.3)


def _resume(arguments: argparse.Namespace) -> None:
    from acl.config import check_method
    from acl.plugins.unused import refuse
    from acl.runs.control import request
    from acl.runs.folder import find_run, moved_data
    from acl.system.files import disk_trouble, write_json

    run = find_run(arguments.run, arguments.runs)
    if run.recorded:
        raise UserError(f"{run.id} is a recording: it can be looked at, not taken up.")
    if arguments.data:
        refuse([run.config], ["data"], {"data": "--data"})
        run = moved_data(run, str(arguments.data))
    config = run.config  # an unreadable one is said before anything is touched
    if finished := run.history().finished:
        if run.summary is None:
            with disk_trouble("The run", run.path):
                write_json(run.path / "summary.json", finished.summary)
        _print_summary(run)
        return
    check_method(config)
    if (run.path / "control.json").exists():
        request(run.path, mode="play", until=None)
    _work(run, arguments.quiet)


def _fork(arguments: argparse.Namespace) -> None:
    from acl.runs.folder import find_run
    from acl.runs.fork import fork, parse_place

    run = find_run(arguments.run, arguments.runs)
    child = fork(run, parse_place(arguments.at), _changes(arguments.changes), arguments.runs)
    _work(child, arguments.quiet)


def _verify(arguments: argparse.Namespace) -> None:
    from acl.runs.folder import find_run
    from acl.runs.verdict import keep
    from acl.runs.verify import verify

    run = find_run(arguments.run, arguments.runs)
    with _progress(run.id, arguments.quiet) as show, _prints_aside():
        verdict = verify(run, show)
    print(json.dumps({"run": run.id, **asdict(verdict)}))
    print(f"acl: {verdict.sentence}", file=sys.stderr)
    keep(run, verdict)
    if verdict.difference:
        raise SystemExit(1)


def _outcomes(arguments: argparse.Namespace) -> None:
    from acl.analysis.outcomes.asked import CONTROLS, PATHS, Plan
    from acl.runs.folder import find_run
    from acl.runs.fork import parse_place

    plan = Plan.from_json(
        {
            **{name: getattr(arguments, name) for name in ("subsets", "sizes", "equal_steps", "lambdas", "repeats")},
            "strategies": () if arguments.strategies == "none" else tuple(typed.words(arguments.strategies)),
            "controls": CONTROLS if arguments.controls == "all" else tuple(typed.words(arguments.controls)),
            "true_past": arguments.true_past,
            "paths": list(PATHS.items()) if arguments.paths == "all" else _paths(typed.words(arguments.paths)),
            "own": () if arguments.ids is None else (("", arguments.ids),),
            "horizon": arguments.horizon,
        }
    )
    run = find_run(arguments.run, arguments.runs)
    at = None if arguments.all else parse_place(arguments.at)
    # What is cheap to check has been checked: this imports torch.
    from acl.results.outcomes import asked_queries, measure_queries, predictors_table

    places = asked_queries(run) if at is None else [at]
    with _measuring(run.id, len(places), arguments.quiet) as (show, say), _prints_aside():
        rows = measure_queries(run, places, plan, arguments.runs, show, say, arguments.predict)
    if arguments.output:
        from acl.system.files import disk_trouble, replace_file

        with disk_trouble("The table", arguments.output):
            replace_file(arguments.output, lambda temporary: rows.to_parquet(temporary, index=False))
    if arguments.predict:
        print(predictors_table(rows))
    print(json.dumps({"run": run.id, "queries": [f"{task}.{round_}" for task, round_ in places], "rows": len(rows)}))


def _paths(names: Sequence[str]) -> list[tuple[str, tuple[float, ...]]]:
    from acl.analysis.outcomes.asked import PATHS

    known = {str(name): values for name, values in PATHS.items()}
    if unknown := [name for name in names if name not in known]:
        raise UserError(f"The paths are {', '.join(known)}, got '{unknown[0]}'.")
    return [(name, known[name]) for name in names]


@contextmanager
def _measuring(name: str, n_queries: int, quiet: bool) -> Iterator[tuple[Callable[..., None], Callable[[str], None]]]:
    """A bar on stderr, what moves it, and what writes a sentence above it."""
    from tqdm import tqdm

    form = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {postfix}"
    begun: list[tuple[int, int]] = []
    with ExitStack() as stack:
        bars: list[Any] = []

        def show(at: tuple[int, int], progress: Any) -> None:
            # Not drawn before there is something to show: what cannot be measured is a sentence alone.
            if not bars:
                bars.append(stack.enter_context(tqdm(total=0, disable=quiet, desc=name, bar_format=form)))
            bar = bars[0]
            if at not in begun:
                begun.append(at)
                bar.reset(progress.total)
            left = "" if progress.eta_s is None else f", {progress.eta_s:.0f} s left"
            bar.postfix = f"sets of query {at[0]}.{at[1]} ({len(begun)} of {n_queries}){left}"
            bar.update(progress.done - bar.n)

        yield show, lambda sentence: tqdm.write(f"acl: {sentence}", file=sys.stderr)


def _export(arguments: argparse.Namespace) -> None:
    from acl.runs.archive import export
    from acl.runs.folder import find_run
    from acl.system.files import disk_trouble, replace_file

    run = find_run(arguments.run, arguments.runs)
    output = arguments.html or arguments.output or Path(f"{run.id}.zip")
    option = "--html" if arguments.html else "-o"
    if output.exists():
        raise UserError(f"{output} exists already: name another file with {option}.")
    if arguments.html:
        from acl.results.replay import replay

        page = replay(run)
        with disk_trouble("The page", output):
            replace_file(output, lambda temporary: temporary.write_text(page, "utf-8"))
    else:
        with disk_trouble("The archive", output):
            replace_file(output, lambda temporary: export(run, temporary))
    print(printable(str(output)))


def _import(arguments: argparse.Namespace) -> None:
    from acl.runs.archive import import_run

    if not arguments.archive.is_file():
        raise UserError(f"{arguments.archive} does not exist, or is no file.")
    print(json.dumps({"run": import_run(arguments.archive, arguments.runs).id}))


@contextmanager
def _progress(name: str, quiet: bool) -> Iterator[Callable[[Loop, Event], None]]:
    """A bar on stderr, and what moves it."""
    from tqdm import tqdm

    from acl.events import Epoch

    with tqdm(
        total=1000, disable=quiet, desc=name, bar_format="{desc} {percentage:3.0f}%|{bar}| {remaining} left {postfix}"
    ) as bar:

        def show(loop: Loop, event: Event) -> None:
            if isinstance(event, Epoch):
                bar.postfix = f"task {event.task}, round {event.round}, loss {event.loss:.3f}"
            elif (round_ := getattr(event, "round", None)) is not None:
                bar.postfix = f"task {loop.task}, round {round_}"
            bar.update(int(1000 * loop.progress) - bar.n)

        yield show


@contextmanager
def _goes_on(what: str) -> Iterator[None]:
    """Ctrl-C says what goes on, or how it goes on, where it is more than what it says of the command (`add`)."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(what) from None


@contextmanager
def _prints_aside() -> Iterator[None]:
    """What plug-ins print goes to stderr: the last line of stdout is ours."""
    with redirect_stdout(sys.stderr):
        yield


def _work(run: Run, quiet: bool) -> None:
    from tqdm import tqdm

    from acl.service.worker import execute

    def say(sentence: str) -> None:
        tqdm.write(f"acl: {sentence}", file=sys.stderr)

    with _goes_on(f"every finished round is kept: acl resume {run.id}"):
        with _progress(run.id, quiet) as show, _prints_aside():
            status = execute(run, show, on_wait=say)
    if status.state != "finished":
        raise UserError(f"Run {run.id} was stopped before its end: acl resume {run.id} goes on.")
    _print_summary(run)


def _print_summary(run: Run) -> None:
    print(json.dumps({"run": run.id, **(run.summary or {})}))


# -- table ---------------------------------------------------------------------------------------------


def _table(arguments: argparse.Namespace) -> None:
    from acl.results import table

    if arguments.output:
        typed.ends_with(arguments.output, ENDINGS[arguments.format])
    runs, remarks = table.finished_runs(arguments.names, arguments.runs)
    for line in [*remarks, *table.kept_apart(runs), *table.noisy(runs)]:
        print(f"acl: {line}", file=sys.stderr)
    _give(table.FORMATS[arguments.format](table.results(runs)), arguments.output)


def _convert(arguments: argparse.Namespace) -> None:
    from acl.results.sinks.base import sources

    found, remarks = sources(arguments.names, arguments.runs)
    for line in remarks:
        print(f"acl: {line}", file=sys.stderr)
    sinks.write(arguments.to, found, arguments.output)
    runs = [source.run.id for source in found]
    print(json.dumps({"to": arguments.to, "runs": runs, "folder": str(arguments.output)}))


# -- select --------------------------------------------------------------------------------------------


def _select(arguments: argparse.Namespace) -> None:
    from dataclasses import replace

    from acl.config import FULL, make_config

    changes = _changes(arguments.changes)
    if arguments.strategy == FULL:
        raise UserError("Full labels chooses nothing: name a query strategy (see acl strategies).")
    if arguments.lambda_ is not None:
        changes["lambda"] = arguments.lambda_
    config = make_config({"strategy": arguments.strategy, **changes})
    _refuse_unasked(arguments, changes)
    # What is cheap to check has been checked: reading the snapshot imports torch.
    from acl.plugins.asking import ask
    from acl.plugins.registry import plugin
    from acl.selection.ties import remarks

    context = _snapshot(arguments.snapshot)
    if arguments.n is not None:
        context = replace(context, n=arguments.n)
    if config.lambda_ is not None:
        context = replace(context, lambda_=config.lambda_)
    _say_slow([arguments.strategy], context, config)
    with _prints_aside():
        selection = ask(arguments.strategy, config, context)
    scores = {name: values.numpy() for name, values in selection.scores.items()}
    for line in remarks(plugin("strategies", arguments.strategy).picks, scores, context.n, config.oversample):
        print(f"acl: {line}", file=sys.stderr)
    if arguments.scores:
        import pyarrow.parquet as pq

        from acl.runs.recording import score_table
        from acl.system.files import disk_trouble, replace_file

        table = score_table(context, selection, config.dims_per_class)
        with disk_trouble("The table", arguments.scores):
            replace_file(arguments.scores, lambda temporary: pq.write_table(table, temporary))
    print(json.dumps({"ids": selection.ids.tolist()}))


def _say_slow(names: Sequence[str], context: QueryContext, config: RunConfig, queries: int = 1) -> None:
    """How long it takes, on stderr and beforehand, where that is long; and what would make it shorter."""
    from acl.analysis import comparison
    from acl.plugins.registry import plugin

    for name in names:
        if comparison.is_slow(name, context, config):
            took = queries * comparison.seconds(name, context, config)
            time = f"{took:.0f} s" if took < 90 else f"{took / 60:.0f} min"
            hint = "; --set top_classes=K looks at the K likeliest classes of each sample alone, and is quicker"
            shorter = hint if "top_classes" in plugin("strategies", name).uses else ""
            print(f"acl: {name} takes about {time} on a pool of {len(context.pool):,}{shorter}.", file=sys.stderr)


def _refuse_unasked(arguments: argparse.Namespace, changes: dict[str, Any]) -> None:
    """UserError for a setting that changes neither the choice nor the table of scores, which holds AccuACL's too."""
    from acl.config import make_config
    from acl.plugins.registry import plugin
    from acl.plugins.unused import refuse

    used = plugin("strategies", arguments.strategy).uses | (SCORES_USE if arguments.scores else set())
    options = {} if arguments.lambda_ is None else {"lambda": "--lambda"}
    for name in changes.keys() - used:
        refuse([make_config({"strategy": arguments.strategy})], [name], options)
        raise UserError(f"{arguments.strategy} does not use {name}: it is for runs, not for one query; leave it out.")


def _snapshot(path: Path) -> QueryContext:
    """The context that a file holds; what is remarked about it goes to stderr."""
    from acl.snapshots.snapshot import load_snapshot

    snapshot = load_snapshot(path)
    for note in snapshot.notes:
        print(f"acl: {note}", file=sys.stderr)
    return snapshot.context


def _inspect(arguments: argparse.Namespace) -> None:
    if arguments.all:
        _inspect_all(arguments)
        return
    for name in ("strategies", "true_past", "format", "output"):
        if getattr(arguments, name) is not None:
            raise UserError(f"--{name.replace('_', '-')} is for every query of a run: give --all too, or leave it out.")
    if arguments.what.is_dir():
        raise UserError(f"{arguments.what} is a folder: name a snapshot, or ask for every query of a run with --all.")
    arguments.file = arguments.what
    _snapshot(arguments.file)

    from acl.snapshots import shelf as snapshot_shelf

    runs = arguments.runs.resolve()
    name = snapshot_shelf.link(runs, arguments.file)
    print(f"acl: {arguments.file} stays where it is; {snapshot_shelf.folder(runs)} has a link to it.", file=sys.stderr)
    app.serve(arguments.port, runs, f"inspect?snapshot={name}")


def _app(arguments: argparse.Namespace) -> None:
    app.serve(arguments.port, arguments.runs)


def _inspect_all(arguments: argparse.Namespace) -> None:
    """A table of every query of a run, a row for each strategy's picks."""
    from tqdm import tqdm

    from acl.analysis import every_query as analysis
    from acl.config import FULL
    from acl.plugins.registry import plugin
    from acl.results.frames import as_csv
    from acl.results.sweep import values_of
    from acl.runs.folder import find_run
    from acl.snapshots.snapshot import load_snapshot

    if arguments.output:
        typed.ends_with(arguments.output, ENDINGS[arguments.format or "md"])
    run = find_run(str(arguments.what), arguments.runs)
    history = run.history()
    queries = analysis.queries_of(run, history)
    if not queries:
        raise UserError(f"{run.id} has no query with a snapshot (see its setting snapshots): name another run.")
    wanted = values_of("strategy", arguments.strategies) if arguments.strategies is not None else []
    if arguments.strategies is not None and not wanted:
        raise UserError("--strategies names none: name some (see acl strategies), or leave it out.")
    names = [plugin("strategies", name).name for name in wanted if name not in {FULL, run.config.strategy}]
    _say_slow(names, load_snapshot(run.snapshot(queries[-1].task, queries[-1].round)).context, run.config, len(queries))
    rows: list[analysis.Row] = []

    def more(query: Any) -> analysis.Asked:
        from acl.analysis.stand_in import true_past_picks

        return {analysis.TRUE_PAST: partial(true_past_picks, run, (query.task, query.round))}

    with tqdm(total=len(queries), desc=run.id, unit="query", disable=arguments.quiet) as bar, _prints_aside():
        truth = analysis.truth_of(run, history)
        for found in analysis.every_query(run, history, names, truth, *([more] if arguments.true_past else [])):
            rows += found
            bar.update()
    for row in rows:
        if row.why:
            print(f"acl: task {row.task}, round {row.round}: {row.strategy} was not asked: {row.why}", file=sys.stderr)
    text = as_csv(analysis.table(rows)) if arguments.format == "csv" else analysis.as_markdown(rows)
    _give(text, arguments.output)


def _give(text: str, output: Path | None) -> None:
    """On stdout, or into a file."""
    if output is None:
        print(text, end="")
        return

    from acl.system.files import disk_trouble, replace_file

    with disk_trouble("The table", output):
        replace_file(output, lambda temporary: temporary.write_text(text, "utf-8"))


# -- lists and backend ---------------------------------------------------------------------------------


def _catalogue(arguments: argparse.Namespace) -> None:
    if arguments.kind == "presets":
        from acl.presets import PRESETS

        rows = [{"name": name, "label": p.label, "summary": p.summary, **p.values} for name, p in PRESETS.items()]
    else:
        from acl.plugins.registry import choices

        rows = [
            {"name": name, "label": p.label, "summary": p.summary, "settings": sorted(p.uses)}
            for name, p in choices(arguments.kind).items()
        ]
    if arguments.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        print(f"{row['name']:<{width}}  {row['label']}: {row['summary']}")


def _settings(arguments: argparse.Namespace) -> None:
    """Names as --set takes them."""
    rows = listed()
    if arguments.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    width = max(len(f"{row['name']}={row['default']}") for row in rows)
    for group, members in groupby(rows, key=lambda row: row["group"]):
        print(f"{group}:")
        for row in members:
            print(f"  {row['name'] + '=' + row['default']:<{width}}  {row['title']}: {row['meaning']}")


def _data(arguments: argparse.Namespace) -> None:
    from acl.plugins.registry import fetched, lying
    from acl.stream.downloads import data_dir, fetch

    sets = fetched()
    if arguments.deed == "get":
        if arguments.name not in sets:
            raise UserError(near(arguments.name, sets, "data set"))
        there = lying(arguments.name)
        for path in [there] if there else fetch(arguments.name, sets[arguments.name]):
            print(path)
        return
    rows = [
        {"name": name, "here": bool(there := lying(name)), "folder": str(there or data_dir() / name)} for name in sets
    ]
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        state = "here" if row["here"] else "not here"
        print(f"{row['name']:<14} {state:<9} {row['folder']}")


def _backend(arguments: argparse.Namespace) -> None:
    from acl.service import backend

    if arguments.stop:
        print(backend.stop(arguments.runs))
        return
    backend.main(arguments.runs, _engine(arguments))


def _engine(arguments: argparse.Namespace) -> Engine:
    _check_room(arguments)
    share = {} if arguments.gpu_share is None else {"gpu_share": arguments.gpu_share}
    if arguments.engine == "local":
        from acl.service.engines.local import LocalEngine, default_slots

        return LocalEngine(arguments.slots or default_slots(), **share)
    from acl.service.engines.ray import RayEngine

    return RayEngine(arguments.address, slots=arguments.slots, **share)
