"""Outcomes: the run is the oracle of what one set does, one network alone that of many at once."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from acl.analysis.outcomes import stacked, work
from acl.analysis.outcomes.asked import CONTROLS, About, Outcome, Plan, Subset, Trial, queries
from acl.analysis.outcomes.measure import equal_epochs, measure
from acl.analysis.outcomes.query import Query
from acl.analysis.outcomes.sets import trials
from acl.config import UserError
from acl.runs.control import read_status, request
from acl.runs.folder import Run, create
from acl.runs.fork import fork
from acl.seeds import key, shuffled
from acl.service.worker import execute
from acl.steering import Choice
from tests.conftest import small_config
from tests.test_precision import made_earlier
from tests.test_steering import LEARNERS
from tests.tools import wait_for

STACKED = tuple(name for name in LEARNERS if name != "gss")


def played(runs, **values) -> Run:
    run = create(small_config(**values), runs)
    execute(run)
    return run


def recorded(query: Query) -> Trial:
    return Trial(Subset("recorded", "", tuple(query.bought.ids)))


def drawn(query: Query, count: int, size: int | None = None) -> list[Trial]:
    """So many random sets; every second in another order."""
    orders = [shuffled(key(7, "test", number), query.pool) for number in range(count)]
    n = query.n if size is None else size
    return [
        Trial(Subset("random", str(number), tuple(order[:n].tolist())), number % 2)
        for number, order in enumerate(orders)
    ]


def figures(outcome: Outcome) -> tuple[list[float], ...]:
    return list(outcome.accuracy), list(outcome.accuracy_aware), list(outcome.likelihood)


def check_oracle(run: Run) -> int:
    """Every query of the run: its picks, measured, are what it recorded of them, bit for bit. How many there are."""
    places = queries(run.history())
    for at in places:
        query = Query.of(run, at)
        assert not query.elsewhere()
        event = query.evaluated
        assert figures(measure(query, recorded(query))) == (event.accuracy, event.accuracy_aware, event.likelihood), at
    return len(places)


# -- the run is the oracle -----------------------------------------------------------------------------


@pytest.mark.parametrize("learner", LEARNERS)
def test_the_recorded_picks_do_what_the_run_recorded(runs, learner):
    assert check_oracle(played(runs, learner=learner)) == 6


@pytest.mark.parametrize(
    "values",
    [
        {"label_noise": 0.4},
        {"model": "cnn", "augment": "crop_flip", "epochs": 2},
        {"learner": "er", "replay": "paper", "memory_policy": "reservoir"},
        {"learner": "er_ace", "refill": "paper", "memory": 13},
        {"snapshots": "off", "strategy": "badge", "precision": "float32"},
    ],
)
def test_so_they_do_with_other_settings(runs, values):
    assert check_oracle(played(runs, **values)) == 6


def test_so_they_do_in_a_run_that_was_steered_and_in_its_fork(runs):
    run = played(runs, learner="derpp")
    child = fork(run, (2, 1), {"strategy": "entropy", "label_noise": 0.3, "n_query": 2}, runs)
    execute(child)
    assert check_oracle(child) == 8
    grandchild = fork(child, (2, 0), {"epochs": 2, "lr": 0.01}, runs)
    execute(grandchild)
    check_oracle(grandchild)
    assert Query.of(grandchild, (2, 2)).loop.config.epochs == 2 and Query.of(grandchild, (1, 2)).loop.config.epochs == 3


def test_so_they_do_with_labels_given_by_hand_and_no_other_set_has_those(runs):
    run = create(small_config(), runs)
    request(run.path, mode="play", until=(2, 1, "score"))
    thread = threading.Thread(target=execute, args=(run,))
    thread.start()
    wait_for(lambda: read_status(run.path) and read_status(run.path).completed == (2, 1, "score"))
    picks = run.history().bought(1)[-1].ids  # of another task: any that are in this one's pool will do
    query = Query.of(run, (2, 1))
    picks = query.pool[:4].tolist()
    request(run.path, choice=_choice(2, 1, picks), mode="play", until=None)
    thread.join(60)
    assert check_oracle(run) == 6
    query = Query.of(run, (2, 1))
    mine = recorded(query).subset
    assert query.purchase(mine).labels[0] == 1
    assert query.purchase(replace(mine, kind="own")).labels == query.loop.stream.labels[picks].tolist()
    # Within the labels so far they stay what they were given.
    later = Query.of(run, (2, 2)).loop.labelled
    assert later.labels[list(later.ids).index(picks[0])] == 1


def _choice(task, round_, ids):
    return Choice(task, round_, ids, [1, *[None] * (len(ids) - 1)])


def test_a_query_not_yet_answered_is_measured_without_recorded_picks(runs):
    run = create(small_config(), runs)
    request(run.path, mode="play", until=(2, 1, "evaluate"))
    thread = threading.Thread(target=execute, args=(run,))
    thread.start()
    wait_for(lambda: read_status(run.path) and read_status(run.path).completed == (2, 1, "evaluate"))
    try:
        assert queries(run.history())[-1] == (2, 2)
        query = Query.of(run, (2, 2))
        found = trials(query, Plan(subsets=2, sizes=(1.0,), repeats=1))
        assert query.bought is None and query.about == About(run.id, 2, 2, 0, 4, None, None)
        assert "recorded" not in {trial.subset.kind for trial in found}
        predicted = next(t.subset.ids for t in found if t.subset.name == "accuacl")
    finally:
        request(run.path, mode="play", until=None)
        thread.join(60)
    assert Query.of(run, (2, 2)).bought.ids == list(predicted)


def test_repeats_differ_in_their_orders_alone(runs):
    query = Query.of(played(runs, batch_size=4), (2, 2))
    one, other = (replace(recorded(query), repeat=repeat) for repeat in (0, 1))
    assert figures(measure(query, one)) != figures(measure(query, other))
    assert figures(measure(query, other)) == figures(measure(query, other))
    assert figures(measure(query, one)) == (
        query.evaluated.accuracy, query.evaluated.accuracy_aware, query.evaluated.likelihood
    )  # fmt: skip


def test_features_of_a_query_without_snapshot_are_worked_out_again(runs):
    with_snapshot, without = played(runs), played(runs, snapshots="off")
    contexts = [Query.of(run, (2, 2)).context for run in (with_snapshot, without)]
    for role in ("pool", "labelled", "memory"):
        for part in ("ids", "h", "p"):
            assert torch.equal(*[getattr(getattr(context, role), part) for context in contexts])
    query = Query.of(without, (2, 2))
    assert query.context.n == 4 and check_oracle(without) == 6
    assert figures(measure(query, recorded(query)))[2] == query.evaluated.likelihood


# -- many at once --------------------------------------------------------------------------------------


@pytest.mark.parametrize("learner", STACKED)
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"memory": 13, "refill": "paper"},
        {"weight_decay": 0.01, "momentum": 0.0, "replay": "once", "memory_batch_size": 3},
        {"augment": "crop_flip", "label_noise": 0.3, "batch_size": 4},
    ],
)
def test_many_at_once_become_what_each_becomes_alone(runs, learner, values):
    known = {"finetune": {"memory", "refill", "replay", "memory_batch_size"}}.get(learner, set())
    run = played(runs, learner=learner, **{k: v for k, v in values.items() if k not in known})
    for at, size in (((2, 2), 4), ((2, 3), 2), ((1, 1), 0), ((2, 1), 1)):
        query = Query.of(run, at)
        assert stacked.can_stack(query)
        found = drawn(query, 5, size)
        check_stack(query, found)


def check_stack(query: Query, found: list[Trial]) -> None:
    for row, (trial, outcome) in enumerate(zip(found, stacked.measure(query, found), strict=True)):
        alone = measure(query, trial)
        assert (outcome.accuracy, outcome.accuracy_aware) == (alone.accuracy, alone.accuracy_aware)
        assert np.allclose(outcome.likelihood, alone.likelihood, rtol=0, atol=1e-6)
        group = next(rows for rows in stacked._alike(query, found) if row in rows)
        weights = stacked.train(query, [found[each] for each in group])
        for name, value in query.loop.model.state_dict().items():
            assert torch.allclose(weights[name][group.index(row)], value, rtol=1e-9, atol=1e-12), name


def test_the_same_steps_for_fewer_labels(runs):
    query = Query.of(played(runs, n_query=30, n_end=90, n_start=10), (2, 1))
    found = [replace(t, subset=replace(t.subset, kind="equal_steps")) for t in drawn(query, 3, 3)]
    # 40 labels are three steps of 16 an epoch, 13 are one.
    assert equal_epochs(query, 3) == 9
    check_stack(query, found)


def test_what_cannot_be_stacked_is_measured_in_turn(runs):
    for values in ({"learner": "gss"}, {"model": "cnn", "epochs": 1}):
        query = Query.of(played(runs, **values), (2, 2))
        assert not stacked.can_stack(query)
        found = drawn(query, 2)
        assert [
            figures(o) for piece in work.pieces(query, found, "round") for o in work.measured(query, piece, "round")
        ] == [figures(measure(query, t)) for t in found]


# -- which sets ----------------------------------------------------------------------------------------


def test_the_sets_of_a_plan(runs):
    query = Query.of(played(runs), (2, 2))
    plan = Plan(subsets=8, sizes=(0.0, 0.5, 1.0), lambdas=(0.0, 1.0), controls=CONTROLS, equal_steps=True, repeats=2)
    found = trials(query, plan)
    assert found == trials(query, plan)
    by_kind = {kind: [t for t in found if t.subset.kind == kind] for kind in {t.subset.kind for t in found}}
    counts = {kind: len(each) for kind, each in by_kind.items()}
    assert counts == {"recorded": 2, "strategy": 14, "lambda": 4, "distribution": 2, "magnitude": 2, "random": 12,
                      "equal_steps": 2, "classes": 2, "losses": 2}  # fmt: skip
    pool = set(query.pool.tolist())
    for trial in found:
        assert set(trial.subset.ids) <= pool and len(set(trial.subset.ids)) == len(trial.subset.ids)
    full = {t.subset.name: t.subset.ids for t in by_kind["random"] if len(t.subset.ids) == 4}
    half = {t.subset.name: t.subset.ids for t in by_kind["random"] if len(t.subset.ids) == 2}
    assert len(set(full.values())) == 8 and all(full[name][:2] == ids for name, ids in half.items())
    truth = query.loop.stream.labels
    wanted = sorted(truth[query.bought.ids].tolist())
    assert all(sorted(truth[list(t.subset.ids)].tolist()) == wanted for t in by_kind["classes"])


def test_random_sets_with_the_losses_of_the_picks(runs):
    query = Query.of(played(runs), (2, 2))
    p, truth = query.context.pool.p.numpy(), query.true_labels
    losses = np.array([-np.log(p[row, query.context.classes.index(c)]) for row, c in enumerate(truth)])
    tenth = {int(query.pool[row]): place * 10 // len(losses) for place, row in enumerate(np.argsort(losses))}
    wanted = sorted(tenth[i] for i in query.bought.ids)
    for trial in trials(query, Plan(subsets=20, strategies=(), recorded=False, controls=("losses",))):
        if trial.subset.kind == "losses":
            assert sorted(tenth[i] for i in trial.subset.ids) == wanted


# -- bad input -----------------------------------------------------------------------------------------


def test_sets_that_cannot_be_bought_are_sentences(runs):
    query = Query.of(played(runs), (2, 2))
    pool = query.pool.tolist()
    for ids, said in (
        ((pool[0], 10_000_000), "Sample 10000000 is not in the pool"),
        ((int(query.loop.labelled.ids[0]),), "is not in the pool"),
        ((pool[0], pool[0]), "more than once"),
        (tuple(pool[:7]), "more than the 6 labels that the task has left"),
    ):
        with pytest.raises(UserError, match=said):
            measure(query, Trial(Subset("own", "mine", ids)))
        with pytest.raises(UserError, match=said):
            trials(query, Plan(subsets=0, strategies=(), own=(("mine", ids),)))
    assert len(measure(query, Trial(Subset("own", "mine", tuple(pool[:6])))).accuracy) == 2


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"subsets": -1}, "subsets must be"),
        ({"repeats": 0}, "repeats must be"),
        ({"sizes": (0.5, 1.5)}, "sizes must be between 0 and 1, got 1.5"),
        ({"lambdas": (float("nan"),)}, "lambdas must be between 0 and 1"),
        ({"controls": ("random",)}, "The controls are"),
        ({"horizon": "year"}, "horizon must be 'round', 'budget' or 'next', got 'year'"),
        ({"subset": 3}, "subset"),
        ({"own": (("mine", ("x",)),)}, "own.0.1.0 must be a valid integer"),
    ],
)
def test_plans_that_make_no_sense_are_sentences(values, said):
    with pytest.raises(UserError, match=said):
        Plan.from_json(values)


def test_a_plan_travels_as_json():
    plan = Plan(own=(("mine", (3, 1)),), lambdas=(0.5,), controls=("losses",))
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_strategies_that_are_not_there_are_a_sentence(runs):
    query = Query.of(played(runs), (2, 2))
    for names, said in ((("badg",), "Did you mean 'badge'"), (("full",), "chooses nothing")):
        with pytest.raises(UserError, match=said):
            trials(query, Plan(subsets=0, strategies=names))


def test_queries_that_cannot_be_measured_are_sentences(runs):
    run = played(runs)
    for at in ((3, 1), (1, 0), (2, 9)):
        with pytest.raises(UserError, match=rf"no query {at[0]}.{at[1]} to measure: its queries are 1.1, 1.2"):
            Query.of(run, at)
    base = run.base(2).read_bytes()
    run.base(2).write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot be read"):
        Query.of(run, (2, 1))
    run.base(2).unlink()
    with pytest.raises(UserError, match="kept no model of the start of task 2"):
        Query.of(run, (2, 1))
    run.base(2).write_bytes(base)
    run.events.write_text(re.sub(r'"test": \d+', '"test": 3', run.events.read_text(), count=1))
    with pytest.raises(UserError, match="images are not those"):
        Query.of(run, (2, 1))
    with pytest.raises(UserError, match="asks no query"):
        Query.of(played(runs, strategy="full"), (1, 1))


def test_a_run_of_an_earlier_method_is_a_sentence(runs):
    with pytest.raises(UserError, match="earlier"):
        Query.of(made_earlier(played(runs, precision="float32")), (2, 1))


# -- later -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("learner", ["er", "derpp", "gss"])
def test_after_the_budget_and_the_next_task_a_uniform_run_is_its_own_oracle(runs, learner):
    run = played(runs, learner=learner, strategy="uniform", classes_per_task=2, n_end=12)
    finals = run.history().finals()
    for at in ((1, 1), (3, 1), (4, 2), (5, 1)):
        query = Query.of(run, at)
        for horizon, place in (("budget", at[0]), ("next", at[0] + 1)):
            if place > len(finals):
                continue
            event, outcome = finals[place - 1], measure(query, recorded(query), horizon)
            assert figures(outcome) == (event.accuracy, event.accuracy_aware, event.likelihood)
            assert outcome.horizon == horizon and len(outcome.accuracy) == place


def test_what_is_bought_later_is_chosen_blindly_whoever_chose_in_the_run(runs):
    run = played(runs, strategy="entropy")
    query = Query.of(run, (1, 1))
    other = fork(run, (1, 2), {"strategy": "uniform"}, runs)
    execute(other)
    for horizon, place in (("budget", 1), ("next", 2)):
        event = other.history().finals()[place - 1]
        outcome = measure(query, recorded(query), horizon)
        assert figures(outcome) == (event.accuracy, event.accuracy_aware, event.likelihood)
    # The query itself is where it was: it can be measured again.
    assert figures(measure(query, recorded(query)))[2] == query.evaluated.likelihood
    assert figures(measure(query, Trial(Subset("random", "1", ())), "next")) != figures(outcome)


def test_after_the_last_task_there_is_no_next(runs):
    query = Query.of(played(runs), (2, 2))
    with pytest.raises(UserError, match="Task 2 is the last of"):
        measure(query, recorded(query), "next")


def test_a_test_set_of_one_sample(runs, tmp_path):
    images = tmp_path / "images"
    rng = np.random.default_rng(0)
    for name in ("cat", "cow", "dog", "fox"):
        for part, count in (("train", 12), ("test", 1)):
            (images / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 255, (8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(images / part / name / f"{number}.png")
    run = played(runs, dataset="folder", data=str(images), classes_per_task=1, n_start=2, n_query=2, n_end=6)
    query = Query.of(run, (3, 1))
    assert [len(task.test_ids) for task in query.loop.stream.tasks] == [1, 1, 1, 1]
    assert figures(measure(query, recorded(query)))[2] == query.evaluated.likelihood
    check_stack(query, drawn(query, 3))
