"""Fetching a set: whole and checked, continued, or from another mirror; a local server plays the web."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from acl.cli import main
from acl.config import UserError
from acl.plugins.registry import fetched
from acl.stream import downloads
from acl.stream.downloads import Remote, fetch, local_files

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Web(BaseHTTPRequestHandler):
    """/good serves ranges, /plain does not, /breaks ends in the middle (once for /breaks-once), /wrong lies."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        if self.path == "/gone":
            self.send_error(404)
            return
        start = 0
        if self.headers.get("Range") and self.path != "/plain":
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        if start >= len(CONTENT):
            self.send_error(416)
            return
        body = (b"wrong" + CONTENT[5:] if self.path == "/wrong" else CONTENT)[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        first = [path for path, _ in self.server.asked].count(self.path) == 1
        broken = self.path == "/breaks" or (self.path == "/breaks-once" and first)
        self.wfile.write(body[: len(body) // 2] if broken else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def web():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def toy(web, tmp_path, monkeypatch):
    """A set `toy` of one file at the given paths of the local web; returns its folder."""
    monkeypatch.setenv("ACL_DATA", str(tmp_path))

    def make(*paths):
        urls = tuple(f"http://127.0.0.1:{web.server_port}{path}" for path in paths)
        monkeypatch.setitem(downloads.WEIGHTS, "toy", (Remote("toy.bin", MD5, urls),))
        return tmp_path / "toy"

    return make


def fetched_now(name):
    return fetch(name, fetched()[name])


def test_fetched_with_progress_and_only_once(toy, web, capsys):
    folder = toy("/good")
    assert fetched_now("toy") == [folder / "toy.bin"] and (folder / "toy.bin").read_bytes() == CONTENT
    assert "toy.bin" in capsys.readouterr().err and not (folder / "toy.bin.part").exists()
    assert fetched_now("toy") == local_files("toy", fetched()["toy"]) and len(web.asked) == 1


def test_a_broken_connection_is_taken_up_where_it_stopped(toy, web):
    folder = toy("/breaks-once")
    fetched_now("toy")
    assert (folder / "toy.bin").read_bytes() == CONTENT
    assert [range_ for _, range_ in web.asked] == [None, f"bytes={len(CONTENT) // 2}-"]


def test_a_new_start_goes_on_with_what_is_there(toy, web):
    folder = toy("/breaks")
    with pytest.raises(UserError, match="the connection broke after") as raised:
        fetched_now("toy")
    assert MD5 in str(raised.value) and str(folder) in str(raised.value) and "\n" not in str(raised.value)
    have = (folder / "toy.bin.part").stat().st_size
    assert 0 < have < len(CONTENT) and not (folder / "toy.bin").exists()
    toy("/good")
    fetched_now("toy")
    assert (folder / "toy.bin").read_bytes() == CONTENT and web.asked[-1] == ("/good", f"bytes={have}-")


def test_a_server_without_ranges_starts_afresh(toy):
    folder = toy("/plain")
    folder.mkdir()
    (folder / "toy.bin.part").write_bytes(CONTENT[:1000])
    fetched_now("toy")
    assert (folder / "toy.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("part", [CONTENT, CONTENT + b"more", b"x" * 1000])
def test_whatever_part_is_left_the_file_is_right(part, toy):
    folder = toy("/good")
    folder.mkdir()
    (folder / "toy.bin.part").write_bytes(part)
    fetched_now("toy")
    assert (folder / "toy.bin").read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused(toy):
    folder = toy("/wrong")
    with pytest.raises(UserError, match="wrong checksum"):
        fetched_now("toy")
    assert not (folder / "toy.bin").exists() and not (folder / "toy.bin.part").exists()


@pytest.mark.parametrize("bad", ["/gone", "/wrong", "/breaks"])
def test_the_next_mirror_steps_in(bad, toy):
    folder = toy(bad, "/good")
    fetched_now("toy")
    assert (folder / "toy.bin").read_bytes() == CONTENT


def test_nobody_there(tmp_path, monkeypatch):
    monkeypatch.setenv("ACL_DATA", str(tmp_path))
    monkeypatch.setitem(downloads.WEIGHTS, "toy", (Remote("toy.bin", MD5, ("http://127.0.0.1:9/toy.bin",)),))
    with pytest.raises(UserError, match="could not be fetched .*refused"):
        fetched_now("toy")


def test_a_data_folder_that_is_a_file(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ACL_DATA", str(tmp_path / "file"))
    with pytest.raises(UserError, match="cannot be used"):
        fetched_now("mnist")


def test_the_command_line(toy, tmp_path, monkeypatch, capsys):
    toy("/good")
    other = tmp_path / "elsewhere"
    monkeypatch.setenv("ACL_DATA", "")
    assert main(["data", "get", "toy", "--data-dir", str(other)]) == 0
    assert capsys.readouterr().out == f"{other / 'toy' / 'toy.bin'}\n"
    assert main(["data", "list", "--json", "--data-dir", str(other)]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["toy"]["here"] and not rows["cifar10"]["here"]
    assert main(["data", "list"]) == 0 and "not here" in capsys.readouterr().out
    assert main(["data", "get", "cifr10"]) == 2
    assert "Did you mean 'cifar10'" in capsys.readouterr().err
    assert main(["run", "--dataset", "mnist", "--data-dir", str(other), "--runs", str(tmp_path / "runs")]) == 2
    assert "acl data get mnist" in capsys.readouterr().err and not (tmp_path / "runs").exists()
    assert main(["data"]) == 2


def test_every_known_file_has_a_mirror_and_a_checksum():
    for remotes in fetched().values():
        for remote in remotes:
            assert len(remote.checksum[1]) in {8, 32} and all(url.endswith(remote.file) for url in remote.urls)
