"""Which columns of a Parquet file hold images and labels, and what these are, as the library `datasets` has it.

It is given schemas and arrays, never a file or a path. It is imported where they are read.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy import ndarray

from acl.config import UserError, near
from acl.names import printable, reason, some

IMAGES = ("image", "img", "images", "picture", "photo")
MOST_CLASSES = 1 << 16  # where nothing names the classes, larger numbers are no classes
LABELS = ("label", "labels", "fine_label", "coarse_label", "class", "classes", "target", "category")


@dataclass(frozen=True)
class Columns:
    """Which columns hold the images and the labels, and what the numbers of the classes mean, if that is said."""

    image: str
    label: str
    classes: tuple[str, ...] | None


def columns(schema: pa.Schema, wanted: str, where: str) -> Columns:
    """wanted: the label column that the user named, or ""."""
    if len(set(schema.names)) < len(schema.names):
        raise UserError(f"{where} has columns of the same name ({some(schema.names)}): rename them.")
    described = _described(schema, where)
    label = _wanted(schema, wanted, where) if wanted else _label(schema, described, where)
    classes = described[label].names if _is(described.get(label), "ClassLabel") else None
    return Columns(_image(schema, described, where), label, tuple(str(name) for name in classes or ()) or None)


def _described(schema: pa.Schema, where: str) -> dict[str, Any]:
    """The features of images and labels as the file itself describes them; of other columns nothing is needed."""
    text = (schema.metadata or {}).get(b"huggingface")
    if text is None:
        return {}
    from datasets import Features

    try:
        features = (json.loads(text).get("info") or {}).get("features") or {}
        return {
            name: Features.from_dict({name: features[name]})[name]
            for name in schema.names
            if isinstance(features.get(name), dict) and features[name].get("_type") in {"ClassLabel", "Image"}
        }
    except Exception as error:  # noqa: BLE001 - whatever the library meets in a description
        raise UserError(f"What {where} says of its columns cannot be used ({reason(error)}): write it anew.") from None


def _is(feature: Any, kind: str) -> bool:
    return type(feature).__name__ == kind


def _image(schema: pa.Schema, described: dict[str, Any], where: str) -> str:
    able = [field.name for field in schema if _holds_images(field.type)]
    found = (
        [name for name in able if _is(described.get(name), "Image")]
        or [name for name in able if name in IMAGES]
        or [name for name in able if not _is_text(_values(schema.field(name).type))]
    )
    if not found:
        raise UserError(
            f"{where} needs a column image (bytes, the path of a file, or a struct with bytes or path), "
            f"got {_shown(schema)}."
        )
    usual = [name for name in IMAGES if name in found]
    if len(found) > 1 and not usual:
        raise UserError(f"{where} has {len(found)} columns of images ({some(found)}): call the right one image.")
    return usual[0] if usual else found[0]


def _label(schema: pa.Schema, described: dict[str, Any], where: str) -> str:
    able = [field.name for field in schema if _holds_labels(field.type)]
    found = [n for n in able if _is(described.get(n), "ClassLabel")] or [n for n in LABELS if n in able]
    if "fine_label" in found:
        found = [name for name in found if name != "coarse_label"]
    if not found:
        raise UserError(
            f"{where} needs a column label (whole numbers or texts), or label_column set to another, "
            f"got {_shown(schema)}."
        )
    if len(found) > 1 and "label" not in found:
        raise UserError(f"{where} has {len(found)} columns of labels: set label_column to one of {some(found)}.")
    return "label" if "label" in found else found[0]


def _wanted(schema: pa.Schema, name: str, where: str) -> str:
    if name not in schema.names:
        raise UserError(f"label_column: {near(name, map(printable, schema.names), f'column of {where}')}")
    if not _holds_labels(schema.field(name).type):
        raise UserError(
            f"label_column must name a column of whole numbers or texts, but in {where} {printable(name)} is "
            f"{schema.field(name).type}."
        )
    return name


def _shown(schema: pa.Schema) -> str:
    return some([f"{field.name}: {field.type}" for field in schema]) or "no columns"


# -- Arrow types ---------------------------------------------------------------------------------------


def _values(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def _is_binary(type_: pa.DataType) -> bool:
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    return any(kind(type_) for kind in kinds)


def _holds_images(type_: pa.DataType) -> bool:
    type_ = _values(type_)
    if pa.types.is_struct(type_):
        fields = {field.name: _values(field.type) for field in type_}
        return _is_binary(fields.get("bytes", pa.null())) or _is_text(fields.get("path", pa.null()))
    pixels = pa.types.is_list(type_) and pa.types.is_list(type_.value_type)
    return bool(_is_text(type_) or _is_binary(type_) or pixels)


def names_files(type_: pa.DataType) -> bool:
    """Whether an image column of this type may hold paths in the place of images."""
    type_ = _values(type_)
    return _is_text(type_) or bool(pa.types.is_struct(type_) and type_.get_field_index("path") >= 0)


def _holds_labels(type_: pa.DataType) -> bool:
    type_ = _values(type_)
    return bool(_is_text(type_) or pa.types.is_integer(type_) or pa.types.is_boolean(type_))


def _usual(array: pa.Array) -> pa.Array:
    """Without dictionaries and views, which the library does not take."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string_view(array.type):
        return array.cast(pa.large_string())
    if pa.types.is_binary_view(array.type) or pa.types.is_fixed_size_binary(array.type):
        return array.cast(pa.large_binary())
    return array


def images(column: pa.Array, where: str) -> Iterator[tuple[bytes | None, str | None]]:
    """The bytes of each image, and the path of its file, which counts where there are no bytes."""
    from datasets import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that pixels in lists become numbers of fewer bits
            cells = Image(decode=False).cast_storage(_usual(column)).to_pylist()
    except Exception as error:  # noqa: BLE001 - whatever the library meets in an array
        raise UserError(f"The images of {where} cannot be read ({reason(error)}).") from None
    return ((cell["bytes"], cell["path"]) if cell else (None, None) for cell in cells)


# -- labels --------------------------------------------------------------------------------------------


def labels(column: pa.ChunkedArray, classes: tuple[str, ...] | None, where: str) -> ndarray:
    """int64 [n], or objects (texts) where no classes are named. UserError for what is no label, and for labels
    that no class has; -1 says that there is none."""
    array = _usual(column.combine_chunks())
    missing = array.null_count or (sum(not text.strip() for text in array.to_pylist()) if _is_text(array.type) else 0)
    if missing:
        raise UserError(f"{where} has {missing} images without a label: take them out.")
    if _is_text(array.type):
        texts = np.array(array.to_pylist(), dtype=object)
        return texts if classes is None else _numbers_of(texts, classes, where)
    numbers = np.asarray(array.cast(pa.int8() if pa.types.is_boolean(array.type) else array.type).to_numpy(False))
    n = MOST_CLASSES if classes is None else len(classes)
    if len(numbers) and not (-1 <= int(numbers.min()) and int(numbers.max()) < n):
        wrong = next(value for value in (int(numbers.min()), int(numbers.max())) if not -1 <= value < n)
        raise UserError(
            f"The labels of {where} must be 0..{n - 1} (or -1 where there is none), got {wrong}: "
            + ("such numbers are no classes." if classes is None else "no class has this number.")
        )
    return numbers.astype(np.int64)


def _numbers_of(texts: ndarray, classes: tuple[str, ...], where: str) -> ndarray:
    from datasets import ClassLabel

    feature = ClassLabel(names=list(classes))
    found = {}
    for text in set(texts.tolist()):
        try:
            found[text] = feature.str2int(text)
        except ValueError:
            raise UserError(f"{where} has the label '{printable(text)}', but no class of this name.") from None
    return np.array([found[text] for text in texts], dtype=np.int64)
