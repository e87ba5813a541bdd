"""The projector: asked and answering through files; as a process that is killed; and where it may not write."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from acl.analysis import embedding as layout
from acl.analysis.plane import pca
from acl.config import UserError
from acl.service import keeper, projector
from acl.service.projector import Keeper, Projector, Wish
from acl.snapshots.snapshot import load_snapshot
from tests.contexts import make_context
from tests.failing_disk import Disk
from tests.tools import wait_for


@pytest.fixture
def quick(monkeypatch):
    """PCA in the place of UMAP, and what each layout began from."""
    begun: list[int] = []

    def flat(x, ids, seed, previous, forming):
        begun.append(len(previous))
        return pca(x.numpy()).astype(np.float32)

    monkeypatch.setattr(layout, "umap", flat)
    return begun


def make_wish(runs: Path, place: int = 0, tasks: tuple[int, ...] = (1, 1, 2, 2), run: str = "some-run") -> Wish:
    folder = runs / run / "queries"
    folder.mkdir(parents=True, exist_ok=True)
    series = tuple(folder / f"{task:02d}-{round_:02d}.safetensors" for round_, task in enumerate(tasks))
    for seed, path in enumerate(series):
        if not path.exists():
            make_context(seed, pool=30).save(path)
    return Wish(series, tasks, place, "features")


def work(projector_: Projector) -> int:
    steps = 0
    while projector_.step():
        steps += 1
    return steps


def test_a_layout_lies_beside_its_snapshot_and_names_every_sample(runs, quick):
    wish = make_wish(runs)
    projector.ask(runs, wish)
    assert Projector(runs).step()
    path = projector.found(runs, wish)
    assert path == wish.snapshot.parent / "01-00.umap.parquet"
    ids, xy = projector.load(path, wish.snapshot)
    context = load_snapshot(wish.snapshot).context
    assert ids.tolist() == layout.ids(context).tolist()
    np.testing.assert_allclose(xy, pca(layout.vectors(context, "features").numpy()), rtol=1e-5, atol=1e-6)
    assert not projector.wishes(runs)


def test_a_task_is_laid_out_from_its_first_round_and_the_rest_ahead(runs, quick):
    wish = make_wish(runs, place=1, tasks=(1, 1, 1, 2))
    projector.ask(runs, wish)
    one = Projector(runs)
    assert one.step() and one.step() and not projector.wishes(runs)
    assert quick[0] == 0 and quick[1] > 0
    work(one)
    assert all(snapshot.with_suffix(".umap.parquet").exists() for snapshot in wish.series)


def test_who_asks_comes_before_what_is_done_ahead(runs, quick):
    first, other = make_wish(runs), make_wish(runs, run="other-run")
    projector.ask(runs, first)
    one = Projector(runs)
    one.step()
    projector.ask(runs, other)
    one.step()
    assert projector.found(runs, other) and not first.series[1].with_suffix(".umap.parquet").exists()


def test_a_layout_of_another_snapshot_is_not_taken_for_ours(runs, quick):
    wish = make_wish(runs)
    projector.ask(runs, wish)
    work(Projector(runs))
    path = projector.found(runs, wish)
    make_context(77, pool=30).save(wish.snapshot)
    assert projector.load(path, wish.snapshot) is None
    projector.ask(runs, wish)
    Projector(runs).step()
    assert projector.load(path, wish.snapshot) is not None


def test_a_garbled_layout_is_made_again(runs, quick):
    wish = make_wish(runs)
    path = wish.snapshot.with_suffix(".umap.parquet")
    path.write_bytes(b"garbage")
    assert projector.load(path, wish.snapshot) is None
    projector.ask(runs, wish)
    Projector(runs).step()
    assert projector.load(path, wish.snapshot) is not None


def test_the_layout_of_a_snapshot_elsewhere_is_kept_by_the_backend(runs, quick, tmp_path):
    runs.mkdir()
    wish = make_wish(tmp_path / "elsewhere")
    projector.ask(runs, wish)
    Projector(runs).step()
    assert projector.found(runs, wish).is_relative_to(runs / ".backend")
    assert not wish.snapshot.with_suffix(".umap.parquet").exists()


def test_a_run_that_cannot_be_written_still_gets_its_layout(runs, quick, monkeypatch):
    wish = make_wish(runs)
    write = projector.replace_file

    def full(path, *args, **kwargs):
        if path.parent == wish.snapshot.parent:
            raise OSError(28, "No space left on device")
        write(path, *args, **kwargs)

    monkeypatch.setattr(projector, "replace_file", full)
    projector.ask(runs, wish)
    Projector(runs).step()
    assert projector.found(runs, wish).is_relative_to(runs / ".backend")


def test_a_damaged_snapshot_is_refused_with_a_sentence_and_only_that_one(runs, quick):
    wish = make_wish(runs, place=1)
    wish.series[0].write_bytes(b"nothing")
    projector.ask(runs, wish)
    work(Projector(runs))
    assert projector.found(runs, wish)
    broken = Wish(wish.series, wish.tasks, 0, "features")
    projector.ask(runs, broken)
    Projector(runs).step()
    assert "not a readable safetensors" in projector.trouble(runs, broken) and not projector.wishes(runs)
    make_context(0, pool=30).save(wish.series[0])
    assert projector.trouble(runs, broken) == ""


@pytest.mark.parametrize(
    "raised",
    [ValueError("n\ngot 0"), TypeError("k >= N"), KeyError("x"), ZeroDivisionError(), AssertionError(), IndexError("i"),
     np.linalg.LinAlgError("SVD did not converge"), RecursionError(), MemoryError(), RuntimeError("out of memory"),
     OSError(5, "Input/output error"), UserError("No picture.")],
    ids=repr,
)  # fmt: skip
def test_whatever_is_raised_becomes_a_sentence_and_the_next_layout_is_made(runs, monkeypatch, raised):
    wish, other = make_wish(runs, tasks=(1,)), make_wish(runs, tasks=(1,), run="other-run")

    def umap(x, ids, seed, previous, forming):
        if failing:
            raise failing.pop()
        return np.zeros((len(x), 2), np.float32)

    failing = [raised]
    monkeypatch.setattr(layout, "umap", umap)
    one = Projector(runs)
    projector.ask(runs, wish)
    assert one.step() and not projector.wishes(runs)
    said = projector.trouble(runs, wish)
    assert said.endswith(".") and "\n" not in said and projector.found(runs, wish) is None
    assert type(raised).__name__ in said or isinstance(raised, UserError | MemoryError | OSError) or "memory" in said
    projector.ask(runs, other)
    assert one.step() and projector.found(runs, other) and not projector.trouble(runs, other)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"dim": 1}, "on one line"),
        ({"pool": 5, "labelled": 2, "memory": 2}, "9 samples are too few for UMAP"),
        ({"scale": 0.0, "h": 1.0}, "are alike"),
    ],
)
def test_a_query_of_which_umap_shows_nothing_is_answered_in_a_sentence(runs, values, said):
    wish = make_wish(runs, tasks=(1,))
    context = make_context(0, **{name: value for name, value in values.items() if name != "h"})
    if "h" in values:
        roles = {role: replace(s, h=torch.full_like(s.h, values["h"])) for role, s in context.roles().items()}
        context = replace(context, **roles)
    context.save(wish.snapshot)
    projector.ask(runs, wish)
    work(Projector(runs))
    assert said in projector.trouble(runs, wish) and not projector.wishes(runs)


def test_a_layout_without_places_is_none(runs, quick):
    wish = make_wish(runs, tasks=(1,))
    mark = {"snapshot": projector.digest(wish.snapshot)}
    path = wish.snapshot.with_suffix(".umap.parquet")
    for x in ([float("nan"), 0.0], [float("inf"), 0.0], ["a", "b"], [None, None]):
        pq.write_table(pa.table({"id": [0, 3], "x": x, "y": x}).replace_schema_metadata(mark), path)
        assert projector.load(path, wish.snapshot) is None
    projector.ask(runs, wish)
    work(Projector(runs))
    assert projector.load(path, wish.snapshot)


@pytest.mark.parametrize("request_", ["{}", "[", '{"series": ["x"], "tasks": [1], "place": 3, "space": "features"}'])
def test_a_request_that_makes_no_sense_is_dropped(runs, request_):
    folder = projector.home(runs) / "requests"
    folder.mkdir(parents=True)
    (folder / "some.json").write_text(request_)
    assert Projector(runs).step() and not projector.wishes(runs)


def test_the_wish_of_a_deleted_run_is_dropped(runs):
    wish = make_wish(runs)
    projector.ask(runs, wish)
    shutil.rmtree(runs / "some-run")
    assert Projector(runs).step() and not projector.wishes(runs)


# -- the process -------------------------------------------------------------------------------------


def test_the_process_is_started_when_asked_replaced_when_killed_and_ends_with_its_keeper(runs):
    wish = make_wish(runs, tasks=(1,))
    keeper = Keeper(runs)
    keeper.tick()
    assert keeper.process is None
    projector.ask(runs, wish)
    keeper.tick()
    first = keeper.process
    os.kill(first.pid, signal.SIGKILL)

    def answered():
        keeper.tick()
        return projector.found(runs, wish)

    try:
        wait_for(answered, 180)
        assert keeper.process.pid != first.pid and projector.load(answered(), wish.snapshot)
    finally:
        keeper.end()


def test_a_process_that_dies_every_time_is_given_up_with_a_sentence(runs, monkeypatch):
    wish = make_wish(runs)
    projector.ask(runs, wish)
    started = []

    def broken(command, **kwargs):
        started.append(command)
        return real([sys.executable, "-c", "raise SystemExit(1)"], **kwargs)

    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", broken)
    keeper = Keeper(runs)

    def given_up():
        keeper.tick()
        return projector.trouble(runs, wish)

    assert "ended 3 times" in wait_for(given_up)
    assert len(started) == 3 and not projector.wishes(runs)


def test_what_is_compiled_of_umap_is_kept_for_the_next_process(tmp_path):
    """A second process loads what the first one left, but for what numba cannot keep."""
    code = (
        "import numpy as np, torch; from acl.analysis.embedding import umap; from umap import layouts, umap_;"
        "umap(torch.from_numpy(np.random.default_rng(0).normal(0, 1, (40, 8))), np.arange(40), 0, {});"
        "from numba.core.dispatcher import Dispatcher;"
        "found = [f.stats for m in (layouts, umap_) for f in vars(m).values() if isinstance(f, Dispatcher)];"
        "print(sum(len(s.cache_hits) for s in found), sum(sum(s.cache_misses.values()) for s in found))"
    )
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    said = [subprocess.check_output([sys.executable, "-W", "ignore", "-c", code], text=True, env=env) for _ in range(2)]
    first, second = ([int(n) for n in one.split()] for one in said)
    assert second[1] < first[1] / 2 and second[0] > 0


def test_neither_the_backend_nor_asking_brings_the_compiler():
    code = (
        "import sys, acl.service.backend, acl.service.projector; print({'torch', 'umap', 'numba'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_the_page_imports_no_compiler():
    code = "import sys, app.inspection.feature_map; print({'umap', 'numba'} & set(sys.modules))"
    root = Path(__file__).resolve().parent.parent
    answer = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, cwd=root, check=True)
    assert answer.stdout.strip() == "set()"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_a_disk_that_takes_nothing_ends_no_projector_and_is_said_once(number, runs, quick, monkeypatch, capfd):
    monkeypatch.setattr(keeper, "RETRY_S", 0.02)
    wish = make_wish(runs)
    projector.ask(runs, wish)
    disk = Disk(runs, monkeypatch)
    disk.begin(number, fail_at=0)
    keeper.serve(runs, Projector(runs).step, idle_s=0.3)
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("The disk: ")]
    assert len(said) == 1 and os.strerror(number) in said[0], said
    assert projector.wishes(runs) and not projector.found(runs, wish)
    disk.begin()
    keeper.serve(runs, Projector(runs).step, idle_s=0.3)
    assert projector.found(runs, wish) and not projector.wishes(runs)


def test_how_far_a_layout_has_come_is_told_until_it_is_done(runs, monkeypatch):
    wish = make_wish(runs, tasks=(1,))
    seen = []

    def umap(x, ids, seed, previous, forming):
        assert projector.forming(runs, wish) is None
        xy = np.arange(2 * len(x), dtype=np.float32).reshape(-1, 2)
        for share in (0.25, 0.75):
            forming(share, share * xy)
            share, found, formed = projector.forming(runs, wish)
            seen.append(share)
            np.testing.assert_array_equal(formed, np.float32(share) * xy)
            np.testing.assert_array_equal(found, ids)
        return xy

    monkeypatch.setattr(layout, "umap", umap)
    projector.ask(runs, wish)
    assert Projector(runs).step() and seen == [0.25, 0.75]
    assert projector.forming(runs, wish) is None and projector.found(runs, wish)


def test_a_layout_whose_projector_is_gone_is_not_taken_for_one_that_forms(runs, monkeypatch):
    wish = make_wish(runs, tasks=(1,))

    def umap(x, ids, seed, previous, forming):
        forming(0.5, np.zeros((len(x), 2), np.float32))
        raise SystemExit

    def killed() -> Path:
        projector.ask(runs, wish)
        with monkeypatch.context() as patch, pytest.raises(SystemExit):
            patch.setattr(layout, "umap", umap)
            patch.setattr(Path, "unlink", lambda path, missing_ok=False: None)
            Projector(runs).step()
        assert projector.forming(runs, wish)
        return next((projector.home(runs) / "forming").glob("*.parquet"))

    os.utime(killed(), (0, time.time() - 2 * projector.STILL_S))
    assert projector.forming(runs, wish) is None
    os.utime(wish.snapshot, ns=(0, killed().stat().st_mtime_ns - 10**9))
    assert projector.forming(runs, wish) is None, "of another snapshot"
    killed().write_bytes(b"no layout")
    assert projector.forming(runs, wish) is None
    killed()
    monkeypatch.setattr(projector, "serve", lambda runs, step: None)
    monkeypatch.setattr(os, "nice", lambda by: by)
    projector.main(runs)
    assert projector.forming(runs, wish) is None


def test_a_disk_that_takes_no_forming_layout_may_take_the_layout(runs, monkeypatch):
    wish = make_wish(runs, tasks=(1,))

    def umap(x, ids, seed, previous, forming):
        forming(0.5, np.zeros((len(x), 2), np.float32))
        return np.zeros((len(x), 2), np.float32)

    monkeypatch.setattr(layout, "umap", umap)
    (projector.home(runs)).mkdir(parents=True)
    (projector.home(runs) / "forming").write_text("in the way")
    projector.ask(runs, wish)
    assert Projector(runs).step() and projector.found(runs, wish) and not projector.trouble(runs, wish)
