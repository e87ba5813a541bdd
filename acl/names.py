"""Names that come from outside (of classes, files, folders): shown as they can be read, in an order, not too many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

NAMED = 5  # names a sentence lists before it only counts
JOINERS = "\u200c\u200d"  # invisible, but part of how Persian, Hindi and some emoji are written


def printable(text: str) -> str:
    r"""`text` with what no page, terminal or file can show (bytes that are no UTF-8, control characters, line breaks,
    changes of direction) written out: \xff, \n, \u202e."""
    return "".join(char if char.isprintable() or char in JOINERS else _written_out(char) for char in text)


def _written_out(char: str) -> str:
    # How Python hands on a byte of a file name that is no UTF-8: U+DC00 plus the byte.
    if 0xDC80 <= ord(char) <= 0xDCFF:
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """The names made printable. What then reads like another, or like nothing, gets its number behind it."""
    found: dict[str, None] = {}
    for number, name in enumerate(names):
        text = printable(name).strip()
        while not text or text in found:
            text = f"{text} ({number})".strip()
        found[text] = None
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
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def reason(error: BaseException) -> str:
    """What a foreign library says went wrong, for the brackets of a sentence."""
    return " ".join(printable(str(error)).split()).rstrip(".") or type(error).__name__
