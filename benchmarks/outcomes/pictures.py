"""The pictures of docs/outcomes.md, as SVG: a row a set or score, a dot and its interval for new, past and net."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd

from acl.analysis.outcomes.predictors import PREDICTORS
from acl.analysis.outcomes.summary import PARTS
from benchmarks.outcomes import tables
from benchmarks.outcomes.report import Group, label, strongest_first
from benchmarks.outcomes.tables import Mean

COLOURS = dict(zip(PARTS, ("#2E9E6B", "#0B7FC2", "#444C5A"), strict=True))
WIDTH, LEFT, RIGHT, TOP, ROW, BOTTOM = 760, 210, 20, 64, 30, 52
Row = tuple[str, Mapping[str, Mean]]


def draw(group: Group, folder: Path) -> None:
    """strategies, scores, labels and λ of this group."""
    for name, text in pictures(group).items():
        (folder / f"outcomes-{name}.svg").write_text(text, "utf-8")


def pictures(group: Group) -> dict[str, str]:
    points = "points of likelihood from as many random labels"
    own = "points of likelihood from random sets of the query's own size"
    strategies = [(label(*which), _of(sets)) for which, sets in tables.names(group.sets).items()]
    path = [(f"λ = {name}", _of(sets)) for name, sets in tables.path(group.sets).items()]
    curve = tables.curve(group.sets)
    sizes = [
        (f"{n:.0f} random", {part: Mean.of(each[part].to_numpy()) for part in PARTS}) for n, each in curve.groupby("n")
    ]
    found = group.predictors
    scores = []
    for name in strongest_first(found):
        rows = found[found["score"] == name].set_index("part")
        means = {part: Mean(r["rho"], r["low"], r["high"], r["runs"]) for part, r in rows.iterrows()}
        scores.append((PREDICTORS[name].label, means))
    return {
        "strategies": dots(f"Where each strategy sits: {group.title}", strategies, points),
        "labels": dots(f"Fewer and more random labels: {group.title}", sizes, own),
        "lambda": dots(f"What λ moves: {group.title}", path, points),
        "scores": dots(
            f"Does a score predict it? {group.title}", scores, "rank correlation within a query",
            float(found["chance"].iloc[0]),
        ),
    }  # fmt: skip


def _of(sets: pd.DataFrame) -> dict[str, Mean]:
    return {part: tables.over_runs(sets, part) for part in PARTS}


def dots(title: str, rows: Sequence[Row], axis: str, chance: float = 0.0) -> str:
    """chance: half the width of a grey band around 0."""
    values = [v for _, means in rows for m in means.values() for v in (m.value, m.low, m.high) if not math.isnan(v)]
    step = _step(max(values) - min(values))
    low, high = step * math.floor(min([*values, 0]) / step), step * math.ceil(max([*values, 0]) / step)
    height = TOP + ROW * len(rows) + BOTTOM

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)

    foot = TOP + ROW * len(rows)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#FFFFFF"/>',
        f'<text x="14" y="24" font-size="15" font-weight="bold" fill="#20242C">{escape(title)}</text>',
    ]
    if chance:
        out.append(_rect(x(-chance), TOP, x(chance) - x(-chance), foot - TOP))
    for tick in np.arange(low, high + step / 2, step):
        zero = abs(tick) < step / 1000
        out.append(_line(x(tick), TOP, x(tick), foot, "#7A869A" if zero else "#E3E6EA", 1))
        text = "0" if zero else f"{tick:+.10g}".replace("-", "−")
        out.append(_text(x(tick), foot + 18, text, "middle"))
    out.append(_text((LEFT + WIDTH - RIGHT) / 2, foot + 40, axis, "middle"))
    for place, part in enumerate(PARTS):
        out += [_dot(LEFT + 8 + 80 * place, 46, COLOURS[part]), _text(LEFT + 18 + 80 * place, 50, part, "start")]
    for row, (name, means) in enumerate(rows):
        y = TOP + ROW * row
        out.append(_text(LEFT - 10, y + ROW / 2 + 4, name, "end"))
        out.append(_line(LEFT, y + ROW, WIDTH - RIGHT, y + ROW, "#EEF0F3", 1))
        for place, part in enumerate(PARTS):
            mean, at = means.get(part), y + ROW * (place + 1) / 4
            if mean is None or math.isnan(mean.value):
                continue
            if not math.isnan(mean.low):
                out.append(_line(x(mean.low), at, x(mean.high), at, COLOURS[part], 2))
            out.append(_dot(x(mean.value), at, COLOURS[part]))
    return "\n".join([*out, "</svg>\n"])


def _step(span: float) -> float:
    """1, 2 or 5 times a power of ten, about a sixth of the span."""
    power = 10 ** math.floor(math.log10(span / 6))
    return next(float(k * power) for k in (1, 2, 5, 10) if k * power >= span / 6)


def _line(x: float, y: float, x2: float, y2: float, colour: str, width: float) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'


def _rect(x: float, y: float, width: float, height: float) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="#EDEFF2"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#3A424E">{escape(text)}</text>'
