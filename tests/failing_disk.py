"""A disk that fails at its n-th door: each way in which Python, safetensors and Parquet reach a file to write it."""

from __future__ import annotations

import builtins
import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import safetensors.numpy
import safetensors.torch
from safetensors import SafetensorError

WRITES = frozenset("wax+")


class Disk:
    """Everything below `root` is on it. From door `fail_at` on, counted from 0, it answers with `errno`; with `only`
    once, at the door of this name that is the `fail_at`-th of them. `short`: os.write takes no more than this many
    bytes at once."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = os.path.abspath(root)
        self.doors: list[str] = []
        self.errno, self.fail_at, self.only, self.short = 0, -1, "", 0
        for module, name in ((os, "fsync"), (os, "ftruncate"), (os, "write")):
            monkeypatch.setattr(module, name, self._by_number(name, getattr(module, name)))
        for name in ("mkdir", "replace", "rename", "link", "symlink"):
            monkeypatch.setattr(os, name, self._by_name(name, getattr(os, name), -1))
        monkeypatch.setattr(os, "open", self._os_open(os.open))
        opened = self._opened(io.open)
        monkeypatch.setattr(io, "open", opened)
        monkeypatch.setattr(builtins, "open", opened)
        for library in (safetensors.numpy, safetensors.torch):
            monkeypatch.setattr(library, "serialize_file", self._tensors(library.serialize_file))  # type: ignore[attr-defined]
        monkeypatch.setattr(pq, "write_table", self._table(pq.write_table))

    def begin(self, errno: int = 0, fail_at: int = -1, only: str = "") -> None:
        self.doors, self.errno, self.fail_at, self.only = [], errno, fail_at, only

    def holds(self, path: Any) -> bool:
        try:
            return os.path.abspath(os.fspath(path)).startswith(self.root)
        except TypeError:
            return False

    def fails(self, door: str) -> bool:
        here = self.doors.count(door) if self.only else len(self.doors)
        self.doors.append(door)
        if self.only:
            return door == self.only and here == self.fail_at
        return self.errno != 0 and here >= self.fail_at

    def _pass(self, door: str, path: Any = None, other: Any = None) -> None:
        if self.fails(door):
            named = [] if path is None else [str(path)]
            raise OSError(self.errno, os.strerror(self.errno), *named, *([None, str(other)] if other else []))

    def _by_number(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def at(fd: int, *rest: Any) -> Any:
            if self.holds(os.readlink(f"/proc/self/fd/{fd}").removesuffix(" (deleted)")):
                self._pass(name)
                if name == "write" and self.short:
                    return real(fd, rest[0][: self.short])
            return real(fd, *rest)

        return at

    def _by_name(self, name: str, real: Callable[..., Any], which: int) -> Callable[..., Any]:
        def at(*args: Any, **kwargs: Any) -> Any:
            paths = args[:2] if name != "mkdir" else args[:1]
            if self.holds(paths[which]):
                self._pass(name, *paths)
            return real(*args, **kwargs)

        return at

    def _os_open(self, real: Callable[..., int]) -> Callable[..., int]:
        def at(path: Any, flags: int, *rest: Any, **kwargs: Any) -> int:
            if flags & (os.O_WRONLY | os.O_RDWR) and self.holds(path):
                self._pass("os.open", path)
            return real(path, flags, *rest, **kwargs)

        return at

    def _opened(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def at(path: Any, mode: str = "r", *rest: Any, **kwargs: Any) -> Any:
            ours = bool(WRITES & set(mode)) and self.holds(path)
            if ours:
                self._pass("open", path)
            file = real(path, mode, *rest, **kwargs)
            if ours:
                write = file.write

                def written(content: Any) -> Any:
                    self._pass("file.write")
                    return write(content)

                file.write = written
            return file

        return at

    def _tensors(self, real: Callable[..., None]) -> Callable[..., None]:
        def at(tensors: Any, path: Any, *rest: Any, **kwargs: Any) -> None:
            if self.holds(path) and self.fails("tensors"):
                said = f"{os.strerror(self.errno)} (os error {self.errno})"
                raise SafetensorError(f"Error while serializing: I/O error: {said}")
            real(tensors, path, *rest, **kwargs)

        return at

    def _table(self, real: Callable[..., None]) -> Callable[..., None]:
        def at(table: Any, path: Any, **kwargs: Any) -> None:
            if self.holds(path):
                self._pass("table")
            real(table, path, **kwargs)

        return at


def closed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may read the file `place`, or look into the folder: as it is for all but the root, who runs the tests."""
    root = os.path.abspath(place)

    def guarded(real: Callable[..., Any], itself: bool) -> Callable[..., Any]:
        def at(path: Any = ".", *rest: Any, **kwargs: Any) -> Any:
            found = os.path.abspath(os.fsdecode(path)) if isinstance(path, str | bytes | os.PathLike) else ""
            if found.startswith(f"{root}/") or (itself and found == root):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return real(path, *rest, **kwargs)

        return at

    for module, name in ((io, "open"), (builtins, "open"), (os, "open"), (os, "listdir"), (os, "scandir")):
        monkeypatch.setattr(module, name, guarded(getattr(module, name), True))
    for name in ("stat", "lstat"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name), False))
