"""`make app`: the app on 127.0.0.1, its URL, and a word at the end about what goes on."""

from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from acl import backend
from acl.config import UserError
from app.state import ROOT, RUNS

HOST = "127.0.0.1"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8501)
    port = parser.parse_args().port
    try:
        check_port(port)
        backend.ensure(RUNS)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return _serve(port)


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


def _serve(port: int) -> int:
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app" / "main.py"), f"--server.port={port}"]
    # A session of its own, so that Ctrl-C reaches this process alone and the app is ended in order.
    app = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    url = f"http://{HOST}:{port}"
    try:
        while app.poll() is None and not _healthy(url):
            time.sleep(0.1)
        if app.poll() is None:
            print(f"ACL Explorer is ready: {url}   (Ctrl-C ends it)", flush=True)
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


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(main())
