"""Strategies, learners and datasets of other packages: found by entry point, used like ours, blamed by name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from acl.cli import main
from acl.config import RunConfig, UserError
from acl.plugins import registry
from acl.plugins.blame import PluginError
from acl.plugins.registry import choices, plugin, prepare
from acl.plugins.unused import unused
from acl.runs.control import read_status
from acl.runs.folder import create, list_runs
from acl.runs.sameness import telling
from acl.service.worker import execute
from acl.strategies.base import FromQuery
from tests.conftest import SMALL, small_config
from tests.contexts import make_context
from tests.tools import facts, run_config

ROOT = Path(__file__).resolve().parent.parent
# The worked examples of docs/plug-ins.md, word for word.
PAGE = (ROOT / "docs" / "plug-ins.md").read_text("utf-8")
MARGIN, HALF, STRIPES = (
    re.search(rf'```python\n("""{first}.*?)```', PAGE, re.S).group(1) for first in ("Margin", "Half", "Two kinds")
)
CONTRACTS = re.search(r"```python\n(from acl\.testing.*?)```", PAGE, re.S).group(1)
TROUBLE = '''"""Raises."""
from acl.strategies.base import Base

class Trouble(Base):
    def select(self, context):
        return [1, 2, 3][context.n]
'''
MODULES = {"margin": MARGIN, "trouble": TROUBLE, "half": HALF, "stripes": STRIPES, "unreadable": "def ("}
ENTRY_POINTS = """[acl.strategies]
of_the_readme = foreign_margin
trouble = foreign_trouble
unreadable = foreign_unreadable
nowhere = foreign_nowhere.deep
uniform = foreign_margin
[acl.learners]
half = foreign_half
[acl.datasets]
stripes = foreign_stripes
"""


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """A package of another party, installed as far as Python can tell."""
    site = tmp_path / "site"
    (site / "foreign-1.0.dist-info").mkdir(parents=True)
    (site / "foreign-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
    (site / "foreign-1.0.dist-info" / "entry_points.txt").write_text(ENTRY_POINTS)
    for name, source in MODULES.items():
        (site / f"foreign_{name}.py").write_text(source)
    monkeypatch.syspath_prepend(str(site))
    registry.discover.cache_clear()
    yield site
    registry.discover.cache_clear()
    for name in MODULES:
        sys.modules.pop(f"foreign_{name}", None)


def test_they_are_in_the_menus(foreign, capsys):
    assert choices("strategies")["of_the_readme"].label == "Margin" and choices("learners")["half"].label == "Half"
    assert choices("strategies")["of_the_readme"].summary.startswith("Margin: the two most probable")
    assert plugin("strategies", "uniform").module == "acl.strategies.uniform"
    for kind, name in (("strategies", "of_the_readme"), ("learners", "half"), ("datasets", "stripes")):
        assert main([kind, "--json"]) == 0
        assert name in {row["name"] for row in json.loads(capsys.readouterr().out)}


def test_those_of_the_page_keep_to_the_contracts(foreign, tmp_path):
    """As their author runs them, in a folder and a process of their own."""
    (tmp_path / "test_mine.py").write_text(CONTRACTS.replace('"margin"', '"of_the_readme"'))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"], cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(foreign)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0 and "15 passed" in done.stdout, done.stdout + done.stderr


def test_they_run_from_the_command_line(foreign, runs, capsys):
    settings = [part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")]
    chosen = ["--strategy", "of_the_readme", "--learner", "half", "--dataset", "stripes", "--set", "classes_per_task=2"]
    assert main(["run", *settings, *chosen, "--runs", str(runs), "--quiet"]) == 0
    run = list_runs(runs)[0]
    assert json.loads(capsys.readouterr().out)["run"] == run.id and "-half-of_the_readme-stripes-" in run.id
    assert facts(run_config(run.config)) == facts([row.event for row in run.history().rows])


def test_what_they_use_is_what_they_name_and_what_their_fields_are(foreign, runs):
    stripes = RunConfig(dataset="stripes")
    assert plugin("datasets", "stripes").uses == {"image_size"}
    assert "image_size" not in unused(stripes) and "image_size" in telling(stripes)
    assert unused(stripes)["data"].startswith("stripes does not use data: it is for ")
    assert re.search("it is for .*stripes", unused(RunConfig())["image_size"])
    (foreign / "foreign_half.py").write_text(HALF.replace("LABEL", 'SETTINGS = ("epochs", "lambda")\nLABEL'))
    registry.discover.cache_clear()
    registry.owned.cache_clear()
    # It asks for what every run uses, and for what belongs to a strategy: neither is taken from the others.
    assert "epochs" not in unused(RunConfig()) and "memory" in unused(RunConfig(learner="half"))


def test_an_unreadable_one_is_listed_with_its_trouble(foreign):
    assert "Cannot be read" in choices("strategies")["unreadable"].summary
    assert "Cannot be read" in choices("strategies")["nowhere"].summary
    with pytest.raises(UserError, match="The strategy 'unreadable' raised SyntaxError"):
        run_config(small_config(strategy="unreadable"))


def test_one_that_raises_is_named_with_the_failing_line(foreign, runs):
    run = create(small_config(strategy="trouble"), runs)
    with pytest.raises(PluginError, match="^The strategy 'trouble' raised IndexError: list index out of range.$"):
        execute(run)
    status = read_status(run.path)
    assert status.state == "failed" and status.error.startswith("The strategy 'trouble' raised IndexError")
    assert status.details == f"{foreign / 'foreign_trouble.py'}:6: return [1, 2, 3][context.n]"


def test_the_workers_log_keeps_the_traceback(foreign, runs):
    run = create(small_config(strategy="trouble"), runs)
    path = os.pathsep.join([str(foreign), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "acl.service.worker", str(run.path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    lines = done.stderr.splitlines()
    assert done.returncode == 2 and lines[0].startswith("Traceback") and "foreign_trouble.py" in done.stderr
    assert lines[-1] == "The strategy 'trouble' raised IndexError: list index out of range."


def test_learners_and_datasets_are_blamed_too(foreign):
    (foreign / "foreign_half.py").write_text(HALF.replace("/ 2", "/ nothing"))
    with pytest.raises(PluginError, match="The learner 'half' raised NameError"):
        run_config(small_config(learner="half"))
    (foreign / "foreign_stripes.py").write_text(STRIPES.replace("80", "-80"))
    with pytest.raises(PluginError, match="The dataset 'stripes' raised ValueError"):
        prepare(small_config().changed(dataset="stripes"))


@pytest.mark.parametrize("answer", [[0, 0, 1], [0, 1], [0, 1, 999], [-1, 0, 1], [0.5, 1.0, 2.0], [[0, 1, 2]], []])
def test_a_query_function_that_answers_nonsense(answer):
    class Nonsense(FromQuery):
        def query_function(self, context):
            return lambda n: answer

    with pytest.raises(ValueError, match=r"query\(3\) must return 3 different positions"):
        Nonsense().select(make_context(n=3))


def test_positions_become_ids():
    class Last(FromQuery):
        def query_function(self, context):
            return lambda n: torch.arange(len(context.pool) - n, len(context.pool))

    context = make_context(n=3)
    assert Last().select(context).ids.tolist() == context.pool.ids[-3:].tolist()
