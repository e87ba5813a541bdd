"""The published figures: a tiny grid worked out, interrupted and gone on with; its tables against numpy."""

from __future__ import annotations

import json
import re
from contextlib import closing

import numpy as np
import pytest

from acl.config import FULL, UserError
from acl.results.significance import interval
from benchmarks.figures.compute import computed, missing
from benchmarks.figures.grids import GRIDS, Grid, crossed, identity
from benchmarks.figures.lines import Lines, read
from benchmarks.figures.tables import best_baseline, finished, report

TINY = Grid(
    "tiny", "Tiny", "methods", "digits-demo", 2, crossed(learner=("er",), strategy=("uniform", "accuacl")),
    {"epochs": 2, "n_end": 20, "classes_per_task": 5},
)  # fmt: skip


def invented(grid: Grid, rng: np.random.Generator) -> list[dict]:
    """A line for every run of `grid`, its figures drawn at random."""
    return [
        {
            "key": identity(c), "learner": c.learner, "strategy": c.strategy, "seed": c.seed, "memory": c.memory,
            "n_end": None if c.strategy == FULL else c.n_end,
            **{name: round(float(rng.uniform()), 6) for name in ("A", "F", "F_diag", "LA")},
            "queries": 5 * -(-(c.n_end - c.n_start) // c.n_query) if c.strategy != FULL else 0,
            "forward_s": round(float(rng.uniform()), 3), "score_s": round(float(rng.uniform()), 3),
            "images": "0", "machine": "2 CPUs", "made": "2026-01-02",
        }
        for c in grid.configs()
    ]  # fmt: skip


def cells(text: str, *start: str) -> list[str]:
    """The other cells of the one row that begins with the cells `start`."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    (row,) = (row for row in rows if tuple(row[: len(start)]) == start)
    return row[len(start) :]


def numbers(cell: str) -> list[float]:
    return [float(text) for text in re.findall(r"-?\d+\.\d+", re.sub(r"(?<=\d)–", " ", cell).replace("−", "-"))]


def column(lines: list[dict], metric: str, **where: object) -> np.ndarray:
    """The figure in percent, by seed."""
    found = [line for line in lines if all(line[name] == value for name, value in where.items())]
    return 100 * np.array([line[metric] for line in sorted(found, key=lambda line: line["seed"])])


# -- working out ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_interrupted_grid_is_gone_on_with_and_no_run_is_made_twice(tmp_path):
    path = tmp_path / "tiny.jsonl"
    with closing(computed(TINY, path, jobs=1)) as outcomes:
        config, line = next(outcomes)
    assert (config.seed, config.strategy) == (0, "uniform") and read(path) == [line]
    with path.open("a") as file:
        file.write('{"key": "half a li')
    again = list(computed(TINY, path, jobs=2))
    assert len(again) == 3 and all(isinstance(outcome, dict) for _, outcome in again)
    lines = read(path)
    assert lines[0] == line and {line["key"] for line in lines} == {identity(c) for c in TINY.configs()}
    assert len(lines) == 4 and list(computed(TINY, path, jobs=1)) == []
    first, last = path.read_text().splitlines()[0], lines[-1]
    assert json.loads(first)["queries"] == 2 and last["forward_s"] + last["score_s"] > 0 and last["train_s"] > 0
    check_methods(report(TINY, lines), lines, learner="ER")
    path.write_text(json.dumps({**line, "images": "others"}) + "\n")
    with pytest.raises(UserError, match="saw other images"):
        list(computed(TINY, path, jobs=1))


@pytest.mark.slow
def test_a_run_that_fails_is_told_and_the_others_go_on(tmp_path):
    path = tmp_path / "tiny.jsonl"
    members = [{"learner": "er", "strategy": "accuacl", "lr": lr, "lr_end": lr} for lr in (1e30, 0.05)]
    outcomes = [outcome for _, outcome in computed(Grid("tiny", "", "methods", "digits-demo", 1, members), path, 1)]
    assert isinstance(outcomes[0], UserError) and "lower the learning rate" in str(outcomes[0])
    assert [outcomes[1]] == read(path)


def test_the_grids_are_those_of_the_figures():
    seeds = {name: (grid.seeds, len(grid.configs())) for name, grid in GRIDS.items()}
    assert seeds == {"digits": (10, 320), "cifar10-quick": (5, 160), "budgets": (10, 230), "half": (10, 120)}
    for grid in GRIDS.values():
        configs = grid.configs()
        assert len({identity(config) for config in configs}) == len(configs)
        assert [c.seed for c in configs] == sorted(c.seed for c in configs)
        assert {c.snapshots for c in configs} == {"off"}


def test_where_the_images_lie_is_no_part_of_a_run():
    grid = GRIDS["cifar10-quick"]
    lines = [{"key": identity(config)} for config in grid.configs("here")[:3]]
    assert len(missing(grid, lines, "there")) == 157
    assert grid.configs("there")[0].data == "there"


# -- the file ------------------------------------------------------------------------------------------


def test_a_line_that_cannot_be_written_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "grid.jsonl"
    with Lines(path) as lines:
        lines.append({"key": "a"})
        monkeypatch.setattr("os.fsync", lambda fd: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError):
            lines.append({"key": "b"})
        assert lines.all == [{"key": "a"}]
    assert read(path) == [{"key": "a"}]


@pytest.mark.parametrize("text", ["nonsense", "[1]", "{}", "null"])
def test_a_damaged_line_is_named(tmp_path, text):
    path = tmp_path / "grid.jsonl"
    path.write_text('{"key": "a"}\n' + text + "\n")
    with pytest.raises(UserError, match="Line 2 of"):
        read(path)


def test_lines_of_other_settings_are_no_part_of_the_tables_and_can_be_dropped(tmp_path):
    path, lines = tmp_path / "grid.jsonl", invented(TINY, np.random.default_rng(0))
    stale = {**lines[0], "key": "0" * 16, "A": 0.0}
    assert report(TINY, [stale, *lines]) == report(TINY, lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in [stale, *lines]))
    with Lines(path) as kept:
        assert kept.prune({line["key"] for line in lines}) == 1
    assert read(path) == lines


# -- the tables ----------------------------------------------------------------------------------------


def check_methods(text: str, lines: list[dict], learner: str) -> None:
    """Means and the paired differences to Uniform of the only CL method in `lines`, worked out by numpy."""
    for strategy, label in (("uniform", "Uniform"), ("accuacl", "AccuACL")):
        found = cells(text, learner, label)
        for metric, cell in zip(("A", "F", "F_diag", "LA"), found, strict=False):
            values = column(lines, metric, strategy=strategy)
            assert numbers(cell) == pytest.approx([values.mean(), values.std(ddof=1)], abs=0.0501)
        assert found[-1] == str(len(values))
    for metric in ("A", "F", "LA"):
        difference = column(lines, metric, strategy="accuacl") - column(lines, metric, strategy="uniform")
        found = cells(text, learner, metric)
        assert found[1] == str(len(difference))
        assert numbers(found[0]) == pytest.approx([difference.mean(), *interval(difference)[:2]], abs=0.0501)


def test_the_best_baseline_is_the_best_of_each_figure_and_never_accuacl_or_full():
    grid = Grid("digits", "", "methods", "digits-demo", 12, crossed(strategy=("uniform", "badge", "accuacl", FULL)))
    lines = invented(grid, np.random.default_rng(3))
    shift = {"uniform": 0.0, "badge": -0.9, "accuacl": 0.5, FULL: 0.9}
    for line in lines:
        line["LA"] = round(line["LA"] - shift[line["strategy"]], 6)
    text, runs = report(grid, lines), finished(grid, lines)
    for metric, sign in (("A", 1), ("F", -1), ("LA", 1)):
        means = {name: sign * column(lines, metric, strategy=name).mean() for name in ("uniform", "badge")}
        best = max(means, key=means.__getitem__)
        assert best_baseline(runs, metric) == best
        label, difference, n = cells(text, "ER", metric)[2:]
        expected = column(lines, metric, strategy="accuacl") - column(lines, metric, strategy=best)
        assert (label, n) == ({"uniform": "Uniform", "badge": "BADGE"}[best], "12")
        assert numbers(difference) == pytest.approx([expected.mean(), *interval(expected)[:2]], abs=0.0501)
    assert best_baseline(runs, "LA") == "badge"


def test_what_is_missing_is_said_and_only_seeds_of_both_are_paired():
    lines = invented(TINY, np.random.default_rng(1))
    text = report(TINY, lines[:3])
    assert "**1 of 2 seeds finished** (3 of 4 runs)" in text
    assert cells(text, "ER", "Uniform")[-1] == "2" and cells(text, "ER", "AccuACL")[-1] == "1"
    only = column(lines[:2], "A", strategy="accuacl") - column(lines[:2], "A", strategy="uniform")
    difference, n = cells(text, "ER", "A")[:2]
    assert n == "1" and numbers(difference) == pytest.approx(list(only), abs=0.0501)
    assert "All 4 runs (2 seeds) are finished" in report(TINY, lines)
    with pytest.raises(UserError, match="No run of the grid tiny is finished"):
        report(TINY, [])


def test_the_budgets_show_figures_and_seconds_of_a_query():
    lines = invented(GRIDS["budgets"], np.random.default_rng(2))
    text = report(GRIDS["budgets"], lines)
    found = cells(text, "40", "BADGE")
    values = column(lines, "A", strategy="badge", n_end=40)
    assert numbers(found[0]) == pytest.approx([values.mean(), values.std(ddof=1)], abs=0.0501)
    spent = [column(lines, name, strategy="badge", n_end=40).sum() / 100 for name in ("forward_s", "score_s")]
    # Ten runs of 15 queries.
    assert found[4] == "15" and numbers(found[5] + " " + found[6]) == pytest.approx(
        [sum(spent) / 150, spent[0] / 150], abs=5.1e-5
    )
    assert cells(text, "10", "any: the first labels alone")[4:6] == ["0", "–"]
    assert cells(text, "all", "Full")[-1] == "10"


def test_half_the_labels_are_paired_within_a_memory():
    lines = invented(GRIDS["half"], np.random.default_rng(4))
    difference, n = cells(report(GRIDS["half"], lines), "20", "AccuACL 40 − Uniform 20", "F")
    mine = column(lines, "F", memory=20, strategy="accuacl", n_end=40)
    expected = mine - column(lines, "F", memory=20, strategy="uniform", n_end=20)
    assert n == "10" and numbers(difference) == pytest.approx([expected.mean(), *interval(expected)[:2]], abs=0.0501)
