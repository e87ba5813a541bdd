"""The study of outcomes: what it measures is kept and not measured twice, and its tables are those of slow loops."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from acl.analysis.outcomes.asked import Plan
from acl.analysis.outcomes.scores import SCORES
from acl.analysis.outcomes.work import Work
from benchmarks.outcomes import __main__ as command
from benchmarks.outcomes import cells, compute, pictures, report, tables
from benchmarks.outcomes.cells import Cell

CELL = Cell("digits-demo", "er", 10, 0)
SIZES = {0: 3, 5: 3, 10: 12, 15: 4}


def rows(runs: int = 4, effect: float = 2.0, seed: int = 0) -> pd.DataFrame:
    """Of a study: three queries a run, new = 0.5 points a label, past falls as much; entropy teaches `effect` more."""
    random = np.random.default_rng(seed)
    found = []
    for run in range(runs):
        for task, round_ in ((1, 1), (2, 1), (2, 2)):
            sets = [("random" if n <= 10 else "own", str(i), n, 0) for n, count in SIZES.items() for i in range(count)]
            sets += [("strategy", name, 10, r) for name in ("uniform", "entropy", "accuacl") for r in range(2)]
            sets += [("lambda", name, 10, 0) for name in ("0", "0.5", "1")]
            for kind, name, n, repeat in sets:
                more = effect * (name == "entropy") + (float(name) if kind == "lambda" else 0)
                new = 0.5 + (0.5 * n + more + 0.3 * random.normal()) / 100
                past = 0.5 - (0.5 * n + 0.3 * random.normal()) / 100 if task > 1 else math.nan
                net = new if task == 1 else (new + past) / 2
                score = {"loss": new + 0.001 * random.normal(), "J": random.normal()} if kind == "random" else {}
                found.append({"run": f"r{run}", "seed": run, "task": task, "round": round_, "horizon": "round",
                              "kind": kind, "name": name, "n": n, "repeat": repeat, "new": new, "past": past,
                              "net": net, "asked": 10, "apart": False, "preset": "digits-demo", "learner": "er",
                              "memory": 10, **score})  # fmt: skip
    return pd.DataFrame(found).reindex(columns=[*found[-1], *(name for name in SCORES if name != "n")])


def of_rows(found: pd.DataFrame) -> report.Group:
    (group,) = report.groups([(replace(CELL, seed=int(str(seed))), each) for seed, each in found.groupby("seed")])
    return group


# -- tables --------------------------------------------------------------------------------------------


def test_differences_are_those_of_a_slow_loop():
    study = rows()
    sets = tables.apart(study)
    found = tables.over_runs(sets[(sets["kind"] == "strategy") & (sets["name"] == "entropy")], "new")
    runs = []
    for _, run in study.groupby("run"):
        apart = []
        for at in ((2, 1), (2, 2)):
            query = run[(run["task"] == at[0]) & (run["round"] == at[1])]
            blind = [r.new for r in query.itertuples() if r.kind == "random" and r.n == 10]
            mine = [r.new for r in query.itertuples() if r.name == "entropy"]
            apart.append(100 * (sum(mine) / len(mine) - sum(blind) / len(blind)))
        runs.append(sum(apart) / 2)
    assert found.value == pytest.approx(np.mean(runs)) and found.runs == 4 and not found.is_noise
    assert found.low < 2 < found.high
    assert tables.over_runs(sets[(sets["kind"] == "strategy") & (sets["name"] == "uniform")], "new").is_noise


def test_worth_is_the_place_on_the_curve_of_random_labels():
    sets = tables.apart(rows())
    entropy = sets[(sets["kind"] == "strategy") & (sets["name"] == "entropy")]
    value, low, high = tables.worths(sets, entropy, "new")
    # Two points more at half a point a label.
    assert low <= value <= high and value == pytest.approx(14, abs=0.8)
    assert math.isnan(tables.worths(sets, entropy, "past")[0])
    sizes, heights = np.array([0.0, 5.0, 10.0]), np.array([-2.0, -1.0, 0.0])
    assert [tables.worth(v, sizes, heights) for v in (-3, -1.5, 0.1)] == [-math.inf, 2.5, math.inf]


def test_lambda_is_paired_by_run_and_new_goes_against_past():
    study = rows()
    moved = tables.moved(tables.apart(study), "new")
    assert moved.value == pytest.approx(1, abs=0.3) and not moved.is_noise
    # The two share no noise within a query of one size.
    assert tables.together(study).is_noise


def test_a_horizon_ranks_as_the_final_accuracy_does():
    sets = tables.apart(rows())
    final = pd.DataFrame({"uniform": [0.3] * 4, "entropy": [0.9, 0.8, 0.9, 0.8], "accuacl": [0.31] * 4})
    rho, low, high, runs = tables.ranking(sets, final)
    assert runs == 4 and rho >= 0.5 and -1 <= low <= rho <= high <= 1
    # Tables of Spearman's coefficient ask for 0.786 of 7 at 5 %: the next that there is after 0.75.
    assert tables.by_chance(7) == pytest.approx(0.75)


def test_the_report_says_what_the_numbers_say_and_every_table_its_n():
    group = of_rows(rows())
    text = report.report([group], 1, 50)
    lines = report.findings([group])
    assert "net better than random labels: Entropy" in lines[0] and "(4 runs)" in lines[0]
    assert "1 of 50 runs are measured" in text and all(line in text for line in lines)
    assert "new goes most with loss of the true label" in text and "J: new" in text and "(noise)" in text
    tables_there = len(re.findall(r"^\| ?---", text, re.M))
    assert tables_there == 5 and text.count("n: 4 runs") == 4
    same = of_rows(rows(effect=0.0))
    assert "net better than random labels: none; worse: none" in report.findings([same])[0]
    for name, picture in pictures.pictures(group).items():
        assert picture.startswith("<svg") and "nan" not in picture, name


def test_the_findings_go_between_the_marks_of_the_page():
    page = f"a\n{command.BEGIN}\nold\n{command.END}\nb\n"
    once = command.between(page, "- new")
    assert once == f"a\n{command.BEGIN}\n\n- new\n\n{command.END}\nb\n" == command.between(once, "- new")


def test_page_and_report_say_the_same():
    said = (command.RESULTS / "outcomes.md").read_text("utf-8")
    page = (command.DOCS / "outcomes.md").read_text("utf-8")
    findings = page.split(command.BEGIN)[1].split(command.END)[0].strip()
    assert findings and findings in said
    for picture in re.findall(r"\]\((\S+\.svg)\)", page):
        assert (command.DOCS / picture).exists()


# -- measuring -----------------------------------------------------------------------------------------


def test_what_was_measured_is_gone_on_with(tmp_path, monkeypatch):
    monkeypatch.setattr(cells, "NEAR", Plan(subsets=10, sizes=(0.5, 1.0), strategies=("entropy",), repeats=1))
    monkeypatch.setattr(cells, "SETS", 10)
    monkeypatch.setattr(cells, "LARGER_SETS", 1)
    short = CELL.config().changed(epochs=2)
    monkeypatch.setattr(Cell, "config", lambda cell, data="": short)
    pieces, step = [], Work.step

    def interrupted(work: Work, piece) -> None:
        if len(pieces) == 5:
            raise KeyboardInterrupt
        pieces.append(len(piece))
        step(work, piece)

    monkeypatch.setattr(Work, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compute.measured(CELL, "near", tmp_path, "")
    assert compute.complete(CELL, tmp_path, "") is None
    monkeypatch.setattr(Work, "step", step)
    left = compute.measured(CELL, "near", tmp_path, "")
    found = compute.complete(CELL, tmp_path, "")
    assert found is not None and len(found) == left + sum(pieces) and not found["apart"].any()
    assert compute.measured(CELL, "near", tmp_path, "") == 0
    assert not report.groups([(CELL, found)])
    (group,) = report.groups([(CELL, found), (replace(CELL, seed=1), found.assign(seed=1))])
    assert "2 runs, 30 queries, 390 random sets" in group.n
    assert set(group.sets["n"]) == {5, 10, 15, 20}


def test_every_cell_is_a_run_that_can_be_made_and_comes_once():
    work = cells.work(False)
    assert len(set(work)) == len(work) == 60
    for cell, _ in work:
        assert cell.config().seed == cell.seed and replace(cell, seed=99).name != cell.name
    assert {cell.preset for cell, _ in cells.work(True)} == {"cifar10-quick"}
