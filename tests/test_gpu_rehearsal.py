"""What make gpu and make gpu-paper do on a machine with a GPU, rehearsed without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from acl.config import UserError
from acl.events import Bought, Epoch, Evaluated
from benchmarks.figures.lines import read
from benchmarks.gpu.checking import Check, Found, NeedsGPU, Setting, Wrong, outcomes
from benchmarks.gpu.checks import every_check, every_timing
from benchmarks.gpu.paper_grid import configs, settings_of, task_steps
from benchmarks.gpu.paper_lines import merged, wrong
from benchmarks.gpu.paper_run import TooLong, line_of
from benchmarks.gpu.report import REHEARSAL
from benchmarks.gpu.same_runs import difference, largest
from benchmarks.gpu.timings import PAPER_STEPS

ROOT = Path(__file__).resolve().parent.parent


def gpu(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.gpu", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow
def test_every_check_runs_or_says_that_it_needs_a_gpu(tmp_path):
    done = gpu("checks", "--device", "cpu", "--small", "--minutes", "9", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    names = [check.name for check in (*every_check(), *every_timing())]
    said = [line for line in done.stdout.splitlines() if line.startswith(("ok ", "FAILED ", "skipped "))]
    assert [line.split(":")[0].split(" ", 1)[1] for line in said] == names
    skipped = [line for line in said if not line.startswith("ok ")]
    assert len(skipped) == 2 and all("needs a CUDA GPU" in line for line in skipped)
    text = (tmp_path / "gpu.md").read_text("utf-8")
    assert REHEARSAL in text and REHEARSAL.strip("*") in done.stderr
    assert "`python -m benchmarks.gpu checks --device cpu --small --minutes 9 --out FOLDER`" in text
    assert text.count("\n| ") >= len(names) and "| at most 5 ms |" in text and str(tmp_path) not in text


@pytest.mark.slow
def test_runs_of_the_paper_are_whole_lines_and_are_not_made_again(tmp_path):
    path = tmp_path / "runs.jsonl"
    rehearsal = ("paper", "--device", "cpu", "--small", "--out", str(path))
    done = gpu(*rehearsal, "--minutes", "5")
    assert done.returncode == 0, done.stderr
    lines = read(path)
    assert [(line["learner"], line["strategy"]) for line in lines] == [("er", "uniform"), ("gss", "accuacl")]
    assert not any(map(wrong, lines)) and all(line["steps"] == 20 for line in lines)
    assert "0 of 2 runs to do" in gpu(*rehearsal).stderr and read(path) == lines
    # Another precision makes other runs: none is begun where no time is left.
    late = gpu(*rehearsal, "--minutes", "0.05", "--set", "precision=bfloat16")
    assert late.returncode == 0 and "2 runs are not begun" in late.stderr and read(path) == lines


def test_on_a_cpu_nothing_is_written_unless_asked_for():
    done = gpu("paper", "--device", "cpu", "--small")
    assert done.returncode == 2 and "give --out" in done.stderr


# -- checks ------------------------------------------------------------------------------------------------


def fine(setting: Setting) -> Found:
    return Found(f"on {setting.device}")


def finds_fault(setting: Setting) -> Found:
    raise Wrong("two are not one")


def raises(setting: Setting) -> Found:
    raise RuntimeError("scatter_add has no deterministic implementation\nmore")


def needs_gpu(setting: Setting) -> Found:
    raise NeedsGPU


def dies(setting: Setting) -> Found:
    os._exit(7)


def hangs(setting: Setting) -> Found:
    time.sleep(600)
    return Found("")


def test_no_check_hides_another(tmp_path):
    setting = Setting("cpu", False, "", str(tmp_path), time.monotonic() + 25)
    works = [fine, finds_fault, raises, needs_gpu, dies, fine, hangs, fine]
    checks = [Check(work.__name__, 1, work) for work in works]
    began = time.monotonic()
    found = [(outcome.state, outcome.said) for outcome in outcomes(checks, setting)]
    assert found == [
        ("ok", "on cpu"),
        ("FAILED", "two are not one"),
        ("FAILED", "RuntimeError: scatter_add has no deterministic implementation"),
        ("skipped", "needs a CUDA GPU"),
        ("FAILED", "its process died with exit code 7"),
        ("ok", "on cpu"),
        ("skipped", "cut off, because the time was over"),
        ("skipped", "takes about 1 s, and 0 s are left"),
    ]
    assert time.monotonic() < began + 35


def test_a_check_that_hangs_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.gpu.checking.PATIENCE_S", 0)
    setting = Setting("cpu", False, "", str(tmp_path), time.monotonic() + 60)
    found = list(outcomes([Check("hangs", 0.5, hangs), Check("fine", 0.5, fine)], setting))
    assert found[0].state == "FAILED" and "hangs" in found[0].said and found[0].line.startswith("FAILED hangs: ")


def test_where_two_runs_first_differ():
    epoch, bought = Epoch(2, 1, 3, 0.5), Bought(2, 1, [4, 5], [0, 1], "badge", 12)
    evaluated = Evaluated(2, 1, [0.5, 0.25], [0.5, 0.5], [0.4, 0.3], False)
    run = [bought, epoch, evaluated]
    near = [bought, replace(epoch, loss=0.5 + 1e-7), replace(evaluated, likelihood=[0.4, 0.3 - 1e-7])]
    assert difference(run, run) == "" and difference(run, near, 1e-6) == ""
    assert "task 2, round 1 (epoch): loss" in difference(run, near)
    assert largest(run, near) == pytest.approx(1e-7)
    other = [replace(bought, ids=[4, 6]), *run[1:]]
    assert difference(run, other, 1e-6) == "task 2, round 1 (bought): ids 5 against 6"
    # An accuracy is decided: no tolerance.
    assert "accuracy" in difference(run, [bought, epoch, replace(evaluated, accuracy=[0.5, 0.25 + 1e-9])], 1e-6)
    assert "nothing" in difference(run, run[:2])


# -- the paper's table -------------------------------------------------------------------------------------


def test_the_grid_is_the_papers_whole_seeds_and_er_first():
    every = configs("cuda", "somewhere", False, {})
    assert len(every) == 48 and [c.seed for c in every] == sorted(c.seed for c in every)
    assert [c.learner for c in every[::4][:4]] == ["er", "gss", "derpp", "er_ace"]
    assert all(5 * task_steps(config) == PAPER_STEPS for config in every)
    for bad, said in {"epochs": "NAME=VALUE", "seed=3": "the grid decides"}.items():
        with pytest.raises(UserError, match=said):
            settings_of([bad])


def small(learner: str = "er"):
    (config,) = (c for c in configs("cpu", "", True, {}) if c.learner == learner)
    return config


def test_a_run_that_cannot_end_in_time_is_not_begun():
    with pytest.raises(TooLong, match=r"would take about \d+ s, and 0 s are left"):
        line_of(small(), {}, time.monotonic())


def test_lines_from_another_machine_are_checked(tmp_path):
    line = line_of(small(), {}, time.monotonic() + 60)
    brought, kept = tmp_path / "brought.jsonl", tmp_path / "kept" / "runs.jsonl"
    brought.write_text(json.dumps(line) + "\n")
    assert merged(brought, kept) == "1 of 1 lines are new, 1 are there now."
    assert merged(brought, kept) == "0 of 1 lines are new, 1 are there now." and read(kept) == [line]
    for changed, said in (
        ({"A": line["A"] + 0.01}, "A is"),
        ({"seed": 1}, "its key is"),
        ({"set": {"epochs": 5}}, "its key is"),
        ({"R": [[0.5]]}, "R is no triangle"),
    ):
        brought.write_text(json.dumps({**line, **changed}) + "\n")
        with pytest.raises(UserError, match=said):
            merged(brought, kept)
    del line["card"]
    brought.write_text(json.dumps(line) + "\n")
    with pytest.raises(UserError, match=r"Line 1 of .*it lacks card"):
        merged(brought, kept)
    assert len(read(kept)) == 1


def test_the_scripts_for_a_bare_machine_can_be_read():
    for name in ("bare.sh", "kit.sh"):
        assert subprocess.run(["bash", "-n", ROOT / "benchmarks" / "gpu" / name]).returncode == 0
