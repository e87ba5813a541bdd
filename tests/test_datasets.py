"""Every dataset reads its official files; images are decoded once, and the device gets the same bits from the disk."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from acl.config import RunConfig, UserError, make_config
from acl.network import images as images_module
from acl.network.images import Images
from acl.plugins.registry import choices, prepare
from acl.presets import PRESETS, preset_config
from acl.stream import pictures
from tests.sets import (
    load,
    noise,
    png,
    refusal,
    write_cifar,
    write_folder,
    write_idx,
    write_tinyimagenet,
    write_zip,
)
from tests.tools import facts, run_config

pytestmark = pytest.mark.usefixtures("data_dir")
TINY = {"n_start": 2, "n_query": 2, "n_end": 4, "epochs": 1, "memory": 20, "width": 4}


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


def test_a_run_whose_images_moved_goes_on(tmp_path, capsys):
    from acl.cli import main
    from acl.runs.folder import list_runs

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
    calls, once = [], pictures.raw_square
    monkeypatch.setattr(pictures, "raw_square", lambda data, size: calls.append(0) or once(data, size))
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
        patch.setattr(pictures, "raw_square", killed)
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
    images = Images(stream.images, train_ids, augment, torch.device("cpu"))
    views = torch.from_numpy(images.views(7, ids.numpy()))
    before = images.augmented(ids, views)
    monkeypatch.setattr(images_module, "RESIDENT_BYTES", 0)
    on_disk = Images(stream.images, train_ids, augment, torch.device("cpu"))
    assert images.resident and not on_disk.resident
    assert torch.equal(on_disk.augmented(ids, views), before) and on_disk.shape == (3, 12, 12)
    assert facts(run_config(config)) == resident


def test_the_statistics_of_the_training_images(stream):
    ids = stream.tasks[0].train_ids
    images = Images(stream.images, ids, "none", torch.device("cpu"))
    x = images.batch(torch.from_numpy(ids)).double()
    assert abs(float(x.mean())) < 1e-6 and abs(float(x.var(unbiased=False)) - 1) < 1e-5


def test_datasets_need_no_torch():
    code = (
        "import sys\nfrom acl.presets import preset_config\nfrom acl.plugins.registry import discover, prepare\n"
        "prepare(preset_config('digits-demo', shuffle_classes=True))\n"
        "[found.load() for found in discover('datasets').values()]\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_device_auto_is_decided_when_a_run_is_made(stream, monkeypatch):
    from acl.runs import folder as runs

    config: RunConfig = make_config({"device": "auto"})
    for why, expected in (("no NVIDIA driver", "cpu"), ("", "cuda")):
        monkeypatch.setattr(runs, "no_gpu", lambda why=why: why)
        assert runs.resolved(config, stream).device == expected
