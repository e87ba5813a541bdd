"""What datasets of other parties give, and what a plug-in's file may be: every kind of nonsense is one sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from acl.cli import main
from acl.config import UserError
from acl.plugins.blame import PluginError
from acl.plugins.registry import build, choices, prepare
from acl.runs.control import read_status
from acl.runs.folder import create, list_runs
from acl.service.worker import execute
from tests.conftest import SMALL, small_config
from tests.foreign import FORCED
from tests.tools import run_config

HEAD = f'''"""Gives nonsense."""
from dataclasses import dataclass
import sys
import numpy as np
from acl.datasets.base import Base
from acl.stream.types import ImageSet
{FORCED}
LABELS = np.arange(80) % 4
GOOD = dict(name="Good", images=np.zeros((80, 4, 5, 1), np.uint8), labels=LABELS, class_names=tuple("abcd"),
            is_train=np.arange(80) < 60, domains=None, notes=())

def changed(**values):
    return forced(ImageSet, **{{**GOOD, **values}})

@dataclass(frozen=True)
class Bad(Base):
    def load(self):
'''
SETS = {
    "None": ("return None", "must load an ImageSet, it loaded a NoneType"),
    "a pair": ("return GOOD['images'], LABELS", "must load an ImageSet, it loaded a tuple"),
    "float images": ("return changed(images=GOOD['images'] / 255)", "gave images of float64 [80, 4, 5, 1], they must"),
    "no channels": ("return changed(images=GOOD['images'][..., 0])", "gave images of uint8 [80, 4, 5]"),
    "four channels": ("return changed(images=np.zeros((80, 4, 5, 4), np.uint8))", "gave images of uint8 [80, 4, 5, 4]"),
    "channels first": ("return changed(images=np.zeros((80, 3, 8, 8), np.uint8))", "of uint8 [80, 3, 8, 8]"),
    "a list of images": ("return changed(images=list(GOOD['images']))", "gave images of a list"),
    "no images": ("return changed(images=GOOD['images'][:0])", "gave no images"),
    "no pixels": ("return changed(images=GOOD['images'][:, :0])", "gave no images"),
    "fewer labels": ("return changed(labels=LABELS[:79])", "labels of int64 [79], they must be whole numbers [80]"),
    "float labels": ("return changed(labels=LABELS * 1.0)", "gave labels of float64 [80]"),
    "a list of labels": ("return changed(labels=LABELS.tolist())", "gave labels of a list"),
    "a label too high": ("return changed(labels=LABELS + 1)", "gave image 3 the label 4, which is none of 0..3"),
    "a label too low": ("return changed(labels=LABELS - 2)", "gave image 0 the label -2"),
    "one class": ("return changed(labels=LABELS * 0, class_names=('a',))", "gave 1 class names"),
    "an empty class": ("return changed(class_names=tuple('abcde'))", "gave no training image of the class 'e'"),
    "a class without tests": ("return changed(is_train=LABELS == 1)", "gave no training image of the class 'a'"),
    "all for training": ("return changed(is_train=LABELS >= 0)", "gave no test image of the class 'a'"),
    "a split of numbers": ("return changed(is_train=(LABELS > 1) * 1)", "is_train of int64 [80], they must be bool"),
    "a split of names": ("return changed(is_train=['train'] * 80)", "gave is_train of a list"),
    "class numbers": ("return changed(class_names=(0, 1, 2, 3))", "gave class_names that are no texts"),
    "a class name": ("return changed(class_names='abcd')", "gave class_names that are no texts"),
    "a note": ("return changed(notes='read it')", "gave notes that are no texts"),
    "no name": ("return changed(name=None)", "gave name that are no texts"),
    "domains of floats": ("return changed(domains=LABELS / 2)", "gave domains of float64 [80]"),
    "a domain left out": ("return changed(domains=LABELS % 2 * 2)", "gave training images of the domains [0, 2]"),
    "a domain below 0": ("return changed(domains=LABELS - 1)", "gave training images of the domains [-1, 0, 1, 2]"),
    "a domain without tests": ("return changed(domains=(np.arange(80) < 30) * 1)", "test images of the domains [0]"),
    "masked images": ("return changed(images=np.ma.masked_array(GOOD['images']))", "gave images of masked uint8 ["),
    "masked labels": ("return changed(labels=np.ma.masked_equal(LABELS, 1))", "gave labels of masked int64 ["),
    "a far domain": ("return changed(domains=(LABELS > 1) * 10**15)", "of the domains [0, 1000000000000000], they"),
    "many domains": ("return changed(domains=np.arange(80) + 1)", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …], they must be"),
    "its own field": ("self.kept = 3", "raised FrozenInstanceError: cannot assign to field 'kept'"),
    "raised": ("raise FileNotFoundError('so')", "raised FileNotFoundError: so."),
    "exit": ("sys.exit(0)", "raised SystemExit: 0."),
}  # fmt: skip
SETTINGS = [part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")]


@pytest.mark.parametrize("kind", SETS)
def test_a_set_that_is_none(site, runs, capsys, kind):
    body, expected = SETS[kind]
    path = site.add("datasets", "bad", f"{HEAD}        {body}\n")
    with pytest.raises(PluginError) as caught:
        prepare(small_config().changed(dataset="bad", classes_per_task=2))
    sentence, raised = str(caught.value), kind in {"raised", "exit", "its own field"}
    assert sentence.startswith("The dataset 'bad' ") and expected in sentence and "\n" not in sentence
    line = f"{HEAD.count(chr(10)) + 1}: {body}" if raised else f"{HEAD.count(chr(10))}: def load(self):"
    assert caught.value.details == f"{path}:{line}"
    assert main(["run", *SETTINGS, "--dataset", "bad", "--runs", str(runs), "--quiet"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err == f"acl: {sentence} ({caught.value.details})\n"
    assert not runs.exists() or not list_runs(runs)


@pytest.mark.parametrize(
    "values", ["labels=LABELS.astype(np.uint8)", "class_names=list('abcd')", "domains=(LABELS // 2).astype(np.int8)"]
)
def test_sets_of_other_types_are_the_same_set(site, values):
    site.add("datasets", "bad", f"{HEAD}        return changed({values})\n")
    stream = prepare(small_config().changed(dataset="bad", classes_per_task=2))
    assert stream.labels.dtype == np.int64 and stream.class_names == tuple("abcd")


def test_texts_are_made_such_that_they_can_be_shown(site):
    odd = r"name='a\nb', class_names=('x', 'x', '', '\ud800'), notes=('one\n\ud800',)"
    site.add("datasets", "bad", f"{HEAD}        return changed({odd})\n")
    stream = prepare(small_config().changed(dataset="bad", classes_per_task=2))
    assert stream.class_names == ("x", "x (1)", "(2)", r"\ud800") and stream.notes == (r"one\n\ud800",)
    assert "\n" not in stream.name


def test_a_class_may_be_left_out_of_the_images_one_by_one(site):
    site.add("datasets", "bad", f"{HEAD}        return changed(labels=np.where(np.arange(80) < 8, -1, LABELS))\n")
    stream = prepare(small_config().changed(dataset="bad", classes_per_task=2))
    assert sum(len(task.train_ids) for task in stream.tasks) == 52


def test_a_run_whose_set_has_gone_bad_fails_at_once(site, runs):
    site.add("datasets", "bad", f"{HEAD}        return changed()\n")
    config = small_config(dataset="bad", classes_per_task=2)
    run = create(config, runs)
    site.add("datasets", "bad", f"{HEAD}        return changed(images=GOOD['images'] * 0.5)\n")
    with pytest.raises(PluginError):
        execute(run)
    assert read_status(run.path).state == "failed" and "gave images of float64" in read_status(run.path).error


# -- ours ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (KeyError("so"), "ACL Explorer's own dataset 'digits' failed: please report it (KeyError: 'so')."),
        (PermissionError(13, "Permission denied", "f"), "The dataset 'digits' could not read or write its files (Perm"),
    ],
)
def test_a_fault_of_ours_is_not_worded_as_a_plug_ins(site, monkeypatch, runs, config, error, sentence):
    def broken(*_, **__):
        raise error

    run = create(config, runs)
    site.forget()
    monkeypatch.setattr("acl.datasets.digits.np.loadtxt", broken)
    with pytest.raises(UserError) as caught:
        execute(run)
    status = read_status(run.path)
    assert status.state == "failed" and status.error == str(caught.value) and status.error.startswith(sentence)
    assert "digits.py:" in status.details and "rows = np.loadtxt(" in status.details


def test_a_learner_of_ours_too(monkeypatch, config):
    monkeypatch.setattr("acl.learners.er.cross_entropy", lambda *_: torch.zeros(()))
    said = "^ACL Explorer's own learner 'er' returned a loss that is float32 .. without a gradient"
    with pytest.raises(PluginError, match=said) as caught:
        run_config(config)
    assert "er.py:" in caught.value.details


# -- files that are no plug-in ------------------------------------------------------------------------

STRATEGY = '''"""A strategy."""
from dataclasses import dataclass, field
from typing import ClassVar
from acl.selection.query import Selection
from acl.strategies.base import Base
{top}

@dataclass(frozen=True)
class Mine(Base):
    {fields}

    def select(self, context):
        return Selection(context.pool.ids[:context.n])
{bottom}
'''
RAISING = "    def __post_init__(self):\n        raise KeyError('so')"
FILES = {
    "an import that is not there": ({"top": "import nothing_of_that_name"}, "raised ModuleNotFoundError: No module"),
    "code that fails": ({"top": "1 / 0"}, "raised ZeroDivisionError: division by zero"),
    "code that exits": ({"top": "raise SystemExit"}, "raised SystemExit."),
    "two classes": ({"bottom": "class Other(Mine): pass\nclass Another(Mine): pass"}, "has Another, Other"),
    "a field that is no setting": ({"fields": "oversampel: float = 2.0"}, "has the field 'oversampel'"),
    "a field without a value": ({"fields": "mine: int"}, "has the field 'mine', and there is no setting"),
    "SETTINGS that are none": ({"top": "SETTINGS = ('oversampel',)"}, "'oversampel', which is no setting"),
    "SETTINGS as text": ({"top": "SETTINGS = 'lambda'"}, "SETTINGS must be a tuple of names"),
    "SETTINGS that are numbers": ({"top": "SETTINGS = 3"}, "SETTINGS must be a tuple of names"),
    "SETTINGS worked out": ({"top": "SETTINGS = tuple(['lambda'])"}, "cannot be read: malformed node"),
    "LABEL that is no text": ({"top": "LABEL = 3"}, "LABEL must be a text"),
    "a constructor that raises": ({"bottom": RAISING}, "raised KeyError: 'so'"),
    "no select": ({"bottom": "    select = Base.select"}, "lacks the method select"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_strategy(site, runs, capsys, kind):
    parts, expected = FILES[kind]
    source = STRATEGY.format(**{"top": "", "fields": "pass", "bottom": ""} | parts)
    path = site.add("strategies", "mine", source)
    assert main(["strategies", "--json"]) == 0
    assert "mine" in {row["name"] for row in json.loads(capsys.readouterr().out)}
    run = create(small_config(strategy="mine"), runs)
    with pytest.raises(PluginError) as caught:
        execute(run)
    assert str(caught.value).startswith("The strategy 'mine' ") and expected in str(caught.value)
    assert read_status(run.path).state == "failed" and caught.value.details.startswith(str(path))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", "must be one subclass of acl.strategies.base.Base, and foreign_mine has none"),
        ("from acl.strategies.uniform import Uniform\n", "and foreign_mine has none"),
        ("def (", "raised SyntaxError: "),
        ("\udc80", "raised SyntaxError: "),
    ],
)
def test_a_file_without_a_strategy(site, config, source, expected):
    path = site.add("strategies", "mine", "")
    path.write_bytes(source.encode("utf-8", "surrogateescape"))
    site.forget()
    assert "mine" in choices("strategies")
    with pytest.raises(PluginError) as caught:
        build("strategies", "mine", config)
    assert expected in str(caught.value) and caught.value.details.startswith(str(path))


def test_a_class_that_another_builds_on_and_constants_with_types_are_fine(site, config):
    top = "LABEL: str = 'Mine'\nSETTINGS: tuple[str, ...] = ('oversample',)"
    fields = "oversample: float\n    COUNT: ClassVar[int] = 3\n    seed: int = field(init=False, default=3)"
    bottom = "class Final(Mine):\n    pass\nAlias = Final"
    site.add("strategies", "mine", STRATEGY.format(top=top, fields=fields, bottom=bottom))
    assert choices("strategies")["mine"].settings == ("oversample",) and choices("strategies")["mine"].label == "Mine"
    made = build("strategies", "mine", config.changed(oversample=3.0))
    assert type(made).__name__ == "Final" and made.oversample == 3.0 and made.seed == 3


def test_a_name_that_no_run_can_carry_and_a_package_that_fails_to_be_found(site, config):
    site.add("strategies", "Big Name", STRATEGY.format(top="", fields="pass", bottom=""), "foreign_big")
    (site.folder / "foreign_package").mkdir()
    (site.folder / "foreign_package" / "__init__.py").write_text("raise SystemExit(3)\n")
    (site.folder / "foreign_package" / "inside.py").write_text("")
    site.points["strategies"] += "inside = foreign_package.inside\n"
    site.add("strategies", "other", "")
    for name, expected in (("Big Name", "its name must be lower-case"), ("inside", "raised SystemExit: 3")):
        assert name in choices("strategies")
        with pytest.raises(PluginError, match=expected):
            build("strategies", name, config)


def test_a_run_whose_plug_in_is_gone(site, runs, capsys):
    site.add("strategies", "mine", STRATEGY.format(top="", fields="pass", bottom=""))
    run = create(small_config(strategy="mine"), runs)
    site.points["strategies"] = ""
    site.add("strategies", "other", "")
    assert main(["resume", run.id, "--runs", str(runs), "--quiet"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("acl: Unknown strategy 'mine'.") and said.err.count("\n") == 1
    assert read_status(run.path).state == "failed"
