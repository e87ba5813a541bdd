"""Outcomes that are kept: whole lines or none, believed only where they can be true, the same for the same seed."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pytest

import acl
from acl.analysis.outcomes import record
from acl.analysis.outcomes.asked import About, Outcome, Plan
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.summary import apart_from_the_run, summary, table
from acl.analysis.outcomes.work import Work
from acl.cli import entry as cli
from acl.config import UserError
from acl.events import Evaluated
from acl.results.frames import load_runs
from acl.results.outcomes import outcomes
from acl.runs.archive import export, import_run
from acl.runs.folder import Run
from acl.runs.fork import fork
from acl.service import measurer
from acl.service.measurer import Measurer, Wish
from tests.failing_disk import Disk
from tests.test_outcomes import played
from tests.tools import wait_for

ROOT = Path(__file__).resolve().parent.parent
SMALL = {"subsets": 8, "strategies": ("entropy",), "repeats": 2}
PLAN = Plan(**SMALL)
COUNT = 2 + 2 + 8 + 2 * 2 + 2
"""Recorded and Entropy's picks twice, 8 random sets, 2 of a quarter and of a half, none twice (so is a tenth of 4)."""
AT = (2, 2)


@pytest.fixture
def run(runs) -> Run:
    return played(runs)


def lines(run: Run) -> list[str]:
    path = record.beside(run, AT)
    return path.read_text().splitlines(keepends=True) if path.exists() else []


def measure_all(run: Run, runs: Path, plan: Plan = PLAN) -> Work:
    work = Work(Query.of(run, AT), plan, runs)
    for piece in work.missing():
        work.step(piece)
    return work


# -- the file ------------------------------------------------------------------------------------------


def test_what_was_measured_is_there_once_and_the_same_for_the_same_seed(run, runs):
    work = measure_all(run, runs)
    assert len(lines(run)) == len(work.trials) == COUNT and not work.missing()
    first = record.load(run, AT, runs)
    assert not Work(Query.of(run, AT), PLAN, runs).missing()
    record.beside(run, AT).unlink()
    measure_all(run, runs)
    assert record.load(run, AT, runs) == first
    record.append(run, AT, runs, first)
    assert record.load(run, AT, runs) == first and len(lines(run)) == 2 * COUNT


def test_a_half_last_line_is_passed_over_and_cut_and_what_it_lost_measured_again(run, runs):
    measure_all(run, runs)
    whole = lines(run)
    record.beside(run, AT).write_text("".join(whole[:-1]) + whole[-1][:40])
    assert len(record.load(run, AT, runs)) == COUNT - 1
    measure_all(run, runs)
    assert lines(run) == whole


def test_what_cannot_be_true_is_not_believed(run, runs):
    measure_all(run, runs)
    good = record.load(run, AT, runs)
    row = json.loads(lines(run)[0])
    for wrong in (
        {"ids": [1, 1]}, {"ids": [-1]}, {"ids": "all"}, {"ids": [2**40]}, {"repeat": -1}, {"repeat": 1e9},
        {"kind": "miracle"}, {"horizon": "ever"}, {"accuracy": [0.5]}, {"likelihood": [0.5, 1.5]},
        {"likelihood": [0.5, float("nan")]}, {"accuracy_aware": None}, {"name": 3},
    ):  # fmt: skip
        with record.beside(run, AT).open("a") as file:
            file.write(json.dumps({**row, **wrong}) + "\n")
    with record.beside(run, AT).open("ab") as file:
        file.write(b"\xff\xfe no line\n[1]\n{}\n" + b"[" * 2000 + b"\n")
    assert record.load(run, AT, runs) == good


def test_a_full_disk_leaves_whole_lines_and_one_sentence(run, runs, monkeypatch):
    work = Work(Query.of(run, AT), PLAN, runs)
    todo = work.missing()
    work.step(todo[0])
    before = lines(run)
    disk = Disk(record.beside(run, AT), monkeypatch)
    disk.short = 100
    disk.begin()
    work.step(todo[1])
    doors = disk.doors
    assert "write" in doors and len(lines(run)) > len(before)
    before = lines(run)
    for door in range(len(doors)):
        disk.begin(errno.ENOSPC, door)
        with pytest.raises(OSError):
            work.step(todo[2])
        # A disk that takes nothing may not let go of a half line either: it is passed over.
        assert lines(run)[: len(before)] == before
        assert len(record.load(run, AT, runs)) <= len(before) + len(todo[2])
        disk.begin(errno.ENOSPC, door)
        with pytest.raises(UserError, match="the disk is full"):
            outcomes(run.path, "2.2", folder=runs, **SMALL)
    disk.begin()
    measure_all(run, runs)
    assert len(record.load(run, AT, runs)) == COUNT and all(map(json.loads, lines(run)))


@pytest.mark.parametrize("how", ["recording", "read-only"])
def test_a_folder_that_is_not_ours_has_them_elsewhere(run, runs, how, monkeypatch):
    if how == "recording":
        (run.path / "recorded").touch()
    else:
        Disk(run.path, monkeypatch).begin(errno.EROFS, 0)
    before = sorted(run.path.rglob("*"))
    measure_all(run, runs)
    assert sorted(run.path.rglob("*")) == before
    assert len(record.load(run, AT, runs)) == COUNT and set(record.all_of(run, runs)) == {AT}
    assert not Work(Query.of(run, AT), PLAN, runs).missing()


def test_they_travel_and_a_fork_has_its_own_copy(run, runs, tmp_path):
    measure_all(run, runs)
    with record.beside(run, AT).open("a") as file:
        file.write('{"kind": "ra')
    export(run, tmp_path / "run.zip")
    other = import_run(tmp_path / "run.zip", tmp_path / "others")
    assert record.load(other, AT, tmp_path / "others") == record.load(run, AT, runs)
    assert lines(other)[-1].endswith("\n")
    child = fork(run, (2, 3), {"strategy": "badge"}, runs)
    assert record.load(child, AT, runs) == record.load(run, AT, runs)
    record.append(child, AT, runs, [replace(record.load(run, AT, runs)[0], repeat=50)])
    assert len(record.load(child, AT, runs)) == COUNT + 1 and len(record.load(run, AT, runs)) == COUNT


# -- tables and commands -------------------------------------------------------------------------------


def test_the_library_gives_a_tidy_table_and_load_runs_has_it(run, runs):
    rows = acl.outcomes(run.id, "2.2", folder=runs, **SMALL)
    assert len(rows) == COUNT and set(rows["run"]) == {run.id}
    mine = rows[(rows["kind"] == "recorded") & (rows["repeat"] == 0)].iloc[0]
    event = Query.of(run, AT).evaluated
    assert (mine["past"], mine["new"]) == tuple(event.likelihood)
    assert mine["net"] == pytest.approx(sum(event.likelihood) / 2)
    assert (mine["past_accuracy"], mine["new_accuracy_aware"]) == (event.accuracy[0], event.accuracy_aware[1])
    assert mine["n"] == 4 and tuple(mine["accuracy"]) == tuple(event.accuracy)
    known = load_runs(run.id, folder=runs).outcomes
    assert len(known) == COUNT and list(known.columns) == list(rows.columns)
    assert load_runs(folder=runs.parent / "empty").outcomes.empty
    first = acl.outcomes(run.id, "1.1", folder=runs, **SMALL)
    assert first["past"].isna().all() and (first["net"] == first["new"]).all()


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "acl", "outcomes", *arguments], capture_output=True, text=True, cwd=ROOT, timeout=120
    )


def test_the_command_measures_every_query_and_writes_the_table(run, runs, tmp_path, capsys):
    out = tmp_path / "out.parquet"
    options = ["--subsets", "3", "--strategies", "badge,entropy", "--sizes", "0.5,1", "--lambdas", "0:1:0.5"]
    options += ["--controls", "all", "--repeats", "1", "--runs", str(runs), "-o", str(out)]
    assert cli.main(["outcomes", run.id, "--all", *options]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out.splitlines()[-1])
    assert told["queries"] == ["1.1", "1.2", "1.3", "2.1", "2.2", "2.3"]
    rows = pd.read_parquet(out)
    # Recorded, two strategies, three λ, D and M alone, three random sets, one half as large, one of each drawn control.
    assert told["rows"] == len(rows) == 6 * (1 + 2 + 3 + 2 + 3 + 1 + 2)
    assert sorted(set(rows[rows["kind"] == "lambda"]["name"])) == ["0", "0.5", "1"]
    assert "6 of 6" in said.err
    chosen = [str(i) for i in Query.of(run, AT).pool[:3]]
    nothing = ["--subsets", "0", "--strategies", "none", "--repeats", "1", "--runs", str(runs), "--quiet"]
    assert cli.main(["outcomes", run.id, "--at", "2.2", "--ids", ",".join(chosen), *nothing, "-o", str(out)]) == 0
    assert [list(map(str, ids)) for ids in pd.read_parquet(out).query("kind == 'own'")["ids"]] == [chosen]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--at", "2"], "A place is TASK.ROUND"),
        (["--at", "2.9"], "has no query 2.9"),
        ([], "ne of the arguments --at --all is required"),
        (["--at", "2.2", "--all"], "not allowed with"),
        (["--at", "2.2", "--ids", "5,x"], "must be a whole number"),
        (["--at", "2.2", "--ids", "100000"], "Sample 100000 is not in the pool"),
        (["--at", "2.2", "--sizes", "0:1"], "must be numbers like"),
        (["--at", "2.2", "--sizes", "0:1:0"], "must be numbers like"),
        (["--at", "2.2", "--lambdas", "0,2"], "lambdas must be between 0 and 1"),
        (["--at", "2.2", "--strategies", "badg"], "Did you mean 'badge'"),
        (["--at", "2.2", "--controls", "moon"], "controls.0 must be"),
        (["--at", "2.2", "--horizon", "year"], "horizon must be"),
        (["--at", "2.2", "--horizon", "next"], "Task 2 is the last"),
        (["--at", "2.2", "--repeats", "0"], "repeats must be"),
        (["--at", "2.2", "-o", "/nowhere/out.parquet"], "there is no folder /nowhere"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(run, runs, options, said, capsys):
    assert cli.main(["outcomes", run.id, "--runs", str(runs), *options]) == 2
    told = capsys.readouterr().err.splitlines()
    assert said in told[-1] and "Traceback" not in "".join(told)


def test_interrupted_it_keeps_what_is_done_and_goes_on(run, runs):
    options = ["--all", "--subsets", "400", "--strategies", "none", "--runs", str(runs)]
    process = subprocess.Popen(
        [sys.executable, "-m", "acl", "outcomes", run.id, *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    first = record.beside(run, (1, 1))
    wait_for(lambda: first.exists() and first.stat().st_size, 120)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and not out
    assert "what was measured is kept" in err and "Traceback" not in err
    kept = record.load(run, (1, 1), runs)
    assert kept and first.read_bytes().endswith(b"\n")
    known = len(kept)
    outcomes(run.path, "1.1", folder=runs, subsets=8, strategies=())
    assert record.load(run, (1, 1), runs)[:known] == kept


# -- what the tables say -------------------------------------------------------------------------------


def made(kind: str, name: str, ids, past: float, new: float, repeat: int = 0) -> Outcome:
    row = (past, new)
    return Outcome(kind, name, tuple(ids), repeat, "round", row, row, row)


def test_differences_are_from_equal_sized_random_sets():
    full = [made("random", str(i), range(10 * i, 10 * i + 4), p, n) for i, (p, n) in enumerate(
        [(0.50, 0.80), (0.52, 0.82), (0.54, 0.84), (0.56, 0.86)]
    )]  # fmt: skip
    half = [made("random", str(i), range(10 * i, 10 * i + 2), p, n) for i, (p, n) in enumerate(
        [(0.60, 0.70), (0.62, 0.72)]
    )]  # fmt: skip
    mine = [made("strategy", "badge", (1, 2, 3, 5), 0.60 + d, 0.73 + d, r) for r, d in enumerate((-0.01, 0, 0.01))]
    rows = table(About("r", 2, 1, 0, 4, None, None), full + half + mine)
    said = summary(rows)
    row = said[said["kind"] == "strategy"].iloc[0]
    assert (row["past_points"], row["new_points"]) == pytest.approx((100 * (0.60 - 0.53), 100 * (0.73 - 0.83)))
    assert row["net_points"] == pytest.approx((row["past_points"] + row["new_points"]) / 2)
    # Standard errors of both means, added in squares: 0.01/√3, and 0.0258/√4.
    spread = ((0.01**2) / 3 + (0.02**2 * 5 / 3) / 4) ** 0.5
    assert row["past_se"] == pytest.approx(100 * spread)
    assert (row["past_percentile"], row["new_percentile"], row["fewer"], row["repeats"]) == (100, 0, 2, 3)
    far = table(About("r", 2, 1, 0, 4, None, None), [*full, *half, made("own", "", (1, 2, 3, 5), 0.60, 0.40)])
    assert summary(far).set_index("kind").loc["own", ["fewer"]].isna().all()
    cloud = said[(said["kind"] == "random") & (said["n"] == 4)]
    assert cloud["new_points"].mean() == pytest.approx(0) and cloud["new_se"].isna().all()
    assert cloud["new_percentile"].tolist() == [12.5, 37.5, 62.5, 87.5]
    assert summary(rows, "accuracy")["past_points"].tolist() == pytest.approx(said["past_points"].tolist())


@pytest.mark.parametrize("measure", ["accuracy", "accuracy_aware", "likelihood"])
def test_where_the_run_recorded_something_else_it_is_said(measure):
    figures = {"accuracy": (0.5, 0.9), "accuracy_aware": (0.6, 0.9), "likelihood": (0.4, 0.8)}
    mine = Outcome("recorded", "", (1, 2), 0, "round", **figures)
    other_order = Outcome("recorded", "", (1, 2), 1, "round", (0.1, 0.1), (0.1, 0.1), (0.1, 0.1))

    def said(**recorded: tuple[float, ...]) -> str:
        event = Evaluated(2, 3, *(list(values) for values in (figures | recorded).values()), final=False)
        about = About("r", 2, 3, 0, 2, (1, 2), event)
        return apart_from_the_run(about, table(about, [other_order, mine]))

    assert said() == ""
    first, second = figures[measure]
    apart = said(**{measure: (first, second - 0.002)})
    assert "query 2.3" in apart and "by up to 0.2 points" in apart and apart.endswith(".")
    about = About("r", 2, 3, 0, 2, (1, 2), None)
    assert apart_from_the_run(about, table(about, [mine])) == apart_from_the_run(about, table(about, [])) == ""


def test_without_random_sets_or_a_past_there_is_no_difference():
    alone = summary(table(About("r", 2, 1, 0, 4, None, None), [made("own", "", (1,), 0.5, 0.6)])).iloc[0]
    assert alone[["new_points", "past_se", "net_percentile", "fewer"]].isna().all()
    one = [Outcome(kind, "1", (i,), 0, "round", (v,), (v,), (v,)) for i, (kind, v) in enumerate(
        [("random", 0.5), ("random", 0.5), ("own", 0.6)]
    )]  # fmt: skip
    said = summary(table(About("r", 1, 1, 0, 1, None, None), one))
    row = said[said["kind"] == "own"].iloc[0]
    assert row["new_points"] == pytest.approx(10) and row["new_percentile"] == 100
    assert math.isnan(row["fewer"])  # far from all of them, which do not differ
    assert row[["past", "past_points", "past_se", "past_percentile"]].isna().all()
    assert summary(table(About("r", 1, 1, 0, 1, None, None), [])).empty


# -- the measurers -------------------------------------------------------------------------------------


def test_a_wish_is_measured_and_said_how_far(run, runs):
    wish = Wish(run.path, AT, PLAN)
    assert measurer.progress(runs, wish) is None and not measurer.is_asked(runs, wish)
    measurer.ask(runs, wish)
    measurer.ask(runs, wish)
    one, other = Measurer(runs), Measurer(runs)
    assert one.step() and measurer.is_asked(runs, wish)
    first = measurer.progress(runs, wish)
    assert 0 < first.done < first.total == COUNT and first.eta_s > 0
    while one.step() or other.step():
        pass
    assert not measurer.is_asked(runs, wish) and not measurer.trouble(runs, wish)
    done = measurer.progress(runs, wish)
    assert (done.done, done.total) == (COUNT, COUNT) and len(lines(run)) == COUNT


def test_the_newest_wish_goes_first_and_a_cancelled_one_not_on(run, runs):
    one = (int(Query.of(run, AT).pool[0]),)
    large = Wish(run.path, AT, PLAN)
    small = Wish(run.path, AT, Plan(subsets=0, strategies=(), repeats=1, own=(("mine", one),)))
    worker = Measurer(runs)
    measurer.ask(runs, large)
    worker.step()
    time.sleep(0.01)
    measurer.ask(runs, small)
    worker.step()
    assert "own" in {outcome.kind for outcome in record.load(run, AT, runs)}
    measurer.cancel(runs, large)
    measurer.cancel(runs, small)
    kept = len(lines(run))
    assert not worker.step() and 0 < kept < COUNT
    measurer.ask(runs, large)
    while worker.step():
        pass
    assert measurer.progress(runs, large).done == COUNT


def test_a_wish_that_cannot_be_is_a_sentence(run, runs, monkeypatch):
    wish = Wish(run.path, (2, 9), PLAN)
    measurer.ask(runs, wish)
    worker = Measurer(runs)
    assert worker.step() and "no query 2.9" in measurer.trouble(runs, wish) and not measurer.is_asked(runs, wish)
    measurer.ask(runs, wish)
    assert not measurer.trouble(runs, wish)
    measurer.cancel(runs, wish)
    full = Wish(run.path, AT, PLAN)
    measurer.ask(runs, full)
    worker.step()
    Disk(record.beside(run, AT), monkeypatch).begin(errno.ENOSPC, 0)
    worker.step()
    assert "the disk is full" in measurer.trouble(runs, full) and not measurer.is_asked(runs, full)
    (measurer.home(runs) / "requests" / "broken.json").write_text("{")
    assert worker.step() and not measurer.asked(runs)


def test_a_process_that_is_killed_is_replaced_and_nothing_is_measured_twice(run, runs):
    wish = Wish(run.path, AT, Plan(subsets=150, strategies=(), repeats=1))
    measurer.ask(runs, wish)
    keeper = measurer.Keeper(runs)
    try:
        keeper.tick()
        wait_for(lambda: lines(run), 120)
        os.kill(keeper.process.pid, signal.SIGKILL)

        def done():
            keeper.tick()
            return not measurer.is_asked(runs, wish)

        wait_for(done, 180)
    finally:
        keeper.end()
    told = [json.dumps(asdict(outcome)) + "\n" for outcome in record.load(run, AT, runs)]
    assert told == lines(run) and measurer.progress(runs, wish).done == len(told)


def test_neither_the_backend_nor_asking_brings_torch():
    code = "import sys, acl.service.backend, acl.service.measurer; print({'torch', 'pandas'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_a_run_that_is_gone_is_a_sentence(run, runs):
    wish = Wish(run.path, AT, PLAN)
    measurer.ask(runs, wish)
    shutil.rmtree(run.path)
    Measurer(runs).step()
    assert measurer.trouble(runs, wish) and not measurer.is_asked(runs, wish)
