"""Which entries decided: in the card of a sample, the Fisher entries that add most to its M and to its D."""

from __future__ import annotations

from html import escape

import streamlit as st
from jaxtyping import Float64
from torch import Tensor

from acl.analysis.entries import largest, parts
from acl.analysis.what_if import Ranking
from app import words
from app.charts.written import whole_percent
from app.inspection.source import Sight, microscope

SHOWN = 5
Line = tuple[str, str]
"""An entry, and its share."""


def expander(sight: Sight, ranking: Ranking, opened: int) -> None:
    with st.expander("Which entries decided?"):
        st.caption(
            "Class · feature, and its share of the score. ↑ more there than the target, ↓ less.",
            help=words.HELP["entries"],
        )
        st.html(entries_html(sight, ranking, opened))


def lines(sight: Sight, ranking: Ranking, opened: int) -> tuple[tuple[str, list[Line]], tuple[str, list[Line]]]:
    """Of M and of 1 − D: what it is, and the entries that add most to it, largest first, then all others."""
    scope = microscope(*sight.mark)
    position = int((scope.context.pool.ids == opened).nonzero()[0, 0])
    found = parts(scope.information, ranking, position)
    kept = ranking.kept
    names = [
        f"{sight.class_name(scope.context.classes[k])} · {i}"
        for k, i in zip(kept.rows.tolist(), kept.dims.tolist(), strict=True)
    ]
    against = [f"{'↑' if more else '↓'} {name}" for name, more in zip(names, found.more.tolist(), strict=True)]
    m, d = float(ranking.magnitude[position]), float(ranking.distribution[position])
    return (
        (f"M = {m:.3g}", _shares(found.magnitude, names)),
        (f"1 − D = {1 - d:.3g}", _shares(found.distribution, against)),
    )


def _shares(values: Float64[Tensor, " kept"], names: list[str]) -> list[Line]:
    total, most = float(values.sum()), largest(values, SHOWN).tolist()
    if not most:
        return [("no entry adds anything", "")]
    share = [100 * float(value) / total for value in values]
    rest = len(names) - len(most)
    found = [(names[place], whole_percent(share[place])) for place in most]
    if rest:
        others = f"{rest:,} others" if rest > 1 else "1 other"
        found.append((others, whole_percent(max(0.0, 100 - sum(share[place] for place in most)))))
    return found


def entries_html(sight: Sight, ranking: Ranking, opened: int) -> str:
    """Two small tables beside each other."""
    return (
        '<div style="display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:1.2rem;font-size:.8rem;'
        f'font-variant-numeric:tabular-nums">{"".join(_table(*each) for each in lines(sight, ranking, opened))}</div>'
    )


def _table(what: str, found: list[Line]) -> str:
    clipped = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap"
    rows = "".join(
        f'<div role="row" style="display:flex;gap:.5rem"><span role="cell" style="flex:1;{clipped}" '
        f'title="{escape(name)}">{escape(name)}</span><span role="cell">{escape(share)}</span></div>'
        for name, share in found
    )
    return (
        f'<div role="table" aria-label="{escape(what)}" style="min-width:0">'
        f'<div role="row"><b role="columnheader">{escape(what)}</b></div>{rows}</div>'
    )
