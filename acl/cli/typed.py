"""What is typed for a place or a number on the command line, checked before anything is done with it."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

from acl.config import UserError
from acl.system.files import expanded, ordinary

MOST_NUMBERS = 1_001

# What a table that is written into a file can be called, by its format.
ENDINGS = {"md": (".md", ".txt"), "csv": (".csv",), "latex": (".tex",)}


def place(text: str, what: str = "file or folder") -> Path:
    """A file or a folder, there or not; ~ and ~user are their homes."""
    if not text:
        raise ArgumentTypeError(f"the name is empty, name a {what}")
    if "\0" in text:
        raise ArgumentTypeError("the name holds a zero byte, which no name can")
    try:
        return expanded(text)
    except UserError as error:
        raise ArgumentTypeError(str(error).rstrip(".")) from None


def file(text: str) -> Path:
    """A file, there or not."""
    found = place(text, "file")
    if found.is_dir():
        raise ArgumentTypeError(f"{text} cannot be used: it is a folder, name a file")
    return found


def output(*endings: str) -> Callable[[str], Path]:
    """A file to write, of one of these endings (none: any): none is there, or an ordinary one, in a folder that takes
    files."""

    def read(text: str) -> Path:
        found = file(text)
        try:
            ordinary(found)
            ends_with(found, endings)
        except UserError as error:
            raise ArgumentTypeError(str(error).rstrip(".")) from None
        if not found.parent.is_dir():
            raise ArgumentTypeError(f"{text} cannot be used: there is no folder {found.parent}")
        _takes_files(text, found.parent)
        return found

    return read


def ends_with(path: Path, endings: Sequence[str]) -> None:
    """UserError where a file of another ending would be written than its name says."""
    if endings and path.suffix.lower() not in endings:
        raise UserError(f"{path} cannot be written: its name must end with {' or '.join(endings)}.")


def new_folder(text: str) -> Path:
    """A folder to write into, there or not."""
    found = folder(text)
    _takes_files(text, next(each for each in (found, *found.absolute().parents) if each.exists()))
    return found


def _takes_files(text: str, folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ArgumentTypeError(f"{text} cannot be used: nothing can be written into the folder {folder}")


def folder(text: str) -> Path:
    """A folder, there or not."""
    found = place(text, "folder")
    there = next((each for each in (found, *found.parents) if each.exists()), None)
    if there is not None and not there.is_dir():
        raise ArgumentTypeError(f"{text} cannot be used: {there} is a file, name a folder")
    return found


def whole(least: int, most: int) -> Callable[[str], int]:
    """A whole number from `least` to `most`."""

    def read(text: str) -> int:
        # Python reads no number of more than 4,300 digits.
        number = int(text) if len(text) <= len(str(most)) + 1 and text.removeprefix("-").isdecimal() else None
        if number is None or not least <= number <= most:
            raise ArgumentTypeError(f"it must be a whole number from {least} to {most}, got '{text}'")
        return number

    return read


def words(text: str) -> list[str]:
    """What stands between commas."""
    return [word for each in text.split(",") if (word := each.strip())]


def numbers(text: str) -> tuple[float, ...]:
    """As "0,0.5,1", or "0:1:0.1", from, to (itself too) and step; nothing is none."""
    parts = text.split(":")
    try:
        if len(parts) == 1:
            return tuple(float(Decimal(word)) for word in words(text))
        start, end, step = map(Decimal, parts)
        if not (step > 0 and start <= end and (end - start) / step < MOST_NUMBERS):
            raise ValueError
        # In decimals, so that 0.1 + 0.2 is 0.3.
        return tuple(float(start + number * step) for number in range(int((end - start) / step) + 1))
    except (ValueError, ArithmeticError):
        raise ArgumentTypeError(f"it must be numbers like 0,0.5,1 or 0:1:0.1, got '{text}'") from None


def ids(text: str) -> tuple[int, ...]:
    """Samples by their ids, between commas."""
    read = whole(0, 2**31 - 1)
    return tuple(read(word) for word in words(text))
