"""A gallery whose cards can be opened: the id of the clicked sample comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st

from app.widgets.browser import sent
from app.widgets.gallery import COLUMNS, Card, sprite

HERE = Path(__file__).parent

_component = st.components.v2.component(
    "acl_cards",
    html='<div class="cards"></div>',
    css=(HERE / "cards.css").read_text("utf-8"),
    js=(HERE / "cards.js").read_text("utf-8"),
)


def gallery(
    ids: list[int], cards: list[Card], images: np.ndarray | None, opened: int | None, key: str,
    on_opened: Callable[[int], None], size: int = 56,
) -> None:  # fmt: skip
    """The cards of these samples; `on_opened` hears which one is clicked, before the page is redrawn."""
    data = {
        "cards": [
            {"id": str(i), "title": card.title, "lines": card.lines, "colour": card.colour, "hint": card.hint}
            for i, card in zip(ids, cards, strict=True)
        ],
        "url": sprite(images) if images is not None and len(images) else "",
        "columns": COLUMNS,
        "opened": None if opened is None else str(opened),
        "size": size,
    }

    def clicked() -> None:
        id_ = sent.sample(sent.value(st.session_state.get(key), "opened"))
        if id_ is not None:
            on_opened(id_)

    _component(key=key, data=data, on_opened_change=clicked)
