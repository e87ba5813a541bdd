"""The files below a folder that a user named, looked through once: everything else is read off this list.

Hidden files, and what archives and file managers leave behind, are passed over without a word.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from acl.names import printable

DEPTH = 6
JUNK = {"__macosx", "thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class Listing:
    """All names are relative to `root`, with slashes, in order of name; of a folder everything below it follows it.

    files: size in bytes and time of last change in ns of each. odd: what is neither a file nor a folder that was
    looked into: broken links, links out of the folder where those do not count, folders that lead back to
    themselves, lie deeper than DEPTH or may not be read.
    """

    root: Path
    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        """The folder, for a sentence."""
        return printable(str(self.root))

    @cached_property
    def mark(self) -> str:
        """Changes when any of the files does, or one comes or goes."""
        text = repr((str(self.root), self.files, self.folders, self.odd))
        return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()

    @cached_property
    def _inside(self) -> dict[tuple[str, bool], list[str]]:
        found: dict[tuple[str, bool], list[str]] = {}
        for names, is_file in ((self.files, True), (self.folders, False)):
            for name in names:
                found.setdefault((name.rpartition("/")[0], is_file), []).append(name)
        return found

    def files_in(self, folder: str) -> list[str]:
        """The files directly in this folder ("" is the root)."""
        return self._inside.get((folder, True), [])

    def folders_in(self, folder: str) -> list[str]:
        """The folders directly in this folder ("" is the root)."""
        return self._inside.get((folder, False), [])

    def below(self, folder: str) -> list[str]:
        """Every file, and whatever is odd, at any depth below this folder."""
        start = f"{folder}/" if folder else ""
        return sorted(name for name in (*self.files, *self.odd) if name.startswith(start))

    def identity(self, names: list[str]) -> list[list[str | int]]:
        """JSON that changes when one of these files does."""
        return [[name, *self.files[name]] for name in names]


def listed(root: Path, follow: bool, depth: int = DEPTH) -> Listing:
    """follow: whether links that lead out of `root` count as what they lead to. depth: of folders in folders."""
    listing = Listing(root)
    _look_into(listing, str(root), "", (os.path.realpath(root),), follow, depth)
    return listing


def _look_into(listing: Listing, folder: str, prefix: str, above: tuple[str, ...], follow: bool, depth: int) -> None:
    """above: the real paths of this folder and those around it, the root first."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        listing.odd.append(prefix.rstrip("/"))
        return
    for entry in entries:
        name = prefix + entry.name
        if entry.name.startswith(".") or entry.name.lower() in JUNK:
            continue
        real = os.path.realpath(entry.path) if entry.is_symlink() else os.path.join(above[-1], entry.name)
        if not follow and not is_below(real, above[0]):
            listing.odd.append(name)
        elif entry.is_dir() and real not in above and len(above) <= depth:
            listing.folders.append(name)
            _look_into(listing, entry.path, f"{name}/", (*above, real), follow, depth)
        elif entry.is_file() and (stat := _stat(entry)):
            listing.files[name] = (stat.st_size, stat.st_mtime_ns)
        else:
            listing.odd.append(name)


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:  # gone meanwhile
        return None


def is_below(path: str, folder: str) -> bool:
    """Both real paths: whether `path` lies in `folder`, at any depth."""
    return path.startswith(folder.rstrip(os.sep) + os.sep)
