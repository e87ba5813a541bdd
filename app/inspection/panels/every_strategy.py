"""Every strategy on this pool: what each would pick, and how its picks cover the target."""

from __future__ import annotations

import streamlit as st

from acl.analysis import comparison
from acl.analysis.what_if import Settings
from acl.config import FULL
from acl.plugins.registry import choices
from app import words
from app.charts import palette
from app.inspection.panels.draw import draw
from app.inspection.panels.judged_figures import balance, columns, objective, overlap, table
from app.inspection.panels.judging import classes, fine, judged_here, names_here, verdicts
from app.inspection.panels.outcomes import panel as outcomes
from app.inspection.source import Sight
from app.widgets.gallery import Card, cards_html

STRIP_CARDS = 20


def panel(sight: Sight, settings: Settings) -> None:
    st.caption(
        f"What each strategy would pick here: the same {len(sight.context.pool):,} samples, {settings.n} picks. "
        + words.HELP["J"]
    )
    asked = (sight.context, sight.config)
    slow = [name for name in choices("strategies") if name != FULL and comparison.is_slow(name, *asked)]
    if slow:
        labels = ", ".join(words.plain(words.strategy(name)) for name in slow)
        took = words.duration(sum(comparison.seconds(name, *asked) for name in slow))
        st.toggle(f"Also {labels}: about {took} on a pool of this size, and the page waits", key="slow-strategies")
    bar, n = st.progress(0.0), len(names_here(sight))

    def told(done: int, name: str) -> None:
        bar.progress(done / n, f"Strategy {done + 1} of {n}: {words.plain(words.strategy(name))}")

    found, band, greedy = judged_here(sight, settings, told)
    bar.empty()
    for name, value in found.items():
        if isinstance(value, str):
            st.caption(f"{words.plain(words.strategy(name))} could not be asked: {words.plain(value)}")
    judged = fine(found)
    for sentence in verdicts(judged, band):
        st.markdown(sentence)
    _beyond_j()
    _strips(sight, judged)
    said = ", ".join(f"{words.strategy(name)} {here.objective.total:,.0f}" for name, here in judged.items())
    draw(objective(judged, band, greedy), "objective", alt=f"J, lower is better: {said}; greedy {greedy:,.0f}.")
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Picks in common**", help=words.HELP["overlap"])
        draw(overlap(judged), "overlap")
    with right:
        figure, known = balance(sight, judged)
        note = "True classes, which no strategy sees." if known else "Predicted classes: the true ones are not known."
        st.markdown("**Classes of the picks**", help=note)
        draw(figure, "balance-here")
    st.dataframe(table(judged, band), hide_index=True, column_config=columns(), placeholder="–")


def _beyond_j() -> None:
    """What J does not see, and where that is measured."""
    with st.container(horizontal=True, vertical_alignment="center", key="beyond-j"):
        st.caption(
            "J sees what the picks cover before they are learned; not what training on them changes, in the new task "
            "and in the old ones.", width="content",
        )  # fmt: skip
        st.button(
            outcomes.TITLE, icon=":material/experiment:", type="tertiary", key="to-outcomes",
            on_click=outcomes.open_here,
        )  # fmt: skip


def _strips(sight: Sight, found: dict[str, comparison.Judged]) -> None:
    """A row for each strategy: what it would pick, best first, framed in the colour of its class."""
    colours, ids, (known, _) = palette.class_colours(sight.tasks), sight.context.pool.ids, classes(sight)
    for name, here in found.items():
        places = here.picks[:STRIP_CARDS]
        picks, labels = ids[places].tolist(), known[places.numpy()].tolist()
        made = [
            Card("", (), colours.get(label, palette.OTHER), f"sample {i}: {sight.class_name(label)}")
            for i, label in zip(picks, labels, strict=True)
        ]
        more = f"  \nthe first {len(picks)}" if len(picks) < len(here.picks) else ""
        left, right = st.columns([1, 7], vertical_alignment="center")
        left.markdown(f"**{words.plain(words.strategy(name))}**{more}")
        right.html(cards_html(sight.pictures(picks), made, size=30))
