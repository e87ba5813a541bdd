"""The library as a notebook uses it, the contracts that plug-ins are tested by, and the wheel that people install."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from importlib.metadata import requires
from pathlib import Path

import numpy as np
import pytest
import torch

import acl
from acl.cli import main
from acl.config import RunConfig, field_names
from acl.events import Bought, Scored
from acl.plugins.asking import ask
from acl.plugins.registry import choices
from acl.runs.folder import Run
from acl.snapshots.snapshot import load_snapshot
from acl.testing import DatasetContract, LearnerContract, StrategyContract
from tests.conftest import SMALL, small_config
from tests.tools import facts

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")

for kind in ("strategies", "learners"):
    for name in choices(kind):
        if name == "full":
            continue
        contract = {"strategies": StrategyContract, "learners": LearnerContract}[kind]
        cls = type(f"Test_{kind}_{name}", (contract,), {"name": name})
        globals()[cls.__name__] = cls


class TestDigits(DatasetContract):
    name = "digits"


def test_a_contract_finds_what_is_wrong(tmp_path, monkeypatch):
    from acl.plugins import registry

    site = tmp_path / "site"
    (site / "odd-1.0.dist-info").mkdir(parents=True)
    (site / "odd-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (site / "odd-1.0.dist-info" / "entry_points.txt").write_text("[acl.strategies]\nodd = odd_one\n")
    (site / "odd_one.py").write_text(
        '"""Odd."""\nimport random\nfrom acl.selection.query import Selection\nfrom acl.strategies.base import Base\n\n'
        "class Odd(Base):\n    def select(self, context):\n"
        "        return Selection(context.pool.ids[random.sample(range(len(context.pool)), context.n)])\n"
    )
    monkeypatch.syspath_prepend(str(site))
    registry.discover.cache_clear()
    try:
        contract = type("TestOdd", (StrategyContract,), {"name": "odd"})()
        contract.test_picks_as_many_different_samples_of_the_pool_as_are_wanted()
        with pytest.raises(AssertionError):
            contract.test_the_same_query_gives_the_same_picks()
    finally:
        registry.discover.cache_clear()


# -- in a notebook -------------------------------------------------------------------------------------


def test_the_lines_of_the_readme_run_in_a_fresh_process(tmp_path):
    lines = re.search(r"```python\n(import acl\n\nconfig = .*?)```", README, re.S)
    done = subprocess.run(
        [sys.executable, "-c", lines[1]], cwd=tmp_path, capture_output=True, text=True, timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "runs").glob("*/config.json"))) == 1 and (tmp_path / "q.safetensors").exists()


def test_config_is_a_module_and_the_settings_of_a_preset():
    config = acl.config("digits-demo", strategy="badge", seed=1)
    assert config == RunConfig.from_json(config.to_json()) and (config.strategy, config.seed) == ("badge", 1)
    assert acl.config.RunConfig is RunConfig
    with pytest.raises(acl.UserError, match="Unknown preset"):
        acl.config("nothing")
    with pytest.raises(acl.UserError, match="Did you mean 'memory'"):
        acl.config(memry=3)


def test_a_loop_in_a_notebook_is_the_run_of_a_worker(runs):
    config = small_config(strategy="badge")
    run = acl.run(config, runs)
    assert isinstance(run, Run) and run.summary["A"] > 0
    assert facts(list(acl.Loop(run.config))) == facts([row.event for row in run.history().rows])
    seen: list[str] = []
    acl.run(config.changed(seed=1), runs, on_event=lambda event: seen.append(type(event).__name__))
    assert seen[0] == "Started" and seen[-1] == "Finished"


def test_runs_are_named_as_acl_run_gives_them(runs):
    made = [acl.run(small_config(seed=seed), runs) for seed in range(2)]
    assert set(acl.load_runs(*made).runs["run"]) == {run.id for run in made}
    assert acl.load_runs(made[0], str(made[1].path)).runs["run"].nunique() == 2
    for wrong, said in (
        (made, r"got list; give several one by one, as load_runs\(\*runs\)"),
        (3, "got int"),
        (None, "Non"),
    ):
        with pytest.raises(acl.UserError, match=said):
            # As users call it: the tests check the types of every call before.
            inspect.unwrap(acl.load_runs)(wrong)


def test_every_pick_of_a_run_is_a_row(runs):
    run = acl.run(small_config(strategy="entropy", label_noise=0.3), runs)
    table = acl.load_runs(runs).picks
    history = run.history()
    assert table["id"].tolist() == [i for event in history.of(Bought) for i in event.ids]
    assert table["given"].tolist() == [label for event in history.of(Bought) for label in event.labels]
    labels = acl.Loop(run.config).stream.labels
    assert table["true"].tolist() == labels[table["id"]].tolist() and (table["true"] != table["given"]).any()
    for query in history.of(Scored):
        rows = table[(table["task"] == query.task) & (table["round"] == query.round)].sort_values("rank")
        assert rows["id"].tolist() == query.ids and rows["by"].unique().tolist() == ["entropy"]
        # Best first: what it looked at falls.
        assert (np.diff(rows["entropy"]) <= 0).all() and rows[["magnitude", "distribution"]].notna().all(axis=None)
    assert table[table["round"] == 0][["rank", "entropy"]].isna().all(axis=None)
    assert acl.load_runs(folder=runs / "none").picks.empty


@pytest.mark.parametrize("name", [name for name in choices("strategies") if name != "full"])
def test_select_is_the_choice_of_a_snapshot(tmp_path, name):
    draw = np.random.default_rng(3)
    h, p, hm, pm = draw.normal(size=(40, 6)), draw.dirichlet(np.ones(5), 40), draw.normal(size=(9, 6)), draw.dirichlet(
        np.ones(5), 9)  # fmt: skip
    picked = acl.select(name, h=h, p=p, n=7, memory=(hm, pm), lambda_=0.3)
    acl.write_snapshot(tmp_path / "q.safetensors", (h, p), memory=(hm, pm), n=7, lambda_=0.3)
    expected = ask(name, RunConfig(strategy=name), load_snapshot(tmp_path / "q.safetensors").context)
    assert torch.equal(picked.ids, expected.ids) and len(picked.ids) == 7


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"strategy": "nobody"}, "Unknown strategy 'nobody'"),
        ({"strategy": "full"}, "chooses nothing"),
        ({"n": 41}, "n"),
        ({"settings": {"oversampel": 2}}, "Did you mean 'oversample'"),
        ({"p": [[2.0, 3.0]]}, "p"),
    ],
)
def test_select_says_what_is_wrong(wrong, said):
    usual = {"strategy": "entropy", "h": np.ones((40, 2)), "p": np.full((40, 2), 0.5), "n": 4}
    with pytest.raises(acl.UserError, match=said):
        acl.select(**{**usual, **wrong})


def test_every_setting_is_listed(capsys):
    assert main(["settings", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    names = {row["name"] for row in rows}
    assert names == set(field_names()) - {"preset", "method"}
    assert all(row[part] for row in rows for part in ("title", "group", "meaning"))
    assert main(["settings"]) == 0
    shown = capsys.readouterr().out
    assert all(re.search(rf"^  {re.escape(name)}=", shown, re.MULTILINE) for name in names)


# -- the wheel -----------------------------------------------------------------------------------------


def listed(name: str) -> set[str]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith(("#", "-"))}


def test_requirements_and_package_agree():
    declared = {"": set(), "ray": set(), "sinks": set(), "photos": set(), "dev": set()}
    for line in requires("acl-explorer"):
        requirement, _, marker = (part.strip() for part in line.partition(";"))
        extra = re.search(r"extra == ['\"](\w+)['\"]", marker)
        declared[extra[1] if extra else ""].add(requirement)

    def same(ours: set[str], theirs: set[str]) -> bool:
        def plain(names: set[str]) -> set[tuple[str, frozenset[str]]]:
            parts = [re.match(r"([\w.-]+)(.*)", name.replace(" ", "")) for name in names]
            return {(p[1].lower().replace("_", "-"), frozenset(filter(None, p[2].split(",")))) for p in parts}

        return plain(ours) == plain(theirs)

    assert same(declared[""], listed("requirements.txt"))
    for extra in ("ray", "sinks", "photos"):
        assert same(declared[extra], listed(f"requirements-{extra}.txt")), extra
    others = set().union(*(listed(f"requirements-{extra}.txt") for extra in ("ray", "sinks", "photos")))
    assert same(declared["dev"], listed("requirements-dev.txt") | others)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([uv, "build", "--wheel", "--quiet", "--out-dir", out, ROOT], check=True, timeout=300)
    (found,) = out.glob("*.whl")
    return found


def test_the_wheel_holds_the_app_under_one_name(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = Parser().parsestr(archive.read(next(n for n in names if n.endswith("METADATA"))).decode())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"acl", "acl_explorer"}
    for needed in ("app/main.py", "pages/lesson.py", "assets/logo.svg", ".streamlit/config.toml"):
        assert f"acl_explorer/{needed}" in names
    assert metadata["Version"] == acl.__version__
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(r"^## (\d[\w.]*)", changes, re.MULTILINE)[1] == acl.__version__


def test_the_wheel_installed_elsewhere_runs_and_serves_the_app(wheel, tmp_path):
    """In an environment of its own, which borrows the libraries, not this checkout, from the one the tests run in."""
    place, runs = tmp_path / "env", tmp_path / "runs"
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, place], check=True, timeout=120)
    python = place / "bin" / "python"
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--python", python, wheel]
    subprocess.run(command, check=True, timeout=120)
    (site,) = (place / "lib").glob("*/site-packages")
    # A folder named in a .pth file lends its packages; the .pth of the checkout in there is not read.
    (site / "borrowed.pth").write_text(str(Path(torch.__file__).parent.parent) + "\n")
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "ACL_RUNS"}}
    settings = [part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")]
    said = subprocess.run(
        [place / "bin" / "acl", "run", *settings, "--quiet", "--runs", runs], cwd=tmp_path, env=environment, check=True,
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert (runs / json.loads(said.stdout)["run"] / "events.jsonl").is_file()
    where = subprocess.run(
        [python, "-c", "import acl, sys; print(acl.__file__); import app"], cwd=tmp_path, env=environment,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert str(site) in where.stdout and "No module named 'app'" in where.stderr
    from tests.browser import free_port
    from tests.tools import wait_for

    port = free_port()
    serving = subprocess.Popen(
        [place / "bin" / "acl", "app", "--port", str(port), "--runs", runs], cwd=tmp_path, env=environment,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        import urllib.request

        def answers() -> bool:
            assert serving.poll() is None
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1) as reply:
                    return bool(reply.status == 200)
            except OSError:
                return False

        wait_for(answers, 120)
    finally:
        serving.terminate()
        serving.wait(60)
        subprocess.run([place / "bin" / "acl", "backend", "--stop", "--runs", runs], cwd=tmp_path, env=environment,
                       check=True, timeout=60)  # fmt: skip
