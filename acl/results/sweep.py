"""A sweep: a grid of settings and seeds, and the run of each. A race is a sweep that is watched.

The record, `.sweeps/<id>.json` in the runs folder, names the settings and the run of each member; what state they
are in, the run folders say. A member whose settings and seed have been run already takes that run.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from acl.config import AS_WRITTEN, FORMAT, RunConfig, UserError, check_method, make_config
from acl.names import from_json_file, moment, reason
from acl.plugins.registry import prepare
from acl.results.grid import MOST_RUNS
from acl.runs.control import ACTIVE, Wanted, read_control, read_status, request
from acl.runs.folder import ID as RUN_ID
from acl.runs.folder import Run, check_folder, create, list_runs, resolved
from acl.runs.fork import led_by_hand
from acl.runs.sameness import key
from acl.system.files import disk_trouble, write_json

SweepKind = Literal["sweep", "race"]
ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")
SEEDS_TOLD = re.compile(r"× \d+ seeds?$")


@dataclass(frozen=True)
class Member:
    """The settings, seed among them, of one run of a sweep, and the run's id."""

    config: RunConfig
    run: str


@dataclass(frozen=True)
class Sweep:
    """A sweep as recorded; created: seconds since 1970."""

    id: str
    kind: SweepKind
    title: str
    created: float
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Progress:
    """state: as in Status, or "new" (nobody has taken it) or "deleted"; done: 0..1; seconds: what it took, if it is
    finished, or has taken."""

    member: Member
    state: str
    done: float
    seconds: float
    error: str
    summary: Mapping[str, Any] | None


# -- which runs ------------------------------------------------------------------------------------


def start(configs: Iterable[RunConfig], runs: Path, title: str, kind: SweepKind = "sweep", pace: float = 0.0) -> Sweep:
    """Make what has not been run, wish all of it played, and keep the record. Everything that can be wrong with a
    config is said before anything is made (UserError)."""
    ready = [resolved(config, prepare(config)) for config in configs]
    if not ready:
        raise UserError("There is nothing to run: name at least one strategy and one seed.")
    check_folder(runs)
    stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    sweep = Sweep(stamp, kind, title, time.time(), _members(ready, runs))
    _write(sweep, runs)
    play(sweep, runs, pace=pace)
    return sweep


def _members(configs: Sequence[RunConfig], runs: Path) -> tuple[Member, ...]:
    """Their runs: those that are there, and new ones for the rest."""
    there = already_run(runs, {key(config) for config in configs})
    return tuple(Member(config, (there.get(key(config)) or create(config, runs)).id) for config in configs)


def more_seeds(sweep: Sweep, n: int) -> list[RunConfig]:
    """Every setting of the sweep on the `n` seeds that follow its last. UserError where that cannot be run."""
    if not 1 <= n <= MOST_RUNS:
        raise UserError(f"Add 1 to {MOST_RUNS:,} seeds, got {n}.")
    last = max(member.config.seed for member in sweep.members)
    alike = list({key(one): one for one in (member.config.changed(seed=0) for member in sweep.members)}.values())
    if len(sweep.members) + n * len(alike) > MOST_RUNS:
        raise UserError(f"A sweep takes at most {MOST_RUNS:,} runs: add fewer seeds.")
    for config in alike:
        check_method(config)
    return [config.changed(seed=last + i) for i in range(1, n + 1) for config in alike]


def add_seeds(sweep: Sweep, n: int, runs: Path) -> Sweep:
    """Run `more_seeds` too, as members of the sweep, at the pace that its other runs were given."""
    configs = [resolved(config, prepare(config)) for config in more_seeds(sweep, n)]
    check_folder(runs)
    paces = {control.pace for member in sweep.members if (control := read_control(runs / member.run))}
    added = replace(sweep, members=sweep.members + _members(configs, runs))
    total = len({member.config.seed for member in added.members})
    added = replace(added, title=SEEDS_TOLD.sub(f"× {total} seeds", sweep.title))
    _write(added, runs)
    play(replace(added, members=added.members[len(sweep.members) :]), runs, pace=max(paces, default=0.0))
    return added


def already_run(runs: Path, wanted: Collection[str]) -> dict[str, Run]:
    """By key, of the keys `wanted`, the run that stands for it: not led by a human; a finished one first, then the
    newest."""
    found: dict[str, Run] = {}
    for run in list_runs(runs):
        try:
            same = key(run.config)
        except UserError:
            continue
        done = run.summary is not None
        better = same not in found or (done and found[same].summary is None)
        if same in wanted and better and not _led(run):
            found[same] = run
    return found


def _led(run: Run) -> bool:
    control = read_control(run.path)
    if control and (control.changes or control.choice):
        return True
    # Reading events takes a hundred times as long as looking whether the words are there at all.
    text = run.events.read_bytes() if run.events.exists() else b""
    return (b'"steered"' in text or b'"human"' in text) and bool(led_by_hand(run.history()))


def play(sweep: Sweep, runs: Path, pace: float | None = None) -> None:
    """Wish every member that is not finished played to its end; without `pace` each keeps its own. UserError where
    the sweep is of an earlier version."""
    wanted: Wanted = {"mode": "play", "until": None}
    if pace is not None:
        wanted["pace"] = pace
    for each in progress(sweep, runs):
        if each.state not in {"finished", "deleted"}:
            check_method(each.member.config)
            request(runs / each.member.run, **wanted)


def hold(sweep: Sweep, runs: Path) -> None:
    """Pause what plays or waits."""
    for each in progress(sweep, runs):
        if each.state in ACTIVE or each.state == "new":
            request(runs / each.member.run, mode="pause")


# -- what becomes of them ------------------------------------------------------------------------------


def cancel(sweep: Sweep, runs: Path) -> int:
    """Stop what plays or waits; finished rounds are kept. Returns how many were stopped."""
    active = [p for p in progress(sweep, runs) if p.state in ACTIVE or p.state == "new"]
    for each in active:
        request(runs / each.member.run, mode="stop")
    return len(active)


def retry(sweep: Sweep, runs: Path) -> tuple[Sweep, int]:
    """Play all of it to its end: what failed, was stopped or paused too; what was deleted is made anew. Returns the
    sweep and how many of these there were. UserError where it is of an earlier version."""
    members, n = [], 0
    for each in progress(sweep, runs):
        member = each.member
        if each.state == "deleted":
            check_method(member.config)
            member = replace(member, run=create(member.config, runs).id)
        n += each.state in {"deleted", "failed", "stopped", "paused", "new"}
        members.append(member)
    sweep = replace(sweep, members=tuple(members))
    _write(sweep, runs)
    play(sweep, runs)
    return sweep, n


def progress(sweep: Sweep, runs: Path) -> list[Progress]:
    """The state of each member, as its run folder says."""
    return [_progress(member, Run(runs / member.run)) for member in sweep.members]


def _progress(member: Member, run: Run) -> Progress:
    if not run.path.is_dir():
        return Progress(member, "deleted", 0.0, 0.0, "", None)
    status, summary = read_status(run.path), run.summary
    if status is None:
        return Progress(member, "new", 0.0, 0.0, "", None)
    error = status.error if status.state == "failed" else ""
    return Progress(member, status.state, status.progress, status.worked_s, error, summary)


def eta_s(progress: Sequence[Progress], slots: int) -> float | None:
    """Seconds until all is done, from what finished runs of the same strategy and CL method took; where none has
    finished, from those under way; None before anything is known."""
    took: dict[tuple[str, str], list[float]] = {}
    for each in progress:
        if each.seconds > 0 and (each.state == "finished" or each.done > 0.1):
            took.setdefault(_like(each), []).append(each.seconds / (each.done or 1.0))
    if not took:
        return None
    every = [seconds for values in took.values() for seconds in values]
    left = 0.0
    waiting = [each for each in progress if each.state in {"new", "queued", "starting", "playing"}]
    for each in waiting:
        known = took.get(_like(each), every)
        left += (1 - each.done) * sum(known) / len(known)
    return left / max(1, min(slots, len(waiting)))


def _like(each: Progress) -> tuple[str, str]:
    return each.member.config.learner, each.member.config.strategy


# -- records -------------------------------------------------------------------------------------------


def _folder(runs: Path) -> Path:
    return runs / ".sweeps"


def _write(sweep: Sweep, runs: Path) -> None:
    members = [{"run": m.run, "config": json.loads(m.config.to_json())} for m in sweep.members]
    record = {"format": FORMAT, "kind": sweep.kind, "title": sweep.title, "created": sweep.created, "members": members}
    with disk_trouble("The runs folder", runs):
        _folder(runs).mkdir(exist_ok=True)
        write_json(_folder(runs) / f"{sweep.id}.json", record)


def load(id_: str, runs: Path) -> Sweep:
    """UserError where there is none, or it cannot be read."""
    try:
        if not ID.fullmatch(id_):
            raise FileNotFoundError
        raw = from_json_file(_folder(runs) / f"{id_}.json", AS_WRITTEN)
        members = tuple(Member(_config(m["config"]), _run_id(m["run"])) for m in raw["members"])
        kind: SweepKind = "race" if raw["kind"] == "race" else "sweep"
        return Sweep(id_, kind, str(raw["title"]), moment(raw["created"]), members)
    except FileNotFoundError:
        raise UserError(f"There is no sweep '{id_[:40]}' in {runs}: choose one that is there.") from None
    except (OSError, KeyError, TypeError, ValueError) as error:
        why = reason(error)
        raise UserError(f"The record of sweep {id_} cannot be read ({why}): its runs are in the library.") from None


def _run_id(value: object) -> str:
    """A member is a run of this folder, and never a way out of it."""
    if not isinstance(value, str) or not RUN_ID.fullmatch(value):
        raise ValueError(f"{str(value)[:40]!r} is not the name of a run")
    return value


def _config(values: Mapping[str, Any]) -> RunConfig:
    # Where a record does not say which method, it was the first.
    return make_config(values if "method" in values else {**values, "method": 1, "precision": "float32"})


def list_sweeps(runs: Path) -> list[Sweep]:
    """Newest first; what cannot be read is passed over here, and said where it is asked for by name."""
    found = []
    for path in sorted(_folder(runs).glob("*.json"), reverse=True):
        try:
            found.append(load(path.stem, runs))
        except UserError:
            continue
    return found


def delete(sweep: Sweep, runs: Path) -> None:
    """Forget the sweep; its runs stay."""
    with disk_trouble("The runs folder", runs):
        (_folder(runs) / f"{sweep.id}.json").unlink(missing_ok=True)
