"""RunConfig: one sentence for every mistake, JSON both ways."""

from __future__ import annotations

import json

import pytest

from acl.config import RunConfig, UserError, field_names, make_config, read_config
from acl.datasets.digits import Digits
from acl.plugins.registry import build, choices, discover, plugin, prepare
from acl.presets import PRESETS, preset_config
from acl.runs.folder import create, resolved, snapshot_bytes
from tests.conftest import small_config


def sentence(call, *arguments, **values):
    with pytest.raises(UserError) as raised:
        call(*arguments, **values)
    text = str(raised.value)
    assert text.endswith((".", "?")) and "\n" not in text and len(text) < 700
    return text


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"memroy": 5}, ["memroy", "Did you mean 'memory'", "seed"]),
        ({"lambda": 1.5}, ["lambda", "between 0 and 1", "1.5"]),
        ({"lambda": -0.1}, ["lambda", "-0.1"]),
        ({"lambda": "nan"}, ["lambda", "nan"]),
        ({"lambda": "much"}, ["lambda", "much"]),
        ({"n_start": 30, "n_end": 20}, ["n_end", "30", "20"]),
        ({"epochs": 0}, ["epochs", "greater than or equal to 1", "0"]),
        ({"epochs": "many"}, ["epochs", "many"]),
        ({"lr": float("inf")}, ["lr", "inf"]),
        ({"replay": "twice"}, ["replay", "cycle", "once", "twice"]),
        ({"seed": -1}, ["seed", "-1"]),
        ({"class_order": "3,x"}, ["class_order", "x"]),
        ({"max_per_class": 0}, ["max_per_class", "0"]),
        ({"image_size": "big"}, ["image_size", "big"]),
    ],
)
def test_bad_values_are_said_in_one_sentence(values, expected):
    text = sentence(make_config, values)
    assert all(part in text for part in expected), text


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"strategy": "acuacl"}, ["strategy 'acuacl'", "Did you mean 'accuacl'", "entropy", "full", "uniform"]),
        ({"strategy": "zzz"}, ["strategy 'zzz'", "Choices"]),
        ({"dataset": "digit"}, ["dataset 'digit'", "Did you mean 'digits'"]),
        ({"learner": "err"}, ["learner 'err'", "Did you mean 'er'"]),
        ({"n_end": 300}, ["n_end", "248", "300"]),
        ({"classes_per_task": 11}, ["classes_per_task", "10", "11"]),
        ({"classes_per_task": "4,7"}, ["classes_per_task", "10", "got 4,7"]),
        ({"classes_per_task": "4,x"}, ["classes_per_task must be", "50,10", "4,x"]),
        ({"classes_per_task": "0"}, ["classes_per_task must be", "'0'"]),
        ({"classes_per_task": []}, ["classes_per_task must be", "[]"]),
        ({"classes_per_task": [2, None]}, ["classes_per_task must be", "None"]),
        ({"classes_per_task": 2.5}, ["classes_per_task must be", "2.5"]),
        ({"classes_per_task": True}, ["classes_per_task must be", "True"]),
        ({"classes_per_task": 2**31}, ["classes_per_task must be"]),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_made(values, expected, runs):
    def start():
        config = preset_config("digits-demo", **values)
        create(resolved(config, prepare(config)), runs)

    text = sentence(start)
    assert all(part in text for part in expected), text
    assert not runs.exists()


def test_a_learner_without_memory_may_have_any_memory_size():
    prepare(preset_config("digits-demo", learner="finetune", memory=1))


def test_full_labels_know_no_budget_that_could_not_fit():
    assert make_config({"strategy": "full", "n_start": 30, "n_end": 20}).rounds == 0


def test_unknown_preset():
    text = sentence(preset_config, "digit-demo")
    assert "Did you mean 'digits-demo'" in text


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("digits")])
def test_every_preset_of_the_digits_fits_them(name):
    assert prepare(preset_config(name)).tasks


def test_json_both_ways(tmp_path):
    config = preset_config("digits-demo", **{"lambda": 0.3, "class_order": "3, 1", "max_per_class": "all"})
    assert config.class_order == (3, 1) and config.max_per_class is None
    assert RunConfig.model_validate_json(config.to_json()) == config
    assert make_config({"lambda": "auto"}).lambda_ is None
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"format": "2", "parent": None, "config": json.loads(config.to_json())}))
    assert read_config(path) == (config, {"format": "2", "parent": None})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "cannot be read"),
        ("\xff\xfe".encode("latin-1"), "cannot be read"),
        ("[]", "no run settings"),
        ('{"format": "3", "config": {}}', "format '3'"),
        ('{"format": "", "config": {}}', "format ''"),
        ('{"format": "1", "config": {"epochs": -3}}', "epochs"),
        ('{"format": "1", "config": {"from_the_future": 1}}', "from_the_future"),
    ],
)
def test_a_bad_config_file_is_named_with_its_trouble(tmp_path, content, expected):
    path = tmp_path / "config.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    text = sentence(read_config, path)
    assert expected in text and str(path) in text


@pytest.mark.parametrize(
    "name", [name for name, at in field_names().items() if RunConfig.model_fields[at].annotation in (int, int | None)]
)
def test_whole_numbers_that_no_library_counts_to_are_refused(name):
    assert str(2**64) in sentence(make_config, {name: str(2**64)})


def test_plugins_are_found_by_file_name_and_described_without_import():
    assert {"uniform", "entropy", "accuacl"} <= discover("strategies").keys()
    assert {"finetune", "er"} <= discover("learners").keys() and "digits" in discover("datasets")
    assert choices("strategies")["full"].label == "Full labels"
    for kind in ("strategies", "learners", "datasets"):
        for found in discover(kind).values():
            assert found.label and found.summary.endswith((".", "!")) or found.summary
            assert found.load().__module__ == found.module
            assert set(found.settings) <= {i.alias or n for n, i in RunConfig.model_fields.items()}


def test_a_plugin_takes_its_settings_from_the_config():
    strategy = build("strategies", "accuacl", make_config({"dims_per_class": 3, "oversample": 4}))
    assert (strategy.dims_per_class, strategy.oversample) == (3, 4.0)
    assert plugin("strategies", "accuacl").settings == ("lambda", "dims_per_class", "oversample")


def test_digits_are_scikit_learns_and_split_evenly():
    from sklearn.datasets import load_digits

    data, raw = Digits().load(), load_digits()
    assert (data.images[..., 0] == (raw.images * (255 / 16)).round()).all() and (data.labels == raw.target).all()
    for label in range(10):
        share = data.is_train[data.labels == label].mean()
        assert abs(share - 0.7) < 0.01


def test_snapshots_are_resolved_by_their_size():
    config = small_config()
    stream = prepare(config)
    assert config.snapshots == "all"
    sizes = snapshot_bytes(config, stream)
    assert sizes["all"] == 3 * sizes["last_round"]
    huge = config.changed(snapshots="auto", width=4096, n_start=1, n_query=1, n_end=400)
    assert resolved(huge, stream).snapshots == "last_round"
