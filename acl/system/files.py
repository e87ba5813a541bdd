"""Files that are never half there: written under a temporary name, then renamed into place; and locks."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from acl.config import UserError
from acl.names import from_json_file

IN_WORDS = re.compile(r"\(os error (\d+)\)")


def replace_file(path: Path, write: Callable[[Path], object], sync: bool = True) -> None:
    """Let `write` fill a temporary neighbour of `path`, then put it in its place. OSError, of `path`, where the disk
    does not take it, whatever library wrote.

    Its mode is what the umask says, as for any new file: safetensors would make it readable by its owner alone.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with _spoken_of(path, temporary):
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
        # A disk that did not take the file may not let go of it either: what is said is why.
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def _spoken_of(path: Path, temporary: Path) -> Iterator[None]:
    """What is said of the temporary file is said of `path`; libraries that write for us say the number in words."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        if error.errno is None:
            raise
        named = path if error.filename in {None, str(temporary)} else error.filename
        raise OSError(error.errno, os.strerror(error.errno), str(named)) from error
    except Exception as error:
        number = IN_WORDS.search(str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def ordinary(path: Path) -> Path:
    """`path`, where nothing or an ordinary file is; UserError for a device, a pipe or a folder, and for a link to one:
    what a user names to be written must not take their place."""
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "no ordinary file"
        raise UserError(f"{path} cannot be written: it is {kind}; name another file.")
    return path


def no_link(path: Path) -> Path:
    """`path`, unless a link is there, UserError then: what is written or removed below would be elsewhere."""
    if path.is_symlink():
        raise UserError(f"{path} cannot be replaced: it is a link; remove it or name another folder.")
    return path


def write_json(path: Path, value: Any, sync: bool = True) -> None:
    """Write `value` as JSON, whole or not at all (see `replace_file`). OSError where the disk does not take it."""
    replace_file(path, lambda temporary: temporary.write_text(json.dumps(value, indent=1), "utf-8"), sync)


def read_json(path: Path, as_written: Collection[str] = ()) -> dict[str, Any] | None:
    """The JSON object in `path`, `legible` (acl.names); None if it is missing or holds no object."""
    try:
        value = from_json_file(path, as_written)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def expanded(text: str) -> Path:
    """A place as it is typed, with the home of ~ or ~user in its place. UserError where there is no such user."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UserError(f"There is no home for {Path(text).parts[0]}: write the path in full.") from None


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


HOLDS = {errno.ENOSPC: "The disk is full", errno.EDQUOT: "The disk quota is used up"}
"""Troubles that end when somebody makes room."""
REASONS = {
    errno.ENOSPC: "the disk is full: free some space and try again",
    errno.EDQUOT: "the disk quota is used up: free some space and try again",
    errno.EFBIG: "the disk takes no file of this size: choose a folder on another disk",
    errno.EROFS: "it is on a read-only disk: choose another folder",
    errno.EACCES: "permission is denied: change its permissions or choose another folder",
    errno.EPERM: "permission is denied: change its permissions or choose another folder",
    errno.EIO: "the disk reports an input/output error: look at the disk, or choose another",
    errno.ESTALE: "the network disk has lost it: mount the disk again, then try again",
    errno.ENODEV: "its disk is gone: connect the disk again, then try again",
    errno.ENXIO: "its disk is gone: connect the disk again, then try again",
    errno.ETIMEDOUT: "the network disk does not answer: try again",
    errno.EMFILE: "too many files are open: close some programs, or raise the limit (ulimit -n)",
    errno.ENFILE: "too many files are open: close some programs, or raise the limit (ulimit -n)",
    errno.ENOTDIR: "part of its path is a file: choose another folder",
    errno.EEXIST: "part of its path is a file: choose another folder",
    errno.ENOENT: "part of its path does not exist and cannot be made: choose another folder",
    errno.ENAMETOOLONG: "its name is too long: choose a shorter one",
    errno.ELOOP: "its path is a circle of links: choose another folder",
    errno.EISDIR: "a folder is there where a file should be: move it away or choose another name",
    errno.ENOTEMPTY: "a folder is there already: move it away or choose another name",
    errno.EBUSY: "another program uses it: try again",
}
OF_WHAT_IS_WRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
"""Of a copy, the system may name the file it was read from."""


def is_full(error: OSError) -> bool:
    """Whether a disk took no more."""
    return error.errno in HOLDS


@contextmanager
def disk_trouble(what: str, path: Path) -> Iterator[None]:
    """What a disk refuses becomes one sentence that says where, why and what to do: of `what` at `path`, or of the
    file elsewhere that the system names."""
    try:
        yield
    except OSError as error:
        if error.errno not in REASONS:
            raise
        raise UserError(f"{_blamed(error, what, path)} cannot be used: {REASONS[error.errno]}.") from error


class Retried:
    """For what looks again and again: what a disk refuses at one look is left to the next, and said once on stderr."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}

    @contextmanager
    def at(self, what: str) -> Iterator[None]:
        """`what`: begins the line, and tells one trouble from another."""
        try:
            yield
        except (OSError, UserError) as error:
            if self.said.get(what) != str(error):
                self.said[what] = str(error)
                with suppress(OSError):  # the log may be on that disk
                    print(f"{what}: {error}", file=sys.stderr, flush=True)
        else:
            self.said.pop(what, None)


def _blamed(error: OSError, what: str, path: Path) -> str:
    named = error.filename
    if not isinstance(named, str) or error.errno in OF_WHAT_IS_WRITTEN:
        return f"{what} {path}"
    within, own = os.path.abspath(named), os.path.abspath(path)
    ours = os.path.commonpath([within, own]) in {within, own}
    return f"{what} {path}" if ours else f"The file {named}"


def open_at_all(path: Path) -> None:
    """OSError as the system says it: of a file that may not be read, safetensors says that it does not exist."""
    with path.open("rb"):
        pass
