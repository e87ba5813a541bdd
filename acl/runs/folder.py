"""The run folder: the one shared truth about a run. Create, append, read what was added, list, delete.

config.json  events.jsonl  status.json  control.json  worker.lock  summary.json
tasks/03/base.safetensors  queries/03-02.safetensors  queries/03-02.parquet  thumbs.safetensors
predictions/03-02.safetensors
"""

from __future__ import annotations

import difflib
import errno
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from acl.config import RunConfig, UserError, read_config
from acl.events import History
from acl.plugins.unused import without_unused
from acl.runs.event_file import EventReader
from acl.runs.plausible import Whole, is_summary
from acl.runs.sameness import telling
from acl.stream.tasks import task_sizes
from acl.stream.types import TaskStream
from acl.system.device import no_gpu
from acl.system.files import disk_trouble, expanded, read_json, write_json

ID = re.compile(r"[a-z0-9][a-z0-9_-]{3,95}")
NO_NAME = {errno.ENAMETOOLONG, errno.ELOOP}
"""Of a name that nothing can have."""
AUTO_SNAPSHOT_BYTES = 200_000_000


@dataclass(frozen=True)
class Parent:
    """Where a fork left which run, and with what changed; ghost: it runs along to compare."""

    run: str
    task: Whole
    round: Whole
    changes: dict[str, str | float | int | bool | None] = field(default_factory=dict)
    ghost: bool = False


_PARENT = TypeAdapter(Parent)


@dataclass(frozen=True)
class Run:
    """A run folder. Nothing is read before it is asked for."""

    path: Path

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.path.name

    @cached_property
    def config(self) -> RunConfig:
        """The run's settings, read once. UserError where there are none that can be read."""
        return read_config(self.path / "config.json")[0]

    @cached_property
    def parent(self) -> Parent | None:
        """Of a fork: what it left. None too where what stands there makes no sense: a run may come from anywhere."""
        try:
            parent = _PARENT.validate_python(read_config(self.path / "config.json")[1].get("parent"))
        except ValidationError:
            return None
        return parent if ID.fullmatch(parent.run) else None

    @property
    def events(self) -> Path:
        """The file of its events."""
        return self.path / "events.jsonl"

    @property
    def summary(self) -> dict[str, Any] | None:
        """The figures at its end, fractions 0..1 (acl.metrics.summarise); None before it, or where they make no
        sense."""
        summary = read_json(self.path / "summary.json")
        return summary if is_summary(summary) else None

    @property
    def recorded(self) -> bool:
        """A recording ships with the tool and cannot be played on."""
        return (self.path / "recorded").exists()

    def base(self, task: int) -> Path:
        """The file of the task's base: the network that every training of it starts from, and the memory then."""
        return self.path / "tasks" / f"{task:02d}" / "base.safetensors"

    def snapshot(self, task: int, round_: int) -> Path:
        """The file of the QueryContext of a query."""
        return self.path / "queries" / f"{task:02d}-{round_:02d}.safetensors"

    def scores(self, task: int, round_: int) -> Path:
        """The file of the scores that a query gave the pool."""
        return self.path / "queries" / f"{task:02d}-{round_:02d}.parquet"

    def predictions(self, task: int, round_: int) -> Path:
        """The file of the predictions (acl.network.predictions) after the training of this round."""
        return self.path / "predictions" / f"{task:02d}-{round_:02d}.safetensors"

    @property
    def thumbs(self) -> Path:
        """The file of pictures, uint8 [N, H, W, C], ids and labels of samples: a run that travels shows them without
        its data set."""
        return self.path / "thumbs.safetensors"

    def history(self) -> History:
        """Its events so far, read anew. Lines that cannot be read are passed over (see EventReader)."""
        return History(EventReader(self.events).poll())


def check_folder(runs: Path) -> None:
    """Make the runs folder if need be; one sentence if that, or writing there, is impossible."""
    with disk_trouble("The runs folder", runs):
        runs.mkdir(parents=True, exist_ok=True)
        probe = runs / f".probe-{os.getpid()}"
        try:
            probe.write_bytes(b"0" * 4096)
        finally:
            probe.unlink(missing_ok=True)  # another thread may have probed under the same name


def create(
    config: RunConfig,
    runs: Path,
    parent: Parent | None = None,
    fill: Callable[[Run], None] | None = None,
) -> Run:
    """A new run folder for `config`; there at once and whole, or not at all. `fill` adds to it before it is seen."""
    check_folder(runs)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    kind = "" if parent is None else "-ghost" if parent.ghost else "-fork"
    name = f"{stamp}-{config.learner}-{config.strategy}-{config.dataset}-s{config.seed}{kind}-{secrets.token_hex(2)}"
    draft = runs / f".new-{name}"
    with disk_trouble("The runs folder", runs):
        try:
            draft.mkdir()
            origin = asdict(parent) if parent else None
            record = {"format": str(config.method), "parent": origin, "config": config.model_dump(by_alias=True)}
            write_json(draft / "config.json", record)
            if fill:
                fill(Run(draft))
            draft.rename(runs / name)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    return Run(runs / name)


def moved_data(run: Run, path: str) -> Run:
    """The run, its own images now at `path`: the only setting that names a place and may change."""
    config, others = read_config(run.path / "config.json")
    record = {**others, "config": config.changed(data=_in_full(path)).model_dump(by_alias=True)}
    with disk_trouble("The run", run.path):
        write_json(run.path / "config.json", record)
    return Run(run.path)


def list_runs(*folders: Path) -> list[Run]:
    """Every run folder in `folders`, newest first (by id). Damaged ones are listed too. UserError for a folder that
    cannot be listed."""
    found: list[Run] = []
    for folder in folders:
        with disk_trouble("The runs folder", folder):
            if folder.is_dir():
                # The listing itself says what is a folder: a thousand runs are not asked one by one.
                with os.scandir(folder) as entries:
                    there = [entry.name for entry in entries if ID.fullmatch(entry.name) and entry.is_dir()]
                found += [Run(folder / name) for name in there]
    return sorted(found, key=lambda run: run.id, reverse=True)


def find_run(name: str, *folders: Path) -> Run:
    """The run with this id in one of `folders`, or at this path. UserError where there is none, or where the disk does
    not say whether there is."""
    if _is_there(Path(name), "config.json"):
        return Run(Path(name).resolve())
    if ID.fullmatch(name):
        for folder in folders:
            if _is_there(folder / name):
                return Run((folder / name).resolve())
    match = difflib.get_close_matches(name, [run.id for run in list_runs(*folders)], n=1, cutoff=0.7)
    hint = f" Did you mean '{match[0]}'?" if match else ""
    raise UserError(f"There is no run '{name}' in {' or '.join(map(str, folders))}.{hint}")


def _is_there(folder: Path, file: str = "") -> bool:
    with disk_trouble("The run", folder):
        try:
            there = (folder / file).stat()
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return False
        except OSError as error:
            if error.errno in NO_NAME:
                return False
            raise
    return stat.S_ISREG(there.st_mode) if file else stat.S_ISDIR(there.st_mode)


def delete(run: Run) -> None:
    """Remove the folder. It disappears from listings first, so a half-done delete leaves no ghost."""
    with disk_trouble("The run", run.path):
        grave = run.path.with_name(f".deleted-{run.id}")
        run.path.rename(grave)
        shutil.rmtree(grave)


def snapshot_bytes(config: RunConfig, stream: TaskStream) -> dict[str, int]:
    """Estimated bytes of all snapshots of a run, for the policies all and last_round."""
    per_round: list[list[int]] = []
    for task in stream.tasks:
        classes = len(stream.classes_seen(task.index))
        rows = len(task.train_ids) + config.memory
        per_round.append([rows * (8 + 4 * (config.feature_dim + classes))] * config.rounds)
    return {"all": sum(map(sum, per_round)), "last_round": sum(r[-1] for r in per_round if r)}


def _in_full(path: str) -> str:
    """A place as it is found from any other, by any name."""
    return str(expanded(path).resolve())


def _sizes(config: RunConfig, stream: TaskStream) -> int | tuple[int, ...]:
    """The shortest list that cuts the classes into these tasks."""
    if isinstance(config.classes_per_task, int):
        return config.classes_per_task
    tasks = [len(task.classes) for task in stream.tasks]
    starts = [config.classes_per_task[:n] for n in range(1, len(config.classes_per_task) + 1)]
    short = next(start for start in starts if task_sizes(start, sum(tasks)) == tasks)
    return short[0] if len(short) == 1 else short


def resolved(config: RunConfig, stream: TaskStream) -> RunConfig:
    """`config` as it will be recorded: each 'auto' about the machine is decided, what the run does not use is at
    its default, and what can be written in several ways is written in one."""
    if config.device == "auto":
        config = config.changed(device="cpu" if no_gpu() else "cuda")
    config = without_unused(config)
    if config.data:
        config = config.changed(data=_in_full(config.data))
    if config.weights not in {"pretrained", "random"}:
        config = config.changed(weights=_in_full(config.weights))
    if telling(config)["class_order"] == list(range(stream.n_classes)):
        config = config.changed(class_order=())
    config = config.changed(classes_per_task=_sizes(config, stream), precision=config.decided_precision)
    if config.snapshots != "auto":
        return config
    small = snapshot_bytes(config, stream)["all"] <= AUTO_SNAPSHOT_BYTES
    return config.changed(snapshots="all" if small else "last_round")
