"""A folder of images: every layout that people have is read, or refused with the one that is expected."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from acl.config import make_config
from acl.plugins.registry import build, prepare
from acl.stream.pictures import square
from tests.sets import load, noise, png, refusal, write_folder
from tests.tools import run_config

pytestmark = pytest.mark.usefixtures("data_dir")
TINY = {"n_start": 2, "n_query": 2, "n_end": 4, "epochs": 1, "memory": 20, "width": 4}


def test_a_folder_with_a_split(tmp_path):
    write_folder(tmp_path / "pets" / "train", {"dog": 4, "cat": 3})
    write_folder(tmp_path / "pets" / "test", {"dog": 2, "cat": 1})
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


# -- layouts -------------------------------------------------------------------------------------------


def class_folders(root, train="train", test="test"):
    write_folder(root / train, {"dog": 4, "cat": 3})
    write_folder(root / test, {"dog": 2, "cat": 1})


@pytest.mark.parametrize("train", ["train", "Train", "TRAIN", "training"])
@pytest.mark.parametrize("test", ["test", "Test", "testing", "val", "valid", "Validation"])
def test_the_halves_of_a_split_are_known_by_their_usual_names(train, test, tmp_path):
    class_folders(tmp_path / "pets", train, test)
    data = load("folder", data=str(tmp_path / "pets"), image_size=8)
    assert data.class_names == ("cat", "dog") and data.is_train.sum() == 7 and len(data.labels) == 10
    assert [test in note for note in data.notes] == ([True] if "val" in test.lower() else [])


def test_of_test_and_val_the_first_counts_and_the_other_is_named(tmp_path):
    class_folders(tmp_path / "pets")
    write_folder(tmp_path / "pets" / "val", {"dog": 5, "cat": 5})
    data = load("folder", data=str(tmp_path / "pets"))
    assert len(data.labels) == 10 and len(data.notes) == 1 and data.notes[0].startswith("val (10 files) is left out")


def test_one_folder_around_all_is_looked_through(tmp_path):
    class_folders(tmp_path / "download" / "pets-1.0")
    (tmp_path / "download" / "__MACOSX" / "pets-1.0").mkdir(parents=True)
    (tmp_path / "download" / "__MACOSX" / "pets-1.0" / "._a.png").write_bytes(b"")
    (tmp_path / "download" / ".DS_Store").write_bytes(b"")
    (tmp_path / "download" / "README.md").write_text("where from")
    data = load("folder", data=str(tmp_path / "download"))
    assert data.class_names == ("cat", "dog") and data.is_train.sum() == 7
    assert len(data.notes) == 1 and data.notes[0].startswith("1 file left out") and "README.md" in data.notes[0]
    write_folder(tmp_path / "bare", {"dog": 9, "cat": 9})
    (tmp_path / "wrapped").mkdir()
    os.symlink(tmp_path / "bare", tmp_path / "wrapped" / "inner")
    bare, wrapped = (load("folder", data=str(tmp_path / name)) for name in ("bare", "wrapped"))
    assert (bare.is_train == wrapped.is_train).all() and (bare.images == wrapped.images).all()


@pytest.mark.parametrize(
    "files",
    [
        ["a.png", "b.png"],
        ["train/a.png", "test/b.png"],
        ["images/a.png", "b.png"],
        ["test/dog/a.png", "test/cat/a.png"],
        ["training_set/dog/a.png", "test_set/dog/a.png"],
        ["pets/dog/brown/a.png", "pets/cat/black/a.png"],
    ],
)
def test_a_flat_folder_is_refused_with_the_layout_that_is_expected(files, tmp_path):
    for name in files:
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / name).write_bytes(png(noise(8, 8, 3)))
    assert "train/CLASS/* and test/CLASS/*, or CLASS/*" in refusal("folder", data=str(tmp_path / "pets"))


def test_two_folders_for_one_half_are_refused(tmp_path):
    class_folders(tmp_path / "pets", "train", "test")
    class_folders(tmp_path / "pets", "training", "Test")
    assert "2 folders for train (train, training)" in refusal("folder", data=str(tmp_path / "pets"))


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["10", "9", "2", "01"], ("01", "2", "9", "10")),
        (["10", "9", "2b"], ("10", "2b", "9")),
        (["3" * 200, "4" * 199, "5"], ("5", "4" * 199, "3" * 200)),
    ],
)
def test_classes_that_are_numbers_come_as_numbers(names, order, tmp_path):
    write_folder(tmp_path / "pets", dict.fromkeys(names, 2))
    assert load("folder", data=str(tmp_path / "pets")).class_names == order


def test_looks_that_are_numbers_come_as_numbers(tmp_path):
    for look in ("2", "10"):
        write_folder(tmp_path / "pets" / look, {"dog": 4, "cat": 4})
    config = make_config({"dataset": "folder", "data": str(tmp_path / "pets"), "scenario": "domain",
                          "domain": "folders", **TINY})  # fmt: skip
    stream = prepare(config)
    first = square((tmp_path / "pets" / "2" / "cat" / "00.png").read_bytes(), 32)
    assert (stream.images[0] == first).all() and stream.tasks[0].train_ids.max() < 8


# -- what is left out ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["cat/a.heic", "cat/a.svg", "cat/notes.txt", "cat/0001", "cat/more/a.png", "cat/a/b/c/d.png", "loose.png"]
)
def test_what_is_left_out_is_counted_and_named_whatever_its_ending(name, tmp_path):
    write_folder(tmp_path / "pets", {"dog": 3, "cat": 3})
    (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "pets" / name).write_bytes(png(noise(8, 8, 3)))
    data = load("folder", data=str(tmp_path / "pets"))
    assert len(data.labels) == 6 and len(data.notes) == 1 and data.notes[0].startswith("1 file left out")
    assert name in data.notes[0]


def test_links_are_followed_and_broken_ones_named(tmp_path):
    write_folder(tmp_path / "pets", {"dog": 3, "cat": 3})
    write_folder(tmp_path / "other", {"cow": 3})
    os.symlink(tmp_path / "other" / "cow", tmp_path / "pets" / "cow")
    os.symlink(tmp_path / "nowhere.png", tmp_path / "pets" / "cat" / "lost.png")
    os.symlink(tmp_path / "pets", tmp_path / "pets" / "cat" / "round")
    data = load("folder", data=str(tmp_path / "pets"))
    assert data.class_names == ("cat", "cow", "dog") and len(data.labels) == 9
    assert data.notes[0].startswith("2 files left out") and "cat/lost.png, cat/round" in data.notes[0]


def test_folders_beside_a_split_are_named(tmp_path):
    class_folders(tmp_path / "pets")
    write_folder(tmp_path / "pets" / "extra", {"dog": 8})
    note = load("folder", data=str(tmp_path / "pets")).notes[0]
    assert note.startswith("8 files left out") and "extra/dog/00.png" in note and note.endswith("…."), note


def test_the_mark_changes_with_every_file(tmp_path):
    write_folder(tmp_path / "pets", {"dog": 3, "cat": 3})
    dataset = build("datasets", "folder", make_config({"data": str(tmp_path / "pets")}))
    marks = [dataset.mark()]
    path = tmp_path / "pets" / "cat" / "00.png"
    before = path.stat()
    path.write_bytes(png(noise(20, 16, 3)))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    marks.append(dataset.mark())
    (tmp_path / "pets" / "dog" / "later.heic").write_bytes(b"")
    marks.append(dataset.mark())
    path.unlink()
    marks.append(dataset.mark())
    assert len(set(marks)) == 4 and dataset.mark() == marks[-1]
