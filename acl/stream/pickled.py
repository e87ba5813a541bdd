"""What lies in a pickle of plain values and arrays, read without running it.

A pickle is a program for a small stack machine, and may call anything when it is loaded. Here its instructions are
taken apart (pickletools), and only those are followed that make numbers, texts, lists, tuples and dictionaries. The
calls by which numpy writes an array are known by name, and the array is made from its bytes; any other is refused.
"""

from __future__ import annotations

import pickletools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

VALUES = frozenset(
    "NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING "
    "UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 "
    "BYTEARRAY8".split()
)
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY: dict[str, type] = {"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
ARRAY = {"numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"}
BUFFER = {"numpy.core.numeric _frombuffer", "numpy._core.numeric _frombuffer"}
TYPE, ENCODED, CLASS = "numpy dtype", "_codecs encode", "numpy ndarray"
NUMBERS = re.compile("[<>|=]?[buif][1248]")


@dataclass
class _Type:
    """A numpy.dtype under way: its code, and the order of its bytes, which comes later."""

    code: str
    order: str = "|"


@dataclass
class _Array:
    """A numpy.ndarray under way: what its last instruction says of it, and its bytes."""

    value: ndarray | None = None


@dataclass
class _Name:
    """Something that a pickle would import."""

    name: str


MARK = object()


def unpickled(path: Path) -> dict[str, Any]:
    """The dictionary in a pickle file, keys as text; numpy arrays are made, nothing is run.

    ValueError where the file holds anything else; OSError where it cannot be read.
    """
    try:
        found = _Machine().run(path.read_bytes())
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its instructions do not fit together: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("it holds no dictionary")
    return {_text(key): value.value if isinstance(value, _Array) else value for key, value in found.items()}


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class _Machine:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        for instruction, argument, _ in pickletools.genops(data):
            if instruction.name == "STOP":
                return self.stack.pop()
            self._follow(instruction.name, argument)
        raise ValueError("it breaks off")

    def _follow(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in VALUES:
            stack.append(CONSTANTS.get(name, argument))
        elif name in EMPTY:
            stack.append(EMPTY[name]())
        elif name in TUPLES:
            stack[-TUPLES[name] :] = [tuple(stack[-TUPLES[name] :])]
        elif name in {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}:
            self.memo[len(self.memo) if argument is None else argument] = stack[-1]
        elif name in {"GET", "BINGET", "LONG_BINGET"}:
            stack.append(self.memo[argument])
        elif name in {"GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"}:
            self._call(name, argument)
        elif name not in {"PROTO", "FRAME"}:
            self._collect(name)

    def _collect(self, name: str) -> None:
        """What gathers values into a list, a tuple or a dictionary."""
        stack = self.stack
        match name:
            case "MARK":
                stack.append(MARK)
            case "TUPLE":
                stack.append(tuple(self._since_mark()))
            case "LIST":
                stack.append(self._since_mark())
            case "DICT":
                stack.append(_pairs(self._since_mark()))
            case "APPEND":
                stack[-2].append(stack.pop())
            case "APPENDS":
                values = self._since_mark()
                stack[-1].extend(values)
            case "SETITEM":
                stack[-3].update({stack[-2]: stack[-1]})
                del stack[-2:]
            case "SETITEMS":
                values = self._since_mark()
                stack[-1].update(_pairs(values))
            case _:
                raise ValueError(f"it holds the instruction {name}")

    def _call(self, name: str, argument: Any) -> None:
        """What would import something, call it, or fill it."""
        stack = self.stack
        match name:
            case "GLOBAL":
                stack.append(_Name(argument))
            case "STACK_GLOBAL":
                stack[-2:] = [_Name(f"{stack[-2]} {stack[-1]}")]
            case "REDUCE":
                stack[-2:] = [_called(stack[-2].name, stack[-1])]
            case _:
                _complete(stack[-2], stack.pop())

    def _since_mark(self) -> list[Any]:
        """What was put on the stack since the newest mark, taken off with it."""
        values = []
        while (value := self.stack.pop()) is not MARK:
            values.append(value)
        return values[::-1]


def _pairs(values: list[Any]) -> dict[Any, Any]:
    return dict(zip(values[::2], values[1::2], strict=True))


def _called(name: str, arguments: tuple[Any, ...]) -> Any:
    if name in ARRAY and isinstance(arguments[0], _Name) and arguments[0].name == CLASS:
        return _Array()
    if name in BUFFER:
        data, kind, shape, order = arguments
        return _Array(_array(data, kind, shape, order))
    if name == TYPE and NUMBERS.fullmatch(_text(arguments[0])):
        return _Type(_text(arguments[0]))
    if name == ENCODED and arguments[1:] in {("latin1",), ("latin-1",)}:
        return arguments[0].encode("latin-1")
    raise ValueError(f"it would call {name.replace(' ', '.')}")


def _complete(made: Any, state: tuple[Any, ...]) -> None:
    if isinstance(made, _Type):
        made.order = _text(state[1])
    elif isinstance(made, _Array):
        _, shape, kind, columns_first, data = state
        made.value = _array(data, kind, shape, "F" if columns_first else "C")
    else:
        raise ValueError("it would set what is in an object")


def _array(data: Any, kind: Any, shape: Any, order: Any) -> ndarray:
    if not isinstance(kind, _Type):
        raise ValueError("it holds an array of no numbers")
    held = data.encode("latin-1") if isinstance(data, str) else data  # Python 2 knew no bytes
    dtype = np.dtype(kind.code).newbyteorder(">" if kind.order == ">" else "<")
    return np.frombuffer(held, dtype).reshape(shape, order=order)
