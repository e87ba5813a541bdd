"""Files of a run share one mode, the umask's, whoever writes them: no colleague is locked out of half a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from acl.analysis import embedding as layout
from acl.analysis.plane import pca
from acl.plugins.registry import prepare
from acl.runs.archive import export, import_run
from acl.runs.control import request
from acl.runs.folder import create
from acl.runs.fork import fork
from acl.runs.recording import save_thumbs
from acl.service import projector
from acl.service.projector import Projector, Wish
from acl.service.worker import execute
from acl.snapshots import shelf as snapshot_shelf
from acl.system.files import locked, replace_file, write_json
from tests.conftest import small_config


@pytest.fixture(params=[0o022, 0o027, 0o002, 0o077], ids=oct)
def mask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}


def test_every_file_of_a_run_has_the_mode_of_the_umask(runs, tmp_path, mask, monkeypatch):
    monkeypatch.setattr(layout, "umap", lambda x, ids, seed, previous, forming: pca(x.numpy()).astype(np.float32))
    config = small_config()
    run = create(config, runs)
    request(run.path, mode="play")
    execute(run)
    save_thumbs(run, prepare(config))
    fork(run, (2, 1), {}, runs)
    export(run, tmp_path / "run.zip")
    import_run(tmp_path / "run.zip", runs)
    wish = Wish((run.snapshot(2, 1),), (2,), 0, "features")
    projector.ask(runs, wish)
    Projector(runs).step()
    snapshot_shelf.keep(runs, "mine.safetensors", run.snapshot(2, 1).read_bytes())
    found = modes(runs)
    ends = {Path(name).suffix for name in found}
    assert {".json", ".jsonl", ".safetensors", ".parquet", ".lock"} <= ends and len(found) > 30
    assert {name: oct(mode) for name, mode in found.items() if mode != 0o666 & ~mask} == {}


@pytest.mark.parametrize("mask", [0o002], indirect=True)
def test_the_log_of_a_worker_has_it_too(runs, mask):
    run = create(small_config(), runs)
    job = json.dumps({"run": str(run.path), "log": str(run.path / "worker.log"), "gpu": ""}) + "\n"
    subprocess.run(
        [sys.executable, "-m", "acl.service.engines.warm"], input=job, text=True, capture_output=True, check=True
    )
    assert modes(run.path)[str(run.path / "worker.log")] == 0o666 & ~mask


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666])
def test_whatever_mode_a_writer_gives_it_is_that_of_the_umask(tmp_path, mask, mode):
    def write(path: Path) -> None:
        path.unlink()
        os.close(os.open(path, os.O_CREAT, mode))

    replace_file(tmp_path / "file", write)
    write_json(tmp_path / "some.json", {})
    with locked(tmp_path / "a.lock"):
        assert set(modes(tmp_path).values()) == {0o666 & ~mask}
