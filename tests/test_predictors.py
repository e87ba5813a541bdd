"""Which score predicts outcomes: scores of sets and rank statistics, each against an independent computation."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import sem, spearmanr
from scipy.stats import t as student

import acl
from acl.analysis.outcomes.predictors import PREDICTORS, predictors
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.scores import MOST_ROWS, SCORES, Scorer
from acl.analysis.outcomes.summary import PARTS
from acl.cli import main
from acl.runs.folder import create
from acl.selection.fisher import trace_objective
from acl.selection.query import QueryContext, Samples
from acl.service.worker import execute
from app.charts import predictors as chart
from app.inspection.panels.outcomes import predicted
from tests.conftest import small_config


def samples(first: int, n: int, classes: int, dim: int, random: np.random.Generator) -> Samples:
    p = torch.softmax(torch.from_numpy(3 * random.normal(size=(n, classes))), 1).float()
    h = torch.from_numpy(random.gamma(1.0, size=(n, dim))).float()
    return Samples(torch.arange(first, first + n), h, p)


def context(memory: int = 5, classes: int = 3, dim: int = 4, seed: int = 0) -> QueryContext:
    random = np.random.default_rng(seed)
    pool, labelled = samples(0, 30, classes, dim, random), samples(100, 3, classes, dim, random)
    return QueryContext(
        pool, labelled, samples(200, memory, classes, dim, random), tuple(range(classes)), 6, 0.4, 2, 1, 0, classes + 1
    )


def labels_of(found: QueryContext) -> dict[int, int]:
    ids = [*found.pool.ids.tolist(), *found.memory.ids.tolist()]
    return {i: (7 * i) % len(found.classes) for i in ids}


# -- scores of a set -----------------------------------------------------------------------------------


def test_every_score_is_what_a_slow_computation_gives():
    here = context()
    labels = labels_of(here)
    ids = [3, 4, 11, 17, 20, 29]
    found = Scorer(here, labels, 2).scores(ids)
    picks = here.pool.take(torch.tensor(ids))
    j = trace_objective(here, picks, 2)
    assert found["J"] == pytest.approx(j.total) and found["J_past"] == pytest.approx(j.past)
    assert found["J_new"] == pytest.approx(j.new)
    assert found["J_all"] == pytest.approx(trace_objective(here, picks, 10**6).total)
    assert found["exact"] == pytest.approx(_exact_by_inverse(here, picks), rel=1e-9)
    p = picks.p.double().numpy()
    assert found["entropy"] == pytest.approx(-(p * np.log(p)).sum(1).mean())
    mine = [labels[i] for i in ids]
    losses = -np.log(p[np.arange(6), mine])
    assert found["loss"] == pytest.approx(losses.mean())
    each = [_gradient(picks, labels, i) for i in range(6)]
    theirs = [_gradient(here.memory, labels, i) for i in range(5)]
    assert found["gradient"] == pytest.approx(np.mean([np.linalg.norm(g) for g in each]), rel=1e-6)
    assert found["interference"] == pytest.approx(np.mean(each, 0) @ np.mean(theirs, 0), rel=1e-6)
    h, memory = picks.h.double().numpy(), here.memory.h.double().numpy()
    apart = [min(np.linalg.norm(a - b) for b in np.delete(h, i, 0)) for i, a in enumerate(h)]
    assert found["nearest_pick"] == pytest.approx(np.mean(apart))
    assert found["nearest_memory"] == pytest.approx(np.mean([min(np.linalg.norm(a - b) for b in memory) for a in h]))
    share = np.bincount(mine, minlength=3) / 6
    assert found["balance"] == pytest.approx(-sum(s * np.log(s) for s in share if s) / np.log(3))
    assert found["n"] == 6


def _exact_by_inverse(here: QueryContext, picks: Samples) -> float:
    def whole(p: np.ndarray) -> np.ndarray:
        return p / p.sum(1, keepdims=True)

    def mean(of: Samples) -> np.ndarray:
        return np.mean(
            [
                np.kron(np.diag(p) - np.outer(p, p), np.outer(h, h))
                for p, h in zip(whole(of.p.double().numpy()), of.h.double().numpy(), strict=True)
            ],
            axis=0,
        )

    target = here.lambda_ * mean(here.memory) + (1 - here.lambda_) * mean(here.pool)
    ridge = 1e-3 * np.diag(target).mean() * np.eye(len(target))
    return float(np.trace(np.linalg.inv(mean(picks) + ridge) @ target))


def _gradient(of: Samples, labels: dict[int, int], row: int) -> np.ndarray:
    """By automatic differentiation: of the cross-entropy, by what is added to weights and bias."""
    h = of.h[row].double()
    weights = torch.zeros(of.p.shape[1], len(h) + 1, dtype=torch.float64, requires_grad=True)
    logits = of.p[row].double().log() + weights @ torch.cat([h, h.new_ones(1)])
    torch.nn.functional.cross_entropy(logits, torch.tensor(labels[int(of.ids[row])])).backward()
    assert weights.grad is not None
    return weights.grad.numpy().ravel()


@pytest.mark.parametrize(
    ("known", "memory", "missing"),
    [
        ("all", 0, {"J_past", "nearest_memory", "interference"}),
        ("none", 5, {"loss", "gradient", "interference", "balance"}),
        ("pool", 5, {"interference"}),
        ("all", 5, set()),
    ],
)
def test_a_score_that_cannot_be_had_is_left_out_with_its_reason(known, memory, missing):
    here = context(memory)
    every = labels_of(here)
    labels = {"all": every, "none": {}, "pool": {i: every[i] for i in here.pool.ids.tolist()}}[known]
    scorer = Scorer(here, labels, 2)
    found = scorer.scores([1, 2, 3])
    assert set(scorer.left_out) == {name for name, value in found.items() if np.isnan(value)} == missing
    assert all(why.endswith(".") and why[0].isupper() for why in scorer.left_out.values())


def test_too_many_classes_for_the_exact_matrix_are_told():
    here = context(classes=21, dim=MOST_ROWS // 20)
    scorer = Scorer(here, labels_of(here), 2)
    assert set(scorer.left_out) == {"exact"} and "21 classes" in scorer.left_out["exact"]
    assert np.isnan(scorer.scores([1, 2])["exact"])


# -- the statistics ------------------------------------------------------------------------------------


def planted(outcome, runs: int = 6, queries: int = 2, sets: int = 60, seed: int = 0) -> pd.DataFrame:
    """Random sets whose scores are independent noise, and new = outcome(scores, noise); past and net are noise."""
    random = np.random.default_rng(seed)
    tables = []
    for run, query in itertools.product(range(runs), range(queries)):
        table = pd.DataFrame(random.normal(size=(sets, len(SCORES))), columns=list(SCORES)).assign(n=10.0)
        noise = random.normal(size=(3, sets))
        table = table.assign(
            run=f"r{run}", task=2, round=1 + query, horizon="round", kind="random", ids=range(sets),
            new=outcome(table, noise[0]), past=noise[1], net=noise[2],
        )  # fmt: skip
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def named(found: pd.DataFrame) -> set[tuple[str, str]]:
    return set(found.loc[found["named"], ["score", "part"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("name", [name for name in SCORES if name not in {"M", "D", "n"}])
def test_an_outcome_of_one_score_alone_names_it(name):
    found = predictors(planted(lambda scores, noise: np.exp(scores[name]) + 0.5 * noise))
    assert named(found) == {(name, "new")}


def test_m_and_d_are_told_apart_when_one_of_them_decides():
    def by_m(scores, noise):
        # D goes with M, and has nothing of its own.
        scores["D"] = scores["M"] + scores["D"]
        return scores["M"] + 0.3 * noise

    found = predictors(planted(by_m, sets=200))
    assert {("M", "new"), ("D", "new"), ("M|D", "new")} == named(found)
    rho = found.set_index(["score", "part"])["rho"]
    assert abs(rho["D|M", "new"]) < 0.1 < 0.5 < rho["D", "new"]


def test_an_outcome_of_nothing_names_nothing():
    alarms = sum(bool(named(predictors(planted(lambda _, noise: noise, seed=seed)))) for seed in range(10))
    # Of all scores and parts together, one study in twenty by chance.
    assert alarms <= 2


def test_one_query_alone_names_what_is_strong_and_nothing_by_luck():
    strong = predictors(planted(lambda scores, noise: scores["loss"] + noise, runs=1, queries=1))
    assert named(strong) == {("loss", "new")} and strong["low"].isna().all() and (strong["sets"] == 60).all()
    alarms = [named(predictors(planted(lambda _, noise: noise, 1, 1, seed=seed))) for seed in range(20)]
    assert sum(map(bool, alarms)) <= 3


PAIRS = [("J", "new"), ("M", "new"), ("entropy", "past"), ("loss", "net")]


@pytest.mark.parametrize("runs", [5, 12])
def test_correlations_are_scipys_and_intervals_those_of_runs(runs):
    rows = planted(lambda scores, noise: np.round(scores["J"] - scores["M"] + 2 * noise), runs=runs, queries=3)
    found = predictors(rows).set_index(["score", "part"])
    random = np.random.default_rng(3)
    for score, part in PAIRS:
        query = rows.groupby(["run", "round"])
        per_query = pd.Series({which: spearmanr(q[score], q[part])[0] for which, q in query})
        row = found.loc[(score, part)]
        assert row["rho"] == pytest.approx(per_query.mean())
        means = per_query.groupby(level=0).mean().to_numpy()
        if runs < 10:
            expected = student.interval(0.95, runs - 1, means.mean(), sem(means))
            assert (row["low"], row["high"]) == pytest.approx(expected)
        else:
            drawn = [random.choice(means, runs).mean() for _ in range(5_000)]
            assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.01)
        assert (row["queries"], row["runs"], row["sets"]) == (3 * runs, runs, 180 * runs)


def test_partial_ranks_are_those_of_what_a_regression_leaves():
    rows = planted(lambda scores, noise: scores["M"] + scores["D"] + noise, runs=1, queries=1)
    found = predictors(rows).set_index(["score", "part"])["rho"]
    ranks = rows[["M", "D", "new"]].rank()

    def left(of: str, held: str) -> np.ndarray:
        design = np.column_stack([np.ones(len(ranks)), ranks[held]])
        return ranks[of] - design @ np.linalg.lstsq(design, ranks[of], rcond=None)[0]

    assert found["D|M", "new"] == pytest.approx(np.corrcoef(left("D", "M"), left("new", "M"))[0, 1])
    assert found["M|D", "new"] == pytest.approx(np.corrcoef(left("M", "D"), left("new", "D"))[0, 1])


def test_what_chance_gives_is_what_shuffled_outcomes_give():
    rows = planted(lambda _, noise: noise, runs=2, queries=1, sets=40)
    chance = predictors(rows)["chance"].iloc[0]
    random, largest = np.random.default_rng(5), []
    scores = [name for name in SCORES if name != "n"]
    for _ in range(200):
        total = 0
        for _, query in rows.groupby("run"):
            order = random.permutation(len(query))
            ranks = query[scores].rank().to_numpy(), query[list(PARTS)].rank().to_numpy()[order]
            every = np.corrcoef(np.hstack(ranks).T)[: len(scores), len(scores) :]
            total = total + every / 2
        largest.append(np.abs(total).max())
    assert chance == pytest.approx(np.quantile(largest, 0.95), abs=0.04)


def test_scores_and_parts_without_a_value_are_not_there():
    rows = planted(lambda _, noise: noise, runs=2).assign(loss=np.nan, J_past=0.0, past=np.nan)
    found = predictors(rows)
    assert not {"loss", "J_past", "n"} & set(found["score"]) and set(found["part"]) == {"new", "net"}
    # Smaller sets are no substitute.
    few = pd.concat([rows.iloc[:6].assign(n=10.0), *(rows.iloc[:4].assign(n=size) for size in (1.0, 2.0, 5.0))])
    assert predictors(few).empty


# -- of a run ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = create(small_config(), tmp_path_factory.mktemp("runs"))
    execute(run)
    return run


def test_the_library_gives_scores_beside_outcomes(run):
    plan = {"subsets": 12, "strategies": ("entropy",), "repeats": 1}
    rows = acl.outcomes(run.path, "2.1", scores=True, **plan)
    assert set(SCORES) <= set(rows) and (rows["n"] == rows["ids"].map(len)).all()
    query = Query.of(run, (2, 1))
    first = rows[rows["kind"] == "strategy"].iloc[0]
    assert first["J"] == Scorer.of(query).scores(first["ids"])["J"]
    found = predictors(rows)
    assert set(found["score"]) == set(PREDICTORS) and (found["runs"] == 1).all()
    assert "J" not in acl.outcomes(run.path, "2.1", **plan)


def test_the_command_prints_the_table_above_its_last_line(run, capsys):
    main(["outcomes", str(run.path), "--all", "--subsets", "12", "--strategies", "none", "--predict", "--quiet"])
    *lines, last = capsys.readouterr().out.strip().splitlines()
    assert json.loads(last)["run"] == run.id
    assert lines[0].startswith("| score | new | past | net | queries | random sets |")
    assert {line.split(" | ")[0].strip("| ") for line in lines} >= {score.label for score in PREDICTORS.values()}


# -- the panel -----------------------------------------------------------------------------------------


def test_the_panel_draws_every_predictor_and_names_those_that_stand_out():
    rows = planted(lambda scores, noise: scores["loss"] + 0.3 * noise, runs=1, queries=1)
    found = predictors(rows)
    option, height = chart.chart(found)
    labels = option["yAxis"]["data"]
    assert set(labels) == {PREDICTORS[name].label for name in found["score"]} and len(labels) == len(set(labels))
    assert labels[-1] == "loss of the true label" and height > chart.ROW * len(labels)
    for series in option["series"]:
        of = found[found["part"] == series["name"]].set_index("score")["rho"]
        places = {labels[place]: value for value, place in (each["value"] for each in series["data"])}
        assert places == {PREDICTORS[name].label: pytest.approx(rho, abs=1e-3) for name, rho in of.items()}
    new, past, net = predicted.sentences(found)
    assert new.startswith("The new: loss of the true label (+0.9") and "," not in new
    assert past == "The past: no score stands out of chance." and net == "Net: no score stands out of chance."
    assert predicted.about(found).startswith("60 random sets")


def test_scores_left_out_for_one_reason_share_a_sentence():
    here = context(0)
    said = predicted.reasons(Scorer(here, {}, 2).left_out)
    assert len(said) == 2 and all(line.startswith("Without ") for line in said)
    assert sum("J, past term" in line for line in said) == 1
