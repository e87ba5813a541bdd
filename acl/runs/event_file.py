"""events.jsonl: appended to by the one worker that holds the run's lock, read by everybody else as it grows."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from acl.events import Event, Row, Started, from_line, to_line
from acl.names import count, reason
from acl.runs.plausible import is_sound


class EventReader:
    """Reads what was appended to an events.jsonl since the last `poll`; a half last line waits.

    A line that cannot be read or be true, and a gap where lines are missing, is counted in `damaged` and passed over.
    unreadable: why the file that is there gave nothing at the last poll.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.offset, self.damaged, self.unreadable = path, 0, 0, ""
        self._next = 0
        self._began: Started | None = None

    @property
    def trouble(self) -> str:
        """What a sentence about the file goes on with; "" where nothing is wrong."""
        if self.unreadable:
            return f"cannot be read ({self.unreadable})"
        return f"is damaged in {count(self.damaged, 'place')}" if self.damaged else ""

    def poll(self) -> list[Row]:
        """The rows that were appended since the last call; none where there are no whole new lines, or the file cannot
        be read (`unreadable`)."""
        self.unreadable = ""
        try:
            if self.path.stat().st_size <= self.offset:
                return []
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            self.unreadable = error.strerror or reason(error)
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        rows = []
        for line in whole.splitlines():
            try:
                seq, t, event = from_line(line.decode("utf-8"))
            except ValueError:
                self.damaged += 1
                self._next += 1
                continue
            self.damaged += seq != self._next
            self._next = seq + 1
            if event is None:
                continue
            if not is_sound(event, self._began):
                self.damaged += 1
                continue
            self._began = event if isinstance(event, Started) else self._began
            rows.append(Row(seq, t, event))
        return rows


class EventWriter:
    """Appends to an events.jsonl. Only the worker that holds the run's lock has one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        whole = path.read_bytes() if path.exists() else b""
        whole = whole[: whole.rfind(b"\n") + 1]
        self.seq = whole.count(b"\n")
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.ftruncate(self._fd, len(whole))
        except OSError:
            self.close()
            raise
        self._end, self._torn = len(whole), False

    def append(self, event: Event) -> Row:
        """One line, whole or not at all. OSError (a full disk) leaves the file as it was."""
        t = time.time()
        line = to_line(event, self.seq, t).encode()
        if self._torn:
            self._mend()
        self._torn, left = True, memoryview(line)
        try:
            # The system may take a part, as often as it likes.
            while left:
                written = os.write(self._fd, left)
                if not written:
                    raise OSError(errno.EIO, os.strerror(errno.EIO), str(self.path))
                left = left[written:]
        except OSError:
            self._mend()
            raise
        self._torn = False
        self._end += len(line)
        row = Row(self.seq, t, event)
        self.seq += 1
        return row

    def _mend(self) -> None:
        """Take away what there is of a line. Where the disk refuses that too, it is done before the next line."""
        os.ftruncate(self._fd, self._end)
        self._torn = False

    def close(self) -> None:
        """Close the file; no event can be appended any more."""
        os.close(self._fd)
