"""Each pick beside the remembered digit that is nearest to it, and how hard it works with or against the memory."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from app.charts.palette import FORGOTTEN, LEARNED
from app.charts.written import signed
from app.lesson.choosing.shipped import Shipped
from app.lesson.digits import smooth_url
from app.store import runs as data

COLUMNS = 5
PICTURE = "width:42%;max-width:3.3rem;border-radius:6px;display:block"
LINE = "font-size:.74rem;opacity:.8;white-space:nowrap"


def pairs_html(found: Shipped, ids: Sequence[int]) -> str:
    """Hardest first. The bar below a pair is as long as its product is, the longest of all candidates being full."""
    chosen = found.candidates.loc[list(ids)].sort_values("loss", ascending=False)
    most = float(found.candidates["product"].abs().max())
    picked, kept = (data.pictures(found.run, [int(i) for i in each]) for each in (chosen.index, chosen["nearest"]))
    if picked is None or kept is None:
        return ""
    tiles = []
    for row, (mine, old) in enumerate(zip(picked, kept, strict=True)):
        one = chosen.iloc[row]
        tiles.append(_pair(smooth_url(mine), smooth_url(old), int(one["label"]), float(one["loss"]),
                           float(one["distance"]), float(one["product"]), most))  # fmt: skip
    return (
        f'<div style="display:grid;grid-template-columns:repeat({COLUMNS},minmax(0,1fr));gap:14px 10px;'
        f'font-variant-numeric:tabular-nums;line-height:1.35">{"".join(tiles)}</div>'
    )


def _pair(mine: str, old: str, label: int, loss: float, distance: float, product: float, most: float) -> str:
    against = product < 0
    colour, arrow, said = (FORGOTTEN, "↓", "against") if against else (LEARNED, "↑", "with")
    wide = max(2.0, 100 * abs(product) / most)
    hint = escape(f"a {label}: loss {loss:.3f}, distance to memory {distance:.2f}, product {signed(product, 4)}")
    return (
        f'<div title="{hint}"><div style="display:flex;gap:4px;align-items:center">'
        f'<img alt="a {label}" src="{mine}" style="{PICTURE}"><span style="opacity:.6">≈</span>'
        f'<img alt="the nearest remembered digit" src="{old}" style="{PICTURE};opacity:.75"></div>'
        f'<div style="{LINE}">loss {loss:.2g} · apart {distance:.1f}</div>'
        f'<div style="{LINE};color:{colour};opacity:1">{arrow} {said} memory</div>'
        f'<div style="height:5px;border-radius:3px;width:{wide:.0f}%;background:{colour}"></div></div>'
    )
