"""Every query of a run judged: on the command line and in Inspect, against what each says by itself."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
import torch

from acl.analysis import comparison
from acl.analysis import every_query as analysis
from acl.analysis.outcomes import record
from acl.analysis.outcomes.query import Query
from acl.analysis.stand_in import stand_in
from acl.cli import main
from acl.results.frames import as_csv
from acl.runs.folder import Run
from acl.snapshots.snapshot import load_snapshot
from app.store.session import RECORDED
from tests.test_outcomes import played

NAME = "recorded-er-accuacl-digits-s0"


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(RECORDED / NAME)


@pytest.fixture(scope="module")
def rows(run) -> list[analysis.Row]:
    history = run.history()
    found = analysis.every_query(run, history, ["entropy"], analysis.truth_of(run, history))
    return [row for query in found for row in query]


def test_there_is_a_row_for_each_query_and_strategy(run, rows):
    queries = analysis.queries_of(run, run.history())
    assert [(row.task, row.round, row.recorded) for row in rows] == [
        (query.task, query.round, own) for query in queries for own in (True, False)
    ]


def test_each_row_says_what_is_counted_by_hand(run, rows):
    queries = {(query.task, query.round): query for query in run.history().of(analysis.Scored)}
    truth = analysis.truth_of(run, run.history())
    for row in (row for row in rows[-4:] if row.recorded):
        query = queries[row.task, row.round]
        context = load_snapshot(run.snapshot(row.task, row.round)).context
        judge = comparison.Judge(context, run.config.dims_per_class)
        places = torch.tensor([context.pool.ids.tolist().index(i) for i in query.ids])
        assert row.overlap == 1 and row.J == pytest.approx(judge.score(places).total)
        labels = truth(query.ids).tolist()
        assert row.classes == {label: labels.count(label) for label in sorted(set(labels))}
        h = context.pool.h[places].double().numpy()
        apart = np.linalg.norm(h[:, None] - h[None], axis=2) + np.diag(np.full(len(h), np.inf))
        assert row.nearest_pick == pytest.approx(apart.min(1).mean())


@pytest.mark.parametrize(
    ("counts", "classes", "even"),
    [([5, 5], 2, 1.0), ([10], 2, 0.0), ([5, 5], 4, 0.5), ([7], 1, None), ([1, 3], 2, 0.8113)],
)
def test_evenness(counts, classes, even):
    assert analysis.evenness(counts, classes) == (even if even is None else pytest.approx(even, abs=1e-4))


def test_the_command_writes_the_same_table(run, rows, tmp_path, capsys):
    command = ["inspect", str(run.path), "--all", "--strategies", "entropy", "--format", "csv", "--quiet"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert said == as_csv(analysis.table(rows))
    table = list(csv.DictReader(io.StringIO(said)))
    assert len(table) == len(rows) and float(table[0]["J"]) == pytest.approx(rows[0].J)
    file = tmp_path / "table.md"
    assert main(["inspect", str(run.path), "--all", "--quiet", "-o", str(file)]) == 0
    assert file.read_text("utf-8") == analysis.as_markdown([row for row in rows if row.recorded])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--all", "--strategies", "entropie"], "entropie"),
        (["--format", "csv"], "--format is for every query"),
        ([], "name a snapshot, or ask for every query of a run with --all"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(run, capsys, asked, said):
    assert main(["inspect", str(run.path), *asked]) == 2
    assert said in capsys.readouterr().err


def test_the_true_past_is_one_more_row_and_says_where_there_is_none(runs, capsys):
    run = played(runs, strategy="accuacl")
    main(["inspect", str(run.path), "--all", "--true-past", "--format", "csv", "--quiet"])
    printed = capsys.readouterr()
    rows = [row for row in csv.DictReader(io.StringIO(printed.out)) if row["strategy"] == analysis.TRUE_PAST]
    assert [(row["task"], row["round"]) for row in rows] == [(t, r) for t in "12" for r in "123"]
    assert all((row["overlap_percent"] == "") == (row["task"] == "1") for row in rows)
    assert printed.err.count("There is no past in the first task") == 3
    found = stand_in(Query.of(run, (2, 1)))
    shared = len(set(found.picks) & set(found.memory_picks))
    assert float(rows[3]["overlap_percent"]) == pytest.approx(100 * shared / (2 * len(found.picks) - shared))


def test_the_true_past_and_paths_can_be_measured_on_the_command_line(runs, capsys):
    run = played(runs, strategy="accuacl")
    asked = ["outcomes", str(run.path), "--at", "2.2", "--subsets", "1", "--strategies", "none", "--sizes", "1"]
    main([*asked, "--repeats", "1", "--true-past", "--paths", "n,oversample", "--runs", str(runs), "--quiet"])
    kinds = {outcome.kind for outcome in record.load(run, (2, 2), runs)}
    assert kinds == {"recorded", "random", "true_past", "n", "oversample"}
    assert main([*asked, "--paths", "nothing", "--runs", str(runs)]) == 2
    assert "The paths are dims_per_class, oversample, n, seed, got 'nothing'." in capsys.readouterr().err
