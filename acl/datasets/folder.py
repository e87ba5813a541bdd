"""Your own images: a folder with train/CLASS/* and test/CLASS/*, or one folder of class folders.

Without a test folder a fixed fifth of each class, chosen by file name, is for testing. For a
domain-incremental stream of folders the layout is LOOK/CLASS/*.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from acl.config import UserError
from acl.datasets.base import Base, ImageSet, digests, train_rows
from acl.pictures import check_classes, decoded, own_set

LABEL = "Own image folder"
SETTINGS = ("data", "image_size")
TRAIN_SHARE = 0.8


@dataclass(frozen=True)
class Folder(Base):
    data: str
    image_size: int
    scenario: str
    domain: str

    def load(self) -> ImageSet:
        root = self._root()
        looks, split = self._looks(root)
        tables = [_class_files(root / look) for look in looks]
        classes = sorted(set().union(*tables))
        check_classes(str(root), len(classes))
        for look, table in zip(looks, tables, strict=True):
            absent = [name for name in classes if not table.get(name)]
            if absent:
                raise UserError(f"{root / look} has no image of the class '{absent[0]}': add some, or take it away.")
        rows = [
            (path, label, place)
            for place, table in enumerate(tables)
            for label, name in enumerate(classes)
            for path in table[name]
        ]
        return self._set(root, classes, rows, split)

    def _set(self, root: Path, classes: list[str], rows: list[tuple[Path, int, int]], split: bool) -> ImageSet:
        paths = [path for path, _, _ in rows]
        names = [path.relative_to(root).as_posix() for path in paths]
        labels = np.array([label for _, label, _ in rows], dtype=np.int64)
        places = np.array([place for _, _, place in rows], dtype=np.int64)
        stats = [path.stat() for path in paths]
        identity = [str(root.resolve()), [[n, s.st_size, s.st_mtime_ns] for n, s in zip(names, stats, strict=True)]]
        name = f"own images ({root.name})"
        images, readable = decoded(identity, len(paths), self.image_size, map(_read, paths), name)
        group = np.where(readable, places * len(classes) + labels, -1)
        is_train = places == 0 if split else train_rows(group, digests(names), TRAIN_SHARE)
        domains = None if split or len(set(places.tolist())) < 2 else places
        return own_set(ImageSet(name, images, labels, tuple(classes), is_train, domains), names, readable)

    def _root(self) -> Path:
        root = Path(self.data).expanduser()
        if not self.data or not root.is_dir():
            raise UserError(f"dataset=folder needs data, the path of a folder of images, got '{self.data}'.")
        return root

    def _looks(self, root: Path) -> tuple[list[str], bool]:
        """The folders that hold class folders, and whether they are the halves of a split."""
        inside = [path.name for path in _folders(root)]
        if self.scenario == "domain" and self.domain == "folders":
            if len(inside) < 2:
                raise UserError(f"{root} needs at least 2 folders, one for each look, got {len(inside)}.")
            return inside, False
        if "train" in inside and _folders(root / "train"):  # without folders, train is a class: of vehicles
            if "test" not in inside:
                raise UserError(f"{root} has a folder train but no folder test: add it, or give {root / 'train'}.")
            return ["train", "test"], True
        return ["."], False

    def mark(self) -> object:
        """The times of the folders: they change when a file comes or goes."""
        root = Path(self.data).expanduser()
        inside = [root, *_folders(root)] if root.is_dir() else []
        return tuple((str(p), p.stat().st_mtime_ns) for folder in inside for p in (folder, *_folders(folder)))


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _class_files(root: Path) -> dict[str, list[Path]]:
    """The image files of each class folder, by their suffix, in order of name."""
    suffixes = Image.registered_extensions()
    return {
        folder.name: sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
        )
        for folder in _folders(root)
    }


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
