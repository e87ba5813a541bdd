"""Settings that change nothing: every one of them, for every plug-in, changes no event and stands in no cohort."""

from __future__ import annotations

import json

import pytest

from acl.cli import main
from acl.config import FULL, RunConfig, UserError, field_names
from acl.plugins.registry import choices, prepare
from acl.plugins.unused import KINDS, SHOWN_USERS, refuse, unused, without_unused
from acl.presets import preset_config
from acl.results import sweep
from acl.results.cohorts import with_cohorts
from acl.results.frames import load_runs
from acl.results.grid import grid
from acl.runs.folder import create, list_runs, resolved
from acl.runs.sameness import NO_EFFECT, key, telling
from acl.service.worker import execute
from tests.conftest import SMALL, small_config
from tests.sets import write_folder
from tests.tools import facts, run_config

TINY = {
    "classes_per_task": 5, "epochs": 2, "n_start": 4, "n_query": 2, "n_end": 8, "width": 4, "max_per_class": 12,
    "batch_size": 3, "memory_batch_size": 3,
}  # fmt: skip
# Another value of every setting than TINY or the defaults have.
OTHER = {
    "preset": "digits-m20", "dataset": "mnist", "learner": "finetune", "strategy": "uniform", "seed": 1, "n_start": 3,
    "n_query": 3, "n_end": 9, "memory": 11, "memory_policy": "reservoir", "replay": "once", "memory_batches": 9,
    "lambda": 0.9, "dims_per_class": 1, "oversample": 1.0, "top_classes": 2, "label_noise": 0.5, "data": "/nowhere",
    "image_size": 9, "max_per_class": 11, "scenario": "domain", "classes_per_task": 2,
    "class_order": "9,1,2,3,4,5,6,7,8,0", "shuffle_classes": True, "domain": "permute", "domains": 3,
    "model": "cnn", "backbone": "mobilenet_v3_small",
    "weights": "random", "width": 5, "epochs": 3, "batch_size": 2, "memory_batch_size": 2, "lr": 0.01, "lr_end": 0.01,
    "momentum": 0.1, "weight_decay": 0.1, "augment": "flip", "eval_batch": 7, "threads": 2, "device": "auto",
    "snapshots": "off", "label_column": "other", "refill": "paper", "precision": "float32", "method": 1,
    "cuda_graphs": True,
}  # fmt: skip
DOMAIN = {"scenario": "domain", "domains": 2, "max_per_class": 4}
SITUATIONS = [
    *[{"learner": learner, "strategy": s} for learner in choices("learners") for s in choices("strategies")],
    DOMAIN,
    {**DOMAIN, "domain": "permute"},
    {"dataset": "folder", "scenario": "domain", "domain": "folders"},
    {"dataset": "folder"},
    {"memory_policy": "reservoir"},
    {"memory": 0},
    {"memory": 0, "learner": "gss"},
    {"model": "cnn"},
    {"model": "resnet18", "lr": 0.001, "lr_end": 0.001, "max_per_class": 3, "n_end": 5},
    {"backbone": "mobilenet_v3_small", "weights": "random"},
    {"epochs": 1},
    {"n_end": 4},
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """tiny(**settings) is a config whose run takes a moment."""
    folder = tmp_path_factory.mktemp("images")
    for look in ("here", "there"):
        write_folder(folder / look, dict.fromkeys("abcdefghij", 8))
    flat = tmp_path_factory.mktemp("flat")
    write_folder(flat, dict.fromkeys("abcdefghij", 8))

    def make(**settings):
        values = {**TINY, **settings}
        if values.get("dataset") == "folder":
            values = {"data": str(folder if values.get("domain") == "folders" else flat), "image_size": 8, **values}
        return small_config().changed(**values)

    return make


def what_happens(config, without=()):
    """The facts of a run. `without`: those of them that only repeat a setting: λ is told to every strategy."""
    return [{k: v for k, v in fact.items() if k not in without} for fact in facts(run_config(config))]


# -- what is unused has no effect, what is used has one --------------------------------------------------


def test_every_setting_has_another_value_here():
    assert OTHER.keys() - {"preset"} == field_names().keys() - {"preset"}


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: "-".join(map(str, s.values())))
def test_what_is_unused_changes_no_event_and_no_key(tiny, situation):
    config = tiny(**situation)
    idle = unused(config)
    changed = config.changed(**{name: OTHER[name] for name in idle})
    assert idle and all(getattr(changed, field_names()[n]) != getattr(config, field_names()[n]) for n in idle)
    assert key(changed) == key(config) and telling(changed) == telling(config)
    without = {"lambda_"} if "lambda" in idle else set()
    assert what_happens(changed, without) == what_happens(config, without)
    assert without_unused(changed) == without_unused(config) and unused(without_unused(config)) == idle


@pytest.mark.parametrize("learner", ["er", "finetune"])
@pytest.mark.parametrize("spelled", ["pics", "./pics", "{here}/pics/", "{here}/other/../pics", "{here}/link"])
def test_a_folder_is_one_however_it_is_written(tmp_path, monkeypatch, spelled, learner):
    write_folder(tmp_path / "pics", dict.fromkeys("abcd", 8))
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to("pics")
    monkeypatch.chdir(tmp_path)
    own = {"dataset": "folder", "classes_per_task": 2, "n_start": 2, "n_query": 1, "n_end": 4, "learner": learner}
    there, here = (small_config(**own, data=at) for at in (str(tmp_path / "pics"), spelled.format(here=tmp_path)))
    assert here.data == str(tmp_path / "pics") and key(here) == key(there)


def test_the_order_in_which_classes_come_anyway_is_no_other_setting():
    natural, turned = "0,1,2,3,4,5,6,7,8,9", "9,8,7,6,5,4,3,2,1,0"
    assert key(small_config(class_order=natural)) == key(small_config()) != key(small_config(class_order=turned))
    shuffled = small_config(shuffle_classes=True)
    assert key(small_config(shuffle_classes=True, class_order=turned)) == key(shuffled)
    assert key(small_config(shuffle_classes=True, class_order="0,1,2,3,4", classes_per_task=5)) != key(shuffled)


def test_the_same_tasks_are_one_setting_however_they_are_written():
    alike = [small_config(classes_per_task=listed) for listed in (2, "2", (2, 2), "2,2,2,2,2")]
    assert {key(config) for config in alike} == {key(small_config(classes_per_task=2))}
    long, short = small_config(classes_per_task="5,1,1,1,1,1"), small_config(classes_per_task="5,1")
    assert key(long) == key(short) != key(alike[0]) and long.classes_per_task == (5, 1)
    within = small_config(classes_per_task="4,3", class_order="3,1,2,0,6,5,4,7,8,9")
    assert key(within) == key(small_config(classes_per_task="4,3")) != key(small_config(classes_per_task="5,3"))
    assert RunConfig.from_json(long.to_json()) == long


@pytest.mark.parametrize("name", ["lambda", "label_noise", "weight_decay", "lr_end", "momentum"])
def test_minus_nought_is_nought(name):
    assert key(small_config(**{name: "-0.0"})) == key(small_config(**{name: 0}))


# Where a setting can show what it does, if not with ER and AccuACL.
SHOWN_WITH = {
    "memory_batches": {"learner": "gss", "memory_batch_size": 1, "n_end": 20},
    "top_classes": {"strategy": "bait"},
    "data": {"dataset": "folder"},
    "label_column": {"dataset": "parquet"},
    "image_size": {"dataset": "folder"},
    "domain": DOMAIN,
    "domains": DOMAIN,
    "weights": {"backbone": "mobilenet_v3_small", "weights": "random"},
    "cuda_graphs": {"device": "cuda", "precision": "float32"},
}
NO_EVENT = {
    "preset",
    "snapshots",
    "dataset",
    "backbone",
    "data",
    "label_column",
    "weights",
    "eval_batch",
    "threads",
    "device",
    "cuda_graphs",
}
"""Those that change none, only last bits, or need files that are not here."""


@pytest.mark.parametrize("name", sorted(field_names().keys() - NO_EFFECT - {"method"}))
def test_what_is_used_tells_runs_apart(tiny, name):
    config = tiny(**SHOWN_WITH.get(name, {}))
    assert name not in unused(config) and name in telling(config)
    changed = config.changed(**{name: "other" if name == "weights" else OTHER[name]})
    assert key(changed) != key(config)
    if name not in NO_EVENT:
        assert what_happens(changed) != what_happens(config)


@pytest.mark.parametrize(
    ("settings", "order", "other", "same"),
    [
        ({}, "0,1,2,3,4,5,6,7,8,9", "4,3,2,1,0,9,8,7,6,5", True),
        ({}, "0,1,2,3,4,5,6,7,8,9", "5,1,2,3,4,0,6,7,8,9", False),
        ({"shuffle_classes": True, "classes_per_task": 2}, "0,1,2,3,4,5", "5,1,2,3,4,0", True),
        ({"shuffle_classes": True, "classes_per_task": 2}, "0,1,2,3,4,5", "0,1,2,3,4,6", False),
        (DOMAIN, "0,1,2,3,4,5", "5,1,2,3,4,0", True),
        (DOMAIN, "0,1,2,3,4,5", "0,1,2,3,4,6", False),
    ],
)
def test_the_order_of_classes_matters_only_between_tasks(tiny, settings, order, other, same):
    one, two = (tiny(**settings, class_order=classes) for classes in (order, other))
    assert (key(one) == key(two)) is same
    assert (what_happens(one) == what_happens(two)) is same


# -- the command line ----------------------------------------------------------------------------------


def said(capsys, *arguments):
    code = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    assert code == 2 and not out and err.count("\n") == 1, (arguments, out, err)
    return err.removeprefix("acl: ").strip()


def users(name: str) -> str:
    """The plug-ins that ask for a setting, whichever there are, as a sentence lists them: "a, b and c"."""
    names = [each for kind in KINDS.values() for each, found in choices(kind).items() if name in found.uses]
    names = names if len(names) <= SHOWN_USERS else [*names[: SHOWN_USERS - 1], "others"]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


@pytest.mark.parametrize("field", KINDS)
def test_what_a_user_named_and_nothing_uses_is_refused(field, runs, capsys):
    for chosen in choices(KINDS[field]):
        idle = unused(preset_config("digits-demo", **{field: chosen}))
        for name in idle:
            value = OTHER[name]
            text = said(capsys, "run", f"--{field}", chosen, "--set", f"{name}={value}", "--runs", runs)
            assert f"does not use {name}: it is for " in text and text.endswith("; leave it out."), text
    assert not runs.exists()


def test_the_sentences(runs, capsys):
    sentences = {
        ("--data", "x"): f"digits takes no --data: it is for {users('data')}; leave it out.",
        ("--set", "image_size=32"): f"digits does not use image_size: it is for {users('image_size')}; leave it out.",
        ("--strategy", "full", "--set", "n_start=50"): (
            "full does not use n_start: it is for strategies that choose; leave it out."
        ),
        ("--set", "domains=3"): "scenario=class does not use domains: it is for scenario=domain; leave it out.",
    }
    for arguments, sentence in sentences.items():
        assert said(capsys, "run", *arguments, "--runs", runs) == sentence


def test_a_presets_own_values_are_not_refused(runs):
    # It names a memory policy, which only ER asks for.
    settings = [part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")]
    arguments = ["--preset", "digits-m20", "--learner", "finetune", *settings, "--runs", str(runs), "--quiet"]
    assert main(["run", *arguments]) == 0
    config = json.loads((list_runs(runs)[0].path / "config.json").read_text())["config"]
    assert (config["memory"], config["memory_policy"]) == (10, "reservoir")


def test_select_refuses_what_changes_neither_picks_nor_scores(runs, tmp_path, capsys):
    run = create(small_config(), runs)
    execute(run)
    snapshot = run.snapshot(2, 1)
    capsys.readouterr()
    text = said(capsys, "select", snapshot, "--strategy", "entropy", "--lambda", "0.5")
    assert text == f"entropy takes no --lambda: it is for {users('lambda')}; leave it out."
    assert "accuacl does not use epochs" in said(capsys, "select", snapshot, "--set", "epochs=3")
    scores = ["--scores", str(tmp_path / "scores.parquet")]
    assert main(["select", str(snapshot), "--strategy", "entropy", "--lambda", "0.5", *scores]) == 0


def test_a_fork_refuses_it_and_so_does_resume(runs, capsys):
    run = create(small_config(strategy="entropy"), runs)
    execute(run)
    capsys.readouterr()
    fork = ["fork", run.id, "--at", "2.1", "--runs", runs, "--quiet"]
    text = said(capsys, *fork, "--set", "lambda=0.5")
    assert text == f"entropy does not use lambda: it is for {users('lambda')}; leave it out."
    text = said(capsys, "resume", run.id, "--data", "photos", "--runs", runs)
    assert text == f"digits takes no --data: it is for {users('data')}; leave it out."
    assert len(list_runs(runs)) == 1 and run.config.data == ""
    assert main([str(a) for a in [*fork, "--set", "lambda=0.5", "--set", "strategy=accuacl"]]) == 0


# -- sweeps --------------------------------------------------------------------------------------------


def test_in_a_sweep_it_is_enough_that_one_uses_it(runs, capsys):
    axes = {"strategy": ["entropy", "accuacl"], "lambda": [0, 0.5], "seed": [0, 1]}
    found = [(c.seed, c.strategy) for c in grid(small_config(), axes)]
    assert sorted(found) == [(s, name) for s in (0, 1) for name in ("accuacl", "accuacl", "entropy")]
    for name, value in (("image_size", "32,64"), ("memory_batches", "1,2")):
        text = said(capsys, "sweep", "--seeds", "0", "--vary", f"{name}={value}", "--runs", runs)
        assert f"does not use {name}" in text
    for options in (["--memory", "10,20"], ["--set", "memory=20"]):
        text = said(capsys, "sweep", "--learners", "finetune", *options, "--runs", runs)
        assert text.startswith(f"finetune does not use memory: it is for {users('memory')}; ")
    assert not runs.exists()


def test_a_sweep_records_what_nothing_uses_at_its_default_and_takes_old_runs_for_the_same(runs):
    config = small_config(strategy="entropy", snapshots="off")
    old = create(config.changed(image_size=64, **{"lambda": 0.5}), runs)
    execute(old)
    axes = {"strategy": ["entropy", "accuacl"], "lambda": [0.2, 0.5]}
    started = sweep.start(grid(small_config(snapshots="off"), axes), runs, "three")
    members = {member.config.strategy: member for member in started.members}
    assert len(started.members) == 3 and members["entropy"].run == old.id
    assert members["entropy"].config.lambda_ is None


# -- runs that have them all the same ------------------------------------------------------------------


def test_runs_with_odd_values_are_one_cohort(runs, capsys):
    for seed, size in ((0, 32), (1, 64)):
        run = create(small_config(seed=seed), runs)
        execute(run)
        record = json.loads((run.path / "config.json").read_text())
        record["config"] |= {"image_size": size, "data": f"/somewhere/{size}", "domains": 3 + seed}
        (run.path / "config.json").write_text(json.dumps(record))
    frames = load_runs(folder=runs)
    assert with_cohorts(frames.runs)["cohort"].unique().tolist() == ["AccuACL"]
    assert main(["table", "--format", "csv", "--runs", str(runs)]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2 and out.endswith(",2\n") and "differ" not in err


def test_what_is_made_keeps_it_at_its_default():
    config = small_config().changed(data="/somewhere", image_size=64, strategy=FULL, n_start=50, n_end=60)
    made = resolved(config, prepare(config))
    assert (made.data, made.image_size, made.n_start, made.n_end) == ("", 32, 10, 40)


def test_nothing_is_refused_for_a_plugin_that_is_not_installed():
    config = RunConfig(strategy="theirs", learner="theirs", dataset="theirs")
    assert not {"lambda", "memory", "data"} & unused(config).keys()
    refuse([config], ["lambda", "memory", "data"])
    with pytest.raises(UserError, match="does not use domains"):
        refuse([config], ["domains"])
