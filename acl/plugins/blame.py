"""A fault of a strategy, a learner or a dataset: one sentence that names it, and for its author the line at fault."""

from __future__ import annotations

import errno
import inspect
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from acl.config import UserError

if TYPE_CHECKING:
    from acl.plugins.description import Plugin

ALLOCATOR = ("not enough memory", "can't allocate memory", "out of memory")
LOADER = ("failed to map segment", "annot allocate memory")
"""What the system says where a library, such as torch, does not fit."""
MOST_WORDS = 300
BEGINNINGS = ("def ", "async def ", "class ")


class PluginError(UserError):
    """`details`: the line at fault, as `file:line: code`. What was raised there, if anything, is the __cause__."""

    def __init__(self, message: str, details: str) -> None:
        super().__init__(message)
        self.details = details


def with_line(error: BaseException) -> str:
    """The sentence of an error, and in brackets the line of a plug-in at fault."""
    details = getattr(error, "details", "")
    return f"{error} ({details})" if details else str(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether host or GPU memory ran out; torch's CPU allocator says so in a plain RuntimeError."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    signs = ALLOCATOR if isinstance(error, RuntimeError) else LOADER if isinstance(error, ImportError | OSError) else ()
    return any(sign in str(error) for sign in signs)


@contextmanager
def blamed(plugin: Plugin, *where: Any) -> Iterator[None]:
    """Turn whatever the plug-in raises in here into a PluginError, sys.exit() too.

    Its own UserErrors already are a sentence, a full memory is nobody's fault, and Ctrl-C is the user's. `where`: as
    for `fault`, if it was raised in none of the plug-in's own lines.
    """
    try:
        yield
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if is_out_of_memory(error):
            raise
        raise PluginError(_raised(plugin, error), _failing_line(plugin, error) or _first_own(plugin, where)) from error


def fault(plugin: Plugin, said: str, *where: Any) -> PluginError:
    """The error for an answer that cannot be used. `said` goes on after the plug-in's name; `where`: the functions,
    classes or modules of which the first one that the plug-in wrote itself is shown to its author."""
    return PluginError(f"{_named(plugin)} {said}.", _first_own(plugin, where))


def is_masked(value: Any) -> bool:
    """Whether some of an array's numbers are not meant: to most libraries they are there."""
    import numpy as np  # not before it is needed: the command line imports this file

    return isinstance(value, np.ma.MaskedArray)


def kind_of(value: Any) -> str:
    """What a value is, for a sentence: "float32 [3, 4]", or its type."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{'masked ' * is_masked(value)}{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    return f"{'an' if type(value).__name__[0] in 'aeiouAEIOU' else 'a'} {type(value).__name__}"


def _named(plugin: Plugin) -> str:
    whose = "ACL Explorer's own" if plugin.ours else "The"
    return f"{whose} {plugin.what} '{plugin.name}'"


def _raised(plugin: Plugin, error: BaseException) -> str:
    # Not str(error): that may raise as well.
    reason = " ".join(str(traceback.TracebackException.from_exception(error, limit=0)).split()).rstrip(".")
    reason = reason if len(reason) <= MOST_WORDS else f"{reason[:MOST_WORDS]}…"
    said = " ".join(type(error).__name__.split()) + (f": {reason}" if reason else "")
    if plugin.ours and isinstance(error, OSError):
        return f"The {plugin.what} '{plugin.name}' could not read or write its files ({said}): mend that and try again."
    return f"{_named(plugin)} failed: please report it ({said})." if plugin.ours else f"{_named(plugin)} raised {said}."


def _failing_line(plugin: Plugin, error: BaseException) -> str:
    """The last line that ran in the plug-in's own package, not in the libraries it calls; "" if none did."""
    root = _root(plugin.module)
    frames = list(traceback.walk_tb(error.__traceback__))
    # What a dataclass makes of a class runs under the plug-in's name, and stands in no file.
    written = [(frame, line) for frame, line in frames if not frame.f_code.co_filename.startswith("<")]
    own = [(frame, line) for frame, line in written if _root(str(frame.f_globals.get("__name__"))) == root]
    if own:
        return _code(*own[-1])
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {(error.text or '').strip()}"
    return ""


def _code(frame: FrameType, line: int) -> str:
    found = traceback.FrameSummary(frame.f_code.co_filename, line, frame.f_code.co_name)
    return f"{found.filename}:{line}: {found.line}"


def _first_own(plugin: Plugin, where: Iterable[Any]) -> str:
    """Where the first of these that lies in the plug-in's package begins; else its file, or the module it should be."""
    own = (thing for thing in where if _root(_module_of(thing)) == _root(plugin.module))
    file = getattr(sys.modules.get(plugin.module), "__file__", None)
    return next(filter(None, map(_defined, own)), file or plugin.module)


def _module_of(thing: Any) -> str:
    return str(thing.__name__ if inspect.ismodule(thing) else getattr(thing, "__module__", ""))


def _defined(thing: Any) -> str:
    """Where a function or class begins, below its decorators; of a module the file; "" for what has no source."""
    thing = inspect.unwrap(thing)
    try:
        file = inspect.getsourcefile(thing)
        lines, start = inspect.getsourcelines(thing)
    except (OSError, TypeError):
        return ""
    if inspect.ismodule(thing):
        return str(file)
    below = next((place for place, line in enumerate(lines) if line.lstrip().startswith(BEGINNINGS)), 0)
    return f"{file}:{start + below}: {lines[below].strip()}"


def _root(module: str) -> str:
    return module.partition(".")[0]
