"""What the components of ours send back from the browser: JSON that anybody may have written, read or passed over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ID = re.compile(r"-?[0-9]{1,19}")
MOST_ID = 2**63


def value(state: object, name: str) -> Any:
    """What a component says under this name; None where it says nothing."""
    return state.get(name) if isinstance(state, Mapping) else None


def sample(value: object) -> int | None:
    """The id of a sample, which travels as text so that every int64 arrives whole; None for anything else."""
    if not isinstance(value, str) or not ID.fullmatch(value):
        return None
    number = int(value)
    return number if -MOST_ID <= number < MOST_ID else None


def samples(value: object) -> list[int] | None:
    """The ids of samples; None for anything else."""
    if not isinstance(value, list):
        return None
    ids = [sample(each) for each in value]
    return None if None in ids else [each for each in ids if each is not None]


def labels(value: object) -> list[int | None] | None:
    """A class, or None, for each of some samples; None for anything else."""
    if not isinstance(value, list) or not all(each is None or _is_class(each) for each in value):
        return None
    return list(value)


def _is_class(value: object) -> bool:
    return type(value) is int and 0 <= value < MOST_ID
