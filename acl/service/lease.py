"""Which worker a run belongs to, where locks do not reach: each new worker gets the next number, older ones end.

Locks of one machine do not hold over a shared disk once a node is lost. Every worker looks, before each thing it
writes, whether it is still the newest. One that holds the lock of a run which never left its machine has number 0.
"""

from __future__ import annotations

from pathlib import Path

from acl.config import UserError
from acl.system.files import read_json, write_json


class Superseded(UserError):
    """This worker must not write any more."""

    def __init__(self) -> None:
        super().__init__("Another worker has taken over this run: it goes on there.")


def current(run: Path) -> int:
    """The number of the newest worker; 0 if none was ever given."""
    record = read_json(run / "lease.json")
    number = record.get("epoch") if record else 0
    return number if isinstance(number, int) else 0


def renew(run: Path) -> int:
    """The number of a new worker; every other worker of this run is superseded."""
    epoch = current(run) + 1
    write_json(run / "lease.json", {"epoch": epoch})
    return epoch


def take_over(run: Path) -> int:
    """The number of a new worker that holds the run's lock."""
    return renew(run) if current(run) else 0


def check(run: Path, epoch: int) -> None:
    """Superseded if the worker with this number is not the newest of the run."""
    if current(run) != epoch:
        raise Superseded
