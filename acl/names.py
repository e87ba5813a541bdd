"""What comes from outside is text: names (of classes, files, folders) and JSON, as they can be read, not too much; and
numbers that there can be."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

NAMED = 5  # names a sentence lists before it only counts
JOINERS = "\u200c\u200d"  # invisible, but part of how Persian, Hindi and some emoji are written
LONGEST = 1_000  # characters of one text from outside
DEEPEST = 32  # lists in objects in lists …: nothing of ours is deeper than five
MOST_JSON = 2**26  # bytes of one file or line
LATEST = 1e11  # Unix seconds: in the year 5138
LARGEST_WHOLE = 2**63  # what counts anything stays below
LONGEST_ECHO = 200  # characters that a sentence repeats of one input
BARE = frozenset({int, float, bool, type(None)})


def printable(text: str) -> str:
    r"""`text` with what no page, terminal or file can show (bytes that are no UTF-8, control characters, line breaks,
    changes of direction) written out: \xff, \n, \u202e."""
    return "".join(char if char.isprintable() or char in JOINERS else _written_out(char) for char in text)


def _written_out(char: str) -> str:
    # How Python hands on a byte of a file name that is no UTF-8: U+DC00 plus the byte.
    if 0xDC80 <= ord(char) <= 0xDCFF:
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def text(value: str) -> str:
    """`value` printable, and cut (…) where it is longer than LONGEST."""
    if len(value) <= LONGEST and value.isprintable():
        return value
    shown = printable(value[: LONGEST + 1])
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"


def sentence_of(text: str) -> str:
    """A sentence for anybody to read: what it repeats of an input (a word, or what is quoted) is cut in its middle."""
    shown = re.sub(rf"\S{{{LONGEST_ECHO + 1},}}|'[^']{{{LONGEST_ECHO - 1},}}'", _echo, printable(text))
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"


def _echo(found: re.Match[str]) -> str:
    """Its beginning and its end: of a path both tell."""
    return f"{found[0][: LONGEST_ECHO - 81]}…{found[0][-80:]}"


def in_markdown(text: str) -> str:
    """`text` for a file in Markdown: no picture, link, HTML, formula or cell of a table comes of it."""
    return re.sub(r"([\\`*\[\]<>|$])", r"\\\1", printable(text))


def legible(value: Any, as_written: Collection[str] = (), depth: int = DEEPEST) -> Any:
    """A JSON value with every text in it, names of entries too, as `text` has it; what is good stays what it was.

    as_written: names of entries whose text is left alone, because it must go on to name a file or a column.
    ValueError where it is nested too deeply.
    """
    if isinstance(value, str):
        return text(value)
    if not isinstance(value, dict | list):
        return value
    if not depth:
        raise ValueError(f"it is nested more than {DEEPEST} deep")
    if isinstance(value, dict):
        return {text(name): _entry(name, inner, as_written, depth) for name, inner in value.items()}
    # Most lists are of numbers alone, and long.
    return value if BARE.issuperset(map(type, value)) else [legible(each, as_written, depth - 1) for each in value]


def _entry(name: str, value: Any, as_written: Collection[str], depth: int) -> Any:
    return value if name in as_written and isinstance(value, str) else legible(value, as_written, depth - 1)


def from_json(source: str | bytes, as_written: Collection[str] = ()) -> Any:
    """The value that JSON from outside holds, `legible`. ValueError where it is none, too large or too deep, or where a
    whole number in it is too large to count with."""
    if len(source) > MOST_JSON:
        raise ValueError(f"it holds more than {MOST_JSON // 2**20} MiB")
    try:
        return legible(json.loads(source, parse_int=_whole), as_written)
    except RecursionError:
        raise ValueError(f"it is nested more than {DEEPEST} deep") from None


def _whole(digits: str) -> int:
    # Python reads no more than 4,300 of them, and what it reads fits no array, no clock and no process id.
    number = int(digits) if len(digits) <= len(str(LARGEST_WHOLE)) + 1 else LARGEST_WHOLE
    if abs(number) >= LARGEST_WHOLE:
        raise ValueError("it holds a whole number that is too large")
    return number


def moment(value: Any) -> float:
    """Unix seconds. ValueError for what is no time that a clock shows."""
    if type(value) not in {int, float} or not 0 <= value <= LATEST:
        raise ValueError(f"{str(value)[:40]} is no time")
    return float(value)


def from_json_file(path: Path, as_written: Collection[str] = ()) -> Any:
    """The same out of a file in UTF-8. OSError or ValueError where it cannot be read."""
    with path.open("rb") as file:
        return from_json(file.read(MOST_JSON + 1).decode("utf-8"), as_written)


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """The names made printable. What then reads like another, or like nothing, gets its number behind it."""
    found: dict[str, None] = {}
    for number, name in enumerate(names):
        shown = text(name).strip()
        while not shown or shown in found:
            shown = f"{shown} ({number})".strip()
        found[shown] = None
    return tuple(found)


def in_order(names: Iterable[str]) -> list[str]:
    """Sorted; names that all are numbers as numbers, -1 before 1.5 before 2 before 10."""
    found = list(names)
    if all(re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", name) for name in found):
        return sorted(found, key=lambda name: (Decimal(name), name))
    return sorted(found)


def some(names: Sequence[str]) -> str:
    """The first few of them, for a sentence."""
    return printable(", ".join(names[:NAMED])) + (", …" if len(names) > NAMED else "")


def count(n: int, noun: str) -> str:
    """The number with thousands separators, and the noun with an s unless the number is 1."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def reason(error: BaseException) -> str:
    """What a foreign library says went wrong, for the brackets of a sentence."""
    return " ".join(printable(str(error)).split()).rstrip(".") or type(error).__name__
