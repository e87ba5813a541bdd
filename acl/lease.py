"""Which worker a run belongs to, where locks do not reach: each new worker gets the next number, older ones end.

Locks of one machine do not hold over a shared disk once a node is lost. A worker with a number looks, before each
thing it writes, whether it is still the newest.
"""

from __future__ import annotations

from pathlib import Path

from acl.files import read_json, write_json


class Superseded(Exception):
    """Another worker has taken over: this one must not write any more."""


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


def check(run: Path, epoch: int) -> None:
    if current(run) != epoch:
        raise Superseded
