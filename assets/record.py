"""Make the recorded runs in assets/runs/ anew, by the real engine: make recordings."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from acl.presets import preset_config
from acl.recording import save_thumbs
from acl.registry import prepare
from acl.runs import create
from acl.worker import execute

HOME = Path(__file__).resolve().parent / "runs"
# Fine-tuning against replay, then uniform against AccuACL: the two comparisons a lecture begins with.
RECORDINGS = (("finetune", "uniform"), ("er", "uniform"), ("er", "accuacl"))


def record(learner: str, strategy: str) -> Path:
    config = preset_config("digits-demo", learner=learner, strategy=strategy, snapshots="last_round")
    stream = prepare(config)
    run = create(config, HOME)
    execute(run)
    save_thumbs(run, stream)
    # A recording is never taken up again: what only a worker needs stays behind.
    shutil.rmtree(run.path / "tasks")
    for name in ("worker.lock", "status.json"):
        (run.path / name).unlink()
    (run.path / "recorded").touch()
    return run.path.rename(HOME / f"recorded-{learner}-{strategy}-digits-s0")


def main() -> None:
    shutil.rmtree(HOME, ignore_errors=True)
    for learner, strategy in RECORDINGS:
        print(record(learner, strategy), file=sys.stderr)


if __name__ == "__main__":
    main()
