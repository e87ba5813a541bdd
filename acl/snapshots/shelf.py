"""Snapshot files that the Inspect page can show, each under a name for its address: dropped in, or linked to.

They lie in `.snapshots` of the runs folder: NAME.safetensors, what the page was given (NAME.pictures.safetensors,
NAME.json with what the file was called). A file of this machine is linked, not copied, so that its size does not
matter. An address holds a NAME, never a path.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from acl.config import UserError
from acl.snapshots.sample_pictures import find_pictures
from acl.snapshots.snapshot import load_snapshot
from acl.system.files import disk_trouble, read_json, replace_file, write_json

NAME = re.compile(r"[0-9a-f]{12}")
DROPPED = "The dropped file"


@dataclass(frozen=True)
class Shelved:
    """path: where it is read; file: what it was called."""

    path: Path
    file: str

    @property
    def pictures(self) -> Path:
        """The file of its samples' pictures, which need not exist."""
        return _pictures(self.path)


def folder(runs: Path) -> Path:
    """Where the files of this runs folder lie."""
    return runs / ".snapshots"


def _pictures(path: Path) -> Path:
    return path.with_suffix(".pictures.safetensors")


def find(runs: Path, name: str) -> Shelved:
    """The file under this name. UserError if there is none, or it was linked and is gone."""
    path = folder(runs) / f"{name}.safetensors"
    if not NAME.fullmatch(name) or not (path.exists() or path.is_symlink()):
        raise UserError("There is no snapshot file of this name here: drop the file in again.")
    file = str((read_json(path.with_suffix(".json")) or {}).get("file", path.name))
    if not path.exists():
        raise UserError(f"The snapshot file {file} is not where it was any more: open it again.")
    return Shelved(path, file)


def keep(runs: Path, file: str, content: bytes, pictures: bytes | None = None) -> str:
    """Check and keep what was dropped in: a snapshot and, if given, its pictures. Its name. UserError if it is none."""
    name = _digest(content)
    path = folder(runs) / f"{name}.safetensors"
    with disk_trouble("The folder of snapshot files", folder(runs)):
        folder(runs).mkdir(parents=True, exist_ok=True)

        def write(temporary: Path) -> None:
            temporary.write_bytes(content)
            context = load_snapshot(temporary, DROPPED).context
            if pictures is None:
                return
            ids = {int(i) for samples in context.roles().values() for i in samples.ids}

            def write_pictures(temporary: Path) -> None:
                temporary.write_bytes(pictures)
                find_pictures(temporary, "", ids, context.n_classes)

            replace_file(_pictures(path), write_pictures)

        replace_file(path, write)
        write_json(path.with_suffix(".json"), {"file": _printable(file)})
    return name


def link(runs: Path, file: Path) -> str:
    """Give a snapshot file of this machine, which has been checked, a name. UserError where nothing can be written."""
    file = file.resolve()
    name = _digest(str(file).encode("utf-8", "surrogateescape"))
    path = folder(runs) / f"{name}.safetensors"
    with disk_trouble("The folder of snapshot files", folder(runs)):
        folder(runs).mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        try:
            _link(file, draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        write_json(path.with_suffix(".json"), {"file": _printable(file.name)})
    return name


def below(typed: str, *folders: Path) -> Path:
    """The file that somebody typed into the page, whole or from one of `folders` on. UserError unless it is a file in
    one of them, links followed: a page must not read the whole disk."""
    typed = typed.strip().strip("\"'").strip()
    try:
        places = [(each / Path(typed).expanduser()).resolve() for each in folders]
        allowed = [place for place in places if any(place.is_relative_to(each.resolve()) for each in folders)]
        found = next((place for place in allowed if place.is_file()), None)
    except (OSError, ValueError, RuntimeError):
        raise UserError("This path cannot be followed: type it again.") from None
    if found:
        return found
    if len(allowed) < len(places):
        where = " or ".join(str(each) for each in folders)
        raise UserError(f"The page opens files under {where} only; for any other use acl inspect FILE.")
    raise UserError(f"There is no file {' or '.join(dict.fromkeys(map(str, places)))}.")


def _link(file: Path, draft: Path) -> None:
    try:
        draft.symlink_to(file)
    except OSError:
        # A disk without links.
        shutil.copyfile(file, draft)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=6).hexdigest()


def _printable(file: str) -> str:
    """A name may hold bytes that are no text, and whatever a browser sends."""
    return "".join(c if c.isprintable() else "?" for c in Path(file).name.encode("utf-8", "replace").decode())
