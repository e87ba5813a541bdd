"""The run folder: whole or not there, appended and read on, damage said and survived."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from acl.config import UserError
from acl.events import Bought, Epoch, History, Resumed, Row, Scored, TaskStarted, to_line
from acl.plugins.registry import build
from acl.runs.control import Control, Status, read_control, read_status, request, write_status
from acl.runs.event_file import EventReader, EventWriter
from acl.runs.folder import ID, Run, check_folder, create, delete, find_run, list_runs
from acl.service.worker import execute
from acl.snapshots.snapshot import load_snapshot
from acl.stream.types import TaskStream


def test_a_run_is_named_after_what_it_is(config, runs):
    run = create(config, runs)
    assert ID.fullmatch(run.id) and "-er-accuacl-digits-s0-" in run.id
    assert run.config == config and list_runs(runs) == [run]
    assert find_run(run.id, runs) == find_run(str(run.path), runs) == run
    delete(run)
    assert list(runs.iterdir()) == []


def test_nothing_half_created_where_nothing_can_be_written(config, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    for folder in (blocked, blocked / "runs"):
        with pytest.raises(UserError, match="cannot be used"):
            create(config, folder)
    monkeypatch.setattr(Path, "rename", _full_disk)
    with pytest.raises(UserError, match="the disk is full"):
        create(config, tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


def _full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_folder_without_permission(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):  # root may write anywhere
        return
    with pytest.raises(UserError, match="may not be written"):
        check_folder(folder)


def test_unknown_runs(config, runs):
    with pytest.raises(UserError, match="There is no run"):
        find_run("20260101-000000-er-x-y-s0-0000", runs)
    run = create(config, runs)
    with pytest.raises(UserError, match=f"Did you mean '{run.id}'"):
        find_run(run.id[:-1] + "x", runs)
    for name in ("../../etc", "/etc", "", "a" * 500):
        with pytest.raises(UserError):
            find_run(name, runs)


# -- events --------------------------------------------------------------------------------------------


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "events.jsonl"


def test_a_reader_takes_only_what_was_added_and_waits_for_whole_lines(events):
    reader, writer = EventReader(events), EventWriter(events)
    assert reader.poll() == []
    writer.append(Epoch(1, 0, 1, 0.5))
    assert [row.event for row in reader.poll()] == [Epoch(1, 0, 1, 0.5)] and reader.poll() == []
    line = to_line(Epoch(1, 0, 2, 1 / 3), 1, 0.0)
    with events.open("a") as file:
        file.write(line[:20])
        file.flush()
        assert reader.poll() == []
        file.write(line[20:])
    assert reader.poll() == [Row(1, 0.0, Epoch(1, 0, 2, 1 / 3))]
    writer.close()


def test_a_writer_cuts_a_half_last_line_and_counts_on(events):
    first = EventWriter(events)
    first.append(TaskStarted(1, [0, 1], 10, 0))
    first.close()
    with events.open("ab") as file:
        file.write(b'{"seq": 1, "t": 0, "ki')
    second = EventWriter(events)
    assert second.append(Epoch(1, 0, 1, 0.5)).seq == 1
    second.close()
    assert [row.seq for row in EventReader(events).poll()] == [0, 1]


def test_garbage_and_unknown_kinds_are_counted_and_passed_over(events):
    good = to_line(Epoch(1, 0, 1, 0.5), 3, 0.0)
    events.write_bytes(b"\xff\xfe garbage\n[1]\n" + b'{"seq": 2, "t": 0, "kind": "of the future"}\n' + good.encode())
    reader = EventReader(events)
    assert [row.seq for row in reader.poll()] == [3] and reader.damaged == 2


def test_resumed_voids_the_unfinished_work_before_it():
    rows = [
        Row(0, 0.0, TaskStarted(1, [0], 10, 0)),
        Row(1, 0.0, Bought(1, 0, [3], [0], "start", 1)),
        Row(2, 0.0, Epoch(1, 0, 1, 0.9)),
        Row(3, 0.0, Resumed(1, 0, 1)),
        Row(4, 0.0, Epoch(1, 0, 1, 0.9)),
    ]
    history = History(rows)
    assert [row.seq for row in history.rows] == [0, 1, 3, 4]
    assert len(history.of(Epoch)) == 1 and history.last_durable == 3


# -- control and status --------------------------------------------------------------------------------


def test_control_is_desired_state(tmp_path):
    assert read_control(tmp_path) is None
    assert request(tmp_path, mode="play", until=(1, 2, "train")) == Control(1, "play", (1, 2, "train"))
    assert request(tmp_path, pace=0.5) == Control(2, "play", (1, 2, "train"), 0.5)
    assert request(tmp_path, mode="pause", until=None) == read_control(tmp_path) == Control(3, "pause", None, 0.5)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"mode": "dance"}', '{"mode": "play", "seq": "x"}', '{"mode": "play", "seq": 1e400}']
)
def test_an_unreadable_control_file_asks_for_nothing(tmp_path, content):
    (tmp_path / "control.json").write_text(content)
    assert read_control(tmp_path) is None
    # The worker has heard seven wishes and waits for an eighth.
    write_status(tmp_path, Status("paused", seq=7))
    assert request(tmp_path, mode="play") == Control(8, "play")


@pytest.mark.parametrize(("written", "read"), [("NaN", 0.0), ("-1", 0.0), ("Infinity", 5.0), ("1e400", 5.0)])
def test_a_pace_is_a_number_within_its_bounds(tmp_path, written, read):
    (tmp_path / "control.json").write_text(f'{{"mode": "play", "pace": {written}}}')
    assert read_control(tmp_path).pace == read


def test_status_both_ways(tmp_path):
    status = Status("playing", seq=3, task=2, round=1, phase="train", completed=(2, 1, "buy"), progress=0.5)
    write_status(tmp_path, status)
    assert read_status(tmp_path) == status


# -- snapshots -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Run, TaskStream]:
    from tests.conftest import prepare, small_config

    config = small_config()
    run = create(config, tmp_path_factory.mktemp("runs"))
    execute(run)
    return run, prepare(config)


def test_every_query_is_kept_and_answers_the_same_again(finished):
    run, _ = finished
    queries = run.history().of(Scored)
    assert len(queries) == 6
    for query in queries:
        context = load_snapshot(run.snapshot(query.task, query.round)).context
        again = build("strategies", "accuacl", run.config).select(context)
        assert again.ids.tolist() == query.ids
        assert (context.task, context.round, context.lambda_) == (query.task, query.round, query.lambda_)


def test_the_score_table_says_who_was_picked_and_hides_other_labels(finished):
    run, stream = finished
    query = run.history().of(Scored)[-1]
    table = pq.read_table(run.scores(query.task, query.round)).to_pandas()
    assert len(table) == query.pool and set(table["id"]) <= set(stream.tasks[1].train_ids.tolist())
    picked = table[table["picked"]].sort_values("rank")
    assert picked["id"].tolist() == query.ids and picked["rank"].tolist() == [1, 2]
    assert picked["label"].tolist() == stream.labels[query.ids].tolist()
    assert table[~table["picked"]]["label"].isna().all()


def test_costs_are_recorded(finished):
    for query in finished[0].history().of(Scored):
        assert query.cost["forward_s"] > 0 and query.cost["score_s"] > 0 and query.cost["peak_bytes"] >= 0


def test_a_run_folder_holds_no_pickle(finished):
    for path in finished[0].path.rglob("*"):
        assert path.is_dir() or path.suffix in {".json", ".jsonl", ".safetensors", ".parquet", ".lock", ".log"}


def test_snapshots_off_and_last_round_only(runs):
    from tests.conftest import small_config

    for policy, kept in (("off", 0), ("last_round", 2)):
        run = create(small_config(snapshots=policy), runs)
        execute(run)
        assert len(list(run.path.glob("queries/*.safetensors"))) == kept


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda p: p.unlink(), "does not exist"),
        (lambda p: p.write_bytes(p.read_bytes()[:100]), "not a readable safetensors"),
        (lambda p: p.write_bytes(b""), "not a readable safetensors"),
    ],
)
def test_damaged_snapshots_are_named(finished, tmp_path, damage, expected):
    path = tmp_path / "copy.safetensors"
    path.write_bytes(finished[0].snapshot(1, 1).read_bytes())
    damage(path)
    with pytest.raises(UserError, match=expected):
        load_snapshot(path)


def test_snapshots_of_others_may_leave_out_n_classes(finished, tmp_path):
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    source = finished[0].snapshot(1, 1)
    with safe_open(source, framework="pt") as file:
        metadata = dict(file.metadata())
    del metadata["n_classes"]
    tensors = load_file(source)
    save_file(tensors, tmp_path / "a.safetensors", metadata)
    assert load_snapshot(tmp_path / "a.safetensors").context.n_classes == 5
    for name, change, expected in (
        ("pool.h", torch.zeros(3), "pool needs ids"),
        ("pool.p", tensors["pool.p"][:, :2].clone(), "2 columns for 5 classes"),
        ("labelled.h", torch.zeros(6, 7), "different feature sizes"),
        ("pool.h", tensors["pool.h"] * float("nan"), "NaN"),
        ("pool.ids", tensors["pool.ids"] * 0, "unique"),
    ):
        save_file({**tensors, name: change}, tmp_path / "b.safetensors", metadata)
        with pytest.raises(UserError, match=expected):
            load_snapshot(tmp_path / "b.safetensors")
    for key_, value, expected in (
        ("format", "2", "format '2'"),
        ("classes", "x", "cannot be read"),
        ("n", "9999", "n must be"),
    ):
        save_file(tensors, tmp_path / "c.safetensors", {**metadata, key_: value})
        with pytest.raises(UserError, match=expected):
            load_snapshot(tmp_path / "c.safetensors")
