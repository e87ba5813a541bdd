"""Snapshots: a query as one safetensors file, whoever wrote it, read and checked here (acl.write_snapshot writes one).

Tensors, of which `labelled` and `memory` may be left out:
    pool.ids, labelled.ids, memory.ids      int [N]: the samples' names, each of its own over all roles
    pool.h, labelled.h, memory.h            float [N, d], penultimate features
    pool.p, labelled.p, memory.p            float [N, C], probabilities over the C `classes`; rows sum to 1 (± 1 %)
    pictures.ids, .images, .labels          pictures and true classes, if there are any (see sample_pictures)
Metadata, all of it text:
    format "1"; classes, a JSON list of C class numbers; n, how many to pick; lambda, the weight of the past; task,
    round, seed, which name the random draws; and if you like class_names, a JSON list of a name for each output of the
    network, and n_classes, the number of these outputs (else that of class_names, else that of classes)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from acl.config import FORMAT, UserError
from acl.names import distinct, from_json
from acl.selection.query import QueryContext, Samples, sums_to_one
from acl.snapshots.sample_pictures import IN_SNAPSHOT, SamplePictures, find_pictures, whole_numbers
from acl.system.files import open_at_all

ROLES = ("pool", "labelled", "memory")
PARTS = ("ids", "h", "p")


@dataclass(frozen=True)
class Snapshot:
    """What a file holds. notes: sentences about what was mended while it was read, most often none; class_names: of
    class 0, 1, …, empty where the file has none."""

    context: QueryContext
    notes: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    pictures: SamplePictures | None = None


def load_snapshot(path: Path, called: str = "") -> Snapshot:
    """Read and check a snapshot. Anything missing, misshapen or newer is a UserError that names it; called: how.

    Rows of p that do not sum to 1 are divided by their sum, which is noted. Everything else is as the file has it, h
    and p in float32; pictures are read when they are asked for.
    """
    name = called or str(path)
    metadata, tensors = _read(path, name)
    if "format" not in metadata:
        raise UserError(f"{name} is not the snapshot of a query: its metadata names no format.")
    if metadata["format"] != FORMAT:
        raise UserError(f"{name} has snapshot format {metadata['format']!r}, this version reads {FORMAT!r}.")
    notes: list[str] = []
    try:
        classes = _classes(metadata["classes"])
        n, task, round_, seed = (int(metadata[entry]) for entry in ("n", "task", "round", "seed"))
        lambda_ = float(metadata["lambda"])
        class_names = _class_names(metadata.get("class_names"))
        n_classes = _outputs(metadata.get("n_classes"), classes, class_names, notes)
    except KeyError as error:
        raise UserError(f"{name} lacks the metadata entry {error}.") from None
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UserError(f"{name} has metadata that cannot be read ({error}).") from None
    pool = _samples(name, tensors, "pool", None, notes)
    labelled, memory = (_samples(name, tensors, role, pool, notes) for role in ROLES[1:])
    context = QueryContext(pool, labelled, memory, classes, n, lambda_, task, round_, seed, n_classes)
    if class_names or "n_classes" in metadata:
        _check_outputs(classes, n_classes)
    everyone = {id_ for samples in context.roles().values() for id_ in samples.ids.tolist()}
    return Snapshot(context, tuple(notes), class_names, find_pictures(path, IN_SNAPSHOT, everyone, context.n_labels))


def _read(path: Path, name: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata and the tensors of the roles."""
    try:
        open_at_all(path)
        with safe_open(path, framework="pt") as file:
            wanted = {f"{role}.{part}" for role in ROLES for part in PARTS}
            return file.metadata() or {}, {key: file.get_tensor(key) for key in wanted & set(file.keys())}
    except FileNotFoundError:
        raise UserError(f"{name} does not exist.") from None
    except (OSError, SafetensorError) as error:
        raise UserError(f"{name} is not a readable safetensors file ({error}).") from None


def _classes(text: str) -> tuple[int, ...]:
    classes = from_json(text)
    if not isinstance(classes, list) or not all(type(c) is int for c in classes):
        raise ValueError("classes is no list of whole numbers, one for each column of p")
    return tuple(classes)


def _outputs(said: str | None, classes: Sequence[int], names: Sequence[str], notes: list[str]) -> int:
    """n_classes: as the file says, else as many as there are names, else classes."""
    if said is None and not names:
        if max(classes, default=0) >= len(classes):
            notes.append(f"n_classes is not said: taken as {len(classes)}, the number of classes.")
        return len(classes)
    n_classes = len(names) if said is None else int(said)
    if names and len(names) != n_classes:
        raise ValueError(f"class_names has to name each of the {n_classes} classes 0..{n_classes - 1}, no two alike")
    return n_classes


def _check_outputs(classes: Sequence[int], n_classes: int) -> None:
    """UserError for a class of no output, where the outputs are known."""
    if max(classes) >= n_classes:
        raise UserError(f"The classes hold {max(classes)}, but n_classes, the number of all outputs, is {n_classes}.")


def _class_names(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    names = json.loads(text)
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError("class_names is no list of names")
    if len(set(names)) < len(names):
        raise ValueError("class_names has to name each class, no two alike")
    "".join(names).encode()  # a ValueError where half a character stands there
    return distinct(names)


def _samples(name: str, tensors: Mapping[str, Tensor], role: str, pool: Samples | None, notes: list[str]) -> Samples:
    """One role; like the pool's, but without any rows, where it is left out."""
    parts = [tensors.get(f"{role}.{part}") for part in PARTS]
    if pool is not None and all(part is None for part in parts):
        return pool.take(torch.arange(0))
    ids, h, p = parts
    if ids is None or h is None or p is None:
        lacking = next(f"{role}.{part_name}" for part_name, part in zip(PARTS, parts, strict=True) if part is None)
        raise UserError(f"{name} lacks the tensor {lacking!r}.")
    if ids.ndim != 1 or h.ndim != 2 or p.ndim != 2 or not len(ids) == len(h) == len(p):
        shapes = f"ids {list(ids.shape)}, h {list(h.shape)}, p {list(p.shape)}"
        raise UserError(f"{name}: {role} needs ids [N], h [N, d] and p [N, C] with one N, got {shapes}.")
    if pool is not None and not len(ids):
        return pool.take(torch.arange(0))
    whole = whole_numbers(ids)
    if whole is None:
        raise UserError(f"{name}: {role}.ids must be whole numbers (int32 or int64), got {_kind(ids)}.")
    features, probabilities = _single(f"{name}: {role}.h", h), _single(f"{name}: {role}.p", p)
    return Samples(whole, features, _rescaled(f"{role}.p", probabilities, notes))


def _single(name: str, values: Tensor) -> Tensor:
    """float32. What is too large for it is a UserError, not infinite."""
    if values.is_complex() or values.dtype == torch.bool:
        raise UserError(f"{name} must hold numbers (float16, bfloat16, float32 or float64), got {_kind(values)}.")
    single = values.float()
    if values.dtype == torch.float64 and bool((single.isinf() & ~values.isinf()).any()):
        raise UserError(f"{name} holds numbers beyond 3.4e38, the largest that float32 has: scale them down.")
    return single


def _rescaled(name: str, p: Tensor, notes: list[str]) -> Tensor:
    """p, rows that should sum to 1 and do not divided by their sum; rows that no sum mends are left to the context."""
    off = ~sums_to_one(p)
    off[off.clone()] = torch.isfinite(p[off]).all(1) & (p[off] >= 0).all(1) & p[off].any(1)
    if not bool(off.any()):
        return p
    rows = p[off].double()
    sums = rows.sum(1, keepdim=True)
    span = " to ".join(dict.fromkeys(f"{float(end):.3g}" for end in (sums.min(), sums.max())))
    notes.append(
        f"{len(sums):,} of {len(p):,} rows of {name} did not sum to 1 but to {span}: they were divided by their sum."
    )
    p = p.clone()
    p[off] = (rows / sums).float()
    return p


def _kind(values: Tensor) -> str:
    return str(values.dtype).removeprefix("torch.")
