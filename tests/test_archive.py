"""Runs that travel: out and in the same, and nothing in that could harm."""

from __future__ import annotations

import io
import json
import resource
import shutil
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from acl.config import UserError
from acl.runs import archive
from acl.runs.archive import as_bytes, export, import_run
from acl.runs.control import read_status, request
from acl.runs.folder import Run, create
from acl.runs.verify import verify
from acl.service.worker import Worker, execute
from app.store import runs as data
from tests.conftest import small_config
from tests.damaged_zips import DAMAGES, damaged
from tests.tools import facts, history_facts, run_config

# An empty list, as protocol 4 writes it, and room for what a safetensors file would hold there.
PICKLE = b"\x80\x04]\x94." + b"\0" * 20


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    made = create(small_config(), tmp_path_factory.mktemp("here") / "runs")
    execute(made)
    return made


@pytest.fixture(scope="module")
def packed(run) -> bytes:
    return as_bytes(run)


def files(run: Run) -> dict[str, bytes]:
    return {p.relative_to(run.path).as_posix(): p.read_bytes() for p in run.path.rglob("*") if p.is_file()}


# -- there and back ----------------------------------------------------------------------------------


def test_a_run_comes_back_as_it_was(run, packed, runs):
    came = import_run(io.BytesIO(packed), runs)
    assert came.id == run.id and came.config == run.config and came.summary == run.summary
    assert history_facts(came) == history_facts(run)
    mine, theirs = files(came), files(run)
    assert {n for n in theirs if n.endswith(("safetensors", "parquet", "jsonl"))} == mine.keys() - {
        "thumbs.safetensors", "config.json", "summary.json", "status.json",
    }  # fmt: skip
    assert all(mine[name] == theirs[name] for name in mine.keys() & theirs.keys() - {"status.json"})
    assert (read_status(came.path).state, read_status(came.path).progress) == ("finished", 1.0)
    assert not verify(came).difference


def test_the_same_run_gives_the_same_bytes(run, packed):
    assert as_bytes(run) == packed


def test_pictures_travel_along_and_show_without_the_dataset(run, packed, runs, monkeypatch):
    asked = [i for row in run.history().rows for i in getattr(row.event, "ids", [])]
    expected = data.pictures(run, asked)
    came = import_run(io.BytesIO(packed), runs)

    def gone(config):
        raise UserError("The dataset is not here.")

    monkeypatch.setattr("app.store.runs.prepare", gone)
    monkeypatch.setattr("acl.plugins.registry.prepare", gone)
    data.stream_of.clear()
    assert np.array_equal(data.pictures(came, asked), expected)
    # Passed on once more, without the dataset, they are still there.
    again = import_run(io.BytesIO(as_bytes(came)), runs)
    assert np.array_equal(data.pictures(again, asked), expected)
    assert "thumbs" not in str(zipfile.ZipFile(io.BytesIO(as_bytes(run))).namelist())


def test_large_pictures_become_thumbnails():
    images = np.random.default_rng(0).integers(0, 255, (3, 200, 100, 3), dtype=np.uint8)
    assert archive.small(images).shape == (3, 64, 32, 3)
    assert archive.small(images[:, :64, :64]) is not None and archive.small(images[..., :1]).shape == (3, 64, 32, 1)


def test_an_unfinished_run_goes_on_elsewhere_to_the_same_end(runs, tmp_path):
    run = create(small_config(), tmp_path / "here")
    request(run.path, mode="play", until=(2, 1, "score"))
    worker = Worker(run)
    obey = worker.wishes.obey

    def stop_there() -> None:
        if worker.wishes.held:
            request(run.path, mode="stop")
        obey()

    worker.wishes.obey = stop_there
    worker.work()
    worker.close()
    with run.events.open("a") as file:
        file.write('{"half a li')
    came = import_run(io.BytesIO(as_bytes(run)), runs)
    assert not (came.path / "control.json").exists() and read_status(came.path).state == "stopped"
    execute(came)
    assert history_facts(came) == facts(run_config(small_config()))


def test_a_run_that_is_here_already_gets_another_id(packed, runs):
    first, second, third = (import_run(io.BytesIO(packed), runs) for _ in range(3))
    assert len({first.id, second.id, third.id}) == 3 and second.id[:-5] == first.id[:-5]
    assert history_facts(second) == history_facts(first)


def test_unknown_files_are_ignored(packed, runs, run):
    came = import_run(
        io.BytesIO(changed(packed, add={f"{run.id}/note.txt": b"hello", f"{run.id}/a/b.json": b"{}"})), runs
    )
    assert not {"note.txt", "a/b.json"} & files(came).keys()


def test_a_marker_of_a_recording_is_not_taken(packed, runs, run):
    came = import_run(io.BytesIO(changed(packed, add={f"{run.id}/recorded": b""})), runs)
    assert not came.recorded


# -- hostile -----------------------------------------------------------------------------------------


def changed(
    packed: bytes, add: dict[str, bytes] | None = None, drop: str = "", edit: dict[str, bytes] | None = None,
    entries: tuple[tuple[zipfile.ZipInfo, bytes], ...] = (),
) -> bytes:  # fmt: skip
    """The archive with other entries: `drop` and `edit` name them by their end."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            if drop and info.filename.endswith(drop):
                continue
            content = next((v for k, v in (edit or {}).items() if info.filename.endswith(k)), old.read(info))
            new.writestr(info.filename, content)
        for name, content in (add or {}).items():
            new.writestr(name, content)
        for info, content in entries:
            new.writestr(info, content)
    return out.getvalue()


def link(name: str, target: bytes) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info, target


def config_with(**values: object) -> Callable[[bytes, str], bytes]:
    def make(packed: bytes, id_: str) -> bytes:
        with zipfile.ZipFile(io.BytesIO(packed)) as old:
            raw = json.loads(old.read(f"{id_}/config.json"))
        return changed(packed, edit={"/config.json": json.dumps({**raw, **values}).encode()})

    return make


def torch_file() -> bytes:
    file = io.BytesIO()
    torch.save({"w": torch.zeros(2)}, file)
    return file.getvalue()


def lying_bomb(packed: bytes, id_: str) -> bytes:
    """100 MB of zeros whose headers say 1000 bytes."""
    size, told = 100_000_000, 1000
    out = io.BytesIO(changed(packed, drop="events.jsonl"))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as new:
        new.writestr(f"{id_}/events.jsonl", b"\0" * size)
    return out.getvalue().replace(struct.pack("<I", size), struct.pack("<I", told))


def encrypted(packed: bytes, id_: str) -> bytes:
    """The flag of encryption at every entry of the central directory and its headers."""
    content = bytearray(packed)
    for magic, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = content.find(magic)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(magic, at + 4)
    return bytes(content)


HOSTILE: dict[str, tuple[Callable[[bytes, str], bytes], str]] = {
    "no zip": (lambda p, i: b"hello", "not a zip"),
    "empty": (lambda p, i: b"", "not a zip"),
    "half a zip": (lambda p, i: p[: len(p) // 2], "not a zip"),
    "encrypted": (encrypted, "encrypted"),
    "absolute": (lambda p, i: changed(p, {"/etc/passwd": b"x"}), "leads out of the run"),
    "up": (lambda p, i: changed(p, {f"{i}/../../x": b"x"}), "leads out of the run"),
    "up in a known name": (lambda p, i: changed(p, {f"{i}/tasks/../config.json": b"x"}), "leads out of the run"),
    "backslash": (lambda p, i: changed(p, {f"{i}\\..\\x": b"x"}), "leads out of the run"),
    "drive": (lambda p, i: changed(p, {"C:/x": b"x"}), "leads out of the run"),
    "empty part": (lambda p, i: changed(p, {f"{i}//x": b"x"}), "leads out of the run"),
    "link": (lambda p, i: changed(p, entries=(link(f"{i}/summary", b"/etc/passwd"),)), "is a link"),
    "link for a known file": (
        lambda p, i: changed(p, drop="summary.json", entries=(link(f"{i}/summary.json", b"/etc/passwd"),)),
        "is a link",
    ),
    "two of a name": (lambda p, i: changed(p, {f"{i}/Summary.json": b"{}"}), "a name twice"),
    "two runs": (lambda p, i: changed(p, {"another-run/config.json": b"{}"}), "must hold one folder"),
    "no run": (lambda p, i: changed(b"PK\5\6" + b"\0" * 18, {"A RUN/config.json": b"{}"}), "must hold one folder"),
    "no config": (lambda p, i: changed(p, drop="config.json"), "no config.json"),
    "newer format": (config_with(format="99"), "run format '99'"),
    "no format": (config_with(format=None), "run format None"),
    "bad config": (config_with(config={"seed": "x"}), "seed must"),
    "config is no JSON": (lambda p, i: changed(p, edit={"/config.json": b"\xff\xfe"}), "cannot be read"),
    "too many": (lambda p, i: changed(p, {f"{i}/{n}": b"" for n in range(20_001)}), "more than 20,000"),
    "bomb": (lambda p, i: bomb(p, i), "from almost nothing"),
    "lying bomb": (lying_bomb, "not as long as the archive says|not a zip"),
    "pickle by name": (lambda p, i: changed(p, {f"{i}/model.pt": b"x"}), "may be a pickle"),
    "packed pickle by name": (lambda p, i: changed(p, {f"{i}/model.pth.tar": b"x"}), "may be a pickle"),
    "folder of a pickle": (lambda p, i: changed(p, {f"{i}/model.PKL/data.json": b"x"}), "may be a pickle"),
    "numpy by name": (lambda p, i: changed(p, {f"{i}/x/y.NPY": b"x"}), "may be a pickle"),
    "pickle as tensors": (
        lambda p, i: changed(p, edit={"01/base.safetensors": PICKLE}), "holds a pickle",
    ),
    "pickle as a table": (lambda p, i: changed(p, edit={"01-01.parquet": PICKLE}), "holds a pickle"),
    "pickle as JSON": (lambda p, i: changed(p, edit={"summary.json": PICKLE}), "holds a pickle"),
    "torch file as tensors": (lambda p, i: changed(p, edit={"01/base.safetensors": torch_file()}), "holds a pickle"),
    "damaged tensors": (lambda p, i: changed(p, edit={"01-02.safetensors": b"x" * 500}), "01-02.safetensors"),
    "damaged table": (lambda p, i: changed(p, edit={"01-02.parquet": b"x" * 500}), "01-02.parquet"),
    "no events": (lambda p, i: changed(p, edit={"events.jsonl": b"garbage\n"}), "no event that can be read"),
}  # fmt: skip


def bomb(packed: bytes, id_: str) -> bytes:
    out = io.BytesIO(changed(packed, drop="events.jsonl"))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as new:
        new.writestr(f"{id_}/events.jsonl", b"\0" * 100_000_000)
    return out.getvalue()


@pytest.mark.parametrize("name", HOSTILE)
def test_what_could_harm_is_refused_in_a_sentence_and_leaves_nothing(name, packed, run, runs, tmp_path):
    make, said = HOSTILE[name]
    content = make(packed, run.id)
    with pytest.raises(UserError, match=said) as caught:
        import_run(io.BytesIO(content), runs)
    assert str(caught.value).endswith(".") and str(tmp_path) not in str(caught.value)
    assert not list(runs.iterdir())


def test_sizes_are_counted_not_believed(packed, runs, monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", 1000)
    with pytest.raises(UserError, match="unpacks to more than"):
        import_run(io.BytesIO(packed), runs)


def test_a_safetensors_file_that_begins_like_a_pickle_is_none():
    assert not archive._is_pickle(struct.pack("<Q", 0x0280) + b'{"x":')
    assert archive._is_pickle(PICKLE)


def test_a_full_disk_is_a_sentence_and_leaves_nothing(packed, runs, monkeypatch):
    def full(archive_, entry, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "_unpack", full)
    with pytest.raises(UserError, match="disk is full"):
        import_run(io.BytesIO(packed), runs)
    assert not list(runs.iterdir())


# -- damaged -----------------------------------------------------------------------------------------

SECONDS, MEGABYTES = 20.0, 400


def take_in(packed: bytes, seed: int, runs: Path) -> tuple[str, str]:
    """The kind of damage, and what was said of it; "" where the run came in all the same."""
    kind, content = damaged(packed, seed)
    before, began = sorted(runs.iterdir()) if runs.exists() else [], time.monotonic()
    try:
        came, said = import_run(io.BytesIO(content), runs), ""
    except UserError as error:
        said = str(error)
        assert said.endswith(".") and "\n" not in said and str(runs) not in said and len(said) < 600, (seed, kind, said)
    else:
        shutil.rmtree(came.path)
    assert sorted(runs.iterdir()) == before, (seed, kind, said)
    assert time.monotonic() - began < SECONDS, (seed, kind)
    return kind, said


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fuzz(packed: bytes, seeds: range, runs: Path) -> None:
    before = peak_megabytes()
    refused = {kind for kind, said in (take_in(packed, seed, runs) for seed in seeds) if said}
    assert refused == set(DAMAGES) and peak_megabytes() - before < MEGABYTES


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_fifty_damaged_zips_are_a_sentence_each_or_a_run(packed, runs):
    fuzz(packed, range(50), runs)


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_thousand_damaged_zips_are_a_sentence_each_or_a_run(packed, runs):
    fuzz(packed, range(50, 2050), runs)


# -- the command line --------------------------------------------------------------------------------


def acl(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "acl", *map(str, arguments)], capture_output=True, text=True)


def test_export_and_import_by_command(run, runs, tmp_path):
    target = tmp_path / "run.zip"
    out = acl("export", run.id, "-o", target, "--runs", run.path.parent)
    assert out.returncode == 0 and out.stdout.strip() == str(target)
    again = acl("export", run.id, "-o", target, "--runs", run.path.parent)
    assert again.returncode == 2 and "exists already" in again.stderr and again.stderr.count("\n") == 1
    came = acl("import", target, "--runs", runs)
    assert json.loads(came.stdout) == {"run": run.id} and history_facts(Run(runs / run.id)) == history_facts(run)
    for bad in (tmp_path / "none.zip", Path(__file__)):
        refused = acl("import", bad, "--runs", runs)
        assert refused.returncode == 2 and refused.stderr.startswith("acl: ") and refused.stderr.count("\n") == 1


def test_thumbnails_hold_everyone_the_run_names(packed, run, runs):
    came = import_run(io.BytesIO(packed), runs)
    thumbs = load_file(came.thumbs)
    snapshots = [load_file(p) for p in (came.path / "queries").glob("*.safetensors")]
    named = {int(i) for s in snapshots for role in ("pool", "labelled", "memory") for i in s[f"{role}.ids"]}
    assert named <= set(thumbs["ids"].tolist()) and len(thumbs["images"]) == len(thumbs["labels"])
    target = runs / "x.zip"
    export(came, target)
    assert zipfile.ZipFile(target).testzip() is None
