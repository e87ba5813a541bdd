"""The feature map: pool, labelled and memory in two dimensions, in feature space or by their Fisher information."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from acl import layout, projector
from acl.projector import Space, Wish
from app.lens import View
from app.sight import Sight, microscope
from app.state import POLL_S, RUNS

KINDS = {
    "umap": "features (UMAP)",
    "umap-fisher": "Fisher embeddings (UMAP)",
    "pca": "features (PCA)",
    "pca-fisher": "Fisher embeddings (PCA)",
}
SPACES: dict[str, Space] = {"umap": "features", "pca": "features", "umap-fisher": "fisher", "pca-fisher": "fisher"}


@dataclass(frozen=True)
class Map:
    """The right picture; `waits_for`: the UMAP layout that will replace it; `trouble`: why none will."""

    view: View
    waits_for: Wish | None = None
    trouble: str = ""


def thinned(frame: pd.DataFrame, sight: Sight) -> tuple[pd.DataFrame, int]:
    """At most MOST_POINTS samples, and how many pool samples were left out.

    Picks, those that left, labelled and memory always stay. Which others stay depends on their ids alone, so
    that they are the same ones in every round.
    """
    needed = ((frame["role"] != "pool") | (frame["change"] != "")).to_numpy(copy=True)
    keep = layout.subset(sight.context.seed, frame["id"].to_numpy(), needed, layout.MOST_POINTS)
    if keep.all():
        return frame, 0
    return frame[keep].reset_index(drop=True), int((~keep).sum())


def draw(sight: Sight, frame: pd.DataFrame, kind: str) -> Map:
    """PCA at once; UMAP as soon as the projector has it, which is asked for here."""
    space = SPACES[kind]
    title = "In feature space" if space == "features" else "By Fisher information"
    title += ", beside the memory" if len(sight.context.memory) else ""
    rows = _rows(sight, frame)
    if kind.startswith("umap"):
        wish = _wish(sight, space)
        xy = _umap(sight, wish)
        if xy is not None:
            return Map(View(title, *xy[rows].T, "UMAP, first dimension", "UMAP, second dimension", ticks=False))
        trouble = projector.trouble(RUNS, wish) or _ask(wish)
    xy = pca(*sight.mark, space)
    view = View(title, *xy[rows].T, "1st principal component", "2nd principal component", ticks=False)
    if not kind.startswith("umap"):
        return Map(view)
    return Map(view, None if trouble else wish, trouble)


def wait(sight: Sight, wish: Wish) -> None:
    """Looks again and again whether the layout has come; then the page is drawn anew."""
    st.fragment(_look, run_every=POLL_S)(sight, wish)


def _look(sight: Sight, wish: Wish) -> None:
    # A file that cannot be read is none: the projector makes it again.
    if _umap(sight, wish) is not None or projector.trouble(RUNS, wish):
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


def _umap(sight: Sight, wish: Wish) -> np.ndarray | None:
    path = projector.found(RUNS, wish)
    return _placed(*sight.mark, wish.space, str(path), path.stat().st_mtime_ns) if path else None


@st.cache_data(max_entries=16, show_spinner=False)
def _placed(path: str, changed_ns: int, space: Space, layout_path: str, layout_ns: int) -> np.ndarray | None:
    """A place for every sample of the query; those that the layout leaves out lie among their neighbours."""
    found = projector.load(Path(layout_path), Path(path))
    if found is None:
        return None
    context = microscope(path, changed_ns).context
    ids = layout.ids(context)
    place = {int(i): row for row, i in enumerate(found[0])}
    known = np.array([row for row, i in enumerate(ids.tolist()) if i in place], dtype=np.int64)
    missing = np.setdiff1d(np.arange(len(ids)), known)
    xy = np.empty((len(ids), 2))
    xy[known] = found[1][[place[int(i)] for i in ids[known]]]
    if len(missing):
        xy[missing] = layout.beside_neighbours(layout.vectors(context, space), known, xy[known], missing)
    return xy


@st.cache_data(max_entries=16, show_spinner=False)
def pca(path: str, changed_ns: int, space: Space) -> np.ndarray:
    """[N, 2]: the first two principal components of every sample, in the order pool, labelled, memory."""
    return layout.pca(layout.vectors(microscope(path, changed_ns).context, space))
