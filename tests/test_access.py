"""Who is answered by the app, and that it asks nobody else: a real server, and a socket that notes whom it is told."""

from __future__ import annotations

import base64
import socket
from pathlib import Path

import pytest

from tests.browser import App, running_app

SPY = """
import os, socket

def noted(method):
    def call(self, address, *rest):
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "localhost", "::1"):
            note(address)
        return method(self, address, *rest)
    return call

def note(what):
    with open(os.environ["SPIED"], "a") as file:
        file.write(f"{what}\\n")

class Spy(socket.socket):
    connect, connect_ex, sendto = map(noted, (socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto))

def asked(host, *rest, **more):
    if host not in (None, "", "127.0.0.1", "localhost", "::1"):
        note(host)
        raise socket.gaierror(socket.EAI_NONAME, "no such name here")
    return resolved(host, *rest, **more)

resolved, socket.getaddrinfo, socket.socket = socket.getaddrinfo, asked, Spy
"""
"""What a Python that starts with this on its path tells of every address it connects to or looks up."""


@pytest.fixture
def spied(tmp_path, monkeypatch) -> Path:
    (tmp_path / "spy").mkdir()
    (tmp_path / "spy" / "sitecustomize.py").write_text(SPY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "spy"))
    monkeypatch.setenv("SPIED", str(tmp_path / "spied.txt"))
    (tmp_path / "spied.txt").touch()
    return tmp_path / "spied.txt"


def answer(app: App, path: str, **headers: str) -> int:
    """The status of a request with these headers."""
    lines = [f"GET {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    with socket.create_connection(("127.0.0.1", app.port), 20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(connection.recv(4096).split()[1])


def web_socket(app: App, host: str = "", **origin: str) -> int:
    """101: it is open."""
    key = base64.b64encode(bytes(16)).decode()
    return answer(
        app, "/_stcore/stream", Host=host or f"127.0.0.1:{app.port}", Connection="Upgrade", Upgrade="websocket",
        Sec_WebSocket_Version="13", Sec_WebSocket_Key=key, Sec_WebSocket_Protocol="streamlit", **origin,
    )  # fmt: skip


def test_a_web_socket_of_another_origin_is_refused_and_nobody_is_asked_about_it(tmp_path, spied):
    with running_app(tmp_path / "runs", tmp_path) as app:
        for origin in (
            "http://evil.test",
            "https://evil.test:8501",
            f"http://127.0.0.1:{app.port + 1}",
            "null",
            "[",
            "",
        ):
            assert web_socket(app, Origin=origin) == 403, origin
        for host in ("evil.test", f"evil.test:{app.port}", "127.0.0.1.evil.test", "[", "127.0.0.1@evil.test"):
            assert web_socket(app, host, Origin=f"http://{host}") == 403, host
        assert web_socket(app, Origin=app.url) == 101
    assert spied.read_text() == ""


def test_streamlit_alone_would_ask_for_the_address_of_this_machine(tmp_path, spied):
    """What the door is for, and that the spy sees it."""
    with running_app(tmp_path / "runs", tmp_path, entry="contents.py") as app:
        assert web_socket(app, Origin="http://evil.test") == 403
    assert "checkip" in spied.read_text()


def test_pages_files_and_health_are_answered_by_the_hosts_of_this_machine_only(tmp_path):
    with running_app(tmp_path / "runs", tmp_path) as app:
        for path in ("/", "/run?run=x", "/_stcore/health", "/favicon.png"):
            assert answer(app, path, Host=f"localhost:{app.port}") == 200, path
            for host in ("evil.test", "localhost.evil.test", "[::1", ""):
                assert answer(app, path, Host=host) in {400, 403}, (path, host)
