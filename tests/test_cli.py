"""The command line: what it prints, and exit code 2 with one sentence on every bad input."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from acl import write_snapshot
from acl.cli import main
from acl.runs.control import request
from acl.runs.folder import Run, list_runs
from acl.system.device import cuda_devices
from tests.conftest import SMALL
from tests.contexts import make_context
from tests.tools import facts, history_facts, run_config

SETTINGS = [part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")]


def acl(*arguments, capsys):
    code = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_run_prints_its_summary_as_the_last_line(runs, capsys):
    code, out, _ = acl("run", *SETTINGS, "--strategy", "entropy", "--runs", runs, "--quiet", capsys=capsys)
    summary = json.loads(out.splitlines()[-1])
    assert code == 0 and {"run", "A", "F", "F_diag", "R"} <= summary.keys()
    assert 0 <= summary["A"] <= 1 and [len(row) for row in summary["R"]] == [1, 2]
    run = list_runs(runs)[0]
    assert run.id == summary["run"] and run.config.strategy == "entropy" and run.config.epochs == 3
    assert history_facts(run) == facts(run_config(run.config))
    code, again, _ = acl("resume", run.id, "--runs", runs, "--quiet", capsys=capsys)
    assert code == 0 and json.loads(again) == summary


def test_resume_goes_on_where_it_stopped(runs, capsys):
    acl("run", *SETTINGS, "--runs", runs, "--quiet", capsys=capsys)
    run = list_runs(runs)[0]
    reference = history_facts(run)
    lines = run.events.read_bytes().splitlines(keepends=True)
    run.events.write_bytes(b"".join(lines[:20]) + b'{"seq": 20,')
    (run.path / "summary.json").unlink()
    request(run.path, mode="stop")
    code, out, err = acl("resume", run.path, "--runs", runs, capsys=capsys)
    assert code == 0 and json.loads(out)["run"] == run.id and "100%" in err
    assert history_facts(run) == reference


@pytest.mark.parametrize("content", [None, "garbage", '{"A": 0.5}'])
def test_resume_of_a_finished_run_brings_a_lost_summary_back(runs, content, capsys):
    _, summary, _ = acl("run", *SETTINGS, "--runs", runs, "--quiet", capsys=capsys)
    run = list_runs(runs)[0]
    path = run.path / "summary.json"
    path.unlink() if content is None else path.write_text(content)
    assert run.summary is None
    code, again, _ = acl("resume", run.path, "--runs", runs, capsys=capsys)
    assert code == 0 and json.loads(again) == json.loads(summary)
    assert run.summary == run.history().finished.summary


@pytest.mark.parametrize("values", [{}, {"model.other": torch.zeros(2)}])
def test_a_base_of_another_network_is_a_sentence(runs, values, capsys):
    acl("run", *SETTINGS, "--runs", runs, "--quiet", capsys=capsys)
    run = list_runs(runs)[0]
    base = load_file(run.base(2))
    save_file({**{name: t for name, t in base.items() if name.startswith("memory.")}, **values}, run.base(2))
    code, out, err = acl("fork", run.path, "--at", "2.1", "--runs", runs, "--quiet", capsys=capsys)
    assert code == 2 and out == "" and "is not one of these settings" in err and err.count("\n") == 1


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    runs = tmp_path_factory.mktemp("cli")
    assert main(["run", *SETTINGS, "--runs", str(runs), "--quiet"]) == 0
    return list_runs(runs)[0].snapshot(2, 1)


def test_select_answers_what_the_run_chose(snapshot, tmp_path, capsys):
    run = Run(snapshot.parent.parent)
    recorded = [row.event for row in run.history().rows if row.event.kind == "scored" and row.event.task == 2][0]
    code, out, _ = acl("select", snapshot, "--strategy", "accuacl", "--n", 4, capsys=capsys)
    assert code == 0 and json.loads(out.splitlines()[-1]) == {"ids": recorded.ids}
    table = tmp_path / "scores.parquet"
    code, out, _ = acl(
        "select", snapshot, "--strategy", "entropy", "--n", 7, "--lambda", 0.5, "--scores", table, capsys=capsys
    )
    rows = pq.read_table(table).to_pandas()
    assert json.loads(out)["ids"] == rows[rows["picked"]].sort_values("rank")["id"].tolist()
    assert {"id", "entropy", "magnitude", "distribution", "rank", "picked"} <= set(rows.columns)
    other = acl("select", snapshot, "--set", "oversample=1", "--lambda", 0, capsys=capsys)[1]
    assert other != out


def test_select_takes_lambda_either_way_and_refuses_what_has_no_effect(snapshot, capsys):
    by_option = acl("select", snapshot, "--lambda", 1, capsys=capsys)
    by_setting = acl("select", snapshot, "--set", "lambda=1", capsys=capsys)
    assert (
        by_option[0] == 0 and by_option[1] == by_setting[1] != acl("select", snapshot, "--lambda", 0, capsys=capsys)[1]
    )
    code, out, err = acl("select", snapshot, "--set", "memory=50", capsys=capsys)
    assert code == 2 and "accuacl does not use memory" in err and not out
    assert "name a query strategy" in acl("select", snapshot, "--strategy", "full", capsys=capsys)[2]


@pytest.mark.parametrize("command", ["select", "inspect"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"classes": "[0, 1, 2, 3, 3]"}, "The classes name 3 twice"),
        ({"n_classes": "3"}, "n_classes"),
        ({"classes": "[-1, 1, 2, 3, 4]"}, "-1"),
        ({"memory.ids": "pool.ids"}, "Pool and memory both have a sample"),
        ({"labelled.ids": "pool.ids"}, "Pool and labelled both have a sample"),
        ({"labelled.ids": "memory.ids"}, "Labelled and memory both have a sample"),
    ],
)
def test_select_and_inspect_refuse_the_same(tmp_path, command, change, said, capsys):
    path = tmp_path / "odd.safetensors"
    make_context(3, pool=8, labelled=8, memory=8, n_classes=5).save(path)
    with safe_open(path, framework="pt") as file:
        metadata = {**file.metadata(), **{name: value for name, value in change.items() if "." not in name}}
    tensors = load_file(path)
    tensors |= {name: tensors[value].clone() for name, value in change.items() if "." in name}
    save_file(tensors, path, metadata)
    code, out, err = acl(command, path, capsys=capsys)
    assert code == 2 and out == "" and said in err and err.count("\n") == 1


def test_select_says_what_was_mended(tmp_path, capsys):
    context = make_context(3)
    h, p = context.pool.h, context.pool.p
    write_snapshot(tmp_path / "a.safetensors", (h, p))
    write_snapshot(tmp_path / "b.safetensors", (h, 2 * p))
    clean, mended = (acl("select", tmp_path / f"{name}.safetensors", capsys=capsys) for name in "ab")
    assert clean[:2] == mended[:2] and clean[2] == ""
    assert mended[2].startswith("acl: 30 of 30 rows of pool.p did not sum to 1 but to 2:")


@pytest.mark.parametrize("target", ["nowhere/x.parquet", "."])
def test_scores_that_cannot_be_written(snapshot, tmp_path, target, capsys):
    code, out, err = acl("select", snapshot, "--scores", tmp_path / target, capsys=capsys)
    assert code == 2 and "cannot be used" in err and err.count("\n") == 1 and not out


@pytest.mark.parametrize("kind", ["strategies", "learners", "datasets", "presets"])
def test_lists_for_people_and_machines(kind, capsys):
    code, out, _ = acl(kind, capsys=capsys)
    rows = json.loads(acl(kind, "--json", capsys=capsys)[1])
    assert code == 0 and len(out.splitlines()) == len(rows)
    assert all(row["name"] in out and row["label"] in out and row["summary"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "--strategy", "acuacl"], "Did you mean 'accuacl'"),
        (["run", "--preset", "digts-demo"], "Did you mean 'digits-demo'"),
        (["run", "--dataset", "mnits"], "Unknown dataset 'mnits'"),
        (["run", "--learner", "eer"], "Did you mean 'er'"),
        (["run", "--set", "memory=-1"], "memory must be greater than or equal to 0"),
        (["run", "--set", "n_end=9999"], "n_end must be at most 248"),
        (["run", "--set", "lambda=2"], "lambda must be between 0 and 1"),
        (["run", "--set", "memory"], "--set needs NAME=VALUE"),
        (["run", "--set", "memroy=3"], "Did you mean 'memory'"),
        (["run", "--seed", "one"], "seed must be a valid integer, got 'one'"),
        (["run", "--set", "preset=evil"], "--preset evil"),
        (["run", "--set", "device=cuda"], "no CUDA GPU"),
        (["run", "--set", "lr=1e300"], "lr must be less than or equal to"),
        (["run", "--set", "weight_decay=1e300"], "weight_decay must be less than or equal to"),
        (["resume", "nobody"], "no run 'nobody'"),
        (["table", "--runs", ""], "--runs: the name is empty, name a folder"),
        (["table", "--runs", "x" * 300], "is too long: choose a shorter one"),
        (["select", "missing.safetensors"], "missing.safetensors does not exist"),
        (["inspect", "missing.safetensors"], "missing.safetensors does not exist"),
        (["inspect", "."], ". is a folder: name a snapshot"),
        (["inspect"], "FILE.safetensors"),
        (["dance"], "dance"),
        ([], "COMMAND"),
        (["sweep", "--slots", "-3"], "--slots must be at least 1"),
        (["backend", "--slots", "0"], "--slots must be at least 1"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments, expected, runs, capsys):
    if "device=cuda" in arguments and cuda_devices():
        return
    if arguments and arguments[0] in {"run", "resume", "backend", "sweep"}:
        arguments = [*arguments, "--runs", runs]
    code, out, err = acl(*arguments, capsys=capsys)
    assert code == 2 and out == "" and expected in err and err.count("\n") == 1 and "Traceback" not in err
    assert not runs.exists() or not list_runs(runs)


@pytest.mark.parametrize(
    ("options", "expected"),
    [(["--n", "0"], "n must be"), (["--n", "99999"], "n must be"), (["--lambda", "3"], "lambda")],
)
def test_select_with_bad_numbers(snapshot, options, expected, capsys):
    code, out, err = acl("select", snapshot, *options, capsys=capsys)
    assert code == 2 and out == "" and expected in err and err.count("\n") == 1


def test_a_run_of_a_newer_format(runs, capsys):
    acl("run", *SETTINGS, "--runs", runs, "--quiet", capsys=capsys)
    run = list_runs(runs)[0]
    config = run.path / "config.json"
    config.write_text(config.read_text().replace('"format": "2"', '"format": "7"'))
    code, _, err = acl("resume", run.id, "--runs", runs, capsys=capsys)
    assert code == 2 and "format '7'" in err and err.count("\n") == 1


def test_a_runs_folder_that_is_a_file(tmp_path, capsys):
    (tmp_path / "runs").write_text("")
    code, _, err = acl("run", *SETTINGS, "--runs", tmp_path / "runs", capsys=capsys)
    assert code == 2 and "cannot be used" in err and err.count("\n") == 1


def test_help_needs_no_torch():
    code = "import sys; from acl.cli import main\ntry: main(['--help'])\nfinally: assert 'torch' not in sys.modules"
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "select" in done.stdout and "Traceback" not in done.stderr
    assert time.monotonic() - start < 30
