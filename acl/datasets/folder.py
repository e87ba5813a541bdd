"""Your own images: a folder with train/CLASS/* and test/CLASS/*, or one folder of class folders.

Without a test folder (or val) a fixed fifth of each class, chosen by file name, is for testing. For a
domain-incremental stream of folders the layout is LOOK/CLASS/*.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from acl.config import UserError
from acl.datasets.base import Base, digests, train_rows
from acl.names import count, in_order, printable, some
from acl.stream.listing import Listing, listed
from acl.stream.pictures import decoded, own_set
from acl.stream.types import ImageSet
from acl.system.files import expanded

LABEL = "Own image folder"
SETTINGS = ("data", "image_size")
TRAIN_SHARE = 0.8
SPLITS = {
    "train": {"train", "training"},
    "test": {"test", "testing"},
    "val": {"val", "valid", "validation", "dev"},
}
LAYOUT = "expected are train/CLASS/* and test/CLASS/*, or CLASS/* alone, with a folder for each class"


@dataclass(frozen=True)
class Layout:
    """Where class folders are: in each of `looks`, below `top`. split: whether these are the halves of a split."""

    top: str
    looks: list[str]
    split: bool = False
    unused: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Folder(Base):
    """Image files of the folder `data`, as uint8 [N, image_size, image_size, 3]."""

    data: str
    image_size: int
    scenario: str
    domain: str

    def load(self) -> ImageSet:
        root = self._root()
        listing = listed(root, follow=True)
        layout = self._layout(listing)
        tables = [_class_files(listing, look) for look in layout.looks]
        classes = in_order(set().union(*tables))
        _check(listing, layout, tables, classes)
        rows = [
            (name, label, place)
            for place, table in enumerate(tables)
            for label, of_class in enumerate(classes)
            for name in table[of_class]
        ]
        return self._set(listing, layout, classes, rows)

    def _set(self, listing: Listing, layout: Layout, classes: list[str], rows: list[tuple[str, int, int]]) -> ImageSet:
        names = [name for name, _, _ in rows]
        labels = np.array([label for _, label, _ in rows], dtype=np.int64)
        places = np.array([place for _, _, place in rows], dtype=np.int64)
        root = listing.root
        identity = [str(root.resolve()), listing.identity(names)]
        title = printable(f"own images ({root.name})")
        pictures = decoded(identity, len(names), self.image_size, lambda: (_read(root / name) for name in names), title)
        group = np.where(pictures.readable, places * len(classes) + labels, -1)
        drawn = digests([name.removeprefix(f"{layout.top}/") for name in names])
        is_train = places == 0 if layout.split else train_rows(group, drawn, TRAIN_SHARE)
        domains = None if layout.split or len(set(places.tolist())) < 2 else places
        notes = _notes(listing, layout, set(names))
        data = ImageSet(title, pictures.images, labels, tuple(classes), is_train, domains, notes)
        return own_set(data, names, pictures)

    def _root(self) -> Path:
        root = expanded(self.data)
        if not self.data or not root.is_dir():
            raise UserError(f"dataset=folder needs data, the path of a folder of images, got '{self.data}'.")
        return root

    def _layout(self, listing: Listing) -> Layout:
        top = _top(listing)
        inside = listing.folders_in(top)
        if self.scenario == "domain" and self.domain == "folders":
            if len(inside) < 2:
                raise UserError(f"{listing.where} needs at least 2 folders, one for each look, got {len(inside)}.")
            return Layout(top, in_order(inside))
        found = {role: _halves(listing, inside, role) for role in SPLITS}
        if found["train"]:
            return _split(listing, top, found)
        others = [name for name in inside if _role(name) is None]
        if (found["test"] or found["val"]) and not others:
            raise UserError(f"{listing.where} has images to test on but no folder train: {LAYOUT}.")
        return Layout(top, [top])

    def mark(self) -> object:
        root = expanded(self.data)
        return listed(root, follow=True).mark if self.data and root.is_dir() else None


def _top(listing: Listing) -> str:
    """The folder to begin at: what an archive wrapped in one more folder is looked through."""
    top = ""
    while len(inside := listing.folders_in(top)) == 1 and not _images_in(listing, top):
        if _role(inside[0]) or not listing.folders_in(inside[0]):
            break
        top = inside[0]
    return top


def _role(name: str) -> str | None:
    last = name.rpartition("/")[2].lower()
    return next((role for role, names in SPLITS.items() if last in names), None)


def _halves(listing: Listing, inside: list[str], role: str) -> str | None:
    """The folder of this half of a split. Without class folders in it, train is a class: of vehicles."""
    found = [name for name in inside if _role(name) == role and listing.folders_in(name)]
    if len(found) > 1:
        raise UserError(f"{listing.where} has {len(found)} folders for {role} ({some(found)}): keep one of them.")
    return found[0] if found else None


def _split(listing: Listing, top: str, found: dict[str, str | None]) -> Layout:
    train, test, val = found["train"], found["test"], found["val"]
    assert train
    if test:
        return Layout(top, [train, test], split=True, unused=val)
    if val:
        return Layout(top, [train, val], split=True, note=f"There is no folder test: {val} is for testing.")
    where = printable(train)
    raise UserError(
        f"{listing.where} has a folder {where} but no folder test: add it, or give {listing.where}/{where}."
    )


def _class_files(listing: Listing, look: str) -> dict[str, list[str]]:
    """The image files of each class folder, in order of name."""
    return {folder.rpartition("/")[2]: _images_in(listing, folder) for folder in listing.folders_in(look)}


def _images_in(listing: Listing, folder: str) -> list[str]:
    """By their endings."""
    endings = Image.registered_extensions()
    return [name for name in listing.files_in(folder) if Path(name).suffix.lower() in endings]


def _check(listing: Listing, layout: Layout, tables: list[dict[str, list[str]]], classes: list[str]) -> None:
    if len(classes) < 2:
        raise UserError(
            f"{listing.where} must hold images of at least 2 classes, a folder each, got {len(classes)}: {LAYOUT}."
        )
    if all(_role(name) for name in classes):
        raise UserError(f"{listing.where} has no folders of classes in {some(classes)}: {LAYOUT}.")
    for look, table in zip(layout.looks, tables, strict=True):
        absent = [name for name in classes if not table.get(name)]
        if absent:
            where = printable(str(listing.root / look))
            raise UserError(
                f"{where} has no image of the class '{printable(absent[0])}': add some, or take it away ({LAYOUT})."
            )


def _notes(listing: Listing, layout: Layout, used: set[str]) -> tuple[str, ...]:
    """What is left out, counted and named."""
    notes = [layout.note] if layout.note else []
    unused = listing.below(layout.unused) if layout.unused else []
    if unused:
        notes.append(f"{layout.unused} ({count(len(unused), 'file')}) is left out: {layout.looks[1]} is for testing.")
    known = used | set(unused)
    rest = [name for name in listing.below("") if name not in known]
    if rest:
        notes.append(
            f"{count(len(rest), 'file')} left out, for being no image by the ending, a broken link, or not directly in "
            f"the folder of a class: {some(rest)}."
        )
    return tuple(map(printable, notes))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
