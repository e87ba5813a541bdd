"""Sets that torchvision has put on the disk are read where they lie, and no pickle of theirs is run."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from acl.cli import main
from acl.plugins.registry import discover, lying
from acl.stream.pickled import unpickled
from tests.sets import load, noise, refusal, write_cifar, write_idx, write_tinyimagenet

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
RAW = {"mnist": "MNIST/raw", "fashion_mnist": "FashionMNIST/raw"}


def of_python_2(value: object) -> bytes:
    """The pickle that Python 2 wrote, protocol 2: what is here a bytes was its str."""
    out = io.BytesIO(b"\x80\x02")
    out.seek(2)
    _write(out, value)
    return out.getvalue() + b"."


def _write(out: io.BytesIO, value: object) -> None:
    match value:
        case bool():
            out.write(b"\x88" if value else b"\x89")
        case int():
            out.write(b"J" + struct.pack("<i", value))
        case bytes():
            out.write(b"T" + struct.pack("<i", len(value)) + value)
        case list():
            out.write(b"](")
            for one in value:
                _write(out, one)
            out.write(b"e")
        case dict():
            out.write(b"}(")
            for key, one in value.items():
                _write(out, key)
                _write(out, one)
            out.write(b"u")
        case np.ndarray():
            out.write(b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\n(K\x00tU\x01b\x87R(K\x01(")
            for size in value.shape:
                _write(out, size)
            out.write(
                b"tcnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
            )
            _write(out, value.tobytes())
            out.write(b"tb")


def cifar10(n: int = 4) -> tuple[dict[str, dict[bytes, object]], dict[str, np.ndarray]]:
    """The batches as torchvision unpacks them, and the same as records of the binary archive."""
    parts = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    records = {part: noise(n, 3073) for part in parts}
    for rows in records.values():
        rows[:, 0] %= 10
    batches: dict[str, dict[bytes, object]] = {
        part: {
            b"batch_label": part.encode(),
            b"labels": rows[:, 0].tolist(),
            b"data": rows[:, 1:].copy(),
        }
        for part, rows in records.items()
    }
    batches["batches.meta"] = {b"num_vis": 3072, b"label_names": [f"thing{i}".encode() for i in range(10)]}
    return batches, {f"{part}.bin": rows for part, rows in records.items()}


def write_batches(folder: Path, batches: dict[str, dict[bytes, object]], dumps=of_python_2) -> Path:
    folder.mkdir(parents=True)
    for name, batch in batches.items():
        (folder / name).write_bytes(dumps(batch))
    return folder


@pytest.mark.parametrize("below", ["", "cifar10"])
@pytest.mark.parametrize("protocol", ["Python 2", *PROTOCOLS])
def test_cifar10_is_the_same_from_either_archive(data_dir, protocol, below):
    batches, records = cifar10()
    folder = data_dir / below / "cifar-10-batches-py"
    write_batches(folder, batches, of_python_2 if protocol == "Python 2" else lambda b: pickle.dumps(b, protocol))
    assert lying("cifar10") == folder
    lain = load("cifar10")
    names = [f"thing{i}" for i in range(10)]
    write_cifar(data_dir / "cifar10" / "fetched" / "x.tar.gz", records, "batches.meta.txt", names)
    (data_dir / "cifar10" / "fetched" / "x.tar.gz").rename(data_dir / "cifar10" / "cifar-10-binary.tar.gz")
    fetched = load("cifar10")
    assert (lain.images == fetched.images).all() and lain.labels.tolist() == fetched.labels.tolist()
    assert lain.class_names == fetched.class_names and lain.is_train.tolist() == fetched.is_train.tolist()
    assert lying("cifar10") == data_dir / "cifar10"


def test_cifar100_has_the_fine_labels(data_dir):
    fine, coarse = list(range(100)), [i % 20 for i in range(100)]
    batches: dict[str, dict[bytes, object]] = {
        part: {
            b"filenames": [b"x"] * 100,
            b"fine_labels": fine,
            b"coarse_labels": coarse,
            b"data": noise(100, 3072),
        }
        for part in ("train", "test")
    }
    batches["meta"] = {b"fine_label_names": [str(i).encode() for i in range(100)], b"coarse_label_names": [b"one"]}
    write_batches(data_dir / "cifar-100-python", batches)
    data = load("cifar100")
    assert data.labels.tolist() == fine * 2 and data.is_train.sum() == 100 and data.class_names[42] == "42"
    first = batches["train"][b"data"]
    assert isinstance(first, np.ndarray) and data.images[7, 4, 9, 1] == first[7, 1024 + 4 * 32 + 9]


@pytest.mark.parametrize("gzipped", [True, False])
@pytest.mark.parametrize("name", RAW)
def test_idx_files_gzipped_or_not(data_dir, name, gzipped):
    images, labels = write_idx(data_dir / RAW[name], 40, 20)
    if not gzipped:
        for path in (data_dir / RAW[name]).iterdir():
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
    data = load(name)
    assert (data.images[..., 0] == images).all() and (data.labels == labels).all()
    (next((data_dir / RAW[name]).glob("t10k-labels*"))).write_bytes(b"\0\0\x08\x02abc")
    assert "t10k-labels" in refusal(name) and "is no IDX file" in refusal(name)


def test_tinyimagenet(data_dir):
    write_tinyimagenet(data_dir)
    assert load("tinyimagenet").class_names == ("bullfrog", "goldfish")


def test_every_fetched_set_has_such_a_folder_and_none_is_fetched_that_is_there(data_dir, capsys):
    for name, found in discover("datasets").items():
        assert bool(found.unpacked) == found.fetched
        if found.fetched:
            (data_dir / found.unpacked).mkdir(parents=True)
            assert main(["data", "get", name]) == 0 and capsys.readouterr().out == f"{data_dir / found.unpacked}\n"
            assert main(["data", "list"]) == 0
            line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(name))
            assert " here " in line and line.endswith(found.unpacked)


class Touches:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickle_that_would_call_something_is_refused_and_not_run(data_dir, tmp_path, protocol):
    batches, _ = cifar10()
    batches["data_batch_3"][b"extra"] = Touches(tmp_path / "touched")
    write_batches(data_dir / "cifar-10-batches-py", batches, lambda batch: pickle.dumps(batch, protocol))
    said = refusal("cifar10")
    assert "data_batch_3 is no batch of CIFAR" in said and "open" in said
    assert not (tmp_path / "touched").exists()


SPOILED = {
    "empty": lambda raw: b"",
    "half": lambda raw: raw[: len(raw) // 2],
    "no pickle": lambda raw: b"<html>not found</html>",
    "a list": lambda raw: pickle.dumps([1]),
    "no key": lambda raw: pickle.dumps({b"data": noise(4, 3072)}),
    "floats": lambda raw: pickle.dumps({b"data": np.zeros((4, 3072)), b"labels": [0, 1, 2, 3]}),
    "objects": lambda raw: pickle.dumps({b"data": np.array([{}, None]), b"labels": [0, 1]}),
    "fewer labels": lambda raw: pickle.dumps({b"data": noise(4, 3072), b"labels": [1]}),
    "another class": lambda raw: pickle.dumps({b"data": noise(4, 3072), b"labels": [0, 1, 2, 10]}),
    "words": lambda raw: pickle.dumps({b"data": noise(4, 3072), b"labels": ["a", "b", "c", "d"]}),
    "nested": lambda raw: b"\x80\x02" + b"(" * 5000 + b"l" * 4999 + b".",
    "an unknown instruction": lambda raw: b"\x80\x02}2.",
    "a number of many digits": lambda raw: b"(dp0\nS'data'\nL" + b"9" * 5000 + b"L\ns.",
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_damaged_batch_is_one_sentence_with_its_name(data_dir, how):
    batches, _ = cifar10()
    path = write_batches(data_dir / "cifar-10-batches-py", batches) / "data_batch_2"
    path.write_bytes(SPOILED[how](path.read_bytes()))
    assert "data_batch_2 is no batch of CIFAR (" in refusal("cifar10")
    path.unlink()
    assert "data_batch_2 is no batch of CIFAR (it is not there)" in refusal("cifar10")


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_single_bytes_changed_are_values_or_a_sentence(tmp_path):
    batches, _ = cifar10(2)
    raw = np.frombuffer(of_python_2(batches["data_batch_1"]), np.uint8)
    rng = np.random.default_rng(1)
    path = tmp_path / "batch"
    refused = 0
    for _ in range(300):
        changed = raw.copy()
        changed[rng.integers(0, 200 if rng.random() < 0.7 else len(raw))] = rng.integers(256)
        path.write_bytes(changed.tobytes())
        try:
            assert isinstance(unpickled(path), dict)
        except ValueError:
            refused += 1
    assert 0 < refused < 300


def test_arrays_are_as_numpy_reads_them(tmp_path):
    arrays = {
        "rows": np.arange(12, dtype="<i4").reshape(3, 4), "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.arange(5, dtype=">u2"), "flags": np.array([True, False]),
    }  # fmt: skip
    for protocol in PROTOCOLS:
        (tmp_path / "arrays").write_bytes(pickle.dumps(arrays, protocol))
        found = unpickled(tmp_path / "arrays")
        assert all(np.array_equal(found[name], array) for name, array in arrays.items()), protocol
