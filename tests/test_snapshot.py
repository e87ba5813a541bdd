"""Snapshots of others: what is mended and noted, what is refused in a sentence, and what is written out of arrays."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import acl
from acl.config import UserError
from acl.plugins.registry import build
from acl.selection.query import QueryContext, Samples
from acl.snapshots.snapshot import load_snapshot
from tests.contexts import make_context

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "app.md").read_text("utf-8")
RECORDED = Path(__file__).resolve().parent.parent / "assets" / "runs" / "recorded-er-accuacl-digits-s0" / "queries"
WHOLE = tuple(f"{role}.{part}" for role in ("pool", "labelled", "memory") for part in ("ids", "h", "p"))


def changed(path: Path, tensors: dict[str, Any] | None = None, drop: tuple[str, ...] = (), **metadata: Any) -> Path:
    """A snapshot of ours with some of its tensors and metadata otherwise (None: left out)."""
    make_context(3).save(path)
    with safe_open(path, framework="pt") as file:
        said = {**file.metadata(), **{("lambda" if k == "lambda_" else k): v for k, v in metadata.items()}}
    every = {**load_file(path), **(tensors or {})}
    kept = {name: tensor for name, tensor in every.items() if name not in drop}
    save_file(kept, path, {name: str(value) for name, value in said.items() if value is not None})
    return path


def tensors_of(context: QueryContext) -> dict[str, torch.Tensor]:
    return {f"{role}.{part}": getattr(s, part) for role, s in context.roles().items() for part in ("ids", "h", "p")}


# -- our own -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.safetensors")), ids=lambda path: path.stem)
def test_the_snapshots_of_runs_are_read_bit_for_bit_and_without_a_word(path):
    found = load_snapshot(path)
    assert not found.notes and not found.class_names and found.pictures is None
    for name, tensor in load_file(path).items():
        assert torch.equal(tensors_of(found.context)[name], tensor)


def test_what_a_context_saves_comes_back(tmp_path):
    context = make_context(3)
    context.save(tmp_path / "a.safetensors")
    found = load_snapshot(tmp_path / "a.safetensors")
    assert not found.notes
    for name, tensor in tensors_of(context).items():
        assert torch.equal(tensors_of(found.context)[name], tensor)


def test_classes_come_in_any_order_and_need_not_be_all(tmp_path):
    found = load_snapshot(changed(tmp_path / "a.safetensors", classes="[7, 2, 9, 0]", n_classes=12)).context
    assert found.classes == (7, 2, 9, 0) and found.n_classes == 12


# -- mended, with a note -------------------------------------------------------------------------------


@pytest.mark.parametrize(("sum_", "mended"), [(0.989, True), (0.9901, False), (1.0, False), (1.0099, False),
                                              (1.011, True), (100.0, True), (1e-30, True)])  # fmt: skip
def test_rows_that_do_not_sum_to_one_are_divided_by_their_sum(tmp_path, sum_, mended):
    ours = make_context(3).pool.p
    p = ours.clone()
    p[[2, 5]] = (p[[2, 5]].double() * sum_).float()
    found = load_snapshot(changed(tmp_path / "a.safetensors", {"pool.p": p}))
    untouched = [row for row in range(30) if row not in {2, 5}]
    assert torch.equal(found.context.pool.p[untouched], ours[untouched])
    if mended:
        assert re.match(r"2 of 30 rows of pool\.p did not sum to 1 but to ", found.notes[0]) and len(found.notes) == 1
        torch.testing.assert_close(found.context.pool.p, ours)
    else:
        assert not found.notes and torch.equal(found.context.pool.p, p)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), rows=st.integers(1, 6), columns=st.integers(1, 5))
def test_any_row_of_a_positive_sum_becomes_a_probability(tmp_path_factory, data, rows, columns):
    value = st.floats(0, 2.0**120, width=32)
    table = data.draw(st.lists(st.lists(value, min_size=columns, max_size=columns), min_size=rows, max_size=rows))
    path = tmp_path_factory.mktemp("rows") / "a.safetensors"
    h, p = torch.ones(rows, 2), torch.tensor(table)
    if not bool(p.any(1).all()):
        with pytest.raises(UserError, match="row of zeros"):
            acl.write_snapshot(path, (h, p))
        return
    notes = acl.write_snapshot(path, (h, p))
    found, sums = load_snapshot(path).context.pool.p, p.double().sum(1)
    off = (sums - 1).abs() > 0.01
    assert bool(notes) == bool(off.any()) and torch.equal(found[~off], p[~off])
    torch.testing.assert_close(found[off].double(), p[off].double() / sums[off, None], rtol=1e-6, atol=1e-12)


def test_without_n_classes_there_are_as_many_outputs_as_names_or_else_classes(tmp_path):
    found = load_snapshot(changed(tmp_path / "a.safetensors", n_classes=None))
    assert found.context.n_classes == 4 and not found.notes
    found = load_snapshot(changed(tmp_path / "b.safetensors", n_classes=None, classes="[1, 9, 2, 3]"))
    assert found.context.n_classes == 4 and "n_classes is not said: taken as 4" in found.notes[0]
    names = json.dumps([f"class {c}" for c in range(12)])
    found = load_snapshot(
        changed(tmp_path / "c.safetensors", n_classes=None, classes="[1, 9, 2, 3]", class_names=names)
    )
    assert found.context.n_classes == 12 and not found.notes


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_numbers_of_any_precision_become_single(tmp_path, kind):
    context = make_context(3)
    values = {name: t.to(kind) for name, t in tensors_of(context).items() if not name.endswith("ids")}
    found = load_snapshot(changed(tmp_path / "a.safetensors", values)).context
    for name, tensor in values.items():
        assert torch.equal(tensors_of(found)[name], tensor.float())


@pytest.mark.parametrize("kind", [torch.int32, torch.int16, torch.uint16, torch.uint32, torch.uint64])
def test_ids_of_any_kind_of_integer_become_int64(tmp_path, kind):
    values = {name: t.to(kind) for name, t in tensors_of(make_context(3)).items() if name.endswith("ids")}
    found = load_snapshot(changed(tmp_path / "a.safetensors", values)).context
    assert torch.equal(found.memory.ids, make_context(3).memory.ids) and found.memory.ids.dtype == torch.int64


@pytest.mark.parametrize("roles", [("memory",), ("labelled",), ("labelled", "memory")])
@pytest.mark.parametrize("how", ["left out", "empty", "empty, other shapes"])
def test_memory_and_labelled_may_be_left_out(tmp_path, roles, how):
    names = tuple(name for name in WHOLE if name.split(".")[0] in roles)
    dims = (6, 4) if how == "empty" else (0, 9)
    empty = {
        name: torch.zeros(0, dtype=torch.int64) if name.endswith("ids") else torch.zeros(0, dims[name.endswith("p")])
        for name in names
    }
    path = tmp_path / "a.safetensors"
    changed(path, drop=names) if how == "left out" else changed(path, empty)
    found = load_snapshot(path).context
    for role, samples in found.roles().items():
        assert (len(samples) == 0) == (role in roles) and (samples.h.shape[1], samples.p.shape[1]) == (6, 4)
    for strategy in ("accuacl", "badge", "kcenter", "entropy", "uniform", "least_confidence", "bait"):
        from acl.config import make_config

        assert len(build("strategies", strategy, make_config({})).select(found).ids) == 5


# -- refused -------------------------------------------------------------------------------------------

IDS = {role: samples.ids for role, samples in make_context(3).roles().items()}
P = make_context(3).pool.p


def some(values: torch.Tensor, row: int, value: Any) -> torch.Tensor:
    values = values.clone()
    values[row] = value
    return values


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "repeated classes": ({"classes": "[0, 1, 1, 2]"}, "classes name 1 twice"),
    "negative class": ({"classes": "[0, 1, -1, 2]"}, "hold -1: class numbers are 0 or more"),
    "class of no output": ({"classes": "[0, 1, 2, 4]", "n_classes": 4}, "hold 4, but n_classes"),
    "too few outputs": ({"n_classes": 3}, "is 3.* 4 classes"),
    "no outputs": ({"n_classes": 0}, "is 0.* 4 classes"),
    "endless outputs": ({"n_classes": 10**30}, "no network has so many"),
    "classes with fractions": ({"classes": "[0, 1, 2, 2.5]"}, "no list of whole numbers"),
    "classes as truths": ({"classes": "[true, false, 2, 3]"}, "no list of whole numbers"),
    "classes as an object": ({"classes": '{"0": 1}'}, "no list of whole numbers"),
    "classes by name": ({"classes": '["a", "b", "c", "d"]'}, "no list of whole numbers"),
    "too few classes": ({"classes": "[0, 1]"}, "4 columns for 2 classes"),
    "no classes": ({"classes": "[]"}, "There are no classes"),
    "too few names": ({"class_names": '["a", "b"]'}, "each of the 4 classes"),
    "names alike": ({"class_names": '["a", "b", "c", "a"]'}, "no two alike"),
    "names that are none": ({"class_names": '["a", "b", "", "d"]'}, "no list of names"),
    "half a character": ({"class_names": '["a", "b", "c", "\\ud800"]'}, "cannot be read"),
    "lambda": ({"lambda_": "nan"}, "lambda must be between 0 and 1"),
    "n": ({"n": "3.5"}, "cannot be read"),
    "twice in the pool": ({"tensors": {"pool.ids": some(IDS["pool"], 4, 0)}}, "The pool names sample 0 2 times"),
    "twice in the labelled": (
        {"tensors": {"labelled.ids": some(IDS["labelled"], 1, 10_000)}}, "The labelled names sample 10000 2 times",
    ),
    "twice in the memory": (
        {"tensors": {"memory.ids": some(IDS["memory"], 1, 20_000)}}, "The memory names sample 20000 2 times",
    ),
    "pool and memory": ({"tensors": {"memory.ids": some(IDS["memory"], 1, 3)}}, "Pool and memory both have a sample 3"),
    "pool and labelled": (
        {"tensors": {"labelled.ids": some(IDS["labelled"], 1, 3)}}, "Pool and labelled both have a sample 3",
    ),
    "labelled and memory": (
        {"tensors": {"memory.ids": some(IDS["memory"], 1, 10_003)}}, "Labelled and memory both have a sample 10003",
    ),
    "ids with fractions": ({"tensors": {"pool.ids": IDS["pool"] + 0.5}}, "pool.ids must be whole numbers"),
    "ids beyond int64": (
        {"tensors": {"pool.ids": torch.from_numpy(np.arange(30, dtype=np.uint64) + np.uint64(2**63))}},
        "pool.ids must be whole numbers",
    ),
    "NaN": ({"tensors": {"pool.p": some(P, 3, float("nan"))}}, "NaN or infinite"),
    "infinite": ({"tensors": {"pool.p": some(P, 3, float("inf"))}}, "NaN or infinite"),
    "negative": ({"tensors": {"pool.p": some(P, (3, 0), -0.5)}}, "negative values or a row of zeros"),
    "zeros": ({"tensors": {"pool.p": some(P, 3, 0.0)}}, "negative values or a row of zeros"),
    "too large for float32": ({"tensors": {"pool.h": torch.ones(30, 6).double() * 1e39}}, "pool.h holds numbers"),
    "no numbers": ({"tensors": {"pool.h": torch.ones(30, 6, dtype=torch.bool)}}, "pool.h must hold numbers"),
    "half a role": ({"drop": ("memory.p",)}, "lacks the tensor 'memory.p'"),
    "no pool": ({"drop": WHOLE[:3]}, "lacks the tensor 'pool.ids'"),
    "empty pool": (
        {"tensors": {"pool.ids": torch.zeros(0).long(), "pool.h": torch.zeros(0, 6), "pool.p": torch.zeros(0, 4)}},
        "pool holds no samples",
    ),
    "other features": ({"tensors": {"memory.h": torch.zeros(5, 7)}}, "different feature sizes"),
    "pictures of nobody": (
        {"tensors": {"pictures.ids": torch.arange(900, 903), "pictures.labels": torch.zeros(3).long()}}, "none of the",
    ),
    "pictures of no shape": (
        {"tensors": {"pictures.ids": torch.arange(3), "pictures.images": torch.zeros(3, 4, 4).byte()}}, "images uint8",
    ),
    "pictures without ids": ({"tensors": {"pictures.labels": torch.zeros(3).long()}}, "a tensor pictures.ids"),
    "a picture twice": (
        {"tensors": {"pictures.ids": torch.tensor([0, 3, 3]), "pictures.labels": torch.zeros(3).long()}}, "there twice",
    ),
    "labels of no class": (
        {"tensors": {"pictures.ids": torch.arange(3), "pictures.labels": torch.tensor([0, 1, 4])}}, "numbers, 0..3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_a_sentence(tmp_path, name):
    how, said = REFUSED[name]
    with pytest.raises(UserError, match=said) as caught:
        load_snapshot(changed(tmp_path / "a.safetensors", **how))
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


# -- written from arrays -------------------------------------------------------------------------------


def arrays(n: int, seed: int = 0, dim: int = 5, n_classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    e = np.exp(rng.normal(size=(n, n_classes)))
    return rng.normal(size=(n, dim)), e / e.sum(1, keepdims=True)


def test_the_example_of_the_readme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = re.search(r"```python\n(import acl\n\nacl\.write_snapshot\(.*?)```", PAGE, re.S).group(1)
    (features, probabilities), (memory_features, memory_probabilities) = arrays(40), arrays(6, 1)
    images, labels = np.zeros((46, 8, 8, 3), np.uint8), np.full(46, -1)
    exec(example, dict(locals()))
    found = load_snapshot(Path("query.safetensors"))
    assert found.context.n == 10 and found.class_names == ("cat", "dog", "bird") and not found.notes
    assert found.pictures.images([45]).shape == (1, 8, 8, 3)


def test_what_is_not_said_has_a_sensible_value(tmp_path):
    path = tmp_path / "a.safetensors"
    assert acl.write_snapshot(path, arrays(40)) == ()
    context = load_snapshot(path).context
    assert context.pool.ids.tolist() == list(range(40)) and context.classes == (0, 1, 2) and context.n_classes == 3
    assert (context.n, context.lambda_, len(context.memory), len(context.labelled)) == (10, 0.0, 0, 0)
    acl.write_snapshot(str(path), arrays(4), memory=arrays(5, 1), labelled=arrays(1, 2))
    context = load_snapshot(path).context
    numbers = [samples.ids.tolist() for samples in context.roles().values()]
    assert numbers == [[0, 1, 2, 3], [4], [5, 6, 7, 8, 9]] and (context.n, context.lambda_) == (4, 0.5)


def test_samples_without_ids_are_numbered_on_from_those_with(tmp_path):
    acl.write_snapshot(tmp_path / "a.safetensors", arrays(3), memory=(np.array([7, 3], np.int32), *arrays(2, 1)))
    context = load_snapshot(tmp_path / "a.safetensors").context
    assert context.pool.ids.tolist() == [8, 9, 10] and context.memory.ids.tolist() == [3, 7]


@pytest.mark.parametrize(
    "kind",
    [
        np.asarray, torch.from_numpy, np.ndarray.tolist, np.asfortranarray, lambda x: x[::-1][::-1],
        lambda x: x.astype(np.float16), lambda x: torch.from_numpy(x).bfloat16(),
        lambda x: torch.from_numpy(x).requires_grad_(), lambda x: torch.from_numpy(x).t().contiguous().t(),
    ],
)  # fmt: skip
def test_arrays_of_any_library_are_written(tmp_path, kind):
    h, p = arrays(20)
    assert acl.write_snapshot(tmp_path / "a.safetensors", (kind(h), kind(p)), memory=(kind(h[:4]), kind(p[:4]))) == ()
    found = load_snapshot(tmp_path / "a.safetensors").context
    np.testing.assert_allclose(found.pool.h, h, rtol=0.01, atol=0.01)
    torch.testing.assert_close(found.memory.p, found.pool.p[:4])


def test_views_of_one_tensor_are_written(tmp_path):
    h, p = (torch.from_numpy(x).float() for x in arrays(20))
    acl.write_snapshot(tmp_path / "a.safetensors", (h[:15], p[:15]), (h[15:], p[15:]), (h[15:], p[15:]))
    found = load_snapshot(tmp_path / "a.safetensors").context
    assert torch.equal(found.memory.h, h[15:]) and torch.equal(found.labelled.p, p[15:])


def test_a_context_written_by_others_gives_the_same_picks(tmp_path):
    from acl.config import make_config

    ours = make_context(5, pool=60)
    roles = {role: tuple(getattr(s, part) for part in ("ids", "h", "p")) for role, s in ours.roles().items()}
    acl.write_snapshot(tmp_path / "a.safetensors", **roles, n=7, lambda_=0.4, round_=2, seed=5)
    theirs = load_snapshot(tmp_path / "a.safetensors").context
    for strategy in ("accuacl", "badge", "uniform"):
        chooser = build("strategies", strategy, make_config({}))
        assert chooser.select(theirs).ids[:5].tolist() == chooser.select(QueryContext(
            **ours.roles(), classes=ours.classes, n=7, lambda_=0.4, task=1, round=2, seed=5, n_classes=4
        )).ids[:5].tolist()  # fmt: skip


def test_names_and_pictures_travel_in_the_file(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (24, 6, 5, 1)).astype(np.uint8)
    labels = np.r_[np.arange(20) % 3, [-1, -1, 4, 3]]
    names = ["cat", "<b>dog</b>", "größe", "d", "e"]
    pool, memory = (np.arange(100, 120), *arrays(20)), (np.arange(10, 14), *arrays(4, 1))
    acl.write_snapshot(
        tmp_path / "a.safetensors", pool, memory, class_names=names, pictures=images, labels=labels, classes=[4, 0, 1]
    )
    found = load_snapshot(tmp_path / "a.safetensors")
    assert found.class_names == tuple(names) and found.context.n_classes == 5 and found.context.classes == (4, 0, 1)
    assert np.array_equal(found.pictures.images([119, 10, 13]), images[[19, 20, 23]])
    assert found.pictures.labels([101, 12, 10, 999]).tolist() == [1, 4, -1, -1]
    assert len(found.pictures.known()) == 22
    assert not found.pictures.images([999]).any()


def test_pictures_of_the_pool_alone_are_enough(tmp_path):
    acl.write_snapshot(tmp_path / "a.safetensors", arrays(5), arrays(4, 1), pictures=np.ones((5, 2, 2, 3), np.uint8))
    found = load_snapshot(tmp_path / "a.safetensors").pictures
    assert sorted(found.row) == [0, 1, 2, 3, 4] and found.labels([0]) is None


def test_reading_a_snapshot_leaves_its_pictures_on_the_disk(tmp_path, monkeypatch):
    acl.write_snapshot(tmp_path / "a.safetensors", arrays(5), pictures=np.ones((5, 2, 2, 3), np.uint8))
    read: list[str] = []

    class Spy:
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.file = safe_open(*args, **kwargs)

        def __enter__(self) -> Spy:
            self.file = self.file.__enter__()
            return self

        def __exit__(self, *args: Any) -> None:
            self.file.__exit__(*args)

        def get_tensor(self, name: str) -> torch.Tensor:
            read.append(name)
            return self.file.get_tensor(name)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    monkeypatch.setattr("acl.snapshots.snapshot.safe_open", Spy)
    monkeypatch.setattr("acl.snapshots.sample_pictures.safe_open", Spy)
    load_snapshot(tmp_path / "a.safetensors")
    assert sorted(read) == ["pictures.ids", "pool.h", "pool.ids", "pool.p"]


H, Q = arrays(20)
UNWRITTEN: dict[str, tuple[dict[str, Any], str]] = {
    "one array": ({"pool": H}, r"pool must be \(h, p\) or \(ids, h, p\)"),
    "no p": ({"pool": (H,)}, r"pool must be \(h, p\)"),
    "other N": ({"pool": (H, Q[:3])}, "with one N"),
    "flat": ({"pool": (H[0], Q)}, "pool needs ids"),
    "a number": ({"pool": (3.0, 4.0)}, "pool needs ids"),
    "nothing": ({"pool": ([], [])}, "pool needs ids"),
    "ragged": ({"pool": ([[1.0], [1.0, 2.0]], Q)}, "pool.h is no array of numbers"),
    "text": ({"pool": ("a", "b")}, "pool.h is no array of numbers"),
    "foreign bytes": ({"pool": (H.astype(">f8"), Q)}, "pool.h is no array of numbers"),
    "ids with fractions": ({"pool": (np.arange(20) + 0.5, H, Q)}, "whole numbers"),
    "negative p": ({"pool": (H, -Q)}, "negative values"),
    "NaN": ({"pool": (H * np.nan, Q)}, "NaN"),
    "beyond float32": ({"pool": (H * 1e200, Q)}, "beyond 3.4e38"),
    "ids in two roles": ({"pool": (range(20), H, Q), "memory": ([3], H[:1], Q[:1])}, "both have a sample 3"),
    "classes": ({"pool": (H, Q), "classes": "abc"}, "classes must be whole numbers"),
    "classes of one number": ({"pool": (H, Q), "classes": 3}, "classes must be whole numbers"),
    "too few classes": ({"pool": (H, Q), "classes": [0, 1]}, "3 columns for 2 classes"),
    "names": ({"pool": (H, Q), "class_names": ["a"]}, "is 1.* 3 classes"),
    "n": ({"pool": (H, Q), "n": 21}, "n must be 1..20"),
    "lambda": ({"pool": (H, Q), "lambda_": 2}, "lambda must be"),
    "too few pictures": ({"pool": (H, Q), "pictures": np.zeros((3, 4, 4, 1), np.uint8)}, "pictures must be those of"),
    "pictures of floats": ({"pool": (H, Q), "pictures": np.zeros((20, 4, 4, 1))}, "images uint8"),
    "four channels": ({"pool": (H, Q), "pictures": np.zeros((20, 4, 4, 4), np.uint8)}, "images uint8"),
    "labels of no class": ({"pool": (H, Q), "labels": [7] * 20, "n_classes": 5}, "class numbers, 0..4"),
    "complex": ({"pool": (H * 1j, Q)}, r"pool.h is no array of numbers \(it is complex\)"),
    "complex tensors": ({"pool": (torch.tensor(H) * 1j, Q)}, "pool.h is no array of numbers"),
    "masked": ({"pool": (np.ma.masked_less(H, 0), Q)}, r"pool.h is no array of numbers \(a part of it is masked\)"),
    "no ids left": ({"pool": (2**63 - 1 - np.arange(20), H, Q), "memory": (H, Q)}, "memory needs ids of its own"),
    "n with a fraction": ({"pool": (H, Q), "n": 2.5}, "n must be whole numbers"),
    "endless n": ({"pool": (H, Q), "n": 10**5000}, "n must be whole numbers"),
    "a text as seed": ({"pool": (H, Q), "seed": "\ud800"}, "seed must be whole numbers"),
    "a number as names": ({"pool": (H, Q), "class_names": 3}, "class_names must be a list"),
    "a text as names": ({"pool": (H, Q), "class_names": "abc"}, "class_names must be a list"),
    "names without an order": ({"pool": (H, Q), "class_names": {"a", "b", "c"}}, "class_names must be a list"),
    "labels with fractions": ({"pool": (H, Q), "labels": [0.5] * 20}, "whole numbers"),
}


@pytest.mark.parametrize("name", UNWRITTEN)
def test_what_would_not_load_is_not_written(tmp_path, name):
    how, said = UNWRITTEN[name]
    with pytest.raises(UserError, match=said) as caught:
        acl.write_snapshot(tmp_path / "a.safetensors", **how)
    assert not list(tmp_path.iterdir()) and ".a.safetensors." not in str(caught.value)


@pytest.mark.parametrize("target", [".", "nowhere/a.safetensors", "x" * 300])
def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path, target):
    with pytest.raises(UserError, match=r"The snapshot .* cannot be"):
        acl.write_snapshot(tmp_path / target, arrays(20))


def test_a_refused_snapshot_leaves_the_one_that_was_there(tmp_path):
    path = tmp_path / "a.safetensors"
    acl.write_snapshot(path, arrays(20))
    before = path.read_bytes()
    with pytest.raises(UserError):
        acl.write_snapshot(path, (H, -Q))
    assert path.read_bytes() == before


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 6), st.integers(0, 4), st.integers(0, 4)), dim=st.integers(1, 4),
    order=st.permutations(range(5)), with_ids=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    lambda_=st.none() | st.floats(0, 1), seed=st.integers(0, 99),
)  # fmt: skip
def test_whatever_is_written_loads(tmp_path_factory, sizes, dim, order, with_ids, lambda_, seed):
    path, columns = tmp_path_factory.mktemp("any") / "a.safetensors", 1 + seed % 5
    tables = {}
    for place, role in enumerate(("pool", "labelled", "memory")):
        h, p = arrays(sizes[place], seed + place, dim, columns)
        ids = 1000 * (place + 1) + np.arange(sizes[place])
        tables[role] = (ids, h, p) if with_ids[place] else (h, p)
    assert acl.write_snapshot(path, **tables, classes=order[:columns], lambda_=lambda_, seed=seed) == ()
    found = load_snapshot(path).context
    assert [len(samples) for samples in found.roles().values()] == list(sizes)
    assert found.classes == tuple(order[:columns]) and found.n_classes == max(order[:columns]) + 1
    assert json.dumps(found.n) == str(min(10, sizes[0]))


def test_samples_keep_to_their_types():
    with pytest.raises(UserError, match="4 columns for 3 classes"):
        context = make_context(3)
        QueryContext(**context.roles(), classes=(0, 1, 2), n=1, lambda_=0.0, task=1, round=1, seed=0, n_classes=4)
    nobody = Samples(torch.zeros(0).long(), torch.zeros(0, 6), torch.zeros(0, 4))
    with pytest.raises(UserError, match="pool holds no samples"):
        QueryContext(nobody, nobody, nobody, (0, 1, 2, 3), 1, 0.0, 1, 1, 0, 4)


def test_other_safetensors_are_not_the_snapshot_of_a_query(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(UserError, match="not the snapshot of a query"):
        load_snapshot(path)
