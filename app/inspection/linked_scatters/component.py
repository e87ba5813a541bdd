"""Two linked scatters of the same samples: what is lassoed, hovered or hidden in one is so in the other.

A component of our own on canvas: linking happens in the browser at once, and only sample ids come back. Ids travel as
text, so that every int64 arrives whole.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.charts.score_plane import ROLES, View
from app.widgets.browser import sent
from app.widgets.gallery import COLUMNS, TILE

HERE = Path(__file__).parent
MODULES = ("basics", "geometry", "ticks", "pen", "marks", "picture", "card", "plot", "component")
"""Each after those it imports."""
CHANGES = ("", "enters", "leaves")
NO_LABEL = -1


@dataclass(frozen=True)
class Look:
    """Colours: one for each sample ("" is the faint default), one for each role's mark, and what they mean."""

    colours: Sequence[str]
    role_colours: dict[str, str] = field(default_factory=dict)
    meanings: Sequence[tuple[str, str]] = ()


BOTH = -1


def script() -> str:
    """The modules as one: Streamlit gives the browser a single text, from which it could import no others."""
    texts = [(HERE / f"{name}.mjs").read_text("utf-8") for name in MODULES]
    return "\n".join(re.sub(r"^import .*;\n|^export (?!default)", "", text, flags=re.MULTILINE) for text in texts)


_component = st.components.v2.component(
    "acl_lens", html='<div class="lens"></div>', css=(HERE / "component.css").read_text("utf-8"), js=script()
)


def payload(
    views: tuple[View, View],
    frame: pd.DataFrame,
    scores: dict[str, str],
    ranks: pd.DataFrame,
    look: Look,
    class_name: Callable[[int], str],
    selected: Sequence[int],
    opened: int | None,
    sprite: str,
    large: float = 1.0,
    only: int = BOTH,
    forms: bool = False,
) -> dict[str, Any]:
    """What the browser gets. `scores`: column of `frame` → its short name on the card; `ranks`: by sample id, of the
    whole pool, of which `frame` may hold a part; `large`: how much larger than usual type and marks are; `only`: which
    of the two is shown, or BOTH; `forms`: the right one's layout is still to come (forming.py)."""
    label = frame["label"].fillna(NO_LABEL).to_numpy(np.int64)
    true = frame["true"].fillna(NO_LABEL).to_numpy(np.int64)
    found, places = np.unique(np.concatenate([label, frame["predicted"], true]), return_inverse=True)
    names = ["not labelled" if c == NO_LABEL else class_name(c) for c in found.tolist()]
    shades, colour = np.unique(np.array(look.colours, dtype=str), return_inverse=True)
    return {
        "ids": [str(i) for i in frame["id"].tolist()],
        "roles": [{"name": name, **asdict(mark)} for name, mark in ROLES.items()],
        "role": pd.Index(list(ROLES)).get_indexer(pd.Index(frame["role"])).tolist(),
        "change": pd.Index(CHANGES).get_indexer(pd.Index(frame["change"])).tolist(),
        "views": [in_browser(view) for view in views],
        "scores": {short: _packed(frame[name].to_numpy(float)) for name, short in scores.items()},
        "ranks": {short: _packed(ranks[name].reindex(frame["id"]).to_numpy(float)) for name, short in scores.items()},
        "n_pool": len(ranks),
        "titles": names,
        "title": places[: len(frame)].tolist(),
        "predicted": places[len(frame) : 2 * len(frame)].tolist(),
        "true": [
            place if known else -1 for place, known in zip(places[2 * len(frame) :].tolist(), true >= 0, strict=True)
        ],
        "p": np.round(frame["p"].to_numpy(float), 4).tolist(),
        "palette": shades.tolist(),
        "colour": colour.tolist(),
        "role_colours": look.role_colours,
        "meanings": [list(pair) for pair in look.meanings],
        "selected": [str(i) for i in selected],
        "opened": None if opened is None else str(opened),
        "large": large,
        "only": only,
        "forms": forms,
        "sprite": {"name": sprite, "tile": TILE, "columns": COLUMNS},
    }


def in_browser(view: View) -> dict[str, Any]:
    return asdict(view) | {"x": _packed(view.x), "y": _packed(view.y)}


def lens(
    data: dict[str, Any], key: str, on_lasso: Callable[[list[int]], None], on_opened: Callable[[int], None]
) -> None:
    """`on_lasso`: the ids inside (none: cleared); `on_opened`: the sample clicked. Both before the page is redrawn."""

    def lassoed() -> None:
        ids = sent.samples(sent.value(st.session_state.get(key), "lasso"))
        if ids is not None:
            on_lasso(ids)

    def opened() -> None:
        id_ = sent.sample(sent.value(st.session_state.get(key), "opened"))
        if id_ is not None:
            on_opened(id_)

    _component(key=key, data=data, on_lasso_change=lassoed, on_opened_change=opened)


def _packed(values: np.ndarray) -> str:
    # Magnitudes are squares of float32 features: single precision holds neither the largest nor the smallest.
    return base64.b64encode(np.asarray(values, dtype="<f8").tobytes()).decode()
