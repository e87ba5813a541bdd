"""Make the recorded runs in assets/runs/ and assets/lesson/runs/ anew, by the real engine: make recordings."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from acl.events import Scored
from acl.plugins.registry import prepare
from acl.presets import preset_config
from acl.runs.folder import Run, create, resolved
from acl.runs.recording import save_thumbs
from acl.service.projector import Projector, Wish, ask
from acl.service.worker import execute

HOME = Path(__file__).resolve().parent / "runs"
# Fine-tuning against replay, then Uniform, Entropy and AccuACL: the comparisons a lecture begins with.
# Every query of the last one is kept, to play through in Inspect.
RECORDINGS = (
    ("finetune", "uniform", "last_round"),
    ("er", "uniform", "last_round"),
    ("er", "entropy", "last_round"),
    ("er", "accuacl", "all"),
)
LESSON = Path(__file__).resolve().parent / "lesson" / "runs"
MEMORIES = (20, 50)
"""Remembered digits that only the lesson plays (chapter 2), beside those of the first two recordings."""


def record_memory(memory: int) -> Path:
    """What the lesson draws of a run and no more: settings, events and pictures."""
    config = preset_config("digits-demo", learner="er", strategy="uniform", memory=memory, snapshots="off")
    stream = prepare(config)
    run = create(resolved(config, stream), LESSON)
    execute(run)
    save_thumbs(run, stream)
    for name in ("tasks", "queries", "predictions"):
        shutil.rmtree(run.path / name, ignore_errors=True)
    for name in ("worker.lock", "status.json"):
        (run.path / name).unlink()
    (run.path / "recorded").touch()
    return run.path.rename(LESSON / f"recorded-memory-{memory}-digits-s0")


def record(learner: str, strategy: str, snapshots: str) -> Path:
    config = preset_config("digits-demo", learner=learner, strategy=strategy, snapshots=snapshots)
    stream = prepare(config)
    run = create(resolved(config, stream), HOME)
    execute(run)
    save_thumbs(run, stream)
    project(run)
    # A recording is never taken up again, but may be forked: its bases stay, the worker's own files do not.
    for name in ("worker.lock", "status.json"):
        (run.path / name).unlink()
    (run.path / "recorded").touch()
    return run.path.rename(HOME / f"recorded-{learner}-{strategy}-digits-s0")


def project(run: Run) -> None:
    """UMAP of every query, so that the first look at a recording waits for nothing."""
    queries = [q for q in run.history().of(Scored) if run.snapshot(q.task, q.round).exists()]
    series = tuple(run.snapshot(q.task, q.round) for q in queries)
    for space in ("features", "fisher"):
        ask(HOME, Wish(series, tuple(q.task for q in queries), 0, space))
        projector = Projector(HOME)
        while projector.step():
            pass
    shutil.rmtree(HOME / ".backend")


def main() -> None:
    shutil.rmtree(HOME, ignore_errors=True)
    for learner, strategy, snapshots in RECORDINGS:
        print(record(learner, strategy, snapshots), file=sys.stderr)
    shutil.rmtree(LESSON, ignore_errors=True)
    for memory in MEMORIES:
        print(record_memory(memory), file=sys.stderr)


if __name__ == "__main__":
    main()
