"""What `-o` names is written anew or in the place of an ordinary file, and of nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acl.cli import entry as cli
from acl.runs.folder import create
from acl.service.worker import execute
from tests.conftest import small_config


@pytest.fixture(scope="module")
def one_run(tmp_path_factory):
    run = create(small_config(), tmp_path_factory.mktemp("one") / "runs")
    execute(run)
    return run


@pytest.mark.parametrize("what", ["a device", "a pipe", "a folder", "a link to a pipe", "a link to a folder"])
@pytest.mark.parametrize("command", ["table -o", "export RUN -o", "select SNAPSHOT --scores", "convert --to tables -o"])
def test_what_is_no_ordinary_file_is_never_written_over(command, what, one_run, tmp_path, capsys):
    endings = {"table": ".md", "export": ".zip", "select": ".parquet", "convert": ""}
    out = tmp_path / f"out{endings[command.split()[0]]}"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    if what == "a device":
        out = Path("/dev/null")
    elif what == "a pipe":
        out = tmp_path / "pipe"
    elif what == "a folder":
        out = tmp_path / "folder"
    else:
        out.symlink_to(tmp_path / what.split()[-1])
    words = [str({"RUN": one_run.path, "SNAPSHOT": one_run.snapshot(1, 1)}.get(word, word)) for word in command.split()]
    if words[0] == "convert":
        # A folder is what is asked for: the file within it is what must not be replaced.
        if out.is_dir():
            os.mkfifo(out / "runs.csv")
        words = [words[0], str(one_run.path), *words[1:]]
    before = os.lstat(out)
    capsys.readouterr()
    code = cli.main([*words, str(out)])
    said = capsys.readouterr().err
    assert code == 2 and said.count("\n") == 1 and said.startswith("acl: ") and "cannot be" in said
    after = os.lstat(out)
    assert (before.st_mode, before.st_ino) == (after.st_mode, after.st_ino)


QUIET_MLFLOW = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")
# What each tool replaces of a run, RUN, that it has written before.
REPLACED = {
    "tensorboard": ["RUN"], "wandb": ["wandb", "wandb/offline-run-1-RUN"], "mlflow": ["mlflow.db", "artifacts"],
}  # fmt: skip


@QUIET_MLFLOW
@pytest.mark.parametrize("to", REPLACED)
def test_a_tool_that_replaces_what_it_wrote_follows_no_link(to, one_run, tmp_path, capsys):
    if to != "tensorboard":
        pytest.importorskip(to)
    for number, name in enumerate(REPLACED[to]):
        elsewhere, out = tmp_path / f"elsewhere-{number}", tmp_path / f"out-{number}"
        elsewhere.mkdir()
        for kept in ("events.out.tfevents.1", f"offline-run-2-{one_run.id}"):
            (elsewhere / kept).write_text("mine")
        link = out / name.replace("RUN", one_run.id)
        link.parent.mkdir(parents=True)
        link.symlink_to(elsewhere)
        capsys.readouterr()
        assert cli.main(["convert", str(one_run.path), "--to", to, "-o", str(out)]) == 2
        said = capsys.readouterr().err
        assert said.endswith(f"{link} cannot be replaced: it is a link; remove it or name another folder.\n"), said
        assert len(list(elsewhere.iterdir())) == 2 and link.is_symlink()


@QUIET_MLFLOW
@pytest.mark.parametrize("to", REPLACED)
def test_what_a_tool_wrote_before_is_replaced(to, one_run, tmp_path):
    if to != "tensorboard":
        pytest.importorskip(to)
    for _ in range(2):
        assert cli.main(["convert", str(one_run.path), "--to", to, "-o", str(tmp_path)]) == 0
