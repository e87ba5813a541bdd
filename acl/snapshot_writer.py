"""Write a query of one's own as a snapshot: out of arrays, with class names and pictures in the same file."""

from __future__ import annotations

import json
import operator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from acl.config import FORMAT, UserError
from acl.files import disk_trouble, replace_file
from acl.sample_pictures import IN_SNAPSHOT, whole_numbers
from acl.snapshot import ROLES, load_snapshot

USUAL_N = 10
Array = Any
"""Of NumPy or torch, or a list."""
Table = Any
"""A tuple of arrays, (h, p) or (ids, h, p)."""


def write_snapshot(
    path: str | Path,
    pool: Table,
    memory: Table | None = None,
    labelled: Table | None = None,
    *,
    n: int | None = None,
    lambda_: float | int | None = None,
    classes: Array | None = None,
    n_classes: int | None = None,
    class_names: Sequence[str] | None = None,
    pictures: Array | None = None,
    labels: Array | None = None,
    task: int = 1,
    round_: int = 1,
    seed: int = 0,
) -> tuple[str, ...]:
    """Write a query of your own to `path`, for `acl select`, `acl inspect` and the Inspect page.

    Arrays may be of NumPy or torch, or lists; what is written has been read back and checked (acl.snapshot).

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
    if n_classes is None:
        n_classes = _outputs(numbers, tensors) if class_names is None else len(class_names)
    said: dict[str, object] = {
        "format": FORMAT,
        "classes": json.dumps(numbers),
        "n_classes": n_classes,
        "lambda": size["memory"] / max(sum(size.values()), 1) if lambda_ is None else lambda_,
        "n": min(USUAL_N, size["pool"]) if n is None else n,
        "task": task, "round": round_, "seed": seed,
    }  # fmt: skip
    if class_names is not None:
        said["class_names"] = json.dumps([str(name) for name in class_names])
    return _written(path, tensors, {name: str(value) for name, value in said.items()})


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
        if isinstance(values, Tensor):
            return values.detach().cpu().clone(memory_format=torch.contiguous_format)
        return torch.tensor(np.ascontiguousarray(values))
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
            tensors[f"{role}.ids"] = torch.arange(following, following + rows)
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
        return [operator.index(value) for value in values]
    except TypeError as error:
        raise UserError(f"{name} must be whole numbers ({error}).") from None


def _outputs(classes: Sequence[int], tensors: dict[str, Tensor]) -> int:
    """As many as the highest class number asks for."""
    labels = tensors.get(f"{IN_SNAPSHOT}labels")
    whole = None if labels is None else whole_numbers(labels)
    return 1 + max([0, *classes, *([] if whole is None or not whole.numel() else [int(whole.max())])])
