"""When a plug-in raises: one sentence that names it for everyone, and the failing line for its author."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from acl.config import UserError

ALLOCATOR = ("not enough memory", "can't allocate memory", "out of memory")


class PluginError(UserError):
    """`details`: the failing line, as `file:line: code`. The plug-in's own error is the __cause__."""

    def __init__(self, message: str, details: str) -> None:
        super().__init__(message)
        self.details = details


def is_out_of_memory(error: BaseException) -> bool:
    """Whether host or GPU memory ran out; torch's CPU allocator says so in a plain RuntimeError."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or (isinstance(error, RuntimeError) and any(sign in str(error) for sign in ALLOCATOR))


@contextmanager
def blamed(what: str, name: str) -> Iterator[None]:
    """Turn whatever the plug-in (`what`: strategy, learner, dataset) raises in here into a PluginError.

    Its own UserErrors already are a sentence, and a full memory is nobody's fault.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        reason = " ".join(str(error).split()).rstrip(".")
        raise PluginError(
            f"The {what} '{name}' raised {type(error).__name__}: {reason}.",
            f"{frame.filename}:{frame.lineno}: {frame.line}",
        ) from error
