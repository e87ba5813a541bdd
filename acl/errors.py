"""UserError, the one error that people read, and how its sentences are made."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic import ValidationError

from acl.names import sentence_of


class UserError(ValueError):
    """Something the user can mend. The message is one sentence: what is wrong, where, and what to do.

    What it repeats of anybody's input is made printable, and cut: terminals, logs and pages show it as it stands here.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence_of(sentence))


def near(name: str, choices: Iterable[str], what: str) -> str:
    """The sentence for a name that does not exist: the near match first, then every choice."""
    names = sorted(choices)
    match = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f" Did you mean '{match[0]}'?" if match else ""
    return f"Unknown {what} '{name}'.{hint} Choices: {', '.join(names)}."


def told(error: ValidationError) -> str:
    """The first of what is wrong, as a sentence."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for part in first["loc"])
    if where == "lambda":
        return f"lambda must be between 0 and 1 (or auto), got {first['input']}."
    if not where:
        return f"{message.rstrip('.')}."
    rule = message.split(", unable")[0].replace("Input should", "must")
    return f"{where} {rule}, got {first['input']!r}."
