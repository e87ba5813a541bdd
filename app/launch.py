"""`make app` and `acl inspect`: the app on 127.0.0.1, its URL, and a word at the end about what goes on."""

from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from acl.config import UserError
from acl.service import backend
from acl.system.files import read_json, write_json
from acl.system.processes import born, lives
from app.store.session import ROOT, RUNS

HOST = "127.0.0.1"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--page", default="", help="the page whose address is said, also of an app that runs already")
    arguments = parser.parse_args()
    if arguments.page and (there := _there()):
        print(f"ACL Explorer is running: open {_url(there, arguments.page)}")
        return 0
    try:
        check_port(arguments.port)
        backend.ensure(RUNS)
    except UserError as error:
        print(error, file=sys.stderr)
        if arguments.page:
            print(f"If it is ACL Explorer on {RUNS}, open {_url(arguments.port, arguments.page)}", file=sys.stderr)
        return 2
    return _serve(arguments.port, arguments.page)


def _record() -> Path:
    return backend.home(RUNS) / "app.json"


def _there() -> int | None:
    """The port of the app that shows these runs, started as here; None if none is running."""
    said = read_json(_record(), {"runs"}) or {}
    try:
        running = said["runs"] == str(RUNS) and lives(said["pid"], said["born"]) and _healthy(said["port"])
    except (KeyError, TypeError):
        return None
    return int(said["port"]) if running else None


def _url(port: int, page: str = "") -> str:
    return f"http://{HOST}:{port}" + (f"/{page}" if page else "")


def check_port(port: int) -> None:
    """UserError if `port` cannot be listened on."""
    if not 1 <= port <= 65535:
        raise UserError(f"The port must be 1..65535, got {port}.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise UserError(
                f"Port {port} is in use: close what uses it, or choose another (make app PORT={port + 1})."
            ) from None


def _serve(port: int, page: str) -> int:
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app" / "main.py"), f"--server.port={port}"]
    # A session of its own, so that Ctrl-C reaches this process alone and the app is ended in order.
    app = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    write_json(_record(), {"runs": str(RUNS), "port": port, "pid": app.pid, "born": born(app.pid)})
    try:
        while app.poll() is None and not _healthy(port):
            time.sleep(0.1)
        if app.poll() is None:
            print(f"ACL Explorer is ready: {_url(port, page)}   (Ctrl-C ends it)", flush=True)
        return app.wait()
    except KeyboardInterrupt:
        return _end(app)


def _end(app: subprocess.Popen[bytes]) -> int:
    app.terminate()
    app.wait()
    playing = backend.active_runs(RUNS)
    print("\nThe app has ended.")
    if playing:
        print(f"Still playing in the background: {', '.join(playing)}.")
    if backend.running(RUNS):
        print("The backend ends by itself after ten idle minutes; make stop ends it now.")
    return 0


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(_url(port, "_stcore/health"), timeout=1) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(main())
