"""Files that are never half there: written under a temporary name, then renamed into place; and locks."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from acl.config import UserError


def replace_file(path: Path, write: Callable[[Path], object], sync: bool = True) -> None:
    """Let `write` fill a temporary neighbour of `path`, then put it in its place.

    Its mode is what the umask says, as for any new file: safetensors would make it readable by its owner alone.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode
        write(temporary)
        if temporary.stat().st_mode != mode:
            temporary.chmod(mode)
        if sync:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def ordinary(path: Path) -> Path:
    """`path`, where nothing or an ordinary file is; UserError for a device, a pipe or a folder, and for a link to one:
    what a user names to be written must not take their place."""
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "no ordinary file"
        raise UserError(f"{path} cannot be written: it is {kind}; name another file.")
    return path


def write_json(path: Path, value: Any, sync: bool = True) -> None:
    replace_file(path, lambda temporary: temporary.write_text(json.dumps(value, indent=1), "utf-8"), sync)


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in `path`; None if it is missing or holds no object."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def try_lock(path: Path, shared: bool = False) -> IO[str] | None:
    """Hold a POSIX lock on `path` as long as the returned file is open; None if another process has it.

    lockf, not flock: a forked child would keep a flock alive. Never open `path` twice in one process:
    closing either file gives the lock back.
    """
    file = path.open("a+")
    try:
        fcntl.lockf(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        if error.errno in {errno.EACCES, errno.EAGAIN}:
            return None
        raise
    return file


_threads = threading.Lock()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for the lock on `path` and hold it."""
    # A POSIX lock is the process's own: between its threads, such as two tabs of the app, it excludes nobody.
    with _threads, path.open("a+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def is_full(error: BaseException) -> bool:
    """Whether a disk took no more, in the words of Python or of the libraries that write for us."""
    return getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT} or "No space left on device" in str(error)


@contextmanager
def disk_trouble(what: str, path: Path) -> Iterator[None]:
    """A full or forbidden disk becomes one sentence that says where and what to do."""
    try:
        yield
    except OSError as error:
        reasons = {
            errno.ENOSPC: "the disk is full: free some space and try again",
            errno.EDQUOT: "the disk quota is used up: free some space and try again",
            errno.EACCES: "it may not be written: change its permissions or choose another folder",
            errno.EPERM: "it may not be written: change its permissions or choose another folder",
            errno.EROFS: "it is on a read-only disk: choose another folder",
            errno.ENOTDIR: "part of its path is a file: choose another folder",
            errno.EEXIST: "part of its path is a file: choose another folder",
            errno.ENOENT: "part of its path does not exist and cannot be made: choose another folder",
            errno.ENAMETOOLONG: "its name is too long: choose a shorter one",
            errno.EISDIR: "a folder is there where a file should be: move it away or choose another name",
        }
        if error.errno not in reasons:
            raise
        raise UserError(f"{what} {path} cannot be used: {reasons[error.errno]}.") from error
