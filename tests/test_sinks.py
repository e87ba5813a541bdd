"""Runs in other tools: what their own readers find is what the lines of events.jsonl add up to."""

from __future__ import annotations

import importlib
import json
import math
import struct
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from acl.cli import main
from acl.results import sinks
from acl.runs.folder import Run, create
from acl.service.worker import execute
from tests.conftest import small_config

# MLflow's own use of SQLAlchemy.
QUIET_MLFLOW = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A whole run, and one that was cut in the middle of a training and taken up again."""
    runs = tmp_path_factory.mktemp("sinks")
    whole, resumed = (create(small_config(strategy=name), runs) for name in ("accuacl", "uniform"))
    for run in (whole, resumed):
        execute(run)
    cut(resumed, 20)
    execute(resumed)
    assert any(line["kind"] == "resumed" for line in lines(resumed))
    return whole, resumed


def cut(run: Run, n: int) -> None:
    run.events.write_bytes(b"".join(run.events.read_bytes().splitlines(keepends=True)[:n]))
    (run.path / "summary.json").unlink()


def lines(run: Run) -> list[dict]:
    return [json.loads(line) for line in run.events.read_text("utf-8").splitlines()]


def expected(run: Run) -> dict[str, list[tuple[int, float, float]]]:
    """By name (step, value, t), from the lines of the file alone."""
    kept: list[dict] = []
    for line in lines(run):
        if line["kind"] == "resumed":
            kept = [old for old in kept if old["seq"] <= line["after"]]
        else:
            kept.append(line)
    found: dict[str, list[tuple[int, float, float]]] = {}

    def add(name, value, t, step=None):
        series = found.setdefault(name, [])
        series.append((step or len(series) + 1, value, t))

    r = []
    for line in kept:
        rounds, t = len(found.get("labels", [])), line["t"]
        if line["kind"] == "epoch":
            add("loss", line["loss"], t)
        elif line["kind"] == "bought":
            add("labels", line["n_labelled"] + sum(max_labelled(kept, line["task"])), t)
        elif line["kind"] == "scored":
            add("query_s", sum(v for k, v in line["cost"].items() if k.endswith("_s")), t, rounds + 1)
        elif line["kind"] == "evaluated":
            for j, accuracy in enumerate(line["accuracy"], start=1):
                add(f"accuracy/task_{j:02d}", accuracy, t, rounds)
            if line["final"]:
                r.append(line["accuracy"])
                add("A", np.mean(r[-1]), t)
                add("LA", np.mean([row[j] for j, row in enumerate(r)]), t)
                past = range(len(r) - 1)
                add("F", np.mean([max(row[j] for row in r[j:-1]) - r[-1][j] for j in past]) if past else 0, t)
                add("BWT", np.mean([r[-1][j] - r[j][j] for j in past]) if past else 0, t)
    return found


def max_labelled(kept: list[dict], before: int) -> list[int]:
    """What each earlier task had bought when it ended."""
    bought = [line for line in kept if line["kind"] == "bought" and line["task"] < before]
    return [max(b["n_labelled"] for b in bought if b["task"] == task) for task in {b["task"] for b in bought}]


def convert(to: str, folder, *runs: Run) -> None:
    assert main(["convert", *(str(run.path) for run in runs), "--to", to, "-o", str(folder)]) == 0


def same(found, wanted) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one[0] == other[0] and math.isclose(one[1], other[1], rel_tol=1e-6, abs_tol=1e-7)
        assert abs(one[2] - other[2]) < 2e-3


def test_tables(two, tmp_path, capsys):
    for _ in range(2):
        convert("tables", tmp_path, *two)
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said == {"to": "tables", "runs": sorted((r.id for r in two), reverse=True), "folder": str(tmp_path)}
    tables = {path.stem: pd.read_csv(path) for path in tmp_path.glob("*.csv")}
    assert set(tables) == {"runs", "tasks", "matrix", "queries", "labels", "outcomes"} and len(tables["runs"]) == 2
    for run in two:
        wanted = expected(run)
        tasks, queries = (table[table["run"] == run.id] for table in (tables["tasks"], tables["queries"]))
        for name in ("A", "F", "LA", "BWT"):
            assert np.allclose(tasks[name], [value for _, value, _ in wanted[name]])
        assert np.allclose(queries["seconds"], [value for _, value, _ in wanted["query_s"]])
        assert tasks["labels"].iloc[-1] == wanted["labels"][-1][1]


def test_tensorboard(two, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):
        convert("tensorboard", tmp_path, *two)
    for run in two:
        read = EventAccumulator(str(tmp_path / run.id), size_guidance={"scalars": 0})
        read.Reload()
        wanted = expected(run)
        assert set(read.Tags()["scalars"]) == set(wanted)
        for name, series in wanted.items():
            same([(e.step, e.value, e.wall_time) for e in read.Scalars(name)], series)
        settings = read.Tensors("settings/text_summary")[0].tensor_proto.string_val[0].decode()
        assert f"| strategy | {run.config.strategy} |" in settings
        assert any("hparams" in tag for tag in read.PluginTagToContent("hparams"))


@QUIET_MLFLOW
def test_mlflow(two, tmp_path):
    from mlflow import MlflowClient

    for _ in range(2):
        convert("mlflow", tmp_path, *two)
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    found = client.search_runs([client.get_experiment_by_name("acl-explorer").experiment_id])
    assert sorted(run.info.run_name for run in found) == sorted(run.id for run in two)
    for run in two:
        there = next(each for each in found if each.info.run_name == run.id)
        assert there.info.status == "FINISHED" and there.data.params["strategy"] == run.config.strategy
        wanted = expected(run)
        assert set(there.data.metrics) == set(wanted)
        for name, series in wanted.items():
            history = client.get_metric_history(there.info.run_id, name)
            same(sorted((m.step, m.value, m.timestamp / 1000) for m in history), series)


def test_wandb(two, tmp_path):
    for _ in range(2):
        convert("wandb", tmp_path, *two)
    assert len(list((tmp_path / "wandb").glob("offline-run-*"))) == 2
    for run in two:
        (file,) = (tmp_path / "wandb").glob(f"offline-run-*-{run.id}/*.wandb")
        config, rows = read_wandb(file.read_bytes())
        assert config["strategy"] == run.config.strategy and config["lambda"] == "auto"
        for name, series in expected(run).items():
            steps = "epoch" if name == "loss" else "task" if name in {"A", "F", "LA", "BWT"} else "round"
            same([(row[steps], row[name], row["_timestamp"]) for row in rows if name in row], series)


def read_wandb(data: bytes) -> tuple[dict, list[dict]]:
    """Config and history of a .wandb file: seven bytes, then LevelDB's log format around W&B's own messages."""
    from wandb.proto.wandb_internal_pb2 import Record

    config, rows, at, message = {}, [], 7, b""
    while at + 7 <= len(data):
        if (left := 2**15 - at % 2**15) < 7:
            at += left
            continue
        size, kind = struct.unpack_from("<HB", data, at + 4)
        message += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in {1, 4}:  # whole, or the last part
            record, message = Record.FromString(message), b""
            config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
            if record.history.item:
                rows.append({item.nested_key[0]: json.loads(item.value_json) for item in record.history.item})
    return config, rows


def test_half_done_damaged_and_empty_runs(two, tmp_path, capsys):
    runs = tmp_path / "runs"
    half, damaged, empty, unreadable = (create(small_config(seed=seed), runs) for seed in range(4))
    half.events.write_bytes(b"".join(two[0].events.read_bytes().splitlines(keepends=True)[:20]) + b'{"seq": 20,')
    text = two[0].events.read_text("utf-8").splitlines(keepends=True)
    damaged.events.write_text("".join([*text[:10], "nonsense\n", *text[11:]]))
    (unreadable.path / "config.json").write_text("{}")
    assert main(["convert", "--runs", str(runs), "--to", "tables", "-o", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert set(json.loads(out)["runs"]) == {half.id, damaged.id} and len(err.splitlines()) == 4
    assert f"{half.id} is not finished" in err and f"{damaged.id}: events.jsonl is damaged in 1 place;" in err
    assert f"{empty.id} is left out" in err and f"{unreadable.id} is left out" in err
    assert set(pd.read_csv(tmp_path / "out" / "runs.csv")["state"]) == {"finished", "unfinished"}
    assert main(["convert", str(empty.path), "--to", "tables", "-o", str(tmp_path / "out")]) == 2
    assert "could be converted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody", "--to", "tables", "-o", "out"], "no run 'nobody'"),
        (["--to", "excel", "-o", "out"], "invalid choice: 'excel'"),
        (["--to", "tables"], "-o/--output"),
        (["--to", "tables", "-o", "runs"], "is a runs folder"),
        (["--to", "tables", "-o", "file"], "cannot be used"),
        (["--to", "tensorboard", "-o", "file/x"], "cannot be used"),
    ],
)
def test_bad_input_is_one_sentence(two, arguments, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "runs").symlink_to(two[0].path.parent)
    code = main(["convert", *arguments, "--runs", "runs"])
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and said in err and err.count("\n") == 1


@QUIET_MLFLOW
def test_a_store_that_cannot_be_read_is_one_sentence(two, tmp_path, capsys):
    (tmp_path / "mlflow.db").write_text("this is no data base, and long enough to be seen as none")
    assert main(["convert", str(two[0].path), "--to", "mlflow", "-o", str(tmp_path)]) == 2
    assert "MLflow cannot use" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("to", "library", "file"),
    [
        ("tensorboard", "tensorboardX.event_file_writer", "requirements.txt"),
        ("mlflow", "sqlalchemy.exc", "requirements-sinks.txt"),
        ("mlflow", "mlflow", "requirements-sinks.txt"),
        ("wandb", "wandb", "requirements-sinks.txt"),
    ],
)
def test_a_missing_library_is_one_sentence(two, to, library, file, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"acl.results.sinks.{to}", raising=False)
    assert main(["convert", str(two[0].path), "--to", to, "-o", str(tmp_path)]) == 2
    assert f"is not installed: pip install -r {file}." in capsys.readouterr().err


def test_every_sink_is_found_by_its_file_and_nothing_is_imported_for_that():
    assert sinks.names() == ["mlflow", "tables", "tensorboard", "wandb"]
    assert all(
        hasattr(importlib.import_module(f"acl.results.sinks.{name}"), "write") for name in ("tables", "tensorboard")
    )
    code = (
        "import sys, acl.cli.entry as c, app.run.page, app.new_run.page, app.library.page, app.launch; c.parser()\n"
        "sys.exit(bool({'tensorboardX', 'tensorboard', 'mlflow', 'wandb'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code]).returncode == 0
