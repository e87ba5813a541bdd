"""The projector: one process that works out UMAP layouts of queries. It is asked, and answers, through files.

A wish (requests/*.json) names a query among the queries of its run; the answer is a Parquet file beside the
snapshot (03-02.umap.parquet), or under .backend/projections where that folder is not ours to write. Each
layout begins where the one before it ended, so a wish is answered from the first missing layout of its task
on; then the queries that follow are done ahead, as long as nobody else asks. While a layout forms, how far it has
come lies in a file too, which is gone when it is done. The backend starts the process when there is a wish; it ends
by itself when there was none for a while.

Importing this module is cheap: what is heavy is imported by the process.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from acl.analysis.plane import Space
from acl.config import UserError
from acl.plugins.blame import is_out_of_memory
from acl.service import keeper
from acl.service.keeper import serve, waiting
from acl.system.files import REASONS, read_json, replace_file, write_json

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy import ndarray

FILE_ENDS: dict[Space, str] = {"features": "umap", "fisher": "umap-fisher"}
NICENESS = 15
MOST_SAID = 200
# A layout that has not moved for so long is not forming: whoever made it is gone, or starts again.
STILL_S = 30.0


@dataclass(frozen=True)
class Wish:
    """The layout of snapshot `series[place]`; series: the snapshots of one run in order, tasks: their tasks."""

    series: tuple[Path, ...]
    tasks: tuple[int, ...]
    place: int
    space: Space

    @property
    def snapshot(self) -> Path:
        """The snapshot whose layout is asked for."""
        return self.series[self.place]


# -- for those who ask ---------------------------------------------------------------------------------


def home(runs: Path) -> Path:
    """The folder of requests, and of layouts that the run folders do not take."""
    return runs / ".backend" / "projections"


def _name(wish: Wish) -> str:
    return hashlib.blake2b(str(wish.snapshot).encode(), digest_size=8).hexdigest() + f".{FILE_ENDS[wish.space]}"


def places(runs: Path, wish: Wish) -> tuple[Path, Path]:
    """Where the layout may lie: beside the snapshot, and where it is kept if that folder may not be written."""
    end = f".{FILE_ENDS[wish.space]}.parquet"
    return wish.snapshot.with_suffix(end), home(runs) / "layouts" / f"{_name(wish)}.parquet"


def found(runs: Path, wish: Wish) -> Path | None:
    """Where the layout lies; None if there is none yet. Whether it is of this snapshot, `load` tells."""
    return next((path for path in places(runs, wish) if path.exists()), None)


def forming(runs: Path, wish: Wish) -> tuple[float, ndarray, ndarray] | None:
    """How far the layout has come: the share of its epochs, ids [N] and places [N, 2]. None where it does not form."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = _forming(runs, wish)
    try:
        if time.time() - path.stat().st_mtime > STILL_S:
            return None
        table = pq.read_table(path)
        told = table.schema.metadata or {}
        mine = int(told[b"changed_ns"]) == _changed(wish.snapshot)
        return (float(told[b"share"]), *_columns(table)) if mine else None
    except (OSError, TypeError, ValueError, KeyError, pa.ArrowException):
        return None


def trouble(runs: Path, wish: Wish) -> str:
    """Why the layout could not be made; empty if nothing is known against it."""
    record = read_json(_failure(runs, wish))
    return str(record["error"]) if record and record.get("changed_ns") == _changed(wish.snapshot) else ""


def ask(runs: Path, wish: Wish) -> None:
    """Leave the wish for the projector, unless it lies there already. OSError where the folder takes nothing."""
    path = home(runs) / "requests" / f"{_name(wish)}.json"
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    series = [str(snapshot) for snapshot in wish.series]
    write_json(path, {"series": series, "tasks": wish.tasks, "place": wish.place, "space": wish.space}, sync=False)


def load(path: Path, snapshot: Path) -> tuple[ndarray, ndarray] | None:
    """ids [N] and places [N, 2] of a layout; None if it cannot be read, is none, or was made for another snapshot."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        mine = (table.schema.metadata or {}).get(b"snapshot", b"").decode() == digest(snapshot)
        ids, xy = _columns(table)
        return (ids, xy) if mine and np.isfinite(xy).all() else None
    except (OSError, TypeError, ValueError, KeyError, pa.ArrowException):
        return None


def _columns(table: pa.Table) -> tuple[ndarray, ndarray]:
    import numpy as np

    return table["id"].to_numpy().astype(np.int64), np.stack([table["x"], table["y"]], 1)


def digest(snapshot: Path) -> str:
    """The digest, BLAKE2b, of a snapshot file, 32 hexadecimal digits. OSError where it cannot be read."""
    with snapshot.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:32]


def _failure(runs: Path, wish: Wish) -> Path:
    return home(runs) / "failed" / f"{_name(wish)}.json"


def _forming(runs: Path, wish: Wish) -> Path:
    return home(runs) / "forming" / f"{_name(wish)}.parquet"


def _changed(snapshot: Path) -> int:
    try:
        return snapshot.stat().st_mtime_ns
    except OSError:
        return 0


# -- for the backend -----------------------------------------------------------------------------------


def wishes(runs: Path) -> list[Path]:
    """The requests that wait, the newest first."""
    return waiting(home(runs) / "requests")


class Keeper(keeper.Keeper):
    """Of the projector."""

    module = "acl.service.projector"

    @property
    def home(self) -> Path:
        return home(self.runs)

    def refuse(self, request: Path, why: str) -> None:
        _refuse(self.runs, request, why)


def _read(path: Path) -> Wish | None:
    raw = read_json(path, {"series"})
    try:
        assert raw is not None and raw["space"] in FILE_ENDS
        series, tasks = tuple(map(Path, raw["series"])), tuple(map(int, raw["tasks"]))
        assert len(series) == len(tasks) and 0 <= raw["place"] < len(series)
        return Wish(series, tasks, int(raw["place"]), raw["space"])
    except (AssertionError, KeyError, TypeError, ValueError):
        return None


def _refuse(runs: Path, request: Path, why: str) -> None:
    wish = _read(request)
    if wish:
        path = _failure(runs, wish)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"error": why, "changed_ns": _changed(wish.snapshot)}, sync=False)
    request.unlink(missing_ok=True)


# -- the process ---------------------------------------------------------------------------------------


class Projector:
    """The work of the projector process on the requests below `runs`."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self._ahead: list[Wish] = []
        self._failed: set[Path] = set()

    def step(self) -> bool:
        """Make one layout: of the newest wish, or ahead of it. False if there is nothing to do."""
        asked = wishes(self.runs)
        if not asked:
            if not self._ahead:
                return False
            self._attempt(self._ahead.pop(0))
            return True
        request = asked[0]
        wish = _read(request)
        if wish is None or not wish.snapshot.exists():
            request.unlink(missing_ok=True)
            return True
        first = self._first_missing(wish)
        why = self._attempt(Wish(wish.series, wish.tasks, first, wish.space))
        if why:
            self._failed.add(wish.series[first])
        if first == wish.place and why:
            _refuse(self.runs, request, why)
        elif first == wish.place:
            request.unlink(missing_ok=True)
            rest = range(wish.place + 1, len(wish.series))
            self._ahead = [Wish(wish.series, wish.tasks, place, wish.space) for place in rest]
        return True

    def _first_missing(self, wish: Wish) -> int:
        """The earliest query of the wish's task from which on no layout is there, though one could be."""
        place = wish.place
        while place > 0 and wish.tasks[place - 1] == wish.tasks[place]:
            before = Wish(wish.series, wish.tasks, place - 1, wish.space)
            if before.snapshot in self._failed or self._known(before) is not None:
                break
            place -= 1
        return place

    def _known(self, wish: Wish) -> dict[int, tuple[float, float]] | None:
        path = found(self.runs, wish)
        layout = load(path, wish.snapshot) if path and wish.snapshot.exists() else None
        if layout is None:
            return None
        return {int(id_): (float(x), float(y)) for id_, (x, y) in zip(*layout, strict=True)}

    def _attempt(self, wish: Wish) -> str:
        """Make the layout, if it is not there; why not, in a sentence: whatever is raised, this process goes on."""
        if self._known(wish) is not None:
            return ""
        before = Wish(wish.series, wish.tasks, wish.place - 1, wish.space) if wish.place else None
        try:
            self._make(wish, (self._known(before) if before else None) or {})
        except UserError as error:
            return str(error)
        except Exception as error:
            if is_out_of_memory(error):
                return "The memory of this machine does not hold it."
            if isinstance(error, OSError) and error.errno in REASONS:
                return f"It cannot be read or written: {REASONS[error.errno]}."
            traceback.print_exc()
            said = " ".join(str(error).split())[:MOST_SAID].rstrip(".")
            return f"{type(error).__name__}: {said} (see projector.log)."
        return ""

    def _make(self, wish: Wish, previous: dict[int, tuple[float, float]]) -> None:
        import numpy as np
        import torch

        from acl.analysis import embedding as layout
        from acl.snapshots.snapshot import load_snapshot

        torch.set_num_threads(1)
        mark = digest(wish.snapshot)
        context = load_snapshot(wish.snapshot).context
        ids, x = layout.ids(context), layout.vectors(context, wish.space)
        keep = layout.subset(context.seed, ids, np.arange(len(ids)) < len(context.pool), np.zeros(len(ids), dtype=bool))
        path = _forming(self.runs, wish)
        changed_ns = str(_changed(wish.snapshot))

        def forming(share: float, xy: ndarray) -> None:
            # A disk that does not take what is shown meanwhile may yet take the layout.
            with suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(path, ids[keep], xy, {"changed_ns": changed_ns, "share": str(share)}, sync=False)

        try:
            xy = layout.umap(x[torch.from_numpy(keep)], ids[keep], context.seed, previous, forming)
            self._store(wish, ids[keep], xy, {"snapshot": mark})
        finally:
            with suppress(OSError):
                path.unlink()

    def _store(self, wish: Wish, ids: ndarray, xy: ndarray, told: dict[str, str]) -> None:
        beside, elsewhere = places(self.runs, wish)
        if wish.snapshot.parent.parent.parent == self.runs:
            try:
                _write(beside, ids, xy, told)
                return
            except OSError as error:
                print(f"{beside}: {error}", file=sys.stderr)
        elsewhere.parent.mkdir(parents=True, exist_ok=True)
        _write(elsewhere, ids, xy, told)


def _write(path: Path, ids: ndarray, xy: ndarray, told: dict[str, str], sync: bool = True) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"id": ids, "x": xy[:, 0], "y": xy[:, 1]}).replace_schema_metadata(told)
    replace_file(path, lambda temporary: pq.write_table(table, temporary), sync)


def main(runs: Path) -> None:
    """Make layouts for this runs folder until nobody has asked for IDLE_S seconds (acl.service.keeper.serve)."""
    # A picture may wait; a training and the page may not.
    os.nice(NICENESS)
    shutil.rmtree(home(runs) / "forming", ignore_errors=True)  # of one that was killed
    serve(runs, Projector(runs).step)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
