"""The file of a grid: one JSON object a line for each finished run, each line whole or not there."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Any

from acl.config import UserError
from acl.system.files import replace_file, try_lock

Line = dict[str, Any]


def read(path: Path) -> list[Line]:
    """Every whole line of `path`; none if there is no file. UserError for a line that is no run."""
    return _parsed(path.read_bytes(), path) if path.exists() else []


def _parsed(data: bytes, path: Path) -> list[Line]:
    found = []
    for number, text in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), start=1):
        try:
            line = json.loads(text)
            line["key"]
        except (ValueError, KeyError, TypeError):
            raise UserError(f"Line {number} of {path} is no finished run: delete that line.") from None
        found.append(line)
    return found


class Lines:
    """Holds the file for one computation: `all` is what it says, `append` adds to it. UserError if it is held."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = try_lock(path)
        if file is None:
            raise UserError(f"{path} is being written by another computation: wait for it, or stop it.")
        self._path, self._file, self._fd = path, file, file.fileno()
        # Read through the lock's own file: to close a second one would give the lock back.
        file.seek(0)
        data = file.buffer.read()
        os.ftruncate(self._fd, data.rfind(b"\n") + 1)
        self.all = _parsed(data, path)

    def append(self, line: Line) -> None:
        """Add the line and see it on the disk; whatever goes wrong, the file is as it was."""
        data, end = (json.dumps(line) + "\n").encode(), os.fstat(self._fd).st_size
        try:
            while data:
                data = data[os.write(self._fd, data) :]
            os.fsync(self._fd)
        except BaseException:
            os.ftruncate(self._fd, end)
            raise
        self.all.append(line)

    def prune(self, keys: Collection[str]) -> int:
        """Drop the lines of other keys; returns how many."""
        kept = [line for line in self.all if line["key"] in keys]
        dropped, self.all = len(self.all) - len(kept), kept
        text = "".join(json.dumps(line) + "\n" for line in kept)
        replace_file(self._path, lambda temporary: temporary.write_text(text, "utf-8"))
        return dropped

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()
