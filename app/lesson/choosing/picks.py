"""The sixty pictures, to be picked by click or by key: the ids come back, in the browser and here the same."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from app.lesson.choosing import live
from app.lesson.choosing.shipped import Shipped
from app.store import runs as data
from app.widgets.browser import sent
from app.widgets.gallery import COLUMNS, sprite

HERE = Path(__file__).parent
KEY = "choice-picks"
PIXELS = 32

_component = st.components.v2.component(
    "acl_picks",
    html='<div class="picks"></div>',
    css=(HERE / "picks.css").read_text("utf-8"),
    js=(HERE / "picks.js").read_text("utf-8"),
)


def pictures(found: Shipped, ids: tuple[int, ...]) -> None:
    order = [int(i) for i in found.candidates.index]
    values = {
        "ids": [str(i) for i in order], "picked": [str(i) for i in ids], "most": found.n, "turn": live.turn(),
        "hints": [f"a {label}" for label in found.candidates["label"]], "url": _sheet(found), "columns": COLUMNS,
    }  # fmt: skip

    def clicked() -> None:
        answer = sent.samples(sent.value(st.session_state.get(KEY), "picked"))
        if answer is not None and len(answer) <= found.n:
            live.keep(tuple(i for i in dict.fromkeys(answer) if i in found.candidates.index))

    _component(key=KEY, data=values, on_picked_change=clicked)


@cache
def _sheet(found: Shipped) -> str:
    images = data.pictures(found.run, [int(i) for i in found.candidates.index])
    return "" if images is None else sprite(np.stack([_smooth(image) for image in images]))


def _smooth(image: np.ndarray) -> np.ndarray:
    """Larger, so that the browser does not blur one picture into its neighbour."""
    large = Image.fromarray(image[..., 0]).resize((PIXELS, PIXELS), Image.Resampling.BICUBIC)
    return np.asarray(large)[..., None]
