"""Small pictures: tested ones with what the network calls them now, and remembered ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from html import escape

import numpy as np
from PIL import Image

from app.widgets.gallery import data_url

RIGHT, WRONG = "#2E9E6B", "#D5572B"
PIXELS = 64
EM = 0.47
"""Of the type's size, how wide a letter of a name is on average."""
KEPT_REM = 1.45
"""Of a remembered picture, whose frame is 2 px and whose distance to the next one 7 px."""


def smooth_url(image: np.ndarray) -> str:
    """A data URL of a small picture made large and smooth: from afar it is read better than its pixels."""
    return _smooth(image.tobytes(), image.shape)


@cache
def _smooth(pixels: bytes, shape: tuple[int, int, int]) -> str:
    return data_url(larger(np.frombuffer(pixels, np.uint8).reshape(shape)))


def larger(image: np.ndarray) -> np.ndarray:
    """uint8 [PIXELS, PIXELS, 3] of a small picture [h, w, 1 or 3], smooth."""
    small = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    return np.asarray(small.resize((PIXELS, PIXELS), Image.Resampling.BICUBIC).convert("RGB"))


@dataclass(frozen=True)
class Digit:
    """image: uint8 [h, w, 1 or 3]; true, called: names of classes; called is None before its task has come."""

    image: np.ndarray
    true: str
    called: str | None


def digits_html(digits: list[Digit], columns: int) -> str:
    """All names in the same type, so small that the longest stands in one line under its picture."""
    longest = 2 + max(len(name) for digit in digits for name in (digit.true, digit.called or ""))
    tiles = "".join(_tile(digit, f"min(.85rem,{100 / (EM * longest):.1f}cqw)") for digit in digits)
    return (
        f'<div style="display:grid;grid-template-columns:repeat({columns},minmax(0,1fr));gap:4px 2px;'
        f'font-variant-numeric:tabular-nums">{tiles}</div>'
    )


def _tile(digit: Digit, size: str) -> str:
    if digit.called is None:
        colour, said, faint, hint = "transparent", "–", ".3", "its task has not come yet"
    elif digit.called == digit.true:
        colour, said, faint, hint = RIGHT, f"{escape(digit.called)} ✓", "1", "called by its name"
    else:
        colour, said, faint, hint = WRONG, f"“{escape(digit.called)}”", "1", f"its class: {digit.true}"
    return (
        f'<div title="{escape(hint)}" style="container-type:inline-size;text-align:center;line-height:1.25;'
        f'opacity:{faint}">'
        f"{_picture(digit.image, digit.true, 2.5, colour)}"
        f'<span style="font-weight:600;font-size:{size};white-space:nowrap;'
        f'color:{colour if digit.called else "inherit"}">{said}</span></div>'
    )


def _picture(image: np.ndarray, name: str, rem: float, colour: str) -> str:
    return (
        f'<div role="img" aria-label="{escape(name)}" style="width:{rem}rem;height:{rem}rem;margin:3px auto;'
        f'border-radius:6px;box-shadow:0 0 0 {rem + 0.5:.0f}px {colour};background:url({smooth_url(image)}) 0 0/cover">'
        "</div>"
    )


@dataclass(frozen=True)
class Remembrance:
    """A picture in the memory, framed in the colour of the task it comes from."""

    image: np.ndarray
    colour: str
    hint: str


def memory_html(kept: list[Remembrance], places: int) -> str:
    """What is kept, and the places that are still free: so many rows as a full memory has, however wide the page is."""
    tiles = "".join(
        f'<div title="{escape(one.hint)}">{_picture(one.image, one.hint, KEPT_REM, one.colour)}</div>' for one in kept
    )
    free = (
        f'<div title="free" style="width:{KEPT_REM}rem;height:{KEPT_REM}rem;margin:3px auto;border-radius:6px;'
        'box-shadow:inset 0 0 0 1px;opacity:.2"></div>'
    )
    return (
        '<div style="display:flex;flex-wrap:wrap;align-content:flex-start;gap:0 7px;padding:2px;'
        f'min-height:{KEPT_REM + 0.5}rem">{tiles}{free * (places - len(kept))}</div>'
    )
