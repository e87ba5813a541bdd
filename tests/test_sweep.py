"""Sweeps: what a grid holds, what is not run twice, and what becomes of its runs with a real backend."""

from __future__ import annotations

import json

import pytest

from acl.cli import main
from acl.config import UserError
from acl.results import sweep
from acl.results.grid import grid, values_of
from acl.runs.control import Status, read_control, request, write_status
from acl.runs.folder import create, delete, find_run, list_runs
from acl.runs.sameness import key
from acl.service import backend
from acl.service.worker import execute
from tests.conftest import SMALL, small_config
from tests.test_backend import Served
from tests.test_precision import made_earlier
from tests.tools import history_facts, wait_for


def two(**axes):
    return grid(small_config(snapshots="off"), {"strategy": ["uniform", "accuacl"], "seed": [0, 1], **axes})


def test_a_grid_is_every_combination_with_the_seed_slowest():
    found = [(c.seed, c.strategy, c.memory) for c in two(memory=["10", "20"])]
    assert found == [(s, name, m) for s in (0, 1) for m in (10, 20) for name in ("uniform", "accuacl")] or found == [
        (s, name, m) for s in (0, 1) for name in ("uniform", "accuacl") for m in (10, 20)
    ]


def test_what_cannot_change_a_result_is_no_other_run():
    # λ means nothing to Uniform, and a budget nothing to full labels.
    assert len(two(**{"lambda": [0.2, 0.8]})) == 2 + 4
    full = grid(small_config(), {"strategy": ["full", "uniform"], "n_end": [16, 20]})
    assert [config.strategy for config in full].count("full") == 1 and len(full) == 3
    assert key(small_config()) == key(small_config(preset="digits-m20", memory=10, snapshots="all"))
    assert key(small_config()) != key(small_config(epochs=4))


def test_values_as_they_are_written():
    assert values_of("seed", "0-2, 7") == [0, 1, 2, 7] and values_of("memory", "10, 20") == ["10", "20"]
    names = set(values_of("strategy", "all"))
    assert {"full", "uniform", "entropy", "least_confidence", "kcenter", "badge", "bait", "accuacl"} <= names


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ({"stratgy": ["uniform"]}, "Did you mean 'strategy'"),
        ({"strategy": ["uniform"], "seed": []}, "seed has no value"),
        ({"seed": list(range(1000)), "memory": [1, 2, 3]}, "3,000 runs"),
        ({"memory": [-1]}, "memory must be"),
        ({"method": [1]}, "The method is no choice"),
    ],
)
def test_a_bad_grid_is_one_sentence(axes, said):
    with pytest.raises(UserError, match=said):
        grid(small_config(), axes)
    with pytest.raises(UserError, match="Seeds are written like"):
        values_of("seed", "4-0")


def test_nothing_is_made_before_every_config_is_known_to_be_right(runs):
    bad = [small_config(), small_config().changed(strategy="nobody")]
    with pytest.raises(UserError, match="Unknown strategy"):
        sweep.start(bad, runs, "bad")
    assert not list_runs(runs)


def test_what_was_run_already_is_taken_and_what_a_human_led_is_not(runs):
    configs = two()
    there = create(configs[0], runs)
    execute(there)
    led = create(configs[1], runs)
    request(led.path, mode="play", changes={"n_query": 2})
    execute(led)
    started = sweep.start(configs, runs, "four")
    assert started.members[0].run == there.id and started.members[1].run != led.id
    assert len(list_runs(runs)) == 5
    again = sweep.start(configs, runs, "again")
    assert [m.run for m in again.members] == [m.run for m in started.members] and len(list_runs(runs)) == 5
    assert [s.title for s in sweep.list_sweeps(runs)] in (["again", "four"], ["four", "again"])
    assert sweep.load(started.id, runs) == started
    # A finished run is not asked to play.
    assert read_control(there.path) is None


def test_cancel_retry_and_a_deleted_run(runs):
    started = sweep.start(two(), runs, "four")
    states = [Status("finished", worked_s=4.0, progress=1.0), Status("playing", worked_s=1.0, progress=0.5),
              Status("failed", error="No."), Status("queued")]  # fmt: skip
    for member, status in zip(started.members, states, strict=True):
        write_status(runs / member.run, status)
    here = sweep.progress(started, runs)
    assert [p.state for p in here] == ["finished", "playing", "failed", "queued"] and here[2].error == "No."
    # Uniform took 4 s and waits nowhere; AccuACL will take 2 s: half of one is left, and all of the queued one.
    assert sweep.eta_s(here, slots=1) == pytest.approx(1.0 + 2.0)
    assert sweep.eta_s(here, slots=4) == pytest.approx(1.5)
    assert sweep.eta_s(here[3:], slots=4) is None
    assert sweep.cancel(started, runs) == 2
    assert [read_control(runs / m.run).mode for m in started.members] == ["play", "stop", "play", "stop"]
    gone = next(run for run in list_runs(runs) if run.id == started.members[3].run)
    delete(gone)
    assert sweep.progress(started, runs)[3].state == "deleted"
    sequence = read_control(runs / started.members[2].run).seq
    renewed, n = sweep.retry(started, runs)
    assert n == 2 and renewed.members[3].run != gone.id and sweep.load(started.id, runs) == renewed
    assert read_control(runs / renewed.members[2].run).seq > sequence
    sweep.delete(renewed, runs)
    with pytest.raises(UserError, match="no sweep"):
        sweep.load(started.id, runs)


def test_a_sweep_of_an_earlier_version_is_looked_at_and_not_gone_on_with(runs):
    started = sweep.start(two(), runs, "all")
    for member in started.members:
        made_earlier(find_run(member.run, runs))
    record = runs / ".sweeps" / f"{started.id}.json"
    raw = json.loads(record.read_text())
    for member in raw["members"]:
        del member["config"]["method"], member["config"]["precision"]
    record.write_text(json.dumps(raw))
    found = sweep.load(started.id, runs)
    for member in found.members:
        assert (member.config.method, member.config.numbers) == (1, "float32")
        request(runs / member.run, mode="pause")
    for wish in (sweep.play, sweep.retry):
        with pytest.raises(UserError, match="earlier version"):
            wish(found, runs)
    delete(find_run(found.members[0].run, runs))
    with pytest.raises(UserError, match="earlier version"):
        sweep.retry(found, runs)
    assert len(list_runs(runs)) == 3 and all(read_control(run.path).mode == "pause" for run in list_runs(runs))


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"members": [{"run": 1}]}', '{"members": 3, "kind": "sweep"}'])
def test_a_damaged_record_is_passed_over_and_said_when_asked_for(runs, text):
    started = sweep.start(two(), runs, "four")
    (runs / ".sweeps" / f"{started.id}.json").write_text(text)
    assert sweep.list_sweeps(runs) == []
    with pytest.raises(UserError):
        sweep.load(started.id, runs)
    with pytest.raises(UserError):
        sweep.load("../../etc/passwd", runs)


def test_a_backend_works_a_sweep_off_and_goes_on_with_it_after_a_restart(runs):
    configs = two()
    started = sweep.start(configs, runs, "four")
    with Served(runs, slots=1):
        wait_for(lambda: any(p.state == "finished" for p in sweep.progress(started, runs)))
    with Served(runs, slots=2):
        wait_for(lambda: all(p.state == "finished" for p in sweep.progress(started, runs)))
    alone = create(configs[3], runs)
    execute(alone)
    last = next(run for run in list_runs(runs) if run.id == started.members[3].run)
    assert history_facts(last) == history_facts(alone)
    assert all(p.seconds > 0 for p in sweep.progress(started, runs))


def test_another_engine_than_the_one_that_serves_the_folder_is_refused(runs, capsys):
    with Served(runs, slots=1):
        wait_for(lambda: backend.engine_of(runs))
        assert backend.engine_of(runs) == "local"
        assert main(["sweep", "--engine", "ray", "--address", "127.0.0.1:1", "--runs", str(runs)]) == 2
    assert "engine local serves" in capsys.readouterr().err and list_runs(runs) == []
    assert backend.engine_of(runs) is None


def test_the_command_line(runs, capsys):
    settings = [f"--set={name}={value}" for name, value in SMALL.items()]
    command = ["sweep", "--strategies", "uniform,accuacl", "--seeds", "0-1", *settings, "--quiet", "--runs", str(runs)]
    try:
        assert main(command) == 0
        said = json.loads(capsys.readouterr().out)
        assert said["states"] == {"finished": 4} and len(said["runs"]) == 4
        assert main(command) == 0
        assert json.loads(capsys.readouterr().out)["runs"] == said["runs"]
        assert all(run.config.snapshots == "off" for run in list_runs(runs))
    finally:
        backend.stop(runs)
    for bad, expected in {
        "--vary=memory": "--vary needs NAME=VALUE",
        "--vary=preset=a,b": "not by --vary",
        "--strategies=nobody": "Unknown strategy",
        "--seeds=x": "Seeds are written like",
    }.items():
        assert main([*command, bad]) == 2 and expected in capsys.readouterr().err


@pytest.mark.parametrize("run", ["../../x", "..", "/etc", "a/b", "", 7, None, ["x"], "x\n", "x" * 5000])
def test_a_member_that_is_no_run_of_this_folder_is_damage(run, runs):
    made = sweep.start([small_config()], runs, "one")
    path = runs / ".sweeps" / f"{made.id}.json"
    record = json.loads(path.read_text())
    record["members"][0]["run"] = run
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match="cannot be read .* is not the name of a run") as caught:
        sweep.load(made.id, runs)
    assert len(str(caught.value)) < 300 and sweep.list_sweeps(runs) == []
