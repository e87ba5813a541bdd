"""The command line at its edges: every option that takes a place or a number meets what nobody should type there."""

from __future__ import annotations

import argparse
import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from acl.cli import entry
from acl.cli.commands import sweep
from acl.runs.control import read_status
from acl.runs.folder import Run, create, list_runs
from acl.service import backend, worker
from acl.service.worker import execute
from acl.system.processes import NO_THREADS
from tests.conftest import small_config

EDGES = {
    "empty": "",
    "nobody's home": "~nosuchuser/x",
    "5,000 digits": "9" * 5000,
    "below zero": "-1",
    "no number": "nan",
    "a zero byte": "a\0b",
    "backslash zero": "\\0",
    "a folder": "{folder}",
    "a file": "{file}",
    "below a file": "{file}/x",
}
# Free text, or what is looked at only where a cluster is asked for.
FREE = {"--title", "--address"}
# New places, which may have any name that a file or a folder can have.
NEW = {"-1", "nan", "\\0"}
CATALOGUES = ("strategies", "learners", "datasets", "presets")
MAKES = {("convert", "--output")}
FOLDERS = {"--data-dir", "--runs"}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    made = create(small_config(), tmp_path_factory.mktemp("edges") / "runs")
    execute(made)
    return made


def subparsers(parser: argparse.ArgumentParser, name: str = "") -> dict[str, argparse.ArgumentParser]:
    """Each command by its name, and its deeds."""
    found = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, sub in action.choices.items():
                found |= subparsers(sub, f"{name} {word}".strip())
    return found or {name: parser}


def taking() -> list[tuple[str, str]]:
    """Every command with each of its options that takes a value."""
    return [
        (name, max(action.option_strings, key=len) if action.option_strings else action.dest)
        for name, sub in subparsers(entry.parser()).items()
        for action in sub._actions
        if action.nargs != 0 and not {*action.option_strings} & FREE
    ]


def usual(name: str, run: Run) -> dict[str, list[str]]:
    """What the command is called with when nothing is amiss."""
    snapshot = str(run.snapshot(1, 1))
    return {
        "run": {"--quiet": []},
        "sweep": {"--strategies": ["uniform"], "--no-wait": []},
        "resume": {"run": [run.id]},
        "fork": {"run": [run.id], "--at": ["1.2"], "--quiet": []},
        "verify": {"run": [run.id], "--quiet": []},
        "export": {"run": [run.id]},
        "import": {"archive": ["none.zip"]},
        "table": {"names": []},
        "convert": {"names": [], "--to": ["tables"], "--output": ["tables"]},
        "select": {"snapshot": [snapshot], "--strategy": ["entropy"]},
        "inspect": {"file": [snapshot]},
        "data get": {"name": ["mnist"]},
    }.get(name, {})


def line(name: str, option: str, value: str, run: Run, runs: Path) -> list[str]:
    given = usual(name, run) | {option: [value]}
    if option != "--runs" and not name.startswith("data") and name not in {
        "select", "strategies", "learners", "datasets", "presets",
    }:  # fmt: skip
        given["--runs"] = [str(runs)]
    words = name.split()
    for key, values in given.items():
        # With =, so that a value may begin with a dash.
        words += [f"{key}={v}" for v in values] or [key] if key.startswith("-") else []
    placed = [v for key, values in given.items() if not key.startswith("-") for v in values]
    return [*words, "--", *placed] if placed else words


def is_fine(name: str, option: str, raw: str) -> bool:
    return raw in {*NEW, "{folder}"} and (option in FOLDERS or (name, option) in MAKES)


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize(("name", "option"), taking())
def test_every_option_at_its_edges_is_exit_code_2_and_one_sentence(
    name, option, edge, run, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(backend, "ensure", lambda *_: pytest.fail("a backend was started"))
    monkeypatch.setattr(backend, "main", lambda *_: pytest.fail("a backend was started"))
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("the app was started"))
    monkeypatch.setenv("ACL_DATA", str(tmp_path / "sets"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    raw = EDGES[edge]
    if is_fine(name, option, raw):
        pytest.skip("that is what the option is for")
    value = raw.format(folder=tmp_path / "folder", file=tmp_path / "file")
    before = len(list_runs(run.path.parent))
    code = entry.main(line(name, option, value, run, run.path.parent))
    said = capsys.readouterr().err
    assert code == 2, (code, said)
    assert said.startswith("acl: ") and said.count("\n") == 1 and said.rstrip().endswith((".", ")")), said
    assert len(list_runs(run.path.parent)) == before
    assert {path.name for path in tmp_path.iterdir()} <= {"folder", "file"}


@pytest.mark.parametrize("setting", ["memory", "lambda", "weights", "data", "class_order", "device", "lr"])
@pytest.mark.parametrize("edge", EDGES)
def test_every_kind_of_setting_at_its_edges(setting, edge, runs, capsys):
    if edge == "empty" and setting in {"lambda", "class_order"}:
        pytest.skip("that is the way to say auto")
    said = EDGES[edge].format(folder=".", file=__file__)
    extra = {"weights": ["--set=backbone=resnet18"], "data": ["--dataset=folder"]}.get(setting, [])
    code = entry.main(["run", f"--runs={runs}", "--quiet", *extra, f"--set={setting}={said}"])
    err = capsys.readouterr().err
    assert code == 2 and err.startswith("acl: ") and err.count("\n") == 1
    # What stands in a file of weights is read by the run's worker.
    assert not runs.exists() or not list_runs(runs) or (setting, edge) == ("weights", "a file")


@pytest.mark.parametrize("variable", ["ACL_DATA", "ACL_RUNS"])
def test_the_home_of_nobody_in_the_environment(variable, tmp_path):
    home = {**os.environ, variable: "~nosuchuser/x"}
    words = {"ACL_DATA": ["data", "list"], "ACL_RUNS": ["table"]}[variable]
    done = subprocess.run([sys.executable, "-m", "acl", *words], env=home, capture_output=True, text=True)
    assert done.returncode == 2 and "~nosuchuser" in done.stderr and done.stderr.count("\n") == 1


def test_a_home_is_found(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "runs").mkdir()
    assert entry.main(["table", "--runs", "~/runs"]) == 2
    assert str(tmp_path / "runs") in capsys.readouterr().err


# -- no memory for torch -----------------------------------------------------------------------------

NO_TORCH = """
import builtins, sys
real = builtins.__import__
def without(name, *rest):
    if name == 'torch':
        raise {error}
    return real(name, *rest)
builtins.__import__ = without
"""
ERRORS = [
    "MemoryError()",
    "ImportError('libtorch_cpu.so: failed to map segment from shared object')",
    "ImportError('libtorch_cpu.so: cannot allocate memory in static TLS block')",
    "OSError(12, 'Cannot allocate memory')",
]


@pytest.mark.parametrize("error", ERRORS)
def test_torch_that_does_not_fit_is_a_sentence_in_the_command_line(error, runs):
    code = f"{NO_TORCH.format(error=error)}\nfrom acl.cli import main\nsys.exit(main(sys.argv[1:]))"
    words = ["run", "--runs", str(runs), "--quiet"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 3 and done.stderr.startswith("acl: Out of memory (") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("error", ERRORS)
def test_torch_that_does_not_fit_is_a_sentence_in_the_warm_worker(error, tmp_path):
    code = f"{NO_TORCH.format(error=error)}\nfrom acl.service.engines import warm\nsys.exit(warm.main())"
    log = tmp_path / "worker.log"
    job = f'{{"run": "{tmp_path}", "log": "{log}"}}\n'
    done = subprocess.run([sys.executable, "-c", code], input=job, capture_output=True, text=True)
    assert done.returncode == 3 and log.read_text().splitlines()[-1].startswith("Out of memory (")


def test_a_spare_worker_without_memory_that_is_not_needed_says_nothing():
    code = f"{NO_TORCH.format(error=ERRORS[0])}\nfrom acl.service.engines import warm\nsys.exit(warm.main())"
    done = subprocess.run([sys.executable, "-c", code], input="", capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == done.stderr == ""


@pytest.mark.filterwarnings("ignore::tqdm.TqdmMonitorWarning")
def test_threads_that_the_system_does_not_give_are_a_sentence(runs, monkeypatch, capsys):
    def refused(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert entry.main(["run", "--set", "epochs=1", "--quiet", "--runs", str(runs)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said == ["acl: No more threads can be started: end other programs, or raise ulimit -u."]


@pytest.mark.parametrize("given", range(8))
def test_too_few_threads_are_a_sentence_before_anything_is_begun(given, runs, monkeypatch, capsys):
    """However few the system gives: libraries whose threads it refuses midway end the process, or wait for ever."""
    start, left = threading.Thread.start, [given]

    def few(self: threading.Thread) -> None:
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        start(self)

    before = threading.active_count()
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(threading.Thread, "start", few)
    assert entry.main(["run", "--set", "epochs=1", "--quiet", "--runs", str(runs)]) == 2
    assert capsys.readouterr().err == f"acl: {NO_THREADS}\n"
    assert not runs.exists() and threading.active_count() == before
    # In a worker of the backend: the run says it, and has not begun.
    run = create(small_config(), runs)
    left[0] = given
    assert worker.main(str(run.path)) == 2 and capsys.readouterr().err == f"{NO_THREADS}\n"
    status = read_status(run.path)
    assert status and status.state == "failed" and status.error == NO_THREADS and not run.events.exists()


def test_a_process_that_the_system_does_not_give_is_a_sentence(runs, monkeypatch, capsys):
    def refused(*given: object, **named: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(backend, "popen", refused)
    assert entry.main(["sweep", "--strategies", "uniform", "--seeds", "0", "--quiet", "--runs", str(runs)]) == 2
    assert capsys.readouterr().err == f"acl: {NO_THREADS}\n"


def test_export_says_what_is_in_the_way_of_its_file(tmp_path, capsys):
    run = create(small_config(), tmp_path / "runs")
    there = tmp_path / "there.zip"
    there.write_bytes(b"kept")
    for output, says in ((there, "exists already"), (tmp_path / "none" / "x.zip", "there is no folder")):
        assert entry.main(["export", run.id, "-o", str(output), "--runs", str(tmp_path / "runs")]) == 2
        assert says in capsys.readouterr().err
    assert there.read_bytes() == b"kept"


# -- what is written, and where --------------------------------------------------------------------------

FILES = [(name, option) for name, option in taking() if option in {"--output", "--html", "--scores"}]
WRITTEN = {
    ("outcomes", "--output"): ".parquet", ("export", "--output"): ".zip", ("export", "--html"): ".html",
    ("table", "--output"): ".md", ("select", "--scores"): ".parquet", ("inspect", "--output"): ".md",
}  # fmt: skip
MORE = {"outcomes": {"run": ["RUN"], "--at": ["1.2"]}, "inspect": {"what": ["RUN"], "--all": []}}


def told(name: str, option: str, value: str, run: Run, capsys) -> str:
    given = usual(name, run) | {
        key: [v.replace("RUN", run.id) for v in values] for key, values in MORE.get(name, {}).items()
    }
    if name == "inspect":
        given.pop("file")
    given |= {option: [value]}
    words = name.split() + [f"{key}={v}" for key, values in given.items() if key.startswith("-") for v in values]
    words += [key for key, values in given.items() if key.startswith("-") and not values]
    words += [] if name == "select" else [f"--runs={run.path.parent}"]
    placed = [v for key, values in given.items() if not key.startswith("-") for v in values]
    assert entry.main([*words, "--", *placed]) == 2
    said = capsys.readouterr().err
    assert said.startswith("acl: ") and said.count("\n") == 1, said
    return said


@pytest.mark.parametrize(("name", "option"), [each for each in FILES if each != ("convert", "--output")])
def test_a_name_that_says_another_kind_of_file_is_refused_before_work_begins(name, option, run, tmp_path, capsys):
    ending = WRITTEN[name, option]
    for wrong in ("x.xlsx", "x"):
        said = told(name, option, str(tmp_path / wrong), run, capsys)
        assert f"its name must end with {ending}" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "option"), FILES)
def test_a_folder_that_takes_no_files_is_said_before_work_begins(name, option, run, tmp_path, monkeypatch, capsys):
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **more: path != tmp_path and access(path, mode, **more))
    said = told(name, option, str(tmp_path / f"x{WRITTEN.get((name, option), '')}"), run, capsys)
    assert f"nothing can be written into the folder {tmp_path}" in said


@pytest.mark.parametrize("name", [name for name, option in taking() if option == "--at"])
def test_a_query_that_is_not_there_is_a_sentence_alone_that_says_which_are(name, run, capsys):
    assert entry.main([name, run.id, "--at", "9.9", "--runs", str(run.path.parent)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"acl: {run.id} has no query 9.9 to ") and said.count("\n") == 1
    assert "1.1" in said or "from 1.0 to" in said


# -- Ctrl-C ----------------------------------------------------------------------------------------------


def interrupt(*given: object, **named: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", subparsers(entry.parser()))
def test_ctrl_c_is_exit_code_130_and_says_what_is_kept_and_how_to_go_on(name, run, monkeypatch, capsys):
    given = usual(name, run) | {key: values for key, values in MORE.get(name, {}).items() if key != "what"}
    given = {key: [v.replace("RUN", run.id) for v in values] for key, values in given.items()}
    given |= {"what": given.pop("file")} if "file" in given else {}
    words = name.split() + [f"{key}={v}" for key, values in given.items() if key.startswith("-") for v in values]
    placed = [v for key, values in given.items() if not key.startswith("-") for v in values]
    command = entry.parser().parse_args([*words, *placed]).command
    monkeypatch.setattr(sys.modules[command.__module__], command.__name__, interrupt)
    assert entry.main([*words, *placed]) == 130
    said = capsys.readouterr().err
    assert said.startswith("acl: interrupted; ") and said.count("\n") == 1 and "the same command" in said
    assert "run" not in given or "nothing was written" in said or run.id in said


@pytest.mark.parametrize(
    ("place", "words", "says"),
    [
        ("acl.runs.verify.verify", "verify RUN --quiet", "nothing of RUN was changed"),
        ("acl.results.outcomes.measure_queries", "outcomes RUN --at 1.2 --quiet", "what was measured is kept with RUN"),
        ("acl.results.sinks.write", "convert RUN --to tables -o OUT", "OUT may lack runs"),
        ("time.sleep", "sweep --strategies uniform --seeds 0 --quiet", "go on without this command"),
        ("acl.service.worker.execute", "run --quiet", "every finished round is kept: acl resume"),
    ],
)
def test_ctrl_c_in_the_midst_of_long_work(place, words, says, run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sweep, "_ensure_backend", lambda arguments: None)
    monkeypatch.setattr(place, interrupt)
    names = {"RUN": run.id, "OUT": str(tmp_path / "out")}
    runs = tmp_path / "new" if words.startswith(("sweep", "run")) else run.path.parent
    assert entry.main([names.get(word, word) for word in words.split()] + ["--runs", str(runs)]) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    for name, value in names.items():
        says = says.replace(name, value)
    assert said.startswith("acl: interrupted; ") and says in said
