"""Pictures of samples as one sprite in one piece of HTML: nothing is requested, nothing blinks."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

COLUMNS = 32
TILE = 32
TITLE = "font-size:.82rem;font-weight:600;white-space:nowrap;overflow:hidden;text-overflow:ellipsis"
LINE = "font-size:.72rem;opacity:.7;white-space:nowrap;overflow:hidden;text-overflow:ellipsis"


@dataclass(frozen=True)
class Card:
    """What stands under a picture: one strong line, then fainter ones; `colour` frames it."""

    title: str
    lines: tuple[str, ...]
    colour: str
    hint: str = ""


def sprite(images: np.ndarray) -> str:
    """A data URL of all `images` (uint8 [n, h, w, 1 or 3]) side by side, COLUMNS in a row."""
    n, height, width, channels = images.shape
    rows = -(-n // COLUMNS)
    sheet = np.zeros((rows * height, COLUMNS * width, channels), dtype=np.uint8)
    for i, image in enumerate(images):
        top, left = i // COLUMNS * height, i % COLUMNS * width
        sheet[top : top + height, left : left + width] = image
    return data_url(sheet)


def picture_url(image: np.ndarray) -> str:
    """A data URL of one picture, with small ones enlarged so that their pixels stay sharp."""
    times = max(1, TILE // max(image.shape[:2]))
    return data_url(image.repeat(times, 0).repeat(times, 1))


def data_url(pixels: np.ndarray) -> str:
    """uint8 [h, w, 1 or 3] as a picture in a line of HTML."""
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "WEBP", lossless=True)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def cards_html(images: np.ndarray | None, cards: list[Card], size: int = 64, room: int | None = None) -> str:
    """A row of cards that wraps; without pictures their place is kept. Every text is escaped. room: pixels that it may
    be high: it shows as many whole rows as they hold, and is scrolled by whole rows."""
    url = sprite(images) if images is not None and len(images) else ""
    rows = -(-len(cards) // COLUMNS)
    items = []
    for i, card in enumerate(cards):
        x, y = -(i % COLUMNS) * size, -(i // COLUMNS) * size
        picture = (
            f"background:url({url}) {x}px {y}px/{COLUMNS * size}px {rows * size}px;image-rendering:pixelated;"
            if url
            else "background:rgba(128,128,128,.15);"
        )
        lines = "".join(f'<div style="{LINE}">{escape(line)}</div>' for line in card.lines)
        items.append(
            f'<div title="{escape(card.hint)}" style="width:{size + 20}px;text-align:center;line-height:1.25;'
            'scroll-snap-align:start;scroll-margin:4px">'
            f'<div style="width:{size}px;height:{size}px;margin:0 auto 4px;border-radius:6px;'
            f'box-shadow:0 0 0 2px {card.colour};{picture}"></div>'
            f'<div style="{TITLE}">{escape(card.title)}</div>{lines}</div>'
        )
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:8px 4px;padding:4px 2px;font-variant-numeric:tabular-nums'
        f'{"" if room is None else _whole_rows(room, size, max((len(card.lines) for card in cards), default=0))}">'
        + "".join(items)
        + "</div>"
    )


def _whole_rows(room: int, size: int, lines: int) -> str:
    """Style. A row is a picture, its title (.82rem) and lines (.72rem), 1.25 times as high as their type, and a gap."""
    row = f"({size + 12}px + {1.25 * (0.82 + 0.72 * lines):.3f}rem)"
    return f";max-height:max({row}, round(down, {room}px, {row}));overflow-y:auto;scroll-snap-type:y mandatory"


def shared_sheet(images: np.ndarray, name: str) -> str:
    """One hidden picture of all samples, TILE pixels each, for other elements of the page to cut from.

    It is the same in every rerun, so that it crosses to the browser once, however often the charts change.
    """
    sheet = _tiles(images)
    file = io.BytesIO()
    # Small drawings stay exact; a JPEG's blocks end where tiles end, so neighbours do not bleed.
    kind = "jpeg" if images.shape[1] > 16 else "png"
    Image.fromarray(sheet).save(file, kind, quality=88)
    data = base64.b64encode(file.getvalue()).decode()
    return f'<div style="display:none"><img class="{escape(name)}" alt="" src="data:image/{kind};base64,{data}"></div>'


def _tiles(images: np.ndarray) -> np.ndarray:
    """uint8 [rows · TILE, COLUMNS · TILE, 3]."""
    n, height, width, _ = images.shape
    down = np.arange(TILE) * height // TILE
    across = np.arange(TILE) * width // TILE
    small = np.broadcast_to(images[:, down][:, :, across], (n, TILE, TILE, 3))
    rows = -(-n // COLUMNS)
    padded = np.zeros((rows * COLUMNS, TILE, TILE, 3), dtype=np.uint8)
    padded[:n] = small
    return padded.reshape(rows, COLUMNS, TILE, TILE, 3).swapaxes(1, 2).reshape(rows * TILE, COLUMNS * TILE, 3)
