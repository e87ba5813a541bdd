"""Which Parquet files are for training and which for testing, by the rules that the library `datasets` has for names.

It is given nothing but names: what it opens by itself may be an address on the network, its offline switch
notwithstanding. It is imported where such files are read, because that takes a second.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from uuid import uuid4

from acl.config import UserError
from acl.names import count, printable, reason, some

TRAIN, TEST, VALIDATION = "train", "test", "validation"
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Files:
    """Names of files below `root`: those for training, and for each split to test on its own; none: a share of
    the former is for testing."""

    root: Path
    train: tuple[str, ...]
    test: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """The names of all files, training before testing."""
        return sum(self.test.values(), self.train)


def by_split(root: Path, names: list[str], notes: list[str]) -> Files:
    """The files `names` below `root` by their splits; what is left out or missing is appended to `notes`, a sentence
    each. UserError where some split is named and none is for training, or only for training while other files are of no
    split."""
    found = splits(tuple(names))
    if not found:
        return _without_splits(root, names, notes)
    where = printable(str(root))
    if TRAIN not in found:
        raise UserError(f"By their names the files of {where} are for {' and '.join(found)}, none for {TRAIN}: add it.")
    _check_one_set(where, found)
    rest = sorted(set(names).difference(*found.values()))
    test = {split: found[split] for split in (TEST, VALIDATION) if split in found}
    if not test and rest:
        raise UserError(
            f"{where} has files for {TRAIN} but none for {TEST}, and no split is said by the names {some(rest)}: "
            "rename them."
        )
    if not test:
        notes.append(f"{where} has no files for {TEST}: a fixed fifth of each class is for testing.")
    for split in sorted(set(found) - {TRAIN, TEST, VALIDATION}):
        notes.append(f"The split {printable(split)} is left out: {some(found[split])}.")
    if rest:
        notes.append(f"{count(len(rest), 'file')} left out, because no split is said by the name: {some(rest)}.")
    for split in (TRAIN, *test):
        notes += _shards_missing(found[split])
    return Files(root, found[TRAIN], test, tuple(notes))


def _check_one_set(where: str, found: dict[str, tuple[str, ...]]) -> None:
    """UserError where a folder below has files to train and to test on, and what is outside of it has both as well:
    the configurations of one set on the hub often hold the same images."""
    test = found.get(TEST, ()) + found.get(VALIDATION, ())
    for folder in sorted({str(parent) for name in test for parent in PurePosixPath(name).parents if parent.name}):
        inside = [{PurePosixPath(name).is_relative_to(folder) for name in names} for names in (found[TRAIN], test)]
        if all(each == {True, False} for each in inside):
            raise UserError(
                f"{where} holds more than one set, because {printable(folder)} has files for {TRAIN} and to test on, "
                "and so has the rest: give the folder of one, or put all files for the same purpose into one folder."
            )


def _without_splits(root: Path, names: list[str], notes: list[str]) -> Files:
    train, test = ([name for name in names if re.search(word, name.lower())] for word in ("train", "test|valid"))
    if train and test:
        raise UserError(
            f"{printable(str(root))} does not say which file is for what ({some(train + test)}): set the words train "
            "and test apart from others, as in pets-train.parquet."
        )
    if len(names) > 1:
        notes.append(f"No name says a split ({some(names)}): a fixed fifth of each class is for testing.")
    return Files(root, tuple(names), {}, (*notes, *_shards_missing(names)))


def _shards_missing(names: Iterable[str]) -> list[str]:
    """A note for each set of which a part is not there. UserError where two sets are mixed."""
    sets: dict[str, list[tuple[str, str, str]]] = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        part = re.match(r"(.*)-(\d{5})-of-(\d{5})", file)
        if part:
            sets.setdefault(part[1], []).append((folder, part[3], part[2]))
    notes = []
    for name, parts in sets.items():
        folder, total, _ = parts[0]
        if {part[:2] for part in parts} != {(folder, total)} or len(set(parts)) < len(parts):
            raise UserError(f"The files {printable(name)}-… are parts of more than one set: keep those of one.")
        if len(parts) < int(total):
            notes.append(f"Of the {int(total)} files {printable(name)}-… only {len(parts)} are there.")
    return notes


# -- the library ---------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def splits(names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The files of each split, by the library's rules for file and folder names, in any case; none: no name says.

    UserError where the names contradict each other.
    """
    spelled: dict[str, list[str]] = {}
    for name in names:
        spelled.setdefault(name.lower(), []).append(name)
    try:
        with _one_at_a_time:
            said = _said(list(spelled))
    except Exception as error:  # noqa: BLE001 - whatever the library meets in a name
        raise UserError(f"The names of the Parquet files ({some(names)}) give no splits ({reason(error)}).") from None
    found = {split: tuple(name for file in sorted(files) for name in spelled[file]) for split, files in said.items()}
    _check_once(found)
    return found


def _said(names: list[str]) -> dict[str, set[str]]:
    """Asked of a file system that holds nothing but these names."""
    import fsspec
    from datasets.data_files import DEFAULT_PATTERNS_ALL, SPLIT_KEYWORDS, get_data_patterns, resolve_pattern

    usual = {keyword: str(split) for split, keywords in SPLIT_KEYWORDS.items() for keyword in keywords}
    memory, root = fsspec.filesystem("memory"), f"/{uuid4().hex}"
    try:
        for name in names:
            memory.pipe_file(f"{root}/{name}", b"")
        patterns = get_data_patterns(f"memory:/{root}")
        if patterns == DEFAULT_PATTERNS_ALL:
            return {}
        found: dict[str, set[str]] = {}
        for split, of_split in patterns.items():
            for pattern in of_split:
                try:
                    matches = resolve_pattern(pattern, f"memory:/{root}")
                except FileNotFoundError:
                    continue
                files = found.setdefault(usual.get(str(split), str(split)), set())
                files |= {match.partition(f"{root}/")[2] for match in matches}
        return found
    finally:
        if memory.exists(root):
            memory.rm(root, recursive=True)


def _check_once(found: dict[str, tuple[str, ...]]) -> None:
    split_of: dict[str, str] = {}
    for split, files in found.items():
        for file in files:
            if file in split_of:
                raise UserError(
                    f"By its name {printable(file)} is in two splits, {split_of[file]} and {split}: rename it."
                )
            split_of[file] = split
