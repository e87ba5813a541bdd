"""The feature map: pool, labelled and memory in two dimensions, in feature space or by their Fisher information."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from acl.analysis import embedding as layout
from acl.analysis import plane
from acl.analysis.plane import Space
from acl.selection.query import QueryContext
from acl.service import projector
from acl.service.projector import Wish
from app import words
from app.charts.score_plane import View
from app.inspection.linked_scatters import forming
from app.inspection.source import Sight, microscope
from app.store.session import POLL_S, RUNS

KINDS = {
    "umap": "features (UMAP)",
    "umap-fisher": "Fisher embeddings (UMAP)",
    "pca": "features (PCA)",
    "pca-fisher": "Fisher embeddings (PCA)",
}
SPACES: dict[str, Space] = {"umap": "features", "pca": "features", "umap-fisher": "fisher", "pca-fisher": "fisher"}


@dataclass(frozen=True)
class Map:
    """The right picture. waits: a UMAP layout will replace it; why: in a sentence, why none would show more; trouble:
    why none could be made."""

    view: View
    waits: bool = False
    why: str = ""
    trouble: str = ""


def thinned(frame: pd.DataFrame, sight: Sight) -> tuple[pd.DataFrame, int]:
    """At most MOST_POINTS samples, and how many were left out.

    Picks and those that left always stay. Which others stay depends on their ids alone, so that they are the same
    ones in every round.
    """
    needed = ((frame["role"] == "picks") | (frame["change"] != "")).to_numpy(copy=True)
    in_pool = frame["role"].isin(["pool", "picks"]).to_numpy()
    keep = layout.subset(sight.context.seed, frame["id"].to_numpy(), in_pool, needed, layout.MOST_POINTS)
    if keep.all():
        return frame, 0
    return frame[keep].reset_index(drop=True), int((~keep).sum())


def draw(sight: Sight, frame: pd.DataFrame, kind: str) -> Map:
    """PCA at once; UMAP as far as the projector has it, which is asked for here where it would show more."""
    space = SPACES[kind]
    wish = _wish(sight, space)
    if kind.startswith("umap") and (found := _layout(wish)):
        return Map(_umap(sight, frame, space, found))
    xy, flat, why = pca(*sight.mark, space)
    x, y = xy[_rows(sight, frame)].T
    view = View(_title(sight, space), x, y, "1st principal component", "2nd principal component", ticks=False)
    if not kind.startswith("umap"):
        return Map(view, why=flat)
    if why:
        return Map(view, why=why)
    trouble = projector.trouble(RUNS, wish) or _ask(wish)
    if trouble:
        return Map(view, trouble=trouble)
    formed = _formed(sight, frame, space)
    return Map(formed[1] if formed else view, waits=True)


def wait(sight: Sight, frame: pd.DataFrame, kind: str, pictures: str) -> None:
    """Shows how far the layout is, and itself while it forms; when it has come, the page is drawn anew. `pictures`: the
    name of those of the samples shown."""
    st.fragment(_look, run_every=POLL_S)(sight, frame, SPACES[kind], pictures)


def _look(sight: Sight, frame: pd.DataFrame, space: Space, pictures: str) -> None:
    wish = _wish(sight, space)
    # A file that cannot be read is none: the projector makes it again.
    if _layout(wish) or projector.trouble(RUNS, wish):
        st.rerun(scope="app")
    formed = _formed(sight, frame, space)
    if formed:
        share, view = formed
        st.caption(f":material/hourglass_top: UMAP is forming: {share:.0%}")
        forming.show(pictures, view)
        return
    took = words.duration(layout.seconds(len(frame)))
    st.caption(
        f":material/hourglass_top: Right: PCA until UMAP is ready, in about {took}.",
        help=f"About {took} for these {len(frame):,} samples the first time, then a few seconds; longer while runs are "
        "trained, and the very first time on this machine, when UMAP is compiled.",
    )


def _formed(sight: Sight, frame: pd.DataFrame, space: Space) -> tuple[float, View] | None:
    """How far the layout has come, as a share, and what it looks like."""
    told = projector.forming(RUNS, _wish(sight, space))
    if told is None:
        return None
    share, *found = told
    places = Places(sight.context, space, (found[0], found[1]))
    return share, _umap(sight, frame, space, places, "UMAP that forms")


def _umap(sight: Sight, frame: pd.DataFrame, space: Space, places: Places, name: str = "UMAP") -> View:
    x, y = places.of(_rows(sight, frame)).T
    return View(_title(sight, space), x, y, f"{name}, first dimension", f"{name}, second dimension", ticks=False)


def _title(sight: Sight, space: Space) -> str:
    title = "In feature space" if space == "features" else "By Fisher information"
    return title + (", beside the memory" if len(sight.context.memory) else "")


def _rows(sight: Sight, frame: pd.DataFrame) -> list[int]:
    place = {i: row for row, i in enumerate(layout.ids(sight.context).tolist())}
    return [place[i] for i in frame["id"].tolist()]


def _wish(sight: Sight, space: Space) -> Wish:
    series = sight.series or ((sight.context.task, sight.path),)
    tasks, paths = zip(*series, strict=True)
    return Wish(paths, tasks, paths.index(sight.path), space)


def _ask(wish: Wish) -> str:
    try:
        projector.ask(RUNS, wish)
    except OSError as error:
        return f"{RUNS} takes no files ({error.strerror})."
    return ""


def _layout(wish: Wish) -> Places | None:
    path = projector.found(RUNS, wish)
    if path is None:
        return None
    mark = (str(wish.snapshot), wish.snapshot.stat().st_mtime_ns)
    return _read(str(path), path.stat().st_mtime_ns, mark, wish.space)


@st.cache_resource(max_entries=16, show_spinner=False)
def _read(path: str, changed_ns: int, mark: tuple[str, int], space: Space) -> Places | None:
    found = projector.load(Path(path), Path(mark[0]))
    return Places(microscope(*mark).context, space, found) if found else None


class Places:
    """Where a layout, ids and places of some samples, puts those of a query; the ones that it leaves out lie among
    their neighbours, which is worked out once for each."""

    def __init__(self, context: QueryContext, space: Space, found: tuple[np.ndarray, np.ndarray]) -> None:
        ids, xy = layout.ids(context), found[1]
        place = {int(i): row for row, i in enumerate(found[0])}
        self.context, self.space, self.known = context, space, layout.shared(ids, place)
        self.xy = np.full((len(ids), 2), np.nan)
        self.xy[self.known] = xy[[place[int(i)] for i in ids[self.known]]]

    def of(self, rows: list[int]) -> np.ndarray:
        """[rows, 2], rows as in acl.analysis.embedding.vectors."""
        left_out = np.flatnonzero(np.isnan(self.xy[:, 0]))
        missing = np.intersect1d(rows, left_out)
        if len(missing) and len(self.known):
            # All while they are few: other picks then find theirs.
            missing = left_out if len(left_out) <= layout.MISSING_AT_ONCE else missing
            x = layout.vectors(self.context, self.space)
            self.xy[missing] = layout.beside_neighbours(x, self.known, self.xy[self.known], missing)
        return self.xy[rows]


@st.cache_data(max_entries=16, show_spinner=False)
def pca(path: str, changed_ns: int, space: Space) -> tuple[np.ndarray, str, str]:
    """[N, 2]: the first two principal components of every sample, in the order pool, labelled, memory; what keeps
    them from being more than a point or a line; and why UMAP would show no more."""
    x = layout.vectors(microscope(path, changed_ns).context, space).numpy()
    return plane.pca(x), plane.why_flat(x), plane.why_no_umap(x)
