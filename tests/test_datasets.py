"""Every dataset reads its official files; own images of any kind are read, or refused in one sentence."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from acl import images as images_module
from acl import pictures
from acl.config import RunConfig, UserError, make_config
from acl.images import Images
from acl.pictures import square
from acl.presets import PRESETS, preset_config
from acl.registry import build, choices, prepare
from tests.sets import (
    noise,
    png,
    write_cifar,
    write_folder,
    write_idx,
    write_parquet,
    write_tinyimagenet,
    write_zip,
)
from tests.tools import facts, run_config

TINY = {"n_start": 2, "n_query": 2, "n_end": 4, "epochs": 1, "memory": 20, "width": 4}


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("ACL_DATA", str(tmp_path / "sets"))
    return tmp_path / "sets"


def load(dataset, **values):
    return build("datasets", dataset, make_config(values)).load()


def refusal(dataset, **values):
    with pytest.raises(UserError) as raised:
        load(dataset, **values)
    text = str(raised.value)
    assert text.endswith((".", "?")) and "\n" not in text
    return text


# -- official files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "label"), [("mnist", "SplitMNIST"), ("fashion_mnist", "SplitFashionMNIST")])
def test_idx_files(name, label, data_dir):
    images, labels = write_idx(data_dir / name, 40, 20)
    data = load(name)
    assert data.name == choices("datasets")[name].label == label and len(data.class_names) == 10
    assert (data.images[..., 0] == images).all() and (data.labels == labels).all()
    assert data.is_train.tolist() == [True] * 40 + [False] * 20


@pytest.mark.parametrize("content", [b"no gzip", b"\x1f\x8b\x08\x00broken"])
def test_a_damaged_idx_file_is_named(content, data_dir):
    write_idx(data_dir / "mnist", 10, 10)
    (data_dir / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(content)
    assert "t10k-labels-idx1-ubyte.gz is no IDX file" in refusal("mnist")


def test_cifar10_is_read_from_its_binary_archive(data_dir):
    batches = {f"data_batch_{i}.bin": noise(4, 3073) for i in range(1, 6)} | {"test_batch.bin": noise(4, 3073)}
    for records in batches.values():
        records[:, 0] %= 10
    path = data_dir / "cifar10" / "cifar-10-binary.tar.gz"
    write_cifar(path, batches, "batches.meta.txt", [f"thing{i}" for i in range(10)])
    data = load("cifar10")
    assert data.images.shape == (24, 32, 32, 3) and data.is_train.sum() == 20 and data.class_names[3] == "thing3"
    record = batches["data_batch_2.bin"][1]
    assert data.labels[5] == record[0] and data.images[5, 4, 7, 2] == record[1 + 2 * 1024 + 4 * 32 + 7]
    path.write_bytes(path.read_bytes()[:500])
    assert "cifar-10-binary.tar.gz is no binary archive" in refusal("cifar10")


def test_cifar100_has_the_fine_labels(data_dir):
    parts = {"train.bin": noise(6, 3074) % 100, "test.bin": noise(4, 3074) % 100}
    write_cifar(
        data_dir / "cifar100" / "cifar-100-binary.tar.gz", parts, "fine_label_names.txt", list(map(str, range(100)))
    )
    data = load("cifar100")
    assert (data.labels[:6] == parts["train.bin"][:, 1]).all() and data.is_train.sum() == 6


def test_tinyimagenet_as_a_zip_and_unpacked(data_dir, tmp_path):
    files = write_tinyimagenet(tmp_path / "unpacked")
    write_zip(data_dir / "tinyimagenet" / "tiny-imagenet-200.zip", files)
    zipped = load("tinyimagenet")
    assert zipped.class_names == ("bullfrog", "goldfish") and zipped.images.shape == (10, 64, 64, 3)
    assert zipped.labels.tolist() == [1, 1, 1, 0, 0, 0, 0, 1, 0, 1] and zipped.is_train.sum() == 6
    first = files["tiny-imagenet-200/train/n01/images/n01_0.JPEG"]
    assert (zipped.images[0] == np.asarray(Image.open(io.BytesIO(first)))).all()
    shutil.move(tmp_path / "unpacked" / "tiny-imagenet-200", data_dir / "tinyimagenet")
    unpacked = load("tinyimagenet")
    assert (unpacked.images == zipped.images).all() and (unpacked.labels == zipped.labels).all()


@pytest.mark.parametrize("name", [name for name in PRESETS if not name.startswith("digits")])
def test_a_preset_without_its_data_says_what_to_do(name, data_dir):
    config = preset_config(name)
    with pytest.raises(UserError) as raised:
        prepare(config)
    text = str(raised.value)
    assert f"acl data get {config.dataset}" in text and str(data_dir / config.dataset) in text and "\n" not in text
    assert ("assumed" in PRESETS[name].summary) == (config.dataset in {"cifar100", "tinyimagenet"})


def test_the_papers_settings():
    config = preset_config("tinyimagenet-paper-m2000")
    assert (config.memory, config.n_end, config.momentum, config.weight_decay) == (2000, 2000, 0.9, 1e-4)
    config = preset_config("cifar10-paper-m200")
    assert (config.memory, config.rounds, config.lr_end, config.replay) == (200, 9, 0.001, "paper")
    assert config.feature_dim == 512 and config.device == "auto"


# -- own images ----------------------------------------------------------------------------------------


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def palette() -> Image.Image:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    return image


MODES = {
    "grey": (encoded(Image.new("L", (8, 8), 77)), (77, 77, 77)),
    "bilevel": (encoded(Image.new("1", (8, 8), 1)), (255, 255, 255)),
    "grey 16 bit": (encoded(Image.fromarray(np.full((8, 8), 0x8080, np.uint16))), (128, 128, 128)),
    "grey 16 bit tiff": (encoded(Image.fromarray(np.full((8, 8), 0xFFFF, np.uint16)), "TIFF"), (255, 255, 255)),
    "colour": (encoded(Image.new("RGB", (8, 8), (1, 2, 3))), (1, 2, 3)),
    "transparent": (encoded(Image.new("RGBA", (8, 8), (9, 9, 9, 0))), (255, 255, 255)),
    "opaque": (encoded(Image.new("RGBA", (8, 8), (9, 8, 7, 255))), (9, 8, 7)),
    "grey with alpha": (encoded(Image.new("LA", (8, 8), (5, 0))), (255, 255, 255)),
    "palette": (encoded(palette()), (10, 200, 30)),
    "palette with transparency": (encoded(palette(), transparency=1), (255, 255, 255)),
    "cmyk": (encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF"), (255, 0, 0)),
    "gif": (encoded(palette(), "GIF"), (10, 200, 30)),
}


@pytest.mark.parametrize("mode", MODES)
def test_images_of_every_mode_become_rgb(mode):
    data, colour = MODES[mode]
    pixels = square(data, 4)
    assert pixels.shape == (4, 4, 3) and pixels.dtype == np.uint8 and (pixels == colour).all()


def test_images_are_cut_to_the_middle_and_averaged():
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 2:6] = np.arange(0, 160, 10, dtype=np.uint8).reshape(4, 4, 1)
    small = square(png(pixels), 2)
    assert (small[..., 0] == pixels[:, 2:6, 0].reshape(2, 2, 2, 2).mean((1, 3))).all()
    assert (square(png(pixels[:, 2:6]), 4) == pixels[:, 2:6]).all()
    assert square(png(pixels), 16).shape == (16, 16, 3)


def test_photos_are_turned_upright():
    image = Image.new("RGB", (8, 8))
    image.paste((255, 0, 0), (0, 0, 8, 4))
    exif = image.getexif()
    exif[0x0112] = 3  # upside down
    assert square(encoded(image, exif=exif), 8)[6, 4].tolist() == [255, 0, 0]


def test_a_folder_with_a_split(tmp_path):
    write_folder(tmp_path / "pets" / "train", {"dog": 4, "cat": 3})
    write_folder(tmp_path / "pets" / "test", {"dog": 2, "cat": 1})
    (tmp_path / "pets" / "train" / "dog" / "notes.txt").write_text("not an image")
    data = load("folder", data=str(tmp_path / "pets"), image_size=8)
    assert (
        data.name == "own images (pets)" and data.class_names == ("cat", "dog") and data.images.shape[1:] == (8, 8, 3)
    )
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1, 1, 0, 1, 1] and data.is_train.sum() == 7 and not data.notes
    assert isinstance(data.images, np.memmap) and not data.images.flags.writeable


def test_one_folder_is_split_by_file_name(tmp_path):
    write_folder(tmp_path / "pets", {"dog": 10, "cat": 5, "train": 2})
    data = load("folder", data=str(tmp_path / "pets"))
    shares = [data.is_train[data.labels == c].sum() for c in range(3)]
    assert data.class_names == ("cat", "dog", "train") and shares == [4, 8, 1]
    before = data.is_train[data.labels == 0]
    (tmp_path / "pets" / "dog" / "00.png").unlink()
    again = load("folder", data=str(tmp_path / "pets"))
    assert (again.is_train[again.labels == 0] == before).all() and len(again.labels) == 16


def test_corrupt_files_are_left_out_and_listed(tmp_path, capsys):
    write_folder(tmp_path / "pets", {"dog": 12, "cat": 12})
    for i in range(7):
        (tmp_path / "pets" / "cat" / f"{i:02d}.png").write_bytes(png(noise(9, 9, 3))[: 60 if i % 2 else 0])
    config = make_config({"dataset": "folder", "data": str(tmp_path / "pets"), **TINY})
    stream = prepare(config)
    assert len(stream.notes) == 1 and stream.notes[0].startswith("7 of 24 images could not be read")
    assert "cat/00.png" in stream.notes[0] and "…" in stream.notes[0] and "cat/06.png" not in stream.notes[0]
    assert "Reading own images (pets)" in capsys.readouterr().err
    used = np.concatenate([ids for task in stream.tasks for ids in (task.train_ids, task.test_ids)])
    assert len(used) == 17 and not {0, 6} & set(used.tolist())
    assert run_config(config)[-1].kind == "finished"


def test_a_bomb_is_no_image(monkeypatch, tmp_path):
    write_folder(tmp_path / "pets", {"dog": 3, "cat": 3})
    (tmp_path / "pets" / "cat" / "big.png").write_bytes(png(noise(40, 40, 3)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert "cat/big.png" in load("folder", data=str(tmp_path / "pets")).notes[0]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [({"dog": 3}, "at least 2 classes"), ({}, "at least 2 classes"), ({"dog": 3, "cat": 0}, "class 'cat'")],
)
def test_folders_that_hold_no_classes_are_refused(classes, expected, tmp_path):
    (tmp_path / "pets").mkdir()
    write_folder(tmp_path / "pets", classes)
    assert expected in refusal("folder", data=str(tmp_path / "pets"))


def test_folders_with_half_a_split_are_refused(tmp_path):
    write_folder(tmp_path / "pets" / "train", {"dog": 3, "cat": 3})
    assert "no folder test" in refusal("folder", data=str(tmp_path / "pets"))
    write_folder(tmp_path / "pets" / "test", {"dog": 3, "bird": 3})
    assert "class 'bird'" in refusal("folder", data=str(tmp_path / "pets"))
    assert "needs data" in refusal("folder") and "needs data" in refusal("folder", data=str(tmp_path / "nowhere"))


def test_a_class_of_one_image_is_refused(tmp_path):
    write_folder(tmp_path / "pets", {"dog": 3, "cat": 1})
    assert "'cat'" in refusal("folder", data=str(tmp_path / "pets"))


def parquet_pair(folder, names=("ant", "bee")):
    train, test = [png(noise(6, 6, 3)) for _ in range(8)], [png(noise(6, 6, 3)) for _ in range(4)]
    labels = [0, 1] * 4
    write_parquet(folder / "bugs-train.parquet", train, labels, names and list(names))
    write_parquet(folder / "bugs-test.parquet", test, labels[:4], names and list(names))
    return train + test


@pytest.mark.parametrize("given", ["", "bugs"])
def test_parquet_by_folder_and_by_the_beginning_of_the_names(given, tmp_path):
    images = parquet_pair(tmp_path / "insects")
    data = load("parquet", data=str(tmp_path / "insects" / given), image_size=6)
    assert data.class_names == ("ant", "bee") and data.is_train.tolist() == [True] * 8 + [False] * 4
    assert (data.images[9] == np.asarray(Image.open(io.BytesIO(images[9])))).all()


def test_one_parquet_file_without_names_and_with_a_broken_row(tmp_path):
    images = [png(noise(6, 6, 3)) for _ in range(20)]
    write_parquet(tmp_path / "bugs.parquet", [None, b"no image", *images], [0, 1, *[0, 1] * 10], None)
    data = load("parquet", data=str(tmp_path / "bugs.parquet"))
    assert data.class_names == ("0", "1") and data.is_train[2:].sum() == 16 and data.labels[:2].tolist() == [-1, -1]
    assert "2 of 22" in data.notes[0] and "bugs.parquet row 1" in data.notes[0]


def test_parquet_files_that_do_not_fit_are_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "bugs.parquet"
    assert "needs data" in refusal("parquet", data=str(path))
    path.write_bytes(b"PAR1 no")
    assert "cannot be read" in refusal("parquet", data=str(path))
    pq.write_table(pa.table({"img": [b""], "label": [0]}), path)
    assert "needs a column image" in refusal("parquet", data=str(path))
    write_parquet(path, [b"", b""], [0, 2], ["ant", "bee"])
    assert "must be 0..1" in refusal("parquet", data=str(path))
    write_parquet(path, [b"", b""], [0, None], ["ant", "bee"])
    assert "1 images without a label" in refusal("parquet", data=str(path))
    write_parquet(path, [b"", b""], [0, 0], ["ant"])
    assert "at least 2 classes" in refusal("parquet", data=str(path))


def test_a_run_whose_images_moved_goes_on(tmp_path, capsys):
    from acl.cli import main
    from acl.runs import list_runs

    write_folder(tmp_path / "pets", {"dog": 10, "cat": 10})
    settings = [part for name, value in TINY.items() for part in ("--set", f"{name}={value}")]
    options = ["--runs", str(tmp_path / "runs"), "--quiet"]
    assert main(["run", "--dataset", "folder", "--data", str(tmp_path / "pets"), *settings, *options]) == 0
    summary = capsys.readouterr().out
    run = list_runs(tmp_path / "runs")[0]
    lines = run.events.read_bytes().splitlines(keepends=True)
    run.events.write_bytes(b"".join(lines[:4]))
    (run.path / "summary.json").unlink()
    shutil.move(tmp_path / "pets", tmp_path / "moved")
    assert main(["resume", run.id, *options]) == 2 and "needs data" in capsys.readouterr().err
    (tmp_path / "moved" / "cat" / "03.png").rename(tmp_path / "03.png")
    assert main(["resume", run.id, "--data", str(tmp_path / "moved"), *options]) == 2
    assert "not those this run began with" in capsys.readouterr().err
    (tmp_path / "03.png").rename(tmp_path / "moved" / "cat" / "03.png")
    assert main(["resume", run.id, "--data", str(tmp_path / "moved"), *options]) == 0
    assert capsys.readouterr().out == summary


# -- the cache and the device --------------------------------------------------------------------------


def test_images_are_decoded_once_and_anew_when_a_file_changes(tmp_path, monkeypatch):
    write_folder(tmp_path / "pets", {"dog": 3, "cat": 3})
    calls, once = [], pictures.square
    monkeypatch.setattr(pictures, "square", lambda data, size: calls.append(0) or once(data, size))
    first = load("folder", data=str(tmp_path / "pets"))
    assert (load("folder", data=str(tmp_path / "pets")).images == first.images).all() and len(calls) == 6
    load("folder", data=str(tmp_path / "pets"), image_size=8)
    assert len(calls) == 12
    (tmp_path / "pets" / "cat" / "00.png").write_bytes(png(noise(32, 32, 3)))
    again = load("folder", data=str(tmp_path / "pets"))
    assert len(calls) == 18 and not (again.images[0] == first.images[0]).all()


def test_a_killed_decoding_leaves_nothing_that_counts(tmp_path, monkeypatch, data_dir):
    write_folder(tmp_path / "pets", {"dog": 3, "cat": 3})

    def killed(data, size):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pictures, "square", killed)
        with pytest.raises(KeyboardInterrupt):
            load("folder", data=str(tmp_path / "pets"))
    assert load("folder", data=str(tmp_path / "pets")).images.any()
    assert not list((data_dir / "cache").glob(".*"))


@pytest.mark.parametrize("augment", ["none", "crop_flip"])
def test_a_set_left_on_the_disk_gives_the_same_bits(tmp_path, monkeypatch, augment):
    write_folder(tmp_path / "pets", {"dog": 12, "cat": 12})
    config = make_config(
        {"dataset": "folder", "data": str(tmp_path / "pets"), "image_size": 12, "augment": augment, **TINY}
    )
    resident = facts(run_config(config))
    stream = prepare(config)
    ids = torch.tensor([5, 0, 11])
    train_ids = stream.tasks[0].train_ids
    before = Images(stream.images, train_ids, augment, torch.device("cpu")).augmented(ids, 7)
    monkeypatch.setattr(images_module, "RESIDENT_BYTES", 0)
    on_disk = Images(stream.images, train_ids, augment, torch.device("cpu"))
    assert torch.equal(on_disk.augmented(ids, 7), before) and on_disk.shape == (3, 12, 12)
    assert facts(run_config(config)) == resident


def test_the_statistics_of_the_training_images(stream):
    ids = stream.tasks[0].train_ids
    images = Images(stream.images, ids, "none", torch.device("cpu"))
    x = images.batch(torch.from_numpy(ids)).double()
    assert abs(float(x.mean())) < 1e-6 and abs(float(x.var(unbiased=False)) - 1) < 1e-5


def test_datasets_need_no_torch():
    code = (
        "import sys\nfrom acl.presets import preset_config\nfrom acl.registry import discover, prepare\n"
        "prepare(preset_config('digits-demo', shuffle_classes=True))\n"
        "[found.load() for found in discover('datasets').values()]\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_device_auto_is_decided_when_a_run_is_made(stream, monkeypatch):
    from acl import runs

    config: RunConfig = make_config({"device": "auto"})
    for devices, expected in ((0, "cpu"), (2, "cuda")):
        monkeypatch.setattr(runs, "cuda_devices", lambda devices=devices: devices)
        assert runs.resolved(config, stream).device == expected
