"""make app's launcher: it says where the app is, and at the end what goes on."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from acl.plugins.registry import prepare
from acl.presets import preset_config
from acl.runs.control import request
from acl.runs.folder import create, resolved
from acl.service import backend
from acl.snapshots import shelf as snapshot_shelf
from tests.browser import free_port
from tests.contexts import make_context
from tests.tools import state_of, wait_for


def launch(runs: Path, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app.launch", "--port", str(port)],
        env={**os.environ, "ACL_RUNS": str(runs)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_the_url_and_says_what_goes_on(runs, how):
    port = free_port()
    app = launch(runs, port)
    assert app.stdout and f"http://127.0.0.1:{port}" in app.stdout.readline()
    config = preset_config("digits-demo")
    run = create(resolved(config, prepare(config)), runs)
    request(run.path, mode="play", pace=1.0)
    wait_for(lambda: state_of(run.path) == "playing")
    app.send_signal(how)
    out, _ = app.communicate(timeout=30)
    assert app.returncode == 0
    assert "The app has ended." in out and run.id in out and "make stop" in out
    assert state_of(run.path) == "playing" and backend.running(runs)
    request(run.path, mode="stop")
    wait_for(lambda: state_of(run.path) == "stopped")
    assert "has ended" in backend.stop(runs)


def test_a_taken_port_and_a_bad_folder_are_one_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        app = launch(tmp_path / "runs", taken.getsockname()[1])
        out, err = app.communicate(timeout=60)
        assert app.returncode == 2 and "is in use" in err and err.count("\n") == 1 and not out
    (tmp_path / "file").write_text("")
    app = launch(tmp_path / "file", free_port())
    out, err = app.communicate(timeout=60)
    assert app.returncode == 2 and "cannot be used" in err and err.count("\n") == 1


def inspect(file: Path, runs: Path, port: int, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "acl", "inspect", str(file), "--runs", str(runs), "--port", str(port)],
        cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_inspect_starts_the_app_or_says_where_it_runs(runs, tmp_path):
    file, port = tmp_path / "my query.safetensors", free_port()
    make_context(3).save(file)
    first = inspect(Path(file.name), runs, port, tmp_path)
    try:
        said = first.stdout.readline()
        address = re.search(rf"http://127\.0\.0\.1:{port}/inspect\?snapshot=([0-9a-f]{{12}})", said)
        assert address, said
        shelved = snapshot_shelf.find(runs, address[1])
        assert shelved.path.samefile(file) and shelved.path.is_symlink() and shelved.file == file.name
        # Another port is asked for, but an app is there.
        out, err = inspect(file, runs, free_port(), tmp_path).communicate(timeout=60)
        assert f"is running: open {address[0]}" in out and "stays where it is" in err
        # An app on other runs is none: the port is taken.
        other = inspect(file, tmp_path / "others", port, tmp_path)
        out, err = other.communicate(timeout=60)
        assert other.returncode == 2 and f"Port {port} is in use" in err and not out
    finally:
        first.send_signal(signal.SIGINT)
        out, _ = first.communicate(timeout=30)
    assert first.returncode == 0 and "The app has ended." in out
    assert "has ended" in backend.stop(runs)
