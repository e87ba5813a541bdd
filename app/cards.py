"""A gallery whose cards can be opened: the id of the clicked sample comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from app.gallery import COLUMNS, Card, sprite

HERE = Path(__file__).parent

_component = st.components.v2.component(
    "acl_cards",
    html='<div class="cards"></div>',
    css=(HERE / "cards.css").read_text("utf-8"),
    js=(HERE / "cards.js").read_text("utf-8"),
)


def gallery(
    ids: list[int], cards: list[Card], images: np.ndarray | None, opened: int | None, key: str, size: int = 56
) -> int | None:
    """The cards of these samples; the id of the one just clicked."""
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
    clicked = _component(key=key, data=data, on_opened_change=_nothing).opened
    return None if clicked is None else int(clicked)


def _nothing() -> None:
    """Streamlit delivers a trigger only to those who registered for it."""
