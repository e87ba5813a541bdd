"""What a disk can say, to everything that writes: one sentence or a run that waits, and nothing left behind."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from acl import write_snapshot
from acl.cli import entry
from acl.config import UserError
from acl.events import Epoch, History
from acl.network import backbone
from acl.plugins.registry import prepare
from acl.results import sweep
from acl.runs import tags
from acl.runs.archive import as_bytes, import_run
from acl.runs.control import request
from acl.runs.damage import damage
from acl.runs.event_file import EventReader, EventWriter
from acl.runs.folder import Run, create, moved_data
from acl.runs.fork import fork
from acl.runs.recording import save_thumbs
from acl.runs.verdict import Verdict, keep
from acl.service import reporting
from acl.service.backend import Backend
from acl.service.engines.local import LocalEngine, LocalJob
from acl.service.worker import execute
from acl.snapshots import shelf
from acl.stream.pictures import decoded
from acl.system.files import HOLDS, REASONS, disk_trouble
from tests.conftest import small_config
from tests.failing_disk import Disk, closed
from tests.tools import history_facts

ERRNOS = [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EACCES, errno.EPERM, errno.EROFS, errno.ESTALE, errno.EFBIG]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    made = create(small_config(), tmp_path_factory.mktemp("elsewhere") / "runs")
    execute(made)
    return made


@pytest.fixture(scope="module")
def reference(run):
    return history_facts(run)


def by_command(*words: object) -> None:
    """The command line's sentence as an error; exit code 2 it has already."""
    code = entry.main(list(map(str, words)))
    if code:
        raise UserError(f"exit code {code}.")


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(file, "PNG")
    return file.getvalue()


def thumbs(run: Run) -> None:
    with disk_trouble("The run", run.path):
        save_thumbs(run, prepare(run.config))


def features(disk: Path) -> None:
    images = np.zeros((2, 8, 8, 3), dtype=np.uint8)
    config = small_config().changed(backbone="mobilenet_v3_small", weights="random")
    backbone.cached_features(config, images)


def own(pool: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(pool, 3), torch.full((pool, 2), 0.5)


# What writes, as a function of a folder on the disk, of a run elsewhere and of one on the disk.
WRITERS: dict[str, Callable[[Path, Run, Run], object]] = {
    "a new run": lambda disk, there, here: create(small_config(), disk / "new"),
    "moved data": lambda disk, there, here: moved_data(here, "/nowhere"),
    "tags": lambda disk, there, here: tags.keep_tags(here, ["a"]),
    "control": lambda disk, there, here: request(here.path, mode="pause"),
    "verdict": lambda disk, there, here: keep(here, Verdict(3)),
    "thumbs": lambda disk, there, here: thumbs(here),
    "sweep": lambda disk, there, here: sweep.start([small_config(seed=3)], disk / "sweeps", "x"),
    "fork": lambda disk, there, here: fork(there, (1, 2), {}, disk / "forks"),
    "fork of the same disk": lambda disk, there, here: fork(here, (1, 2), {}, here.path.parent),
    "import": lambda disk, there, here: import_run(io.BytesIO(as_bytes(there)), disk / "in"),
    "export": lambda disk, there, here: by_command("export", there.path, "-o", disk / "x.zip"),
    "table": lambda disk, there, here: by_command("table", there.path, "-o", disk / "x.md"),
    "tables": lambda disk, there, here: by_command("convert", there.path, "--to", "tables", "-o", disk / "t"),
    "tensorboard": lambda disk, there, here: by_command("convert", there.path, "--to", "tensorboard", "-o", disk / "b"),
    "scores": lambda disk, there, here: by_command("select", there.snapshot(1, 1), "--scores", disk / "x.parquet"),
    "snapshot": lambda disk, there, here: write_snapshot(disk / "x.safetensors", own()),
    "dropped": lambda disk, there, here: shelf.keep(disk, "x", there.snapshot(1, 1).read_bytes()),
    "linked": lambda disk, there, here: shelf.link(disk, there.snapshot(1, 1)),
    "pictures": lambda disk, there, here: decoded("x", 2, 8, lambda: [picture()] * 2, "x"),
    "features": lambda disk, there, here: features(disk),
    "the summary again": lambda disk, there, here: by_command("resume", here.path, "--quiet"),
}


def left(disk: Path) -> list[str]:
    """Files that nobody should find: drafts, probes, temporary neighbours."""
    drafts = (".new-", ".import-", ".probe-", ".tmp", ".reserve")
    ours = f".{os.getpid()}"
    return [
        path.name
        for path in disk.rglob(".*")
        if path.name.startswith(drafts) or ours in path.name or (path.is_dir() and len(path.name) == 33)
    ]


def prepared(folder: Path, there: Run, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Run]:
    (folder / "sets").mkdir(parents=True)
    monkeypatch.setenv("ACL_DATA", str(folder / "sets"))
    here = folder / "runs" / there.id
    shutil.copytree(there.path, here)
    (here / "summary.json").unlink()
    return folder, Run(here)


# tensorboardX lets go of a file that it could not write without closing it.
unclosed = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@unclosed
@pytest.mark.parametrize("name", WRITERS)
def test_every_error_at_the_first_door_and_two_at_every_door_of_every_writer(name, run, tmp_path, monkeypatch, capsys):
    walk(
        name,
        lambda number, place: place == 0 or number in {errno.EDQUOT, errno.EIO},
        run,
        tmp_path,
        monkeypatch,
        capsys,
    )


@pytest.mark.soak
@unclosed
@pytest.mark.parametrize("name", WRITERS)
def test_every_error_at_every_door_of_every_writer(name, run, tmp_path, monkeypatch, capsys):
    walk(name, lambda number, place: True, run, tmp_path, monkeypatch, capsys)


def ends(doors: list[str]) -> list[tuple[int, str]]:
    """The first two and the last of each kind of door: between them it goes on as before."""
    places = [[n for n, each in enumerate(doors) if each == door] for door in dict.fromkeys(doors)]
    return sorted({(n, doors[n]) for found in places for n in (*found[:2], found[-1])})


def walk(
    name: str, wanted: Callable[[int, int], bool], run: Run, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A sentence that says why and where, that leaves nothing behind, and after which the same can be done."""
    write = WRITERS[name]
    folder, here = prepared(tmp_path / "count", run, monkeypatch)
    monkeypatch.setattr(backbone, "compute", lambda *_: np.zeros((2, 3), dtype=np.float32))
    disk = Disk(tmp_path, monkeypatch)
    disk.begin()
    write(folder, run, here)
    doors = list(disk.doors)
    assert doors
    for number in ERRNOS:
        for place, door in ends(doors):
            if not wanted(number, place):
                continue
            disk.begin()
            folder, here = prepared(tmp_path / f"{number}-{place}", run, monkeypatch)
            capsys.readouterr()
            disk.begin(number, place)
            try:
                write(folder, run, here)
                said = ""
            except UserError as error:
                lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("acl: ")]
                said = lines[-1].removeprefix("acl: ") if lines else str(error)
            disk.begin()
            where = (os.strerror(number), place, door, said)
            if said:
                assert said.endswith(".") and "\n" not in said and REASONS[number] in said, where
                assert f".{os.getpid()}." not in said and str(run.path) not in said, where
            else:
                # A link where copies serve as well, and what is tried again elsewhere.
                assert door in {"link", "symlink"}, where
            assert not left(folder), (where, left(folder))
            write(folder, run, here)


# -- a run under way ---------------------------------------------------------------------------------


# The reserve for the status, which a run can do without, is written by the same doors; a folder may be there.
UNSAID = {"open", "file.write", "mkdir"}


@pytest.mark.parametrize("number", ERRNOS)
def test_a_run_waits_or_ends_in_a_sentence_and_loses_no_round(number, reference, tmp_path, monkeypatch):
    """At one door of each kind of file that a worker writes, in the midst of the run."""
    monkeypatch.setattr(reporting, "HELD_BEAT_S", 0.01)
    disk = Disk(tmp_path, monkeypatch)
    first = create(small_config(), tmp_path / "count")
    disk.begin()
    execute(first)
    doors = list(disk.doors)
    for door in sorted(set(doors)):
        disk.begin()
        run = create(small_config(), tmp_path / door)
        waited: list[str] = []
        disk.begin(number, doors.count(door) // 2, only=door)
        try:
            execute(run, on_wait=waited.append)
        except UserError as error:
            assert number not in HOLDS and REASONS[number] in str(error) and str(run.path) in str(error), (door, error)
        else:
            assert number in HOLDS or door in UNSAID, door
        assert all(said.startswith(f"Run {run.id} waits. {HOLDS[number]}: free") for said in waited)
        disk.begin()
        assert not left(run.path)
        if run.summary is None:
            execute(run)
        assert history_facts(run) == reference, door


def test_lines_that_the_system_takes_in_pieces_are_whole(reference, tmp_path, monkeypatch):
    disk = Disk(tmp_path, monkeypatch)
    disk.begin()
    disk.short = 7
    run = create(small_config(), tmp_path / "runs")
    execute(run)
    assert history_facts(run) == reference


def test_a_piece_of_a_line_that_cannot_be_taken_away_is_before_the_next_line(tmp_path, monkeypatch):
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    disk = Disk(tmp_path, monkeypatch)
    disk.short = 5
    event = Epoch(1, 1, 1, 0.5)
    disk.begin(errno.ENOSPC, fail_at=2)  # two pieces are written, then neither write nor ftruncate goes on
    with pytest.raises(OSError, match="No space"):
        writer.append(event)
    assert path.stat().st_size == 10
    disk.begin()
    writer.append(event)
    writer.close()
    reader = EventReader(path)
    assert (
        len(reader.poll()) <= 1 and path.read_bytes().count(b"\n") == 1 and path.read_bytes().startswith(b'{"seq": 0')
    )


def test_a_command_says_that_its_run_waits_and_for_what(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reporting, "HELD_BEAT_S", 0.01)
    append, failed = EventWriter.append, []

    def now_and_then(self: EventWriter, event: object) -> object:
        if len(failed) < 3:
            failed.append(event)
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        return append(self, event)

    monkeypatch.setattr(EventWriter, "append", now_and_then)
    run = create(small_config(), tmp_path / "runs")
    assert entry.main(["resume", str(run.path)]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("acl: ")]
    wait = f"acl: Run {run.id} waits. The disk quota is used up: free some space, and the run goes on by itself."
    assert said == [wait]


# -- whose fault -------------------------------------------------------------------------------------


def test_a_file_that_may_not_be_read_is_not_said_to_be_missing(run, tmp_path, monkeypatch, capsys):
    snapshot = run.snapshot(1, 1)
    real = io.open

    def forbidden(path, *rest, **kwargs):
        if str(path) == str(snapshot):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *rest, **kwargs)

    monkeypatch.setattr(io, "open", forbidden)
    assert entry.main(["select", str(snapshot)]) == 2
    said = capsys.readouterr().err
    assert "Permission denied" in said and "exist" not in said and str(snapshot) in said


@pytest.mark.parametrize(
    ("named", "blamed"),
    [
        (None, "The run {own}"), ("{own}/tasks/x", "The run {own}"), ("/elsewhere/x", "The file /elsewhere/x"),
    ],
)  # fmt: skip
def test_the_file_that_the_system_names_is_blamed(named, blamed, tmp_path):
    name = named and named.format(own=tmp_path)
    with pytest.raises(UserError, match=f"^{blamed.format(own=tmp_path)} cannot be used: the disk reports an input"):
        with disk_trouble("The run", tmp_path):
            raise OSError(errno.EIO, "Input/output error", *([name] if name else []))


# -- what may not be read ----------------------------------------------------------------------------


COMMANDS = {
    "config.json": ["resume", "fork", "verify", "table", "convert"],
    "events.jsonl": ["resume", "fork", "verify", "convert"],
    ".": ["resume", "fork", "verify", "table", "convert", "export"],
    "..": ["resume", "fork", "verify", "table", "convert", "export"],
}


@pytest.mark.parametrize("by", ["id", "path"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_or_folder_that_may_not_be_read_is_said_to_be_so(name, by, run, tmp_path, monkeypatch, capsys):
    here = tmp_path / "runs" / run.id
    shutil.copytree(run.path, here)
    more = {"fork": ["--at", "1.1"], "convert": ["--to", "tables", "-o", str(tmp_path / "t")]}
    closed((here / name).resolve(), monkeypatch)
    for command in COMMANDS[name]:
        capsys.readouterr()
        asked = run.id if by == "id" else str(here)
        try:
            code = entry.main([command, asked, *more.get(command, []), "--runs", str(tmp_path / "runs")])
        except SystemExit as ended:
            code = int(ended.code)
        said = capsys.readouterr().err
        assert code in {1, 2} and "ermission" in said, (command, said)
        assert not re.search("There is no run '|does not exist|damaged|Traceback|is gone", said), (command, said)


def test_what_of_a_run_may_not_be_read_is_not_called_gone_or_damaged(run, monkeypatch):
    history = run.history()
    closed(run.base(1), monkeypatch)
    closed(run.path / "queries", monkeypatch)
    said = damage(run, run.config, history)
    assert len(said) == 1 and "not readable (Permission denied)" in said[0] and "base.safetensors" in said[0]
    assert not re.search("gone|damaged", said[0])
    closed(run.events, monkeypatch)
    reader = EventReader(run.events)
    assert reader.poll() == [] and reader.trouble == "cannot be read (Permission denied)" and not reader.damaged
    assert damage(run, run.config, History()) == []
    monkeypatch.undo()
    assert reader.poll() and not reader.trouble


def test_the_record_of_a_sweep_that_may_not_be_read_is_there(tmp_path, monkeypatch):
    made = sweep.start([small_config(seed=3)], tmp_path, "x")
    closed(tmp_path / ".sweeps" / f"{made.id}.json", monkeypatch)
    with pytest.raises(UserError, match="^The record of sweep .* cannot be read .*Permission denied"):
        sweep.load(made.id, tmp_path)


# -- the backend -------------------------------------------------------------------------------------


class Engine(LocalEngine):
    """One that only says which runs it was given."""

    def __init__(self) -> None:
        super().__init__(slots=2)
        self.given: list[str] = []

    def start(self, run: Run) -> LocalJob:
        self.given.append(run.id)
        return SimpleNamespace(poll=lambda: None, kill=lambda: None)

    def tick(self, waiting: bool) -> None:
        with (self.folder / "spare").open("w"):
            pass


def watched(folder: Path, n: int) -> tuple[Backend, Engine, list[Run]]:
    engine = Engine()
    engine.folder = folder
    runs = [create(small_config(seed=seed), folder) for seed in range(n)]
    for run in runs:
        request(run.path, mode="play")
    return Backend(folder, engine), engine, runs


@pytest.mark.parametrize("number", ERRNOS)
def test_a_backend_outlives_a_disk_that_takes_nothing_and_says_so_once(number, tmp_path, monkeypatch, capfd):
    served, engine, (run,) = watched(tmp_path, 1)
    disk = Disk(tmp_path, monkeypatch)
    disk.begin(number, fail_at=0)
    for _ in range(5):
        served.tick()
    said = capfd.readouterr().err.splitlines()
    assert said and len(said) == len(set(said)) and all(os.strerror(number) in line for line in said), said
    disk.begin()
    served.tick()
    assert engine.given == [run.id] and not capfd.readouterr().err


def test_a_run_that_may_not_be_read_is_no_trouble_of_the_others(tmp_path, monkeypatch, capfd):
    served, engine, (shut, other) = watched(tmp_path, 2)
    (shut.path / "worker.lock").touch()
    with monkeypatch.context() as patch:
        closed(shut.path / "worker.lock", patch)
        for _ in range(5):
            served.tick()
        assert engine.given == [other.id]
        said = capfd.readouterr().err.splitlines()
        assert len(said) == 1 and said[0].startswith(f"{shut.id}: ") and "Permission denied" in said[0], said
    served.tick()
    assert engine.given == [other.id, shut.id]


def test_a_runs_folder_that_may_not_be_listed_for_a_while_loses_no_run(tmp_path, monkeypatch, capfd):
    served, engine, runs = watched(tmp_path, 1)
    served.tick()
    with monkeypatch.context() as patch:
        closed(tmp_path, patch)
        for _ in range(5):
            served.tick()
    said = capfd.readouterr().err.splitlines()
    assert served.watched.keys() == {runs[0].id} and sum(line.startswith("The runs: ") for line in said) == 1, said
