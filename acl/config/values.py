"""How users write values: words for None, numbers with commas. Each gives what was written as it is then checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acl.config.settings import LARGEST


def plain_number(value: Any) -> Any:
    """The number without a sign on its zero. ValueError for a whole number above LARGEST."""
    if isinstance(value, int) and value > LARGEST:
        raise ValueError(f"must be at most {LARGEST:,}")
    return value + 0.0 if isinstance(value, float) else value  # −0 is 0


def none_where(word: str) -> Callable[[Any], Any]:
    """None for `word`, as for "none" and nothing."""

    def read(value: Any) -> Any:
        return None if isinstance(value, str) and value.lower() in {word, "none", ""} else value

    return read


def sizes(value: Any) -> Any:
    """A whole number of at least 1, or several: "50,10"."""
    parts = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        parts = [parts]
    try:
        found = [int(part) for part in parts if not isinstance(part, bool) and int(part) == float(part)]
    except (TypeError, ValueError, OverflowError):
        found = []
    if len(found) < max(len(parts), 1) or not all(1 <= size <= LARGEST for size in found):
        raise ValueError("must be a whole number of at least 1, or several such as 50,10")
    return found[0] if len(found) == 1 else tuple(found)


def comma_separated(value: Any) -> Any:
    """A tuple of the words in "a,b c"."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value
