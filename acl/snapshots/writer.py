"""Write a query of one's own as a snapshot: out of arrays, with class names and pictures in the same file."""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from acl.config import FORMAT, UserError
from acl.plugins.blame import kind_of
from acl.snapshots.sample_pictures import IN_SNAPSHOT, whole_numbers
from acl.snapshots.snapshot import ROLES, load_snapshot
from acl.system.files import disk_trouble, replace_file

USUAL_N = 10
Array = Any
"""Of NumPy or torch, or a list."""
Table = Any
"""A tuple of arrays, (h, p) or (ids, h, p)."""
Whole = Any
"""A whole number, of Python, NumPy or torch."""
Names = Any
"""A list of texts, in order."""


def write_snapshot(
    path: str | Path,
    pool: Table,
    memory: Table | None = None,
    labelled: Table | None = None,
    *,
    n: Whole | None = None,
    lambda_: float | int | None = None,
    classes: Array | None = None,
    n_classes: Whole | None = None,
    class_names: Names | None = None,
    pictures: Array | None = None,
    labels: Array | None = None,
    task: Whole = 1,
    round_: Whole = 1,
    seed: Whole = 0,
) -> tuple[str, ...]:
    """Write a query of your own to `path`, for `acl select`, `acl inspect` and the Inspect page.

    Arrays may be of NumPy or torch, or lists; what is written has been read back and checked (acl.snapshots.snapshot).

    Args:
        pool: what may be picked, (h, p) or (ids, h, p): ids int [N], the samples' names; h [N, d], features;
            p [N, C], probabilities, rows that sum to 1. Without ids, samples are numbered from 0, or on from the
            highest id given, in the order pool, labelled, memory.
        memory: what is kept of past tasks, like pool, with other N.
        labelled: what was bought of this task already, like pool, with other N.
        n: how many to pick; default 10, or the whole pool where it is smaller.
        lambda_: weight of the past, 0..1; default the memory's share of all samples given. Give it if you know how
            many past samples the memory stands for: past / (past + this task).
        classes: the class number of each column of p; default 0..C-1.
        n_classes: all outputs of the network; default the number of class_names, else the highest class number + 1.
        class_names: a name for each of the classes 0..n_classes-1.
        pictures: uint8 [K, H, W, 1 or 3] of all samples in the order pool, labelled, memory, or of the pool alone.
        labels: class numbers [K] of the same samples, -1 where not known.
        task, round_, seed: name the random draws of strategies that make some.

    Returns:
        What is remarked whenever the file is read, such as rows of p that do not sum to 1; most often nothing.

    Raises:
        UserError: what would not load again, in one sentence; nothing is written then.
    """
    path, given = Path(path), {"pool": pool, "labelled": labelled, "memory": memory}
    tensors = _numbered({role: _table(role, table) for role, table in given.items() if table is not None})
    size = {role: tensors[f"{role}.ids"].numel() if f"{role}.ids" in tensors else 0 for role in ROLES}
    tensors |= _shown(tensors, size, {"images": pictures, "labels": labels})
    columns = tensors["pool.p"].shape[-1] if tensors["pool.p"].ndim else 0
    numbers = _wholes("classes", range(columns) if classes is None else classes)
    said = {"format": FORMAT, "classes": json.dumps(numbers)}
    if class_names is not None:
        names = _names(class_names)
        said["class_names"] = json.dumps(names)
    if n_classes is None:
        n_classes = _outputs(numbers, tensors) if class_names is None else len(names)
    said["lambda"] = str(size["memory"] / max(sum(size.values()), 1) if lambda_ is None else lambda_)
    n = min(USUAL_N, size["pool"]) if n is None else n
    wholes = {"n": n, "n_classes": n_classes, "task": task, "round": round_, "seed": seed}
    said |= {name: str(_wholes(name, [value])[0]) for name, value in wholes.items()}
    return _written(path, tensors, said)


def _written(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> tuple[str, ...]:
    """Into its place only when it has been read back; what was remarked then."""
    notes: list[str] = []

    def write(temporary: Path) -> None:
        save_file(tensors, temporary, metadata)
        notes.extend(load_snapshot(temporary, str(path)).notes)

    with disk_trouble("The snapshot", path):
        if path.is_dir():
            raise UserError(f"The snapshot {path} cannot be written: a folder is there, name a file.")
        replace_file(path, write)
    return tuple(notes)


def _table(role: str, table: Table) -> dict[str, Tensor]:
    if not isinstance(table, tuple | list) or len(table) not in (2, 3):
        raise UserError(f"{role} must be (h, p) or (ids, h, p): features [N, d], probabilities [N, C] and ids [N].")
    names = ("ids", "h", "p")[-len(table) :]
    return {f"{role}.{name}": _tensor(f"{role}.{name}", values) for name, values in zip(names, table, strict=True)}


def _tensor(name: str, values: Array) -> Tensor:
    """A copy: tensors that share their memory cannot be saved."""
    try:
        if isinstance(values, np.ma.MaskedArray):
            raise TypeError("a part of it is masked")
        own = values.detach().cpu() if isinstance(values, Tensor) else torch.tensor(np.ascontiguousarray(values))
        if own.is_complex():
            raise TypeError("it is complex")
        return own.clone(memory_format=torch.contiguous_format)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{name} is no array of numbers ({' '.join(str(error).split())}).") from None


def _numbered(tables: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of all roles; those without ids are numbered on from the highest id that is given."""
    tensors = {name: tensor for role in ROLES for name, tensor in tables.get(role, {}).items()}
    wholes = [whole_numbers(tensor) for name, tensor in tensors.items() if name.endswith(".ids")]
    following = 1 + max((int(ids.max()) for ids in wholes if ids is not None and ids.numel()), default=-1)
    for role in ROLES:
        if role in tables and f"{role}.ids" not in tensors:
            h = tensors[f"{role}.h"]
            rows = len(h) if h.ndim else 0
            if following + rows > 2**63:
                raise UserError(f"{role} needs ids of its own: there are none above the highest one given.")
            tensors[f"{role}.ids"] = torch.arange(rows) + following
            following += rows
    return tensors


def _shown(tensors: dict[str, Tensor], size: dict[str, int], given: dict[str, Array | None]) -> dict[str, Tensor]:
    """Pictures and labels with the ids they belong to."""
    found = {name: _tensor(name, values) for name, values in given.items() if values is not None}
    for name, values in found.items():
        rows = len(values) if values.ndim else 0
        if rows not in {size["pool"], sum(size.values())}:
            what = "pictures" if name == "images" else name
            raise UserError(
                f"{what} must be those of the pool ({size['pool']:,}) or of all samples in the order pool, labelled, "
                f"memory ({sum(size.values()):,}), got {rows:,}."
            )
    if not found:
        return {}
    everyone = torch.cat([tensors[f"{role}.ids"].reshape(-1) for role in ROLES if size[role]])
    found["ids"] = everyone[: max(len(values) for values in found.values())]
    return {f"{IN_SNAPSHOT}{name}": values for name, values in found.items()}


def _wholes(name: str, values: Array) -> list[int]:
    try:
        numbers = [operator.index(value) for value in values]
        str(numbers)  # a ValueError where one has more digits than Python writes
    except (TypeError, ValueError) as error:
        raise UserError(f"{name} must be whole numbers ({error}).") from None
    return numbers


def _names(class_names: Names) -> list[str]:
    """Names in the order of the classes: what has none, and a single text, are nobody's names."""
    if isinstance(class_names, str | Set | Mapping):
        raise UserError(f"class_names must be a list with a name for each class, got {kind_of(class_names)}.")
    try:
        return [str(name) for name in class_names]
    except TypeError:
        raise UserError(f"class_names must be a list of names, got {kind_of(class_names)}.") from None


def _outputs(classes: Sequence[int], tensors: dict[str, Tensor]) -> int:
    """As many as the highest class number asks for."""
    labels = tensors.get(f"{IN_SNAPSHOT}labels")
    whole = None if labels is None else whole_numbers(labels)
    return 1 + max([0, *classes, *([] if whole is None or not whole.numel() else [int(whole.max())])])
