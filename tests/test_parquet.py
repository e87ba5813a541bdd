"""Parquet files as the hub has them: splits, columns and classes as its own library reads them, or one sentence."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from acl.config import make_config
from acl.plugins.registry import build, prepare
from tests.sets import IMAGE, class_label, load, noise, png, refusal, write_parquet, write_table

pytestmark = pytest.mark.usefixtures("data_dir")


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
    path = tmp_path / "bugs.parquet"
    assert "needs data" in refusal("parquet", data=str(path))
    path.write_bytes(b"PAR1 no")
    assert "cannot be read" in refusal("parquet", data=str(path))
    write_table(path, {"pixels": [7], "label": [0]})
    assert "needs a column image" in refusal("parquet", data=str(path))
    write_parquet(path, [b"", b""], [0, 2], ["ant", "bee"])
    assert "must be 0..1" in refusal("parquet", data=str(path))
    write_parquet(path, [b"", b""], [0, None], ["ant", "bee"])
    assert "1 images without a label" in refusal("parquet", data=str(path))
    write_parquet(path, [b"", b""], [0, 0], ["ant"])
    assert "at least 2 classes" in refusal("parquet", data=str(path))


# -- the hub's layouts ---------------------------------------------------------------------------------


def pngs(n):
    return [png(noise(6, 6, 3)) for _ in range(n)]


def cells(images, paths=None):
    return [{"bytes": data, "path": path} for data, path in zip(images, paths or [None] * len(images), strict=True)]


def bugs(path, n=8, names=("ant", "bee"), labels=None):
    """A file of n images, classes in turn. Returns the images."""
    images = pngs(n)
    features = {"image": IMAGE, "label": class_label(*names)} if names else None
    write_table(path, {"image": cells(images), "label": labels or [i % 2 for i in range(n)]}, features)
    return images


def same(data, images):
    return all(
        (got == np.asarray(Image.open(io.BytesIO(want)))).all() for got, want in zip(data.images, images, strict=True)
    )


def write_cifar100(folder):
    """Columns and features as the hub's CIFAR-100 has them; what the images are, training first."""
    images = pngs(12)
    features = {"img": IMAGE, "fine_label": class_label("apple", "bear", "cloud"),
                "coarse_label": class_label("animal", "thing")}  # fmt: skip
    for part, rows in (("train", slice(6)), ("test", slice(6, 12))):
        columns = {"img": cells(images[rows]), "fine_label": [0, 1, 2] * 2, "coarse_label": [1, 0, 1] * 2}
        write_table(folder / "cifar100" / f"{part}-00000-of-00001.parquet", columns, features)
    return images


def test_cifar100_as_the_hub_has_it(tmp_path):
    images = write_cifar100(tmp_path / "hub")
    data = load("parquet", data=str(tmp_path / "hub"), image_size=6)
    assert data.class_names == ("apple", "bear", "cloud") and data.labels.tolist() == [0, 1, 2] * 4 and not data.notes
    assert data.is_train.tolist() == [True] * 6 + [False] * 6 and same(data, images)
    coarse = load("parquet", data=str(tmp_path / "hub"), image_size=6, label_column="coarse_label")
    assert coarse.class_names == ("animal", "thing") and coarse.labels.tolist() == [1, 0, 1] * 4


def test_shards_in_a_folder_data(tmp_path):
    parts = ["train-00000-of-00002", "train-00001-of-00002-0123456789abcdef", "test-00000-of-00001"]
    images = [image for part in parts for image in bugs(tmp_path / "hub" / "data" / f"{part}.parquet", 4)]
    (tmp_path / "hub" / "README.md").write_text("a card")
    data = load("parquet", data=str(tmp_path / "hub"), image_size=6)
    assert same(data, images) and data.is_train.tolist() == [True] * 8 + [False] * 4 and not data.notes


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev"])
@pytest.mark.parametrize("layout", ["data/{}-00000-of-00001.parquet", "{}.parquet", "{}/0.parquet", "bugs_{}.parquet"])
def test_validation_is_for_testing_where_there_is_no_test(name, layout, tmp_path):
    images = [image for part in ("train", name) for image in bugs(tmp_path / "hub" / layout.format(part))]
    data = load("parquet", data=str(tmp_path / "hub"), image_size=6)
    assert same(data, images) and data.is_train.tolist() == [True] * 8 + [False] * 8
    assert data.notes == ("There is no split test: validation is for testing.",)


def test_of_test_and_validation_the_first_counts_and_the_other_is_named(tmp_path):
    train, test, _ = (bugs(tmp_path / "hub" / f"{part}.parquet") for part in ("train", "test", "validation"))
    data = load("parquet", data=str(tmp_path / "hub"), image_size=6)
    assert same(data, train + test) and data.notes == (
        "The split validation (validation.parquet) is left out: test is for testing.",
    )


def test_a_test_split_without_labels_gives_way_to_validation(tmp_path):
    train, valid = (bugs(tmp_path / "hub" / f"{part}.parquet") for part in ("train", "validation"))
    bugs(tmp_path / "hub" / "test.parquet", 4, labels=[-1] * 4)
    data = load("parquet", data=str(tmp_path / "hub"), image_size=6)
    assert same(data, train + valid) and "test has no labels" in data.notes[0]


def test_names_of_any_case_say_a_split(tmp_path):
    train, test = (bugs(tmp_path / "hub" / f"{part}.PARQUET") for part in ("Train", "TEST"))
    data = load("parquet", data=str(tmp_path / "hub"), image_size=6)
    assert data.is_train.tolist() == [True] * 8 + [False] * 8


def test_files_whose_names_say_no_split_are_one_set(tmp_path):
    bugs(tmp_path / "hub" / "a.parquet", 20), bugs(tmp_path / "hub" / "b.parquet", 20)
    data = load("parquet", data=str(tmp_path / "hub"), image_size=6)
    assert data.is_train.sum() == 32 and "fixed fifth" in data.notes[0] and "a.parquet, b.parquet" in data.notes[0]
    (tmp_path / "hub" / "b.parquet").rename(tmp_path / "b.parquet")
    alone = load("parquet", data=str(tmp_path / "hub"), image_size=6)
    assert alone.is_train.sum() == 16 and not alone.notes


def test_a_split_train_alone_is_divided_and_said(tmp_path):
    bugs(tmp_path / "hub" / "data" / "train-00000-of-00001.parquet", 20)
    data = load("parquet", data=str(tmp_path / "hub"), image_size=6)
    assert data.is_train.sum() == 16 and "no files for test" in data.notes[0]


def test_what_is_left_out_is_named(tmp_path):
    for part in ("train-00000-of-00003", "train-00001-of-00003", "test-00000-of-00001", "extra-00000-of-00001"):
        bugs(tmp_path / "hub" / "data" / f"{part}.parquet")
    bugs(tmp_path / "hub" / "more.parquet")
    notes = load("parquet", data=str(tmp_path / "hub"), image_size=6).notes
    assert len(notes) == 3 and "extra" in notes[0]
    assert notes[1] == "1 file left out, because no split is said by the name: more.parquet."
    assert notes[2] == "Of the 3 files train-… only 2 are there."


MIXED = {
    "two splits in one name": (["train_test.parquet"], "in two splits"),
    "words not apart": (["petstrain.parquet", "petstest.parquet"], "apart from others"),
    "no train": (["test.parquet"], "none for train"),
    "train and one that says nothing": (["train.parquet", "more.parquet"], "said by the names more.parquet"),
    "two configurations": (
        ["a/train-00000-of-00001.parquet", "a/test-00000-of-00001.parquet", "b/train-00000-of-00001.parquet"],
        "more than one set",
    ),
    "two exported configurations": (
        [f"{name}/{part}/0000.parquet" for name in ("full", "small") for part in ("train", "test")],
        "full has files for train and to test on, and so has the rest",
    ),
    "a configuration within": (
        ["train.parquet", "validation.parquet", "more/small/train.parquet", "more/small/validation.parquet"],
        "more has files for train",
    ),
    "two versions": (["train-00000-of-00001-a.parquet", "train-00000-of-00001-b.parquet"], "more than one set"),
    "no name": (["data/x::y-00000-of-00001.parquet", "test.parquet"], "give no splits"),
}


@pytest.mark.parametrize("case", MIXED)
def test_names_that_contradict_each_other_are_refused(case, tmp_path):
    names, expected = MIXED[case]
    for name in names:
        bugs(tmp_path / "hub" / name)
    assert expected in refusal("parquet", data=str(tmp_path / "hub"))


def test_words_within_others_say_no_split(tmp_path):
    train, test, _ = (bugs(tmp_path / "hub" / f"{part}.parquet") for part in ("train", "test", "contest"))
    data = load("parquet", data=str(tmp_path / "hub"), image_size=6)
    assert same(data, train + test) and "contest.parquet" in data.notes[0]
    alone = load("parquet", data=str(tmp_path / "hub" / "contest"), image_size=6)
    assert alone.is_train.any() and (~alone.is_train).any()


def test_links_out_of_the_folder_are_no_files_of_it(tmp_path):
    bugs(tmp_path / "other" / "test.parquet"), bugs(tmp_path / "hub" / "train.parquet", 20)
    (tmp_path / "hub" / "test.parquet").symlink_to(tmp_path / "other" / "test.parquet")
    (tmp_path / "hub" / "more").symlink_to(tmp_path / "other")
    data = load("parquet", data=str(tmp_path / "hub"), image_size=6)
    assert len(data.labels) == 20 and "more, test.parquet" in data.notes[0]
    (tmp_path / "hub" / "train.parquet").unlink()
    assert "links lead nowhere or out of the folder (more, test.parquet)" in refusal(
        "parquet", data=str(tmp_path / "hub")
    )
    assert len(load("parquet", data=str(tmp_path / "hub" / "test.parquet")).labels) == 8  # named by the user


def test_one_file_under_two_names_is_refused(tmp_path):
    bugs(tmp_path / "hub" / "train.parquet")
    (tmp_path / "hub" / "test.parquet").symlink_to("train.parquet")
    assert "test.parquet and train.parquet are one" in refusal("parquet", data=str(tmp_path / "hub"))


# -- columns and types ---------------------------------------------------------------------------------

STRUCT = pa.struct([("bytes", pa.large_binary()), ("path", pa.string_view())])
IMAGES = {
    "bytes": lambda images: pa.array(images),
    "large bytes": lambda images: pa.array(images, pa.large_binary()),
    "view of bytes": lambda images: pa.array(images, pa.binary_view()),
    "dictionary of bytes": lambda images: pa.array(images).dictionary_encode(),
    "struct": lambda images: pa.array(cells(images)),
    "struct of large and views": lambda images: pa.array(cells(images), STRUCT),
    "struct of bytes only": lambda images: pa.array([{"bytes": data} for data in images]),
    "pixels": lambda images: pa.array([np.asarray(Image.open(io.BytesIO(data)))[..., 0].tolist() for data in images]),
}  # fmt: skip


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("column", ["image", "img"])
def test_images_of_every_arrow_type(kind, column, tmp_path):
    images = [png(np.repeat(noise(6, 6, 1), 3, 2)) for _ in range(20)]
    write_table(tmp_path / "bugs.parquet", {column: IMAGES[kind](images), "label": [0, 1] * 10})
    data = load("parquet", data=str(tmp_path / "bugs.parquet"), image_size=6)
    assert data.class_names == ("0", "1")
    if kind == "pixels":  # of a set whose largest value may not be 255
        assert np.corrcoef(data.images[0].ravel(), np.asarray(Image.open(io.BytesIO(images[0]))).ravel())[0, 1] > 0.999
    else:
        assert same(data, images)


TEXT = ["bee", "ant", "bee", "ant"] * 5
LABELS = {
    "texts": (pa.array(TEXT), None, ("ant", "bee")),
    "large texts": (pa.array(TEXT, pa.large_string()), None, ("ant", "bee")),
    "views of texts": (pa.array(TEXT, pa.string_view()), None, ("ant", "bee")),
    "categories": (pa.array(TEXT).dictionary_encode(), None, ("ant", "bee")),
    "named texts": (pa.array(TEXT), class_label("ant", "bee"), ("ant", "bee")),
    "small numbers": (pa.array([1, 0] * 10, pa.uint8()), class_label("ant", "bee"), ("ant", "bee")),
    "numbers not null": (pa.array([1, 0] * 10), class_label("ant", "bee"), ("ant", "bee")),
    "truth": (pa.array([True, False] * 10), None, ("0", "1")),
    "from 1 on": (pa.array([2, 1] * 10), None, ("1", "2")),
    "with gaps": (pa.array([30, 7] * 10), None, ("7", "30")),
    "texts of numbers": (pa.array(["10", "9"] * 10), None, ("9", "10")),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_type(kind, tmp_path):
    column, feature, names = LABELS[kind]
    table = {"image": cells(pngs(20)), "label": column}
    write_table(tmp_path / "bugs.parquet", table, feature and {"image": IMAGE, "label": feature})
    data = load("parquet", data=str(tmp_path / "bugs.parquet"), image_size=6)
    assert data.class_names == names and data.labels.tolist() == [1, 0] * 10


@pytest.mark.parametrize(
    ("names", "labels", "said"),
    [
        (("ant", "bee"), [0, 10**12], "must be 0..1 (or -1 where there is none), got 1000000000000"),
        (("ant", "bee"), [0, -2], "got -2"),
        (("ant", "bee"), ["ant", "wasp"], "label 'wasp'"),
        (None, [0, 10**12], "got 1000000000000: such numbers are no classes"),
        (None, [0, 2**63 - 1], "such numbers are no classes"),
        (None, pa.array([0, 2**64 - 1], pa.uint64()), "such numbers are no classes"),
        (None, [0, -(2**63)], "got -9223372036854775808"),
        (None, [0.0, 1.0], "needs a column label"),
        (None, ["ant", ""], "1 images without a label"),
        (None, ["ant", None], "1 images without a label"),
        (("ant", "ant"), [0, 1], "What bugs.parquet says of its columns"),
    ],
)
def test_labels_that_no_class_has_are_refused_at_once(names, labels, said, tmp_path):
    features = {"image": IMAGE, "label": class_label(*names)} if names else None
    write_table(tmp_path / "bugs.parquet", {"image": cells(pngs(2)), "label": labels}, features)
    assert said in refusal("parquet", data=str(tmp_path / "bugs.parquet"))


@pytest.mark.parametrize("names", [("ant", "bee"), None])
def test_rows_labelled_minus_1_are_left_out_and_counted(names, tmp_path):
    bugs(tmp_path / "hub" / "train.parquet", 10, names, [0, 1, -1, -1, 0, 1, 0, 1, 0, -1])
    bugs(tmp_path / "hub" / "test.parquet", 4, names)
    data = load("parquet", data=str(tmp_path / "hub"), image_size=6)
    assert np.flatnonzero(data.labels == -1).tolist() == [2, 3, 9] and len(data.class_names) == 2
    assert data.notes == ("3 of 14 images have no label (-1) and are left out.",)


@pytest.mark.parametrize(
    ("train", "test"),
    [(("ant", "bee"), ("bee", "ant")), (("ant", "bee"), None), (("ant", "bee"), ("ant", "bee", "cow"))],
)
def test_splits_that_disagree_about_the_classes_are_refused(train, test, tmp_path):
    bugs(tmp_path / "hub" / "train.parquet", 8, train), bugs(tmp_path / "hub" / "test.parquet", 8, test)
    assert "train.parquet and test.parquet disagree about the classes" in refusal("parquet", data=str(tmp_path / "hub"))


COLUMNS = {
    "no image": ({"pixels": [1], "label": [0]}, {}, "needs a column image"),
    "no label": ({"image": [b""], "size": [1.5]}, {}, "needs a column label"),
    "two images": ({"left": [b""], "right": [b""], "label": [0]}, {}, "2 columns of images (left, right)"),
    "two labels": ({"image": [b""], "class": [0], "category": [0]}, {}, "set label_column to one of class, category"),
    "two described": (
        {"image": [b""], "sex": [0], "age": [0]}, {"sex": class_label("f", "m"), "age": class_label("o", "y")},
        "set label_column to one of sex, age",
    ),
    "not there": ({"image": [b""], "label": [0]}, {"label_column": "lable"}, "Did you mean 'label'?"),
    "no labels": ({"image": [b""], "label": [0], "size": [1.5]}, {"label_column": "size"}, "size is double"),
}  # fmt: skip


@pytest.mark.parametrize("case", COLUMNS)
def test_columns_that_are_not_clear_are_refused_and_listed(case, tmp_path):
    columns, more, said = COLUMNS[case]
    settings = {name: value for name, value in more.items() if name == "label_column"}
    write_table(tmp_path / "bugs.parquet", columns, {k: v for k, v in more.items() if k not in settings} or None)
    assert said in refusal("parquet", data=str(tmp_path / "bugs.parquet"), **settings)


def test_the_column_label_comes_before_others(tmp_path):
    columns = {"image": cells(pngs(20)), "class": [0] * 20, "label": [0, 1] * 10, "mask": cells(pngs(20))}
    write_table(tmp_path / "bugs.parquet", columns)
    assert load("parquet", data=str(tmp_path / "bugs.parquet")).labels.tolist() == [0, 1] * 10


# -- images in files of their own ----------------------------------------------------------------------


@pytest.mark.parametrize("as_text", [True, False])
def test_paths_of_files_below_the_folder_are_read(as_text, tmp_path):
    images, paths = pngs(20), [f"pictures/{i}.png" for i in range(20)]
    for path, image in zip(paths, images, strict=True):
        (tmp_path / "hub" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "hub" / path).write_bytes(image)
    (tmp_path / "hub" / paths[3]).unlink()
    paths[5] = str(tmp_path / "hub" / paths[5])
    column = paths if as_text else cells([None] * 20, paths)
    write_table(tmp_path / "hub" / "bugs.parquet", {"image": column, "label": [0, 1] * 10})
    data = load("parquet", data=str(tmp_path / "hub"), image_size=6)
    assert data.labels.tolist() == [0, 1, 0, -1] + [0, 1] * 8 and "bugs.parquet row 3" in data.notes[0]
    assert (data.images[4:] == [np.asarray(Image.open(io.BytesIO(image))) for image in images[4:]]).all()
    dataset = build("datasets", "parquet", make_config({"data": str(tmp_path / "hub"), "image_size": 6}))
    mark = dataset.mark()
    (tmp_path / "hub" / paths[7]).write_bytes(images[8] + b" ")
    assert dataset.mark() != mark and (dataset.load().images[7] == data.images[8]).all()


@pytest.mark.parametrize(
    "path",
    [
        "http://127.0.0.1/a.png", "hf://datasets/a/b/c.png", "zip://a.png::file.zip", "file:///etc/hostname",
        "/etc/hostname", "../secret.png", "pictures/../../secret.png", "link/secret.png", "a\0b", "~/a.png/../../../x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_text", [True, False])
def test_paths_that_lead_elsewhere_are_refused(path, as_text, tmp_path):
    (tmp_path / "secret.png").write_bytes(png(noise(6, 6, 3)))
    column = [path] * 4 if as_text else cells([None] * 4, [path] * 4)
    write_table(tmp_path / "hub" / "bugs.parquet", {"image": column, "label": [0, 1] * 2})
    (tmp_path / "hub" / "link").symlink_to(tmp_path)
    assert "no file below" in refusal("parquet", data=str(tmp_path / "hub"))


def test_where_there_are_bytes_the_path_is_only_a_name(tmp_path):
    images = pngs(20)
    column = cells(images, ["/somewhere/else.png", "http://127.0.0.1/a.png"] * 10)
    write_table(tmp_path / "bugs.parquet", {"image": column, "label": [0, 1] * 10})
    assert same(load("parquet", data=str(tmp_path / "bugs.parquet"), image_size=6), images)


def test_the_mark_changes_when_a_file_does(tmp_path):
    bugs(tmp_path / "hub" / "train.parquet"), bugs(tmp_path / "hub" / "test.parquet")
    dataset = build("datasets", "parquet", make_config({"data": str(tmp_path / "hub")}))
    marks = [dataset.mark()]
    small = {"n_start": 2, "n_query": 2, "n_end": 4}
    assert len(prepare(make_config({"dataset": "parquet", "data": str(tmp_path / "hub"), **small})).tasks) == 1
    for name in ("test.parquet", "validation.parquet"):
        bugs(tmp_path / "hub" / name, 10)
        marks.append(dataset.mark())
    assert marks[0] != marks[1] != marks[2] and dataset.mark() == marks[2]
