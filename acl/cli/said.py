"""What a command says while it works, and at its end: progress on stderr, results on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from acl.config import UserError

if TYPE_CHECKING:
    from acl.events import Event
    from acl.loop import Loop
    from acl.runs.folder import Run


@contextmanager
def progress(name: str, quiet: bool) -> Iterator[Callable[[Loop, Event], None]]:
    """A bar on stderr, and what moves it."""
    from tqdm import tqdm

    from acl.events import Epoch

    with tqdm(
        total=1000, disable=quiet, desc=name, bar_format="{desc} {percentage:3.0f}%|{bar}| {remaining} left {postfix}"
    ) as bar:

        def show(loop: Loop, event: Event) -> None:
            if isinstance(event, Epoch):
                bar.postfix = f"task {event.task}, round {event.round}, loss {event.loss:.3f}"
            elif (round_ := getattr(event, "round", None)) is not None:
                bar.postfix = f"task {loop.task}, round {round_}"
            bar.update(int(1000 * loop.progress) - bar.n)

        yield show


@contextmanager
def goes_on(what: str) -> Iterator[None]:
    """Ctrl-C says what goes on, or how it goes on, where it is more than what it says of the command (`add`)."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(what) from None


@contextmanager
def prints_aside() -> Iterator[None]:
    """What plug-ins print goes to stderr: the last line of stdout is ours."""
    with redirect_stdout(sys.stderr):
        yield


def work(run: Run, quiet: bool) -> None:
    """Work on `run` in this process to its end, then print its summary; progress goes to stderr unless `quiet`.
    UserError where it was stopped before its end."""
    from tqdm import tqdm

    from acl.service.worker import execute

    def say(sentence: str) -> None:
        tqdm.write(f"acl: {sentence}", file=sys.stderr)

    with goes_on(f"every finished round is kept: acl resume {run.id}"):
        with progress(run.id, quiet) as show, prints_aside():
            status = execute(run, show, on_wait=say)
    if status.state != "finished":
        raise UserError(f"Run {run.id} was stopped before its end: acl resume {run.id} goes on.")
    print_summary(run)


def print_summary(run: Run) -> None:
    """Print the run's id and its summary (fractions 0..1) as one line of JSON."""
    print(json.dumps({"run": run.id, **(run.summary or {})}))


def give(text: str, output: Path | None) -> None:
    """On stdout, or into a file."""
    if output is None:
        print(text, end="")
        return

    from acl.system.files import disk_trouble, replace_file

    with disk_trouble("The table", output):
        replace_file(output, lambda temporary: temporary.write_text(text, "utf-8"))
