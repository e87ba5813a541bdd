"""Runs that are steered, forked and chosen by hand; and runs worked out again: are they what they say?"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from acl.config import UserError
from acl.events import Bought, Evaluated, Event, Finished, History, Row, Scored, Steered, TaskStarted, to_line
from acl.loop import Loop
from acl.plugins.registry import build, discover, prepare
from acl.runs.control import read_control, read_status, request
from acl.runs.folder import Parent, Run, create
from acl.runs.fork import fork, parse_place, places
from acl.runs.verdict import kept
from acl.runs.verify import verify
from acl.service.worker import execute
from acl.snapshots.snapshot import load_snapshot
from acl.steering import Choice, steered
from tests.conftest import small_config
from tests.tools import facts, history_facts, wait_for

LEARNERS = sorted(discover("learners"))


def play(loop: Loop, steer: dict[tuple[int, int], dict] | None = None, choices: list[Choice] = ()) -> list[Event]:
    """To the end, steered before the queries named, with these choices of a human."""
    left, events = dict(steer or {}), []
    while not loop.done:
        place = (loop.task, loop.round)
        if loop.before_query and place in left:
            events.append(loop.steer(left.pop(place)))
        loop.choice = next((c for c in choices if (c.task, c.round) == place and loop.stage == "buy"), None)
        event = loop.step()
        if event is not None:
            events.append(event)
    assert not left
    return events


def new_loop(**values) -> Loop:
    config = small_config(**values)
    return Loop(config, prepare(config))


def bought(events: list[Event]) -> dict[tuple[int, int], Bought]:
    return {(e.task, e.round): e for e in events if isinstance(e, Bought)}


def finished_run(runs, **values) -> Run:
    run = create(small_config(**values), runs)
    execute(run)
    return run


# -- steering ----------------------------------------------------------------------------------------


def test_the_past_stays_and_the_future_asks_the_new_strategy(runs):
    run = finished_run(runs)
    child = fork(run, (2, 2), {"strategy": "entropy"}, runs)
    execute(child)
    asked = {(q.task, q.round): q for q in child.history().of(Scored)}
    assert [asked[place].strategy for place in sorted(asked)] == ["accuacl"] * 4 + ["entropy"] * 2
    for place in ((2, 2), (2, 3)):
        context = load_snapshot(child.snapshot(*place)).context
        expected = build("strategies", "entropy", child.config).select(context).ids.tolist()
        assert asked[place].ids == expected == bought(child.history().of(Bought))[place].ids


def test_lambda_holds_from_the_query_on_where_it_was_set():
    events = play(new_loop(), {(2, 2): {"lambda": 0.1}})
    assert [e.lambda_ for e in events if isinstance(e, Scored)][3:] == [pytest.approx(0.5, abs=0.01), 0.1, 0.1]


@pytest.mark.parametrize(
    ("changes", "at", "expected"),
    [
        # n_start 6, n_query 4, n_end 16: without changes 6, 10, 14, 16 in both tasks.
        ({"n_query": 2}, (1, 2), [6, 10, 12, 14, 16, 6, 8, 10, 12, 14, 16]),
        ({"n_end": 21}, (1, 3), [6, 10, 14, 18, 21, 6, 10, 14, 18, 21]),
        ({"n_end": 12}, (1, 2), [6, 10, 12, 6, 10, 12]),
        # Less than what is labelled already: the task ends with a round that buys nothing.
        ({"n_end": 8}, (1, 3), [6, 10, 14, 14, 6, 8]),
        ({"n_end": 10_000}, (2, 3), None),
    ],
)
def test_the_budget_that_remains(changes, at, expected):
    loop = new_loop()
    pool = len(loop.stream.tasks[1].train_ids)
    if expected is None:
        changes["n_query"] = 200
        expected = [6, 10, 14, 16, 6, 10, 14, *range(214, pool, 200), pool]
    events = play(loop, {at: changes})
    assert [e.n_labelled for e in events if isinstance(e, Bought)] == expected
    assert [e.final for e in events if isinstance(e, Evaluated)].count(True) == 2
    finals = [e.round for e in events if isinstance(e, Evaluated) and e.final]
    assert finals == [max(r for t, r in bought(events) if t == task) for task in (1, 2)]


def test_progress_rises_to_one_while_the_budget_changes():
    loop, seen = new_loop(), [0.0]
    while not loop.done:
        if loop.before_query and (loop.task, loop.round) == (1, 2):
            loop.steer({"n_end": 30})
            seen = [0.0]
        loop.step()
        seen.append(loop.progress)
    assert seen == sorted(seen) and seen[-1] == 1


@pytest.mark.parametrize("learner", LEARNERS)
def test_steered_and_restored_at_every_event_it_ends_bitwise_the_same(learner):
    steer = {(1, 2): {"n_query": 3, "strategy": "entropy"}, (2, 1): {"n_end": 12, "lambda": 0.2}}
    choice = Choice(2, 2, [], [])
    whole = new_loop(learner=learner)
    bases, events = {}, []
    left = dict(steer)
    while not whole.done:
        if whole.before_query and (whole.task, whole.round) in left:
            events.append(whole.steer(left.pop((whole.task, whole.round))))
        if whole.stage == "buy" and (whole.task, whole.round) == (2, 2):
            choice = Choice(2, 2, whole.pool[:3].tolist(), [None, 3, None])
            whole.choice = choice
        event = whole.step()
        if event is not None:
            events.append(event)
            if isinstance(event, TaskStarted):
                bases[event.task] = whole.base_state()
    durable = [e for e in events if e.kind != "epoch"]
    for cut in range(1, len(durable), 3):
        history = History(Row(i, 0.0, e) for i, e in enumerate(durable[:cut]))
        again = new_loop(learner=learner)
        started = history.of(TaskStarted)
        again.restore(history, bases[started[-1].task] if started else {})
        done = {(e.task, e.round) for e in history.of(Steered)}
        rest = play(again, {p: c for p, c in steer.items() if p not in done}, [choice])
        assert facts([e for e in rest if e.kind != "epoch"]) == facts(durable[cut:])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learner": "gss"}, "learner cannot be changed in a run that has begun"),
        ({"memory": 5}, "memory can be changed only where a task begins"),
        ({"memory_policy": "balanced"}, "memory_policy cannot be changed"),
        ({"epochs": 9}, "only where a task begins"),
        ({"strategy": "full"}, "full labels asks no queries"),
        ({"strategi": "badge"}, "Did you mean 'strategy'"),
        ({"lambda": 2}, "lambda must be between 0 and 1"),
        ({"n_end": 3}, "n_end must be at least n_start"),
    ],
)
def test_what_cannot_be_changed_is_said_in_a_sentence(changes, said):
    with pytest.raises(UserError, match=said):
        steered(small_config(), changes, at_task_start=False)


def test_a_worker_is_steered_from_the_next_query_on_and_says_what_it_could_not_do(runs):
    run = create(small_config(), runs)
    request(run.path, mode="play", until=(1, 1, "evaluate"))
    thread = threading.Thread(target=execute, args=(run,))
    thread.start()
    wait_for(lambda: read_status(run.path) and read_status(run.path).completed == (1, 1, "evaluate"))
    # Asked for twice, and undone in part, before the next query: one fact comes of it.
    request(run.path, changes={"strategy": "entropy"})
    request(run.path, changes={"strategy": "badge", "n_query": 5})
    request(run.path, mode="play", until=(1, 2, "buy"))
    wait_for(lambda: read_status(run.path).completed == (1, 2, "buy"))
    request(run.path, changes={"learner": "gss"})
    request(run.path, mode="play", until=(1, 3, "score"))
    said = wait_for(lambda: read_status(run.path).error)
    assert "learner cannot be changed" in said
    request(run.path, mode="play", until=None)
    thread.join(60)
    (event,) = run.history().of(Steered)
    assert (event.task, event.round, event.changes) == (1, 2, {"strategy": "badge", "n_query": 5})
    assert read_status(run.path).state == "finished" and not verify(run).difference


def test_a_memory_asked_for_within_a_task_waits_for_the_next_one(runs):
    run = create(small_config(), runs)
    request(run.path, mode="play", until=(1, 1, "evaluate"))
    thread = threading.Thread(target=execute, args=(run,))
    thread.start()
    wait_for(lambda: read_status(run.path) and read_status(run.path).completed == (1, 1, "evaluate"))
    request(run.path, changes={"memory": 3, "strategy": "badge"})
    request(run.path, mode="play", until=None)
    thread.join(60)
    assert [(e.task, e.round, e.changes) for e in run.history().of(Steered)] == [
        (1, 2, {"strategy": "badge"}), (2, 0, {"memory": 3}),
    ]  # fmt: skip
    assert not read_status(run.path).error and not verify(run).difference


def test_changes_asked_for_add_up_and_survive_what_is_not_an_object(runs):
    run = create(small_config(), runs)
    request(run.path, changes={"n_query": 3})
    request(run.path, changes={"lambda": 0.5})
    assert read_control(run.path).changes == {"n_query": 3, "lambda": 0.5}
    raw = json.loads((run.path / "control.json").read_text())
    (run.path / "control.json").write_text(json.dumps({**raw, "changes": [1], "choice": {"task": "x"}}))
    control = read_control(run.path)
    assert control.changes == {} and control.choice is None


# -- forks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_fork_without_changes_is_its_parent_bit_for_bit_from_every_place(learner, runs):
    run = finished_run(runs, learner=learner)
    there = places(run.history())
    assert there == [(t, r) for t in (1, 2) for r in range(4)]
    for at in there:
        child = fork(run, at, {}, runs)
        past = history_facts(child)
        assert past == [f for f in history_facts(run) if f["kind"] != "resumed"][: len(past)]
        execute(child)
        assert history_facts(child) == history_facts(run)
        for name in ("tasks/02/base.safetensors", "queries/02-03.safetensors"):
            ours, theirs = load_file(child.path / name), load_file(run.path / name)
            assert all(torch.equal(ours[k].nan_to_num(-1), theirs[k].nan_to_num(-1)) for k in theirs)


def test_a_fork_shares_its_past_without_working_it_out_again(runs):
    run = finished_run(runs)
    child = fork(run, (2, 2), {"n_query": 2}, runs)
    epochs = [row for row in run.history().rows if row.event.kind == "epoch"]
    execute(child)
    new = [row for row in child.history().rows if row.event.kind == "epoch"]
    before = len([row for row in epochs if (row.event.task, row.event.round) < (2, 2)])
    assert [r.t for r in new[:before]] == [r.t for r in epochs[:before]]
    assert (child.path / "tasks/01/base.safetensors").stat().st_ino == run.base(1).stat().st_ino
    assert child.parent == Parent(run.id, 2, 2, {"n_query": 2}, ghost=False)


def test_deleting_the_parent_leaves_the_child_whole(runs):
    run = finished_run(runs)
    child = fork(run, (2, 1), {"strategy": "uniform"}, runs)
    shutil.rmtree(run.path)
    execute(child)
    verdict = verify(child)
    assert verdict.difference == "" and verdict.compared == len([e for e in child.history().rows if e.event.kind
                                                                 not in {"epoch", "resumed"}])  # fmt: skip


def test_a_task_may_begin_with_other_training(runs):
    run = finished_run(runs)
    child = fork(run, (2, 0), {"epochs": 1, "n_start": 3}, runs)
    execute(child)
    mine = bought(child.history().of(Bought))
    assert len(mine[2, 0].ids) == 3 and mine[2, 0].ids == bought(run.history().of(Bought))[2, 0].ids[:3]
    assert len([e for e in child.history().rows if e.event.kind == "epoch" and e.event.task == 2]) == 5
    assert not verify(child).difference


def test_a_fork_of_a_steered_fork_keeps_what_holds(runs):
    run = finished_run(runs)
    child = fork(run, (1, 2), {"n_query": 2}, runs)
    execute(child)
    grandchild = fork(child, (2, 1), {"strategy": "badge"}, runs)
    execute(grandchild)
    assert [e.changes for e in grandchild.history().of(Steered)] == [{"n_query": 2}, {"strategy": "badge"}]
    # Forked where it was steered: the fork is what would have happened without that.
    twin = fork(child, (1, 2), {}, runs, ghost=True)
    execute(twin)
    assert history_facts(twin) == history_facts(run) and twin.parent.ghost


def test_a_run_under_way_can_be_forked_before_what_comes_next(runs):
    run = create(small_config(), runs)
    request(run.path, mode="play", until=(1, 1, "evaluate"))
    thread = threading.Thread(target=execute, args=(run,))
    thread.start()
    wait_for(lambda: read_status(run.path) and read_status(run.path).completed == (1, 1, "evaluate"))
    assert places(run.history())[-1] == (1, 2)
    child = fork(run, (1, 2), {}, runs)
    request(run.path, mode="play", until=None)
    thread.join(60)
    execute(child)
    assert history_facts(child) == history_facts(run)


@pytest.mark.parametrize(
    ("at", "changes", "said"),
    [
        ((3, 1), {}, "can be forked from 1.0 to 2.3"),
        ((1, 9), {}, "has no query 1.9"),
        ((2, 1), {"learner": "gss"}, "learner cannot be changed"),
        ((2, 1), {"lr": 0.1}, "only where a task begins"),
    ],
)
def test_an_impossible_fork_is_a_sentence_and_leaves_nothing(runs, at, changes, said):
    run = finished_run(runs)
    with pytest.raises(UserError, match=said):
        fork(run, at, changes, runs)
    assert [p.name for p in runs.iterdir() if p.is_dir()] == [run.id]


def test_a_fork_without_the_tasks_base_or_of_damaged_events_is_refused(runs):
    run = finished_run(runs)
    run.base(2).unlink()
    with pytest.raises(UserError, match="kept no model"):
        fork(run, (2, 1), {}, runs)
    lines = run.events.read_text().splitlines(keepends=True)
    run.events.write_text("".join([*lines[:5], "garbage\n", *lines[5:]]))
    with pytest.raises(UserError, match="damaged in"):
        fork(run, (1, 1), {}, runs)


@pytest.mark.parametrize("text", ["3", "a.b", "3.", "-1.2", ""])
def test_a_place_that_is_none_is_a_sentence(text):
    with pytest.raises(UserError, match=r"TASK\.ROUND"):
        parse_place(text)


# -- you choose --------------------------------------------------------------------------------------


def test_a_human_may_swap_picks_and_give_wrong_labels():
    usual = bought(play(new_loop()))
    loop = new_loop()
    taken, true = usual[2, 2].ids, dict(zip(usual[2, 2].ids, usual[2, 2].labels, strict=True))
    stranger = next(i for i in loop.stream.tasks[1].train_ids.tolist() if all(i not in b.ids for b in usual.values()))
    wrong = next(c for c in range(10) if c != true[taken[1]])
    choice = Choice(2, 2, [stranger, taken[1], taken[2]], [None, wrong, None])
    events = play(loop, choices=[choice])
    mine = bought(events)[2, 2]
    assert (mine.by, mine.ids, mine.by_hand) == ("human", choice.ids, [taken[1]])
    assert mine.replaced == [taken[0], taken[3]]
    assert mine.labels == [int(loop.stream.labels[stranger]), wrong, true[taken[2]]]
    assert isinstance(events[-1], Finished) and bought(events)[2, 3].n_labelled == 16
    assert bought(events)[2, 1] == usual[2, 1] and bought(events)[1, 3] == usual[1, 3]


@pytest.mark.parametrize(
    ("ids", "labels", "said"),
    [
        ([], [], "Choose 1 to 4 different"),
        ([1, 1], [None, None], "Choose 1 to 4 different"),
        ([10_000], [None], "is not in the pool"),
        (None, [77], "Label 77 is no class"),
        (None, [], "lacks labels"),
    ],
)
def test_a_choice_that_cannot_be_bought_is_a_sentence(ids, labels, said):
    loop = new_loop()
    while not (loop.stage == "buy" and loop.round == 1):
        loop.step()
    ids = loop.pool[:1].tolist() if ids is None else ids
    with pytest.raises(UserError, match=said):
        loop.check(Choice(1, 1, ids, labels))


def test_a_human_chooses_through_the_control_file_and_the_run_is_what_it_says(runs):
    run = create(small_config(), runs)
    request(run.path, mode="play", until=(1, 1, "score"))
    thread = threading.Thread(target=execute, args=(run,))
    thread.start()
    wait_for(lambda: read_status(run.path) and read_status(run.path).completed == (1, 1, "score"))
    picks = run.history().of(Scored)[0].ids
    request(run.path, choice=Choice(1, 1, picks[:2], [1, None]), mode="play", until=None)
    thread.join(60)
    mine = bought(run.history().of(Bought))[1, 1]
    assert (mine.by, mine.ids, mine.replaced) == ("human", picks[:2], picks[2:])
    assert not verify(run).difference


# -- label noise -------------------------------------------------------------------------------------


def test_label_noise_is_a_share_of_wrong_classes_of_the_task_the_same_for_every_strategy():
    told: dict[int, int] = {}
    for strategy in ("uniform", "entropy", "kcenter"):
        loop = new_loop(strategy=strategy, label_noise=0.4, n_start=150, n_query=100, n_end=350, epochs=1)
        truth, n_wrong, n = loop.stream.labels, 0, 0
        for event in bought(play(loop)).values():
            classes = loop.stream.tasks[event.task - 1].classes
            for id_, label in zip(event.ids, event.labels, strict=True):
                assert label in classes and told.setdefault(id_, label) == label
                n, n_wrong = n + 1, n_wrong + (label != truth[id_])
        assert abs(n_wrong / n - 0.4) < 4 * np.sqrt(0.24 / n)


def test_without_noise_every_label_is_true():
    loop = new_loop()
    for event in bought(play(loop)).values():
        assert event.labels == loop.stream.labels[event.ids].tolist()


# -- verify ------------------------------------------------------------------------------------------


def test_verify_finds_nothing_in_an_honest_run_and_the_verdict_is_kept(runs):
    run = finished_run(runs, learner="derpp")
    out = subprocess.run(
        [sys.executable, "-m", "acl", "verify", str(run.path), "--quiet"], capture_output=True, text=True
    )
    assert out.returncode == 0 and json.loads(out.stdout)["difference"] == ""
    assert kept(run).compared == json.loads(out.stdout)["compared"] > 20
    with run.events.open("a") as file:
        file.write("\n")
    assert kept(run) is None


def rewritten(run: Run, kind: type, place: int, **values) -> None:
    """The run's events with one of them forged."""
    rows = run.history().rows
    target = [row for row in rows if isinstance(row.event, kind)][place]
    lines = [to_line(replace(r.event, **values) if r is target else r.event, r.seq, r.t) for r in rows]
    run.events.write_text("".join(lines))


@pytest.mark.parametrize(
    ("kind", "place", "values", "said"),
    [
        (Scored, 3, {"lambda_": 0.25}, r"Task 2, round 1 \(scored\): lambda_ differ: recorded 0.25, now 0.5"),
        (Evaluated, -1, {"accuracy": [0.5, 1.0]}, r"Task 2, round 3 \(evaluated\): accuracy differ at place 1"),
        (Bought, 2, {"ids": [1, 2, 3, 4]}, r"Task 1, round 2 \(bought\): ids differ at place 1: recorded 1"),
    ],
)
def test_verify_says_where_the_first_difference_is(runs, kind, place, values, said):
    run = finished_run(runs)
    rewritten(run, kind, place, **values)
    verdict = verify(run)
    assert re.match(said, verdict.difference)


@pytest.mark.parametrize("name", ["tasks/02/base.safetensors", "queries/01-02.safetensors"])
def test_verify_looks_into_the_files(runs, name):
    run = finished_run(runs)
    with_metadata = load_snapshot(run.path / name).context if "queries" in name else None
    tensors = load_file(run.path / name)
    if with_metadata is None:
        first = next(k for k in tensors if k.startswith("model."))
        tensors[first] = tensors[first].nextafter(torch.tensor(9.0))
        save_file(tensors, run.path / name)
        assert f"{first} differs in 02/base.safetensors" in verify(run).difference
    else:
        h = with_metadata.pool.h.clone()
        h[0, 0] = h[0, 0].nextafter(torch.tensor(9.0))
        replace(with_metadata, pool=replace(with_metadata.pool, h=h)).save(run.path / name)
        assert "Task 1, round 2 (scored): pool.h differs" in verify(run).difference


@pytest.mark.parametrize("column", ["magnitude", "distribution", "predicted", "rank", "picked", "label"])
def test_verify_looks_into_the_tables_of_scores(runs, column):
    run = finished_run(runs, strategy="accuacl")
    path = run.scores(2, 2)
    table = pq.read_table(path)
    values = table[column].to_pylist()
    place = next(i for i, value in enumerate(values) if value)
    values[place] = not values[place] if column == "picked" else values[place] + 1
    forged = pa.chunked_array([pa.array(values, table[column].type)])
    pq.write_table(table.set_column(table.column_names.index(column), column, forged), path)
    assert f"{column} differs in queries/02-02.parquet" in verify(run).difference
    path.write_bytes(b"PAR1")
    assert "Task 2, round 2 (scored): 02-02.parquet cannot be read" in verify(run).difference


@pytest.mark.parametrize("name", ["tasks/02/base.safetensors", "queries/01-02.safetensors", "queries/01-02.parquet"])
def test_verify_misses_what_is_gone(runs, name):
    run = finished_run(runs)
    (run.path / name).unlink()
    assert f"{name.partition('/')[2]} is gone" in verify(run).difference
    # What the settings never kept is no difference.
    for snapshots in ("off", "last_round"):
        assert not verify(finished_run(runs, snapshots=snapshots)).difference


def test_verify_looks_into_the_summary(runs):
    run = finished_run(runs)
    path = run.path / "summary.json"
    path.write_text(json.dumps({**run.summary, "A": 1.0}))
    assert verify(run).difference == "At the end (finished): summary.json holds other figures than the last event"
    path.unlink()
    assert verify(run).difference == "At the end (finished): summary.json is gone or cannot be read"


def test_verify_of_garbage_in_the_middle_says_so(runs):
    run = finished_run(runs)
    lines = run.events.read_text().splitlines(keepends=True)
    run.events.write_text("".join([*lines[:9], "garbage\n", *lines[9:]]))
    assert "damaged" in verify(run).difference
