"""Texts that nobody should send, put wherever the files of a run hold a text: found in the files themselves, so that a
new field is walked by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from acl.config import RunConfig, UserError
from acl.events import KINDS, Event, Resumed, Started, Steered, from_line, to_line
from acl.results import sweep
from acl.runs.control import Control, Status, read_control, read_status
from acl.runs.folder import Run
from acl.runs.plausible import is_sound
from acl.runs.verdict import Verdict, kept

PICTURE = "![x](http://127.0.0.1:{port}/{place})"
LETTERS = {
    "half a character": "\ud800",
    "a byte that is no UTF-8": "\udcff",
    "nothing": "\0",
    "controls": "\x07\x08\r\n\t\x85\u2028",
    "a terminal's orders": "\x1b[2J\x1b]0;owned\x07\x1b[31m",
    "turned round": "\u202egnp.exe\u2066",
    "a picture in Markdown": PICTURE,
    "a picture in HTML": '<img src="http://127.0.0.1:{port}/html">',
    "a script": "<script>fetch('http://127.0.0.1:{port}/script')</script>",
    "a link": "<a href='http://127.0.0.1:{port}/a'>a</a> [x](javascript:alert(1)) http://127.0.0.1:{port}/bare",
    "a formula": "$\\href{{http://127.0.0.1:{port}/tex}}{{x}}$ $$\\includegraphics{{http://127.0.0.1:{port}/inc}}$$",
    "LaTeX": "\\input{{/etc/hostname}} \\write18{{id}} % & # _ ^ ~",
    "an icon": ":material/home: :red[x] :smile: :red-badge[x]",
    "code and tables": "`x` ``` | a | b |\n---\n> # x",
    "templates": "{{a}} {{{{b}}}} %{{y}} {{0}} %s",
    "a style": "</style><style>@import 'http://127.0.0.1:{port}/css';</style>\" style=\"background:url(http://h)",
}
"""By what each is; {port}: where a server listens that nobody should ask."""


def letters(port: int = 9) -> dict[str, str]:
    """Each by itself, one that is very long, and each half of them in one, which is not too long to be read whole."""
    each = {name: letter.format(port=port, place=name[:1]) for name, letter in LETTERS.items()}
    half = len(each) // 2
    return {
        **each,
        "very long": PICTURE.format(port=port, place="long") * 300,
        "the first half": " ".join([*each.values()][:half]),
        "the second half": " ".join([*each.values()][half:]),
    }


def everywhere(value: Any, letter: str, is_taken: Callable[[Any], bool]) -> Any:
    """A JSON value with `letter` as every text, name and new entry in it, as far as each change is taken."""
    for place in list(_places(value)):
        changed = _with(value, place, letter)
        if is_taken(changed):
            value = changed
    return value


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a text stands or could be added; None: a new entry."""
    if isinstance(value, str) or value is None:
        yield above
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _places(inner, (*above, name))
        yield (*above, None)
    if isinstance(value, list):
        if value and not isinstance(value[0], str | dict):
            return
        for number, inner in enumerate(value):
            yield from _places(inner, (*above, number))
        yield (*above, None)


def _with(value: Any, place: tuple[Any, ...], letter: str) -> Any:
    if not place:
        return letter
    first, *rest = place
    if isinstance(value, dict):
        return (
            {**value, letter: letter} if first is None else {**value, first: _with(value[first], tuple(rest), letter)}
        )
    if first is None:
        return [*value, letter]
    # No two alike, where they are names.
    own = letter if rest or first == 0 else f"{letter}{first}"
    return [_with(inner, tuple(rest), own) if i == first else inner for i, inner in enumerate(value)]


# -- the files of a run ----------------------------------------------------------------------------------


def hostile_run(run: Run, letter: str, led: bool) -> None:
    """Fill every file of a finished run with `letter`, as far as the run stays one that is read and drawn.

    led: it holds every kind of event, that it was steered too; such a run fails, and enters no table.
    """
    path = run.path
    parent = {"run": run.id, "task": 1, "round": 1, "changes": {"strategy": "uniform"}, "ghost": False}
    _write(path / "config.json", {**json.loads((path / "config.json").read_text("utf-8")), "parent": parent})
    _fill(path / "config.json", letter, lambda: Run(path).config and Run(path).parent)
    status = read_status(path) or Status("finished")
    said = asdict(replace(status, state="failed" if led else "finished", device="d", phase="p", error="e", details="x"))
    _write(path / "status.json", said)
    _fill(path / "status.json", letter, lambda: read_status(path))
    _write(path / "control.json", asdict(Control(until=(1, 1, "buy"), changes={"lambda": 0.5})))
    _fill(path / "control.json", letter, lambda: read_control(path))
    _write(path / "tags.json", {"tags": ["t"]})
    _fill(path / "tags.json", letter, lambda: True)
    _fill(path / "summary.json", letter, lambda: run.summary)
    _events(run, letter, led)
    verdict = Verdict(1, "difference", 1, 1, ("elsewhere",), "figures")
    _write(path / "verified.json", {**asdict(verdict), "t": 0.0, "events_bytes": run.events.stat().st_size})
    _fill(path / "verified.json", letter, lambda: kept(run))


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), "utf-8")


def _fill(path: Path, letter: str, is_read: Callable[[], Any]) -> None:
    """Whatever text of this file may be anything is `letter`."""

    def is_taken(value: Any) -> bool:
        _write(path, value)
        try:
            return bool(is_read())
        except UserError:
            return False

    _write(path, everywhere(json.loads(path.read_text("utf-8")), letter, is_taken))


def _events(run: Run, letter: str, led: bool) -> None:
    """Its own events, and one more of each kind that it lacks."""
    lines = [json.loads(line) for line in run.events.read_text("utf-8").splitlines()]
    there = {line["kind"] for line in lines}
    more = [
        event
        for event in (Steered(1, 1, {"lambda": 0.5}), Resumed(1, 1, 10**6, {"cpu": "x"}))
        if event.kind not in there
    ]
    if led:
        lines[-1:-1] = [json.loads(to_line(event, 0, lines[-1]["t"])) for event in more]
        assert {line["kind"] for line in lines} == KINDS.keys(), "a new kind of event: add one above"
    began = next(event for line in lines if isinstance(event := _event(line), Started))
    lines = [everywhere(line, letter, lambda value: _sound(value, began)) for line in lines]
    run.events.write_text("".join(json.dumps({**line, "seq": seq}) + "\n" for seq, line in enumerate(lines)), "utf-8")


def _event(line: dict[str, Any]) -> Event | None:
    try:
        return from_line(json.dumps(line))[2]
    except ValueError:
        return None


def _sound(line: dict[str, Any], began: Started) -> bool:
    event = _event(line)
    return event is not None and is_sound(event, began)


def hostile_sweep(config: RunConfig, run: Run, letter: str, runs: Path, kind: str) -> str:
    """The id of a sweep of one run, its record full of `letter`."""
    id_ = f"20260101-000000-{len(list(runs.glob('.sweeps/*'))):04x}"
    path = runs / ".sweeps" / f"{id_}.json"
    path.parent.mkdir(exist_ok=True)
    member = {"run": run.id, "config": json.loads(config.to_json())}
    _write(path, {"format": "1", "kind": kind, "title": "t", "created": 0.0, "members": [member, member]})

    def is_read() -> bool:
        members = sweep.load(id_, runs).members
        return {m.run for m in members} == {run.id} and len(members) == 2

    _fill(path, letter, is_read)
    return id_
