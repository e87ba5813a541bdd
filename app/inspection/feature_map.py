"""The feature map: pool, labelled and memory in two dimensions, in feature space or by their Fisher information."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from acl.analysis import embedding as layout
from acl.analysis import plane
from acl.service import projector
from acl.service.projector import Space, Wish
from app.charts.score_plane import View
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
    """The right picture. waits_for: the UMAP layout that will replace it; why: in a sentence, why none would show
    more; trouble: why none could be made."""

    view: View
    waits_for: Wish | None = None
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
    """PCA at once; UMAP as soon as the projector has it, which is asked for here where it would show more."""
    space = SPACES[kind]
    title = "In feature space" if space == "features" else "By Fisher information"
    title += ", beside the memory" if len(sight.context.memory) else ""
    wish, rows = _wish(sight, space), _rows(sight, frame)
    if kind.startswith("umap") and (found := _layout(wish)):
        xy = _placed(sight, space, found, rows)
        return Map(View(title, *xy.T, "UMAP, first dimension", "UMAP, second dimension", ticks=False))
    xy, flat, why = pca(*sight.mark, space)
    view = View(title, *xy[rows].T, "1st principal component", "2nd principal component", ticks=False)
    if not kind.startswith("umap"):
        return Map(view, why=flat)
    if why:
        return Map(view, why=why)
    trouble = projector.trouble(RUNS, wish) or _ask(wish)
    return Map(view, None if trouble else wish, trouble=trouble)


def wait(wish: Wish) -> None:
    """Looks again and again whether the layout has come; then the page is drawn anew."""
    st.fragment(_look, run_every=POLL_S)(wish)


def _look(wish: Wish) -> None:
    # A file that cannot be read is none: the projector makes it again.
    if _layout(wish) or projector.trouble(RUNS, wish):
        st.rerun(scope="app")


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


def _layout(wish: Wish) -> tuple[np.ndarray, np.ndarray] | None:
    path = projector.found(RUNS, wish)
    if path is None:
        return None
    return _read(str(path), path.stat().st_mtime_ns, str(wish.snapshot), wish.snapshot.stat().st_mtime_ns)


@st.cache_data(max_entries=16, show_spinner=False)
def _read(path: str, changed_ns: int, snapshot: str, snapshot_ns: int) -> tuple[np.ndarray, np.ndarray] | None:
    return projector.load(Path(path), Path(snapshot))


def _placed(sight: Sight, space: Space, found: tuple[np.ndarray, np.ndarray], rows: list[int]) -> np.ndarray:
    """[rows, 2]: places of these samples of the query; those that the layout leaves out lie among their neighbours."""
    ids = layout.ids(sight.context)
    place = {int(i): row for row, i in enumerate(found[0])}
    known = layout.shared(ids, place)
    xy = np.full((len(ids), 2), np.nan)
    xy[known] = found[1][[place[int(i)] for i in ids[known]]]
    missing = np.setdiff1d(rows, known)
    if len(missing) and len(known):
        xy[missing] = layout.beside_neighbours(layout.vectors(sight.context, space), known, xy[known], missing)
    return xy[rows]


@st.cache_data(max_entries=16, show_spinner=False)
def pca(path: str, changed_ns: int, space: Space) -> tuple[np.ndarray, str, str]:
    """[N, 2]: the first two principal components of every sample, in the order pool, labelled, memory; what keeps
    them from being more than a point or a line; and why UMAP would show no more."""
    x = layout.vectors(microscope(path, changed_ns).context, space).numpy()
    return plane.pca(x), plane.why_flat(x), plane.why_no_umap(x)
