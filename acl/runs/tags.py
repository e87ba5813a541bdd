"""Words a user keeps with a run, to find it again: tags.json in its folder."""

from __future__ import annotations

import re
from collections.abc import Iterable

from acl.config import UserError
from acl.runs.folder import Run
from acl.system.files import disk_trouble, read_json, write_json

LONGEST = 40
MOST = 20


def tags_of(run: Run) -> list[str]:
    """In order of the alphabet; none where the file is missing or cannot be read."""
    raw = read_json(run.path / "tags.json")
    names = raw.get("tags") if raw else None
    return sorted(name for name in names if isinstance(name, str)) if isinstance(names, list) else []


def keep_tags(run: Run, names: Iterable[str]) -> None:
    """UserError for a tag that is empty, long or spread over lines."""
    wanted = sorted({name.strip() for name in names})
    for name in wanted:
        if not re.fullmatch(rf"[^\n\r\t,]{{1,{LONGEST}}}", name):
            raise UserError(f"A tag is 1 to {LONGEST} characters without commas, got '{name[:60]}'.")
    if len(wanted) > MOST:
        raise UserError(f"A run takes at most {MOST} tags, got {len(wanted)}.")
    with disk_trouble("The run", run.path):
        write_json(run.path / "tags.json", {"tags": wanted})
