"""The feature map: pool, labelled and memory in two dimensions, in feature space or by their Fisher information."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
import torch

from acl.config import RunConfig
from acl.fisher import factors, keep_largest
from acl.seeds import key, uniforms
from app.lens import View
from app.sight import Sight, microscope

MOST_POINTS = 10_000
KINDS = {"pca": "features (PCA)", "pca-fie": "Fisher embeddings (PCA)"}


def thinned(frame: pd.DataFrame, sight: Sight) -> tuple[pd.DataFrame, int]:
    """At most MOST_POINTS samples, and how many pool samples were left out.

    Picks, those that left, labelled and memory always stay. Which others stay depends on their ids alone, so
    that they are the same ones in every round.
    """
    needed = ((frame["role"] != "pool") | (frame["change"] != "")).to_numpy(copy=True)
    room = max(MOST_POINTS - int(needed.sum()), 0)
    others = np.nonzero(~needed)[0]
    if len(others) <= room:
        return frame, 0
    u = uniforms(key(sight.context.seed, "map"), frame["id"].to_numpy()[others])
    needed[others[np.argsort(u, kind="stable")[:room]]] = True
    return frame[needed].reset_index(drop=True), len(others) - room


def view(sight: Sight, frame: pd.DataFrame, kind: str) -> View:
    """The right picture."""
    x, y = pca(*sight.mark, kind)
    place = {i: row for row, i in enumerate(_ids(sight))}
    rows = [place[i] for i in frame["id"].tolist()]
    beside = ", beside the memory" if len(sight.context.memory) else ""
    title = ("In feature space" if kind == "pca" else "By Fisher information") + beside
    return View(title, x[rows], y[rows], "1st principal component", "2nd principal component", ticks=False)


def _ids(sight: Sight) -> list[int]:
    return [int(i) for samples in sight.context.roles().values() for i in samples.ids]


@st.cache_data(max_entries=16, show_spinner=False)
def pca(path: str, changed_ns: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """The first two principal components of every sample, in the order pool, labelled, memory."""
    scope = microscope(path, changed_ns)
    roles = [samples for samples in scope.context.roles().values() if len(samples)]
    if kind == "pca":
        h = torch.cat([samples.h for samples in roles]).double()
    else:
        total = scope.information.target(scope.context.lambda_).total
        kept = keep_largest(total, RunConfig().dims_per_class * scope.context.n_classes)
        h = torch.cat([a[:, kept.rows] * b[:, kept.dims] for a, b in map(factors, roles)])
    h = h - h.mean(0)
    # The covariance is d × d, however many samples there are.
    _, axes = torch.linalg.eigh(h.T @ h)
    axes = axes[:, -2:].flip(1)
    if axes.shape[1] < 2:
        axes = torch.cat([axes, torch.zeros_like(axes)], 1)
    # A component's sign is arbitrary: the largest entry is made positive, so that the map does not flip.
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    xy = (h @ (axes * torch.where(largest < 0, -1.0, 1.0))).numpy()
    return xy[:, 0], xy[:, 1]
